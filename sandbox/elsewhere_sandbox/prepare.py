"""Prepares an empty run folder, and the command that runs the task's program in it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from elsewhere.core.folders import Home, make_folder
from elsewhere.core.secrets import passwords_in, values_to_redact
from elsewhere_sandbox.checkout import checkout
from elsewhere_sandbox.credentials import Credentials
from elsewhere_sandbox.environment import prepare_environment
from elsewhere_sandbox.errors import SetupError
from elsewhere_sandbox.git import GitPolicy
from elsewhere_sandbox.given import give
from elsewhere_sandbox.program import program
from elsewhere_sandbox.runtimes.api import Command

if TYPE_CHECKING:
    from collections.abc import Iterable

    from elsewhere.core.folders import RunFolder
    from elsewhere_sandbox.environment import Interpreter
    from elsewhere_sandbox.setup import Setup
    from elsewhere_sandbox.spec import RunSpec

#: variables of the agent that a program gets; the operator can add others
_PASSED: Final = (
    *("HOME", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "LOGNAME", "NETRC"),
    *("SHELL", "TERM", "TMPDIR", "TZ", "USER"),
    *("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"),
)
_PASSED_PREFIXES: Final = ("PIP_", "UV_", "CUDA_", "NVIDIA_", "OPENBLAS_", "OMP_", "MKL_", "XDG_")


def prepare(spec: RunSpec, folder: RunFolder, setup: Setup) -> Command:
    """Runs all steps of the set-up. Raises SetupError, CommandError, StopRequestedError."""
    record, home = spec.record, Home(Path(spec.home))
    for what, missing in (
        ("code", record.source.missing),
        ("environment", record.environment.missing),
    ):
        if missing:
            raise SetupError(f"The {what} of the task is not complete: it must not run. {missing}")
    policy = spec.policy
    git = GitPolicy(
        allow_local_remotes=policy.allow_local_remotes,
        credentials=Credentials(
            tokens=policy.git_credentials,
            ssh_keys=policy.git_ssh_keys,
            known_hosts=home.known_hosts,
        ),
    )
    checkout(record.source, folder.code, home.mirrors, folder.inputs, setup, git)
    interpreter = prepare_environment(
        record.environment,
        folder.code,
        folder,
        home,
        setup,
        policy.packages,
        working_dir=record.source.working_dir,
        script=record.source.entry_point,
    )
    environment = {**_environment(spec, folder, interpreter), **give(spec, folder, setup)}
    if image := record.environment.image:
        # A script that names an image also runs without containers; but lines that are meant for
        # the image, as its root, must not run on the machine itself.
        skipped = ", nor is its set-up script run" if record.environment.setup else ""
        setup.say(
            f"The image {image} is not used{skipped}: this agent runs no containers, so the program"
            " runs on the machine itself."
        )
    elif record.environment.setup:
        with setup.phase("setup"):
            for line in record.environment.setup:
                argv = ("/bin/sh", "-ec", line)
                command = Command(argv=argv, folder=folder.code, environment=environment)
                setup.run(command)
    return program(record.source, folder.code, interpreter.python, environment)


def secrets_of(spec: RunSpec) -> Iterable[str]:
    """The values that the output must not show."""
    yield from (*spec.secrets, *spec.secret_variables.values(), *spec.secret_files.values())
    for credential in spec.policy.git_credentials.values():
        yield credential[-1]
    packages = spec.policy.packages
    for url in (packages.index_url, *packages.extra_index_urls, *packages.find_links):
        yield from passwords_in(url)
    yield from values_to_redact({**_passed(spec), **spec.record.environment.variables})


def _environment(spec: RunSpec, folder: RunFolder, interpreter: Interpreter) -> dict[str, str]:
    record = spec.record
    checkpoints = Home(Path(spec.home)).checkpoints / record.id
    make_folder(checkpoints)
    os.utime(checkpoints)  # the time of its last use
    path = (*map(str, interpreter.path), os.environ.get("PATH", os.defpath))
    environment = {
        **_passed(spec),
        "PATH": os.pathsep.join(path),
        "VIRTUAL_ENV": str(folder.venv),
        "PYTHONUNBUFFERED": "1",
        "ELSEWHERE_RUN_FOLDER": str(folder.path),
        "ELSEWHERE_TASK_ID": record.id,
        "ELSEWHERE_HOME": spec.home,
        "ELSEWHERE_CHECKPOINTS": str(checkpoints),
    }
    if record.seed is not None:
        environment["PYTHONHASHSEED"] = str(record.seed)
    if spec.devices:
        environment["CUDA_VISIBLE_DEVICES"] = spec.devices
    ours = {name for name in environment if name.startswith("ELSEWHERE_")}
    given = {k: v for k, v in record.environment.variables.items() if k not in ours}
    return {**environment, **given}


def _passed(spec: RunSpec) -> dict[str, str]:
    names = (*_PASSED, *spec.policy.pass_environment)
    return {
        name: value
        for name, value in os.environ.items()
        if name in names or name.startswith(_PASSED_PREFIXES)
    }
