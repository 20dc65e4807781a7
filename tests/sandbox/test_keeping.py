"""Files that a run wrote become artifacts where the agent's settings name them, however it ends."""

from __future__ import annotations

import hashlib

import pytest

from elsewhere.core.choices import Reason
from elsewhere.core.events import ArtifactAdded
from elsewhere_sandbox.keeping import matching
from elsewhere_sandbox.manifest import NAME
from tests.sandbox.attempts import Attempt, Attempts

PROGRAM = """
import os, pathlib, sys
pathlib.Path("out/deep").mkdir(parents=True)
pathlib.Path("out/deep/model.pt").write_bytes(bytes(2048))
pathlib.Path("out/log.txt").write_text("log")
pathlib.Path("other.txt").write_text("other")
os.symlink("/etc/passwd", "out/link")
"""


def kept(attempt: Attempt) -> dict[str, bytes]:
    """The artifacts of the attempt, by name, with what an upload of each would bring."""
    found = {}
    for event in attempt.events:
        if isinstance(event, ArtifactAdded):
            content = (attempt.folder.path / event.file).read_bytes()
            assert event.artifact.digest == hashlib.sha256(content).hexdigest()
            assert event.artifact.size_bytes == len(content)
            found[event.artifact.name] = content
    assert found.pop(NAME), "each run has its manifest as well"
    return found


@pytest.mark.parametrize("end", ["", "sys.exit(3)", "os.kill(os.getpid(), 9)"])
def test_named_files_become_artifacts_however_the_run_ends(attempts: Attempts, end: str) -> None:
    attempt = attempts.run(PROGRAM + end, keep=("out/**",))
    assert kept(attempt) == {"out/deep/model.pt": bytes(2048), "out/log.txt": b"log"}


def test_a_stopped_run_leaves_them_too(attempts: Attempts) -> None:
    waiting = PROGRAM + "print('ready', flush=True)\nimport time\ntime.sleep(600)\n"
    with attempts.started(waiting, keep=("**/*.pt",)) as attempt:
        attempt.wait_for(b"ready")
        attempt.stop(grace_s=5)
        assert attempt.wait().reason is Reason.STOPPED
    assert list(kept(attempt)) == ["out/deep/model.pt"]


def test_nothing_is_kept_unasked(attempts: Attempts) -> None:
    assert kept(attempts.run(PROGRAM)) == {}


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*", ["a.pt"]),
        ("**", ["a.pt", "out/b.pt", "out/deep/c.txt"]),
        ("**/*.pt", ["a.pt", "out/b.pt"]),
        ("out/*", ["out/b.pt"]),
        ("out/**", ["out/b.pt", "out/deep/c.txt"]),
        ("out/?.pt", ["out/b.pt"]),
        ("out", []),
        ("out/[b].pt", []),
    ],
)
def test_patterns_are_those_of_folders_and_names(pattern: str, found: list[str]) -> None:
    assert matching(["a.pt", "out/b.pt", "out/deep/c.txt"], [pattern]) == found
