"""The command `agent`. Here an operator's mistake becomes one sentence and an exit code."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from typing import TYPE_CHECKING, Any

from elsewhere.command.printing import say
from elsewhere.command.program import add_command, add_commands, exit_code, sentence_of
from elsewhere.core.errors import ElsewhereError, UsageError
from elsewhere.core.settings import load
from elsewhere_agent.errors import AgentError
from elsewhere_agent.options import (
    OF_DAEMON,
    add_build,
    add_cache,
    add_daemon_options,
    add_modes,
    add_service,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from elsewhere.core.settings import Settings
    from elsewhere_agent.configuration import AgentSettings

# Each command imports what it needs when it is called: a daemon stays small, `--help` is quick.
# ruff: noqa: PLC0415


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0, 1 for a failure, 2 for wrong usage, 130 after Ctrl-C, or another one that
    the command's help names."""
    return exit_code(lambda: _run(arguments), "agent")


def _run(arguments: Sequence[str] | None) -> int:
    options = _parser().parse_args(arguments)
    if sys.version_info < (3, 11):
        found = platform.python_version()
        raise AgentError(f"The agent needs Python 3.11 or newer, and this is {found}.")
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except ModuleNotFoundError as error:
        raise AgentError(
            f"The package {error.name} is missing, for the agent is an extra: install"
            " 'elsewhere[agent]'."
        ) from error


# the commands


def _daemon(options: argparse.Namespace) -> int:
    given: dict[str, Any] = {name: getattr(options, name) for name in OF_DAEMON} | {
        "queues": options.queue,
        "docker": options.docker,
    }
    if not options.detached:
        _run_daemon(given, lambda _: None, is_detached=False)
        return 0
    settings, agent = _settings(**given)

    from elsewhere_agent.detach import detach
    from elsewhere_agent.folder import AgentFolder

    folder = AgentFolder.of(settings.home, agent.name).create()

    def run(when_up: Callable[[str], None]) -> str | None:
        try:
            _run_daemon(given, when_up, is_detached=True)
        except (ElsewhereError, OSError) as error:
            return sentence_of(error)
        return None

    pid, notice = detach(run, folder.log)
    print(f"The agent {agent.name!r} runs as process {pid}. Its log is {folder.log}.")
    if notice:
        say(notice, "agent")
    return 0


def _run_daemon(
    given: dict[str, Any], when_up: Callable[[str], None], *, is_detached: bool
) -> None:
    from elsewhere_agent.daemon import Daemon
    from elsewhere_agent.folder import AgentFolder
    from elsewhere_agent.log import log_to

    settings, agent = _settings(**given)
    log = AgentFolder.of(settings.home, agent.name).log
    log_to(log if is_detached else None, agent.log_level, as_json=agent.log_json)
    Daemon(settings, agent, lambda: _settings(**given)).run(when_up)


def _stop(options: argparse.Namespace) -> int:
    from elsewhere_agent.stop import stop_daemon

    print(stop_daemon(load(), options.name, is_now=options.now))
    return 0


def _ask(options: argparse.Namespace) -> int:
    from elsewhere_agent.ask import ask
    from elsewhere_worker.intake import Mode

    print(ask(load(), Mode(options.mode), options.name, waits=options.wait))
    return 0


def _status(options: argparse.Namespace) -> int:
    from elsewhere_agent.status import show_status

    show_status(load(), as_json=options.json)
    return 0


def _execute(options: argparse.Namespace) -> int:
    from elsewhere_agent.execute import execute
    from elsewhere_agent.log import log_to

    settings, agent = _settings()
    log_to(None, "warning")
    return execute(settings, agent, options.id)


def _explain(options: argparse.Namespace) -> int:
    from elsewhere_agent.explain import show_explanation
    from elsewhere_agent.log import log_to

    settings, agent = _settings()
    log_to(None, "error")
    return show_explanation(settings, agent, options.id, as_json=options.json)


def _build(options: argparse.Namespace) -> int:
    from elsewhere_agent.build import build
    from elsewhere_agent.log import log_to

    settings, agent = _settings()
    log_to(None, "error")
    build(settings, agent, options.id, venv=options.venv, tag=options.docker, base=options.base)
    return 0


def _init(options: argparse.Namespace) -> int:
    from elsewhere_agent.init import initialize

    print(initialize(load(), options.redis_url))
    return 0


def _config(options: argparse.Namespace) -> int:
    from elsewhere_agent.show import show_configuration

    settings, agent = _settings()
    show_configuration(settings, agent, as_json=options.json)
    return 0


def _doctor(_options: argparse.Namespace) -> int:
    from elsewhere_agent.doctor import examine, show_findings

    return show_findings(examine(*_settings()))


def _install_service(options: argparse.Namespace) -> int:
    from elsewhere_agent.service import install_service

    print(
        install_service(
            user=options.user or (os.environ.get("SUDO_USER") if os.geteuid() == 0 else None),
            folder=options.folder,
            per_queue=options.per_queue,
            home=os.environ.get("ELSEWHERE_HOME"),
        )
    )
    return 0


