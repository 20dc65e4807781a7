"""The doctor: whether this machine has what an agent and its tasks need, and what to do if not."""

from __future__ import annotations

import os
import platform
import shutil
import stat
import subprocess
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from rich.table import Table

from elsewhere.command.printing import clean
from elsewhere.command.tables import open_console
from elsewhere.core.clock import now_at
from elsewhere.core.errors import ElsewhereError
from elsewhere.core.wording import counted, size
from elsewhere.store import open_store, store_url
from elsewhere.store.redis.connection import redis_errors
from elsewhere_agent.configuration import worker_settings
from elsewhere_agent.daemon import gpus_of
from elsewhere_sandbox.containers.engine import connect, place
from elsewhere_sandbox.errors import SandboxError
from elsewhere_sandbox.installers.uv import find_uv
from elsewhere_worker.lending import check

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from elsewhere.core.settings import Settings
    from elsewhere_agent.configuration import AgentSettings

#: seconds that the clocks of this machine and of the store may differ
_APART_S: Final = 2.0
#: seconds that a tool has to answer
_TOOL_S: Final = 20.0

_NVIDIA: Final = Path("/dev/nvidiactl")

GOOD: Final = "good"
ODD: Final = "odd"
BAD: Final = "bad"


class Finding(NamedTuple):
    """What was found about one thing. `bad`: tasks cannot run; `odd`: some of them cannot, or not
    as they should. The `sentence` says what to do, too."""

    about: str
    verdict: str
    sentence: str


def examine(settings: Settings, agent: AgentSettings) -> list[Finding]:
    """Looks at everything; takes a few seconds and changes nothing that stays."""
    findings: list[Finding] = []
    for about, look in _LOOKS.items():
        try:
            found = look(settings, agent)
        except (ElsewhereError, SandboxError, OSError) as error:
            found = [(BAD, str(error))]
        findings += [Finding(about, *one) for one in found]
    return findings


