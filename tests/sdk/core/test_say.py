"""What the SDK says to the person who runs a script."""

from __future__ import annotations

import os
import subprocess
import sys

_SAYS = """
import sys, threading
from elsewhere.core.say import say

def talk():
    for _ in range(500):
        say("a stop was requested")

thread = threading.Thread(target=talk)
thread.start()
while thread.is_alive():
    sys.stdout.buffer.write(b"a line\\n")
    sys.stdout.buffer.flush()
"""


def test_a_sentence_and_a_line_of_another_thread_are_not_mixed_without_buffers() -> None:
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-c", _SAYS]
    ran = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, check=True
    )
    assert set(ran.stdout.splitlines()) == {b"a line", b"Elsewhere: a stop was requested"}
