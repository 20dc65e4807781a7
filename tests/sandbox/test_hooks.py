"""Hooks of the operator around the phases of an attempt."""

from __future__ import annotations

from pathlib import Path

import pytest

from elsewhere.core.choices import Reason
from elsewhere_sandbox.hooks import HOOKS
from tests.sandbox.attempts import Attempts

SHOW = """\
#!/bin/sh
test -d "$ELSEWHERE_CODE_FOLDER" && code=there || code=not
echo "$ELSEWHERE_HOOK of $ELSEWHERE_TASK_ID in $PWD, code $code"
"""


def hook(folder: Path, text: str) -> str:
    path = folder / "hook"
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def test_each_runs_once_in_its_place_and_prints_into_the_output(
    attempts: Attempts, tmp_path: Path
) -> None:
    show = hook(tmp_path, SHOW)
    attempt = attempts.run("print('program')", hooks=dict.fromkeys(HOOKS, show))
    assert attempt.outcome.reason is Reason.COMPLETED
    printed = attempt.printed.decode().splitlines()
    task_id, where = attempt.folder.task_id, attempt.folder.path
    places = [*HOOKS[:5], "program", HOOKS[5]]
    assert printed == [
        place
        if place == "program"
        else f"{place} of {task_id} in {where}, code {'not' if place == HOOKS[0] else 'there'}"
        for place in places
    ]
    lines = attempt.output.decode().splitlines()
    checkout = next(i for i, line in enumerate(lines) if line.startswith("[elsewhere] checkout:"))
    assert lines.index(f"[elsewhere] hook before_checkout: {show}") < checkout
    assert lines.index(f"[elsewhere] hook after_checkout: {show}") > checkout


@pytest.mark.parametrize("phase", ["checkout", "install", "run"])
def test_one_that_fails_before_a_phase_fails_the_set_up_and_is_named(
    attempts: Attempts, tmp_path: Path, phase: str
) -> None:
    path = hook(tmp_path, "#!/bin/sh\necho no disk is mounted\nexit 3\n")
    attempt = attempts.run("print('program')", hooks={f"before_{phase}": path})
    assert attempt.outcome.reason is Reason.SETUP_FAILED
    assert attempt.outcome.message == (
        f"The hook before_{phase}, {path}, ended with exit code 3. no disk is mounted"
    )
    assert b"program\n" not in attempt.printed


def test_one_that_fails_after_a_phase_is_a_line(attempts: Attempts, tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    attempt = attempts.run("print('program')", hooks={"after_run": missing})
    assert attempt.outcome.reason is Reason.COMPLETED
    assert f"The hook after_run, {missing}, ended with exit code 127.".encode() in attempt.output