def _list_cache(options: argparse.Namespace) -> int:
    from elsewhere_agent.cache import show_cache

    settings, agent = _settings()
    show_cache(settings, agent.budgets, as_json=options.json)
    return 0


def _collect_cache(options: argparse.Namespace) -> int:
    from elsewhere_agent.cache import collect_cache

    settings, agent = _settings()
    kinds = options.kinds or list(agent.budgets)
    if options.budget is not None and options.budget < 0:
        raise UsageError(
            f"The option --budget is {options.budget}, but must be a whole number from 0 up."
        )
    collect_cache(
        settings,
        {kind: agent.budgets[kind] if options.budget is None else options.budget for kind in kinds},
    )
    return 0


def _demo(_options: argparse.Namespace) -> int:
    from elsewhere_agent.demo.demo import demo

    return demo()


def _settings(
    *, docker: list[str] | None = None, **options: object
) -> tuple[Settings, AgentSettings]:
    from elsewhere_agent.configuration import load_agent

    settings = load()
    agent = load_agent(settings, options=options)
    if docker is not None:
        agent = agent.model_copy(update={"docker": agent.docker.with_words(docker)})
    return settings, agent


# their options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="agent",
        description="Runs tasks from queues on this machine.",
        epilog="Settings are read from config.toml in ELSEWHERE_HOME (~/.elsewhere), or the file in"
        " ELSEWHERE_CONFIG, and from variables; 'agent config' shows them. To work with tasks, see"
        " 'elsewhere --help'.",
    )
    commands = add_commands(parser)

    daemon = add_command(
        commands,
        "daemon",
        _daemon,
        "serve queues until stopped",
        "Takes tasks from queues and runs them, each in a process that outlives this one: when the"
        " daemon is stopped, upgraded or killed its tasks go on, and it comes back to them. SIGTERM"
        " and Ctrl-C end it, a second time at once; SIGQUIT stops its tasks, too; SIGHUP reads the"
        " configuration again.",
        "--queue large=4 small=1 --detached",
    )
    add_daemon_options(daemon)

    stop = add_command(
        commands,
        "stop",
        _stop,
        "end the daemon of this machine",
        "Ends the daemon and waits until it is gone. Its tasks go on, and it comes back to them"
        " when it is started again. Exit code 1 when none runs.",
        "--now",
    )
    stop.add_argument("--now", action="store_true", help="stop its running tasks, too")
    stop.add_argument("--name", help="the agent to end, if several run here")

    add_modes(commands, _ask)

    status = add_command(
        commands,
        "status",
        _status,
        "show agents and queues",
        "Shows the agents of all machines that have reported within a minute, and the queues.",
        "--json",
    )
    status.add_argument("--json", action="store_true", help="as JSON")

    execute = add_command(
        commands,
        "execute",
        _execute,
        "run one task, here and now",
        "Runs one task without a queue and follows its output. Ctrl-C stops the task. The exit code"
        " is the program's: 128 + n when signal n ended it, 3 when it could not be set up, 124"
        " after its time limit, 130 after Ctrl-C.",
        "--id 1a2b3c4d",
    )
    execute.add_argument(
        "--id", required=True, metavar="ID", help="id of the task, or how it begins"
    )

    explain = add_command(
        commands,
        "explain",
        _explain,
        "say what would be done with a task, and do nothing",
        "Shows what this agent would build for a task, from which cache, on which devices, and with"
        " which commands. The code is fetched, as for a run; nothing is installed or run. Exit code"
        " 1 when the task could not be run here.",
        "--id 1a2b3c4d",
    )
    explain.add_argument(
        "--id", required=True, metavar="ID", help="id of the task, or how it begins"
    )
    explain.add_argument("--json", action="store_true", help="as JSON: lists of lines")

    add_build(commands, _build)

    init = add_command(
        commands,
        "init",
        _init,
        "write a first config.toml",
        "Checks that the store can be used, and writes config.toml with every setting at its"
        " default, if there is none.",
        "--redis-url redis://:PASSWORD@HOST:6379/0",
    )
    init.add_argument("--redis-url", metavar="URL", help="the Redis to use")

    config = add_command(
        commands,
        "config",
        _config,
        "show the settings in use",
        "Shows every setting with its value and where it is from. Secrets are not shown.",
        "--json",
    )
    config.add_argument("--json", action="store_true", help="as JSON")

    add_command(
        commands,
        "doctor",
        _doctor,
        "examine this machine",
        "Looks whether this machine has what an agent and its tasks need: settings, home, disk,"
        " Redis and clocks, git, Python, GPUs, docker; says what to do. Exit code 1 if tasks cannot"
        " run.",
    )

    add_service(commands, _install_service)

    add_cache(commands, _list_cache, _collect_cache)

    add_command(
        commands,
        "demo",
        _demo,
        "run a task through everything, in a minute",
        "Runs tasks through everything, live, with a server and a daemon of its own; leaves"
        " nothing behind. Exit code 0 only if all checks hold.",
    )
    return parser