def show_findings(findings: list[Finding]) -> int:
    """Prints them; returns the exit code: 1 if one is bad."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    for finding in findings:
        table.add_row(finding.about, finding.verdict, clean(finding.sentence))
    open_console().print(table)
    return int(any(finding.verdict == BAD for finding in findings))


_Found = list[tuple[str, str]]


def _configuration(settings: Settings, agent: AgentSettings) -> _Found:
    worker_settings(settings, agent, "")
    config = settings.config
    if not config.exists():
        return [(GOOD, f"There is no {config}: all settings are defaults or variables.")]
    if config.stat().st_mode & 0o077:
        return [(ODD, f"{config} is open to other users of this machine: call chmod 600 {config}.")]
    return [(GOOD, f"{config} can be read, and the files that it names.")]


def _home(settings: Settings, _agent: AgentSettings) -> _Found:
    settings.home.ensure()
    path = settings.home.path
    if path.stat().st_uid != os.getuid():
        return [(BAD, f"{path} belongs to another user: tasks run as the one who owns it.")]
    with tempfile.NamedTemporaryFile("w", dir=path, suffix=".sh", delete=False) as script:
        script.write("#!/bin/sh\n")
    try:
        Path(script.name).chmod(stat.S_IRWXU)
        subprocess.run([script.name], check=True, timeout=_TOOL_S)
    except (OSError, subprocess.SubprocessError) as error:
        why = f"no program can be run in {path}: {error}. Mount it without noexec"
        return [(BAD, f"{why}, or set ELSEWHERE_HOME to another folder.")]
    finally:
        Path(script.name).unlink()
    return [(GOOD, f"{path} can be written, and programs in it run.")]


def _disk(settings: Settings, agent: AgentSettings) -> _Found:
    free_bytes = shutil.disk_usage(settings.home.path).free
    if free_bytes < agent.free_bytes:
        needed = f"no task is taken below {size(agent.free_bytes)} (agent.free_bytes)"
        todo = "Make room: agent cache gc, agent cache clear."
        return [(BAD, f"{size(free_bytes)} are free, and {needed}. {todo}")]
    return [(GOOD, f"{size(free_bytes)} are free.")]


def _redis(settings: Settings, _agent: AgentSettings) -> _Found:
    store = open_store(settings)
    try:
        apart_s = now_at() - store.now()
        with redis_errors():
            facts: dict[str, Any] = dict(store.redis.info())
    finally:
        store.close()
    found = [(GOOD, f"It answers; its version is {facts.get('redis_version', 'unknown')}.")]
    policy = facts.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        sentence = f"It throws data away when it is full: set its maxmemory-policy from {policy}"
        found.append((BAD, f"{sentence} to noeviction."))
    if not facts.get("aof_enabled"):
        sentence = "It loses its last minutes when it is killed: set its appendonly to yes."
        found.append((ODD, sentence))
    if abs(apart_s) > _APART_S:
        sentence = f"This machine's clock is {apart_s:+.1f} s from its clock: synchronize both"
        found.append((ODD, f"{sentence} (timedatectl set-ntp true)."))
    return found


def _access(settings: Settings, agent: AgentSettings) -> _Found:
    if agent.store_access == "none":
        return [(GOOD, "Tasks reach no store; they report without (agent.store_access).")]
    if agent.store_access == "full":
        return [(GOOD, "Tasks may do with the store what this agent may (agent.store_access).")]
    with closing(open_store(settings)) as store:
        check(worker_settings(settings, agent, store_url(settings)), store)
    if agent.docker.enabled:
        return [(GOOD, "Tasks may only read the store.")]
    why = f"outside of containers a task is this agent's user, who can read {settings.config}"
    return [(ODD, f"Tasks get a user that may only read the store, but {why}: --docker.")]


def _git(_settings: Settings, _agent: AgentSettings) -> _Found:
    if shutil.which("git") is None:
        return [(BAD, "It is not installed, and tasks have code: apt-get install git.")]
    if shutil.which("git-lfs") is None:
        return [(ODD, "There is no git-lfs: files that LFS tracks are missing in tasks.")]
    return [(GOOD, f"{_printed('git', '--version')}, with LFS.")]


def _python(_settings: Settings, agent: AgentSettings) -> _Found:
    version = platform.python_version()
    if agent.installer != "pip" and (uv := find_uv()):
        return [(GOOD, f"The agent's is {version}; {uv} installs packages.")]
    if agent.installer == "uv":
        return [(BAD, "agent.installer is uv, which is not there: pip install uv.")]
    return [(ODD, f"The agent's is {version}; pip is used; uv is faster: pip install uv.")]


def _gpus(_settings: Settings, agent: AgentSettings) -> _Found:
    if count := len(gpus_of(agent).devices):
        return [(GOOD, f"{counted(count, 'GPU')} can be given to tasks.")]
    if _NVIDIA.exists() and agent.gpus != "none" and not agent.services:
        why = "The devices of NVIDIA's driver are there, and its library names none"
        return [(ODD, f"{why}: install nvidia-ml-py, or restart the machine.")]
    return [(GOOD, "None is given to tasks.")]


def _docker(_settings: Settings, agent: AgentSettings) -> _Found:
    if not agent.docker.enabled:
        return [(GOOD, "This agent runs no containers (agent.docker.enabled, --docker).")]
    with closing(connect(place(agent.docker.url))) as client:
        return [(GOOD, f"Its engine answers: {client.version().get('Version', 'unknown')}.")]


def _printed(*command: str) -> str:
    """What a tool prints, or why it cannot be run."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_TOOL_S, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return (done.stdout.strip() or done.stderr.strip()).removesuffix(".")


_LOOKS: Final[Mapping[str, Callable[[Settings, AgentSettings], _Found]]] = {
    "configuration": _configuration,
    "home": _home,
    "disk": _disk,
    "Redis": _redis,
    "access": _access,
    "git": _git,
    "Python": _python,
    "GPUs": _gpus,
    "docker": _docker,
}
