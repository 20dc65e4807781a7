"""The `git` command as capturing uses it: no setting of the user changes what it prints, and it
changes nothing in the user's repository."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from elsewhere.core.errors import CaptureError

#: settings that would change the captured bytes, run a program or write beside the index
_SETTINGS: Final = (
    f"core.attributesFile={os.devnull}",
    "core.fsmonitor=false",
    f"core.hooksPath={os.devnull}",
    "core.autocrlf=false",
    "core.safecrlf=false",
    "core.splitIndex=false",
    "core.quotePath=false",
    "core.looseCompression=0",  # the objects live for a moment
    "add.ignoreErrors=false",
    "diff.suppressBlankEmpty=false",
    # what LFS tracks travels as contents: without its server a pointer says nothing
    "filter.lfs.clean=",
    "filter.lfs.smudge=",
    "filter.lfs.process=",
    "filter.lfs.required=false",
    "pack.threads=1",  # the same commits give the same bytes
)
_COMMAND: Final = ("git", *(word for setting in _SETTINGS for word in ("-c", setting)))

#: variables by which a parent, such as a hook of git, may name another repository or program
_DROPPED: Final = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_CONFIG",
        "GIT_CONFIG_COUNT",
        "GIT_CONFIG_PARAMETERS",
        "GIT_DIFF_OPTS",
        "GIT_DIR",
        "GIT_EXTERNAL_DIFF",
        "GIT_GRAFT_FILE",
        "GIT_IMPLICIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_NAMESPACE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_REPLACE_REF_BASE",
        "GIT_SHALLOW_FILE",
        "GIT_WORK_TREE",
    }
)
_SET: Final = {
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",  # replacements do not travel
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}
#: for git, its helpers of credentials, and ssh
_NO_PROMPTS: Final = {
    "GCM_INTERACTIVE": "never",
    "GIT_ASKPASS": "",
    "SSH_ASKPASS_REQUIRE": "never",
}


class Git:
    """Runs git in one folder. Its calls raise FileNotFoundError if git is not installed."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        inherited = {name: value for name, value in os.environ.items() if name not in _DROPPED}
        self._environment = {**inherited, **_SET, **environment}

    def try_run(self, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Runs git to its end, whatever its exit status."""
        return subprocess.run(
            [*_COMMAND, *arguments],
            cwd=self.folder,
            env=self._environment,
            input=given,
            capture_output=True,
            check=False,
        )

    def run(self, *arguments: str, given: bytes = b"") -> bytes:
        """Returns what git prints. Raises CaptureError with git's own message if it fails."""
        ended = self.try_run(*arguments, given=given)
        if ended.returncode:
            raise self.failed(arguments[0], ended.stderr)
        if b"could not open directory" in ended.stderr:  # git goes on without the folder
            raise self.failed(arguments[0], ended.stderr)
        return ended.stdout

    def ask_remote(self, within_s: float, *arguments: str) -> bytes | None:
        """Returns what git prints that asks a remote; None where it fails, or not in time. Nobody
        is asked for a password."""
        process = subprocess.Popen(
            [*_COMMAND, *arguments],
            cwd=self.folder,
            env={**self._environment, **_NO_PROMPTS},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # ssh has no terminal to ask on, and ends with git
        )
        try:
            printed, _ = process.communicate(timeout=within_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return None
        return None if process.returncode else printed

    def read(self, limit_bytes: int, *arguments: str) -> bytes | None:
        """Returns what git prints, or None once that is above the limit; raises as `run`."""
        with tempfile.TemporaryFile() as errors:
            process = subprocess.Popen(
                [*_COMMAND, *arguments],
                cwd=self.folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
            )
            with process:
                assert process.stdout is not None
                printed = process.stdout.read(limit_bytes + 1)
                if len(printed) > limit_bytes:
                    process.kill()
                    return None
            if process.returncode:
                errors.seek(0)
                raise self.failed(arguments[0], errors.read())
        return printed

    def failed(self, verb: str, stderr: bytes) -> CaptureError:
        """Returns the error of `git {verb}`, with git's own message."""
        message = stderr.decode(errors="replace").strip()
        return CaptureError(
            f"The code in {self.folder} cannot be captured, since `git {verb}` failed there. Fix "
            f"the cause of git's message and start again:\n{message}"
        )
