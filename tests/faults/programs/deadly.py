"""Ends its agent, its runner and itself without a warning, as what no machine can bear.

Arguments: a folder, a file with the process id of the agent.
"""

import os
import signal
import sys
from pathlib import Path

with (Path(sys.argv[1]) / "starts").open("a") as starts:
    starts.write(f"{os.getpid()} {os.environ['ELSEWHERE_RUN_FOLDER'].rpartition('.')[2]}\n")
for process in (int(Path(sys.argv[2]).read_text()), os.getppid(), os.getpid()):
    os.kill(process, signal.SIGKILL)
