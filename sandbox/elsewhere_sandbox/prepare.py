"""Prepares an empty run folder, and the command that runs the task's program in it."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from elsewhere.core.folders import CHECKPOINTS, Home, make_folder
from elsewhere.core.process import USER
from elsewhere.core.secrets import passwords_in, values_to_redact
from elsewhere_sandbox.checkout import checkout
from elsewhere_sandbox.command import Command
from elsewhere_sandbox.credentials import Credentials
from elsewhere_sandbox.data import lay_data
from elsewhere_sandbox.devices import variables_of
from elsewhere_sandbox.environment import Interpreter, prepare_environment
from elsewhere_sandbox.errors import SetupError
from elsewhere_sandbox.git import GitPolicy
from elsewhere_sandbox.given import give
from elsewhere_sandbox.mounts import mount
from elsewhere_sandbox.program import program

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from elsewhere.core.folders import RunFolder
    from elsewhere.core.records import TaskRecord
    from elsewhere_sandbox.containers.image import Image
    from elsewhere_sandbox.runtimes.api import Runtime
    from elsewhere_sandbox.setup import Setup
    from elsewhere_sandbox.spec import RunSpec

#: variables of the agent that a program gets; the operator can add others
_PASSED: Final = (
    *("HOME", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "LOGNAME", "NETRC"),
    *("SHELL", "TERM", "TMPDIR", "TZ", "USER", "ELSEWHERE_CONFIG"),
    *("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"),
)
_PASSED_PREFIXES: Final = (
    *("PIP_", "UV_", "XDG_", "OPENBLAS_", "OMP_", "MKL_"),
    *("CUDA_", "NVIDIA_", "HIP_", "ROCR_", "HSA_"),
)

#: the same for a container
_PASSED_IN: Final = (
    *("TZ", "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
)
_PASSED_IN_PREFIXES: Final = ("OPENBLAS_", "OMP_", "MKL_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """The command that runs the program, by which `interpreter`, and in which `image`, if any."""

    command: Command
    interpreter: Interpreter
    image: Image | None


def prepare(spec: RunSpec, folder: RunFolder, setup: Setup, runtime: Runtime) -> Prepared:
    """Runs all steps of the set-up. Raises SetupError, CommandError, StopRequestedError."""
    record, home = spec.record, Home(Path(spec.home))
    check_whole(record)
    image = runtime.enter(setup)
    lay_out(spec, folder, setup)
    for data in record.environment.data:
        lay_data(data, home, folder, setup)
    is_python = not record.source.binary or record.source.launcher
    if image is not None and not image.pythons and not is_python:
        setup.say("The image has no Python, so no packages are installed.")
        interpreter = Interpreter(python=folder.venv / "bin" / "python", path=())
    else:
        interpreter = prepare_environment(
            record.environment,
            folder.code,
            folder,
            home,
            setup,
            spec.policy.packages,
            working_dir=record.source.working_dir,
            script=record.source.entry_point,
            image=image,
        )
    environment = {
        **environment_of(spec, folder, interpreter.path, image),
        **give(spec, folder, setup),
    }
    make_folder(Path(environment[CHECKPOINTS]))
    os.utime(environment[CHECKPOINTS])  # the time of its last use
    if lines := setup_lines(record, setup, is_in_image=image is not None):
        if image is not None and not image.has_shell:
            raise SetupError(
                f"The image {image.name} has no /bin/sh, which the task's set-up script needs."
            )
        with setup.phase("setup"):
            for line in lines:
                argv = ("/bin/sh", "-ec", line)
                command = Command(argv=argv, folder=folder.code, environment=environment)
                setup.run(command)
    command = program(
        record.source,
        folder.code,
        interpreter.python,
        environment,
        is_in_image=image is not None,
    )
    return Prepared(command=command, interpreter=interpreter, image=image)


def check_whole(record: TaskRecord) -> None:
    """Raises SetupError for a task that could not be captured whole."""
    for what, missing in (
        ("code", record.source.missing),
        ("environment", record.environment.missing),
    ):
        if missing:
            raise SetupError(f"The {what} of the task is not complete: it must not run. {missing}")


def lay_out(spec: RunSpec, folder: RunFolder, setup: Setup) -> None:
    """Fills `folder.code` with the code, and the machine's data in it. Raises SetupError, and
    StopRequestedError."""
    policy, home = spec.policy, Home(Path(spec.home))
    git = GitPolicy(
        allow_local_remotes=policy.allow_local_remotes,
        credentials=Credentials(
            tokens=policy.git_credentials,
            ssh_keys=policy.git_ssh_keys,
            known_hosts=home.known_hosts,
        ),
    )
    checkout(spec.record.source, folder.code, home.mirrors, folder.inputs, setup, git)
    mount(spec.record.environment.mounts, policy.data, folder.code)


def setup_lines(record: TaskRecord, setup: Setup, *, is_in_image: bool) -> tuple[str, ...]:
    """The lines of the task's set-up script that are run, and a sentence where its image is not
    used: such a script also runs without containers, but lines that are meant for the image, as its
    root, must not run on the machine itself."""
    wanted = record.environment
    if is_in_image or not wanted.image:
        return wanted.setup
    skipped = ", nor is its set-up script run" if wanted.setup else ""
    setup.say(
        f"The image {wanted.image} is not used{skipped}: this agent runs no containers, so the"
        " program runs on the machine itself."
    )
    return ()


def secrets_of(spec: RunSpec) -> Iterable[str]:
    """The values that the output must not show."""
    yield from (*spec.secrets, *spec.secret_variables.values(), *spec.secret_files.values())
    for credential in spec.policy.git_credentials.values():
        yield credential[-1]
    packages = spec.policy.packages
    for url in (packages.index_url, *packages.extra_index_urls, *packages.find_links):
        yield from passwords_in(url)
    yield from values_to_redact({**_passed(spec), **spec.record.environment.variables})


def environment_of(
    spec: RunSpec, folder: RunFolder, path: Collection[Path], image: Image | None
) -> dict[str, str]:
    """The variables of the program but for its secrets; the folders of `path` come first on its
    PATH."""
    record = spec.record
    inherited = os.environ if image is None else image.variables
    folders = (*map(str, path), inherited.get("PATH", os.defpath))
    environment = {
        **(_passed(spec) if image is None else _passed_in(spec, folder)),
        "PATH": os.pathsep.join(folders),
        "VIRTUAL_ENV": str(folder.venv),
        "PYTHONUNBUFFERED": "1",
        "ELSEWHERE_RUN_FOLDER": str(folder.path),
        "ELSEWHERE_TASK_ID": record.id,
        "ELSEWHERE_HOME": spec.home if image is None else str(folder.path / "home/.elsewhere"),
        CHECKPOINTS: str(Home(Path(spec.home)).checkpoints / record.id),
    }
    if record.user:
        environment[USER] = record.user
    if record.seed is not None:
        environment["PYTHONHASHSEED"] = str(record.seed)
    slot = replace(spec.slot, hides_devices=True) if spec.policy.hides_gpus else spec.slot
    environment.update(variables_of(slot))
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


def _passed_in(spec: RunSpec, folder: RunFolder) -> dict[str, str]:
    """The same for a container, whose image has its own paths and languages."""
    names = (*_PASSED_IN, *spec.policy.pass_environment)
    passed = {
        name: value
        for name, value in os.environ.items()
        if name in names or name.startswith(_PASSED_IN_PREFIXES)
    }
    user = os.environ.get("USER", "elsewhere")  # an image does not know this machine's users
    return {**passed, "HOME": str(folder.path / "home"), "USER": user, "LOGNAME": user}
