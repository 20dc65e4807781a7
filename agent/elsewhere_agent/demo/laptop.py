"""The demo's laptop: a repository and an environment in the state that people work with.

<folder>/laptop/
├── remote.git    what everyone has: one commit
├── project/      what only the laptop has: a commit more, an edited file, an untracked one and
│                 a binary one that has changed
└── venv/         the package that the scripts need, and the SDK
"""

from __future__ import annotations

import hashlib
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from elsewhere_agent.errors import AgentError
from elsewhere_sandbox.installers.uv import find_uv
from elsewhere_sandbox.layer import lend

if TYPE_CHECKING:
    from collections.abc import Mapping

    from elsewhere.core.folders import Home

#: seconds that one command may take: a package may have to come from far away
_LIMIT_S: Final = 120.0
#: lines of a failed command that are shown
_LAST_LINES: Final = 12
#: the text in the published commit, in place of the laptop's text
_EDITED: Final = ("settings.py", "DEGREE = 3", "DEGREE = 1")
_BINARY: Final = "points.bin"
_UNTRACKED: Final = "polynomial.py"
_UNPUSHED: Final = "schedule.py"


class Laptop:
    """The laptop; its commands run with `environment`. Every failure is an AgentError."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.project = folder / "project"
        self._remote = folder / "remote.git"
        self._venv = folder / "venv"
        self._environment = {**environment, **_GIT}
        folder.mkdir()

    def make_environment(self, home: Home) -> str:
        """Makes the environment; returns its packages. The SDK is linked, which takes no time."""
        uv = find_uv()
        if not uv:
            raise AgentError("The demo needs uv: install it with 'pip install uv'.")
        self._run(uv, "venv", "--quiet", "--no-project", "--python", sys.executable, self._venv)
        needs = _examples() / "requirements.txt"
        python = ("--python", self._venv / "bin" / "python")
        try:
            self._run(uv, "pip", "install", "--quiet", *python, "--requirement", needs)
        except AgentError as error:
            raise AgentError(
                f"{error}\nuv reads no pip.conf: name your index in UV_DEFAULT_INDEX."
            ) from error
        (packages,) = self._venv.glob("lib/python*/site-packages")
        lent = lend(home, platform.python_version())
        (packages / "elsewhere.pth").write_text(f"{lent}\n", encoding="utf-8")
        return self._run(uv, "pip", "freeze", "--quiet", *python).strip().replace("\n", ", ")

    def make_repository(self) -> str:
        """Makes the repository; returns its `git status`."""
        examples = _examples()
        self._run("git", "init", "--quiet", "--bare", "--initial-branch=main", self._remote)
        self.project.mkdir()
        self._git("init", "--quiet", "--initial-branch=main")
        self._git("remote", "add", "origin", str(self._remote))
        for path in examples.iterdir():
            if path.is_file() and path.name not in (_UNTRACKED, _UNPUSHED):
                shutil.copyfile(path, self.project / path.name)
        name, now, before = _EDITED
        edited, binary = self.project / name, self.project / _BINARY
        new_text, new_bytes = edited.read_text(encoding="utf-8"), binary.read_bytes()
        edited.write_text(new_text.replace(now, before), encoding="utf-8")
        binary.write_bytes(new_bytes[: len(new_bytes) // 2])
        self._commit("Fit a polynomial")
        self._git("push", "--quiet", "--set-upstream", "origin", "main")
        shutil.copyfile(examples / _UNPUSHED, self.project / _UNPUSHED)
        self._commit("Learn slower and slower")
        edited.write_text(new_text, encoding="utf-8")
        binary.write_bytes(new_bytes)
        shutil.copyfile(examples / _UNTRACKED, self.project / _UNTRACKED)
        return self._git("status", "--short", "--branch")

    def python(self, *arguments: str) -> str:
        """Runs a script of the project; returns its output."""
        return self._run(self._venv / "bin" / "python", *arguments)

    def elsewhere(self, *arguments: str) -> str:
        """Runs the command `elsewhere`; returns its output."""
        code = "import sys; from elsewhere.command.main import main; sys.exit(main())"
        return self._run(self._venv / "bin" / "python", "-P", "-c", code, *arguments)

    # what the checks ask

    def commit(self) -> str:
        return self._git("rev-parse", "HEAD").strip()

    def is_pushed(self, commit: str) -> bool:
        pushed = self._run("git", "--git-dir", self._remote, "rev-list", "--all")
        return commit in pushed.split()

    def uncommitted(self) -> set[str]:
        """The line of git status for each file: `?? polynomial.py`."""
        return {line.strip() for line in self._git("status", "--porcelain").splitlines()}

    def digest_of_data(self) -> str:
        return hashlib.sha256((self.project / _BINARY).read_bytes()).hexdigest()

    # helpers

    def _commit(self, message: str) -> None:
        self._git("add", "--all")
        self._git("commit", "--quiet", "--message", message)

    def _git(self, *arguments: str) -> str:
        return self._run("git", *arguments)

    def _run(self, *command: str | Path) -> str:
        """Runs a command in the project, in a session of its own: only the demo gets a Ctrl-C."""
        folder = self.project if self.project.is_dir() else self.project.parent
        words = " ".join(map(str, command))
        try:
            ended = subprocess.run(
                command,
                cwd=folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,
                check=False,
                timeout=_LIMIT_S,
            )
        except OSError as error:
            raise AgentError(f"'{words}' cannot be started: {error}.") from error
        except subprocess.TimeoutExpired as error:
            raise AgentError(f"'{words}' has not ended within {_LIMIT_S:.0f} s.") from error
        if ended.returncode:
            last = "\n".join(ended.stdout.strip().splitlines()[-_LAST_LINES:])
            raise AgentError(f"'{words}' ended with exit code {ended.returncode}:\n{last}")
        return ended.stdout


_GIT: Final = {
    "GIT_AUTHOR_NAME": "Demo",
    "GIT_AUTHOR_EMAIL": "demo@example.org",
    "GIT_COMMITTER_NAME": "Demo",
    "GIT_COMMITTER_EMAIL": "demo@example.org",
    # a user's hooks, signatures and short names are not part of the demo
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
}


def _examples() -> Path:
    """The examples: beside this file in a wheel, at the top of a checkout."""
    package = Path(__file__).parents[1]
    packed = package / "examples"
    return packed if packed.is_dir() else package.parents[1] / "examples"
