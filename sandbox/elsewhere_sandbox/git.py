"""git on the host: the one place that calls it, so that no call forgets what makes it safe.

A task names the repository, the branch and the patch, so none of them is trusted: no hook, no
filter, no setting of the machine and no transport that runs a program. Credentials come from the
operator (`credentials.py`).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from elsewhere.core.folders import make_folder
from elsewhere.core.secrets import HIDDEN, hide_passwords
from elsewhere_sandbox.credentials import ASKPASS, SSH_SHORT, Credentials
from elsewhere_sandbox.errors import SetupError

if TYPE_CHECKING:
    from git import Git as Program

    from elsewhere_sandbox.setup import Setup

_SETTINGS: Final = (
    f"core.attributesFile={os.devnull}",
    "core.fsmonitor=false",
    f"core.hooksPath={os.devnull}",
    "core.protectHFS=true",  # `.git` in any spelling, also that of other machines' file systems
    "core.protectNTFS=true",
    "fetch.recurseSubmodules=false",
    "fetch.unpackLimit=1",  # a pack appears whole or not at all
    "gc.auto=0",  # code folders borrow objects that the mirror itself does not need
    "http.lowSpeedLimit=1000",  # bytes a second, over ...
    "http.lowSpeedTime=60",  # ... so many seconds: below that the remote counts as gone
    "maintenance.auto=false",
)
_OPTIONS: Final = tuple(word for setting in _SETTINGS for word in ("-c", setting))
_TRANSPORTS: Final = frozenset({"https", "http", "ssh", "git"})
#: how many of git's last lines an error shows
_WORDS: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class GitPolicy:
    """What the operator lets git do, and by which credentials. Local remotes are paths and
    `file://` URLs: with them a task can name any repository that this machine's user may read."""

    allow_local_remotes: bool = False
    credentials: Credentials = field(default_factory=Credentials)

    def check(self, url: str) -> None:
        """Raises SetupError for a URL that git must not be given."""
        scheme, separator, _ = url.partition("://")
        is_local = scheme == "file" if separator else url.startswith("/")
        if any(ord(character) < 32 for character in url) or url.startswith("-"):
            reason = "it is not a URL"
        elif is_local and not self.allow_local_remotes:
            reason = "it is a place on a disk, and this agent is not set to allow local remotes"
        elif separator and not is_local and scheme not in _TRANSPORTS:
            reason = f"git may not use {scheme!r} here, only {', '.join(sorted(_TRANSPORTS))}"
        elif separator and not _is_url(url):
            reason = "it is no URL"
        elif separator and urlsplit(url).password:
            reason = "it holds a password, which belongs into the agent's settings"
        elif not separator and not is_local and not SSH_SHORT.match(url):
            reason = "it is neither a URL nor of the form user@host:path"
        else:
            return
        raise SetupError(
            f"The repository {hide_passwords(url)!r} is not fetched, since {reason}. Correct the"
            " task's repository."
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """The output of git, and its last lines on standard error, without credentials."""

    is_ok: bool
    output: str
    words: str

    def expect(self, sentence: str) -> str:
        """The output. Raises SetupError with the sentence, then git's message, if git failed."""
        if not self.is_ok:
            raise SetupError(f"{sentence}\n{self.words}".rstrip())
        return self.output


class Git:
    """Runs git for one set-up. `folder` holds the askpass program, where one is needed."""

    def __init__(self, setup: Setup, policy: GitPolicy, folder: Path) -> None:
        self.policy = policy
        self._setup = setup
        self._askpass = folder / "askpass"
        transports = [*_TRANSPORTS, *(("file",) if policy.allow_local_remotes else ())]
        self._environment = {
            "GIT_ALLOW_PROTOCOL": ":".join(transports),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": "",
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_CONFIG_COUNT": "0",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_PARAMETERS": "",
            "GIT_LFS_SKIP_SMUDGE": "0",  # it is called on purpose only
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_TERMINAL_PROMPT": "0",
        }
        if policy.credentials.tokens:
            self._write_askpass()

    def ask(
        self, *arguments: str, git_dir: Path, worktree: Path | None = None, url: str = ""
    ) -> Answer:
        """Runs git to its end, in `worktree` if there is one. `url` is the remote that it contacts.

        Raises StopRequestedError when git failed because a stop ended it.
        """
        command = ["git", f"--git-dir={git_dir}", *_OPTIONS]
        environment = {
            **self._environment,
            "GIT_INDEX_FILE": str(git_dir / "index"),
            "GIT_OBJECT_DIRECTORY": str(git_dir / "objects"),
        }
        if worktree is not None:
            command.append(f"--work-tree={worktree}")
        if url:
            self.policy.check(url)
            credentials = self.policy.credentials
            command += ["-c", f"core.sshCommand={credentials.ssh_command(url)}"]
            environment |= credentials.variables(url, self._askpass)
        status, output, words = _execute([*command, *arguments], worktree or git_dir, environment)
        if status:
            self._setup.check_stop()
        return Answer(status == 0, output, self._redacted(words))

    def _redacted(self, words: str) -> str:
        for _, token in self.policy.credentials.tokens.values():
            words = words.replace(token, HIDDEN)
        return "\n".join(hide_passwords(words).strip().splitlines()[-_WORDS:])

    def _write_askpass(self) -> None:
        make_folder(self._askpass.parent)
        beside = self._askpass.with_name(f".askpass.{os.getpid()}")
        beside.write_text(ASKPASS)
        beside.chmod(0o700)
        beside.rename(self._askpass)


def program() -> type[Program]:
    """GitPython's command. Raises ImportError where there is no git."""
    from git import Git  # noqa: PLC0415 - weight, and it needs a git to be imported

    return Git


def _execute(
    command: list[str], folder: Path, environment: Mapping[str, str]
) -> tuple[int, str, str]:
    if shutil.which("git") is None:
        raise SetupError("There is no `git` on this agent's PATH. Install git.")
    extended: Any = program()(str(folder)).execute(
        command,
        with_extended_output=True,
        with_exceptions=False,
        stdout_as_string=False,
        strip_newline_in_stdout=False,
        env=environment,
    )
    status, output, words = extended
    return status, os.fsdecode(output), words


def _is_url(text: str) -> bool:
    try:
        return bool(urlsplit(text).scheme)
    except ValueError:
        return False
