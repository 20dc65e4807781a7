"""Prints 50 numbered lines within half a second, and notes its start. Argument: a folder."""

import os
import sys
import time
from pathlib import Path

folder = Path(sys.argv[1])
attempt = os.environ["ELSEWHERE_RUN_FOLDER"].rpartition(".")[2]
with (folder / "starts").open("a") as starts:
    starts.write(f"{os.getpid()} {attempt}\n")
with (folder / f"printed.{attempt}").open("ab", buffering=0) as printed:
    for number in range(50):
        line = f"line {number} of attempt {attempt}: ä ✓\n".encode()
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()
        printed.write(line)
        time.sleep(0.01)
