"""Secrets of a command line do not travel: the box has them, or the task does not run."""

from __future__ import annotations

import json

import pytest

from elsewhere.core.choices import Reason
from elsewhere.core.secrets import hidden_words, hide_arguments
from tests.sandbox.attempts import Attempts

PROGRAM = """
import json, os, subprocess, sys
typed = open(f"/proc/{os.getpid()}/cmdline").read().split("\\0")[:-1]
child = [sys.executable, "-c", "import os; print('ELSEWHERE_WORDS' in os.environ)"]
inherits = subprocess.run(child, capture_output=True, text=True).stdout
print(json.dumps([["".join(reversed(w)) for w in sys.argv[1:]], typed[-4:], inherits]))
"""


def test_a_secret_is_put_into_the_programs_words_and_nowhere_else(attempts: Attempts) -> None:
    argv = hide_arguments(["--lr", "1", "--api-key", "abc", "--db-password=def"])
    assert argv == ("--lr", "1", "--api-key", "***", "--db-password=***")
    passed = ("API_KEY", "DB_PASSWORD")
    attempt = attempts.make(PROGRAM, argv=argv, pass_environment=passed)
    attempt.run(API_KEY="k3y-of-the-box", DB_PASSWORD="p4ss-of-the-box")
    words, typed, inherits = json.loads(attempt.printed)
    assert ["".join(reversed(word)) for word in words] == [
        *("--lr", "1", "--api-key", "k3y-of-the-box", "--db-password=p4ss-of-the-box"),
    ]
    assert typed == ["1", "--api-key", "***", "--db-password=***"]
    assert inherits.strip() == "False"


LAUNCHER = """
import os, subprocess, sys
if "RANK" not in os.environ:
    print(sys.argv[1:], "elsewhere" in sys.modules, flush=True)
    command = [sys.executable, "-u", *sys.argv[1:]]
    sys.exit(subprocess.run(command, env={**os.environ, "RANK": "0"}).returncode)
print(["".join(reversed(word)) for word in sys.argv[1:]], "elsewhere" in sys.modules)
"""


def test_the_ranks_of_a_launch_get_secrets_and_task_and_their_launcher_does_not(
    attempts: Attempts,
) -> None:
    argv = hide_arguments(["--api-key", "abc"])
    attempt = attempts.make(
        LAUNCHER, argv=argv, launcher=["main"], needs_init=True, pass_environment=("API_KEY",)
    )
    attempt.run(API_KEY="k3y-of-the-box")
    launcher, rank = attempt.printed.decode().splitlines()
    assert launcher == "['main.py', '--api-key', '***'] False"
    assert rank == str(["yek-ipa--", "xob-eht-fo-y3k"]) + " True"


@pytest.mark.parametrize(
    ("argv", "why"),
    [
        (
            ["--api-key", "abc"],
            "Set the environment variable API_KEY for the agent, and name it in",
        ),
        (["--hf.token=abc"], "The value of --hf.token is a secret, which does not travel"),
        (["redis://:abc@host"], "The value of argument 1 is a secret, which does not travel"),
    ],
)
def test_a_secret_that_the_box_does_not_have_ends_the_set_up(
    argv: list[str], why: str, attempts: Attempts
) -> None:
    attempt = attempts.run("print('ran')", argv=hide_arguments(argv))
    assert attempt.outcome.reason is Reason.SETUP_FAILED
    assert why in attempt.outcome.message
    assert b"ran" not in attempt.printed


def test_what_does_not_travel_is_found_again_with_its_variable() -> None:
    argv = hide_arguments(["x", "--wandb-tok", "a", "--db.password=b", "--max-tokens", "5"])
    assert [(word.number, word.prefix, word.variable) for word in hidden_words(argv)] == [
        (2, "", "WANDB_TOKEN"),
        (3, "--db.password=", "DB_PASSWORD"),
    ]
