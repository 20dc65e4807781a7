"""A program and a grandchild in a session of its own, both deaf to SIGTERM. Argument: a folder."""

import os
import signal
import sys
import time
from pathlib import Path

folder = Path(sys.argv[1])
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        (folder / "grandchild").write_text(str(os.getpid()))
        while True:
            time.sleep(60)
    while True:
        time.sleep(60)
with (folder / "starts").open("a") as starts:
    starts.write(f"{os.getpid()} {os.environ['ELSEWHERE_RUN_FOLDER'].rpartition('.')[2]}\n")
while True:
    time.sleep(60)
