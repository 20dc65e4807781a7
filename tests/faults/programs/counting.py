"""Prints numbered lines until it is let go. Arguments: a folder, how it ends (an exit code,
'error' or 'caught'), 'scalars' if it shall be a task that reports, 'much' for long lines.

In the folder it notes each of its starts, its task and, behind each line, that it has printed it.
"""

import os
import sys
import time
from contextlib import suppress
from pathlib import Path

folder, end = Path(sys.argv[1]), sys.argv[2]
attempt = os.environ.get("ELSEWHERE_RUN_FOLDER", ".1").rpartition(".")[2]
with (folder / "starts").open("a") as starts:
    starts.write(f"{os.getpid()} {attempt}\n")

filling = "." * 100_000 if "much" in sys.argv else ""
report = None
if "scalars" in sys.argv:
    from elsewhere import Task

    task = Task.init("Faults", "counting", auto_resource_monitoring=False)
    (folder / ".task").write_text(task.id)
    (folder / ".task").rename(folder / "task")
    report = task.get_logger().report_scalar

with (folder / f"printed.{attempt}").open("ab", buffering=0) as printed:
    is_last, number = False, 0
    while not is_last:
        is_last = (folder / "go").exists()
        line = f"line {number} of attempt {attempt}: ä ✓{filling}\n".encode()
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()
        printed.write(line)
        if report is not None:
            report("curve", "square", value=float(number**2), iteration=number)
        number += 1
        time.sleep(0.01)
if end == "error":
    raise ValueError("as told")
if end == "caught":
    with suppress(SystemExit):
        sys.exit(7)
else:
    sys.exit(int(end))
