"""A run that misses a file which stayed at home is told so, and one that misses another is not."""

from __future__ import annotations

import pytest

from elsewhere.core.choices import Reason
from tests.sandbox.attempts import Attempts

#: the code is one file, so the program brings the rules that the repository would have
RULES = "import pathlib\npathlib.Path('.gitignore').write_text('*.bin\\ndata/\\n')\n"


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("open('corpus.bin')", "corpus.bin"),
        ("pathlib.Path.cwd().joinpath('data/one.csv').read_text()", "data/one.csv"),
        ("import subprocess; subprocess.run(['cat', 'corpus.bin'], check=True)", "corpus.bin"),
    ],
)
def test_an_ignored_file_is_named_with_its_rule(attempts: Attempts, line: str, name: str) -> None:
    attempt = attempts.run(RULES + line)
    assert attempt.outcome.reason is Reason.PROGRAM_FAILED
    sentence = f"It did not find {name}, which git ignores (.gitignore:"
    assert sentence in attempt.outcome.message
    assert f"[elsewhere] {sentence}" in attempt.output.decode()


@pytest.mark.parametrize(
    "line", ["open('typo.txt')", "open('/nowhere/corpus.bin')", "open('../corpus.bin')", "exit(3)"]
)
def test_another_failure_is_left_as_it_is(attempts: Attempts, line: str) -> None:
    attempt = attempts.run(RULES + line)
    assert attempt.outcome.message == f"It ended with exit code {attempt.outcome.exit_code}."


def test_checkpoints_survive_an_attempt(attempts: Attempts) -> None:
    program = """
        import os, pathlib
        kept = pathlib.Path(os.environ["ELSEWHERE_CHECKPOINTS"], "step")
        print("step", kept.read_text() if kept.exists() else "none")
        kept.write_text("3")
    """
    first = attempts.run(program)
    second = attempts.make(program, id=first.spec.record.id, number=2)
    second.run()
    assert (first.printed, second.printed) == (b"step none\n", b"step 3\n")
