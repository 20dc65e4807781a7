"""Leaves two processes behind: one twice forked and in a session of its own, and one that ignores
SIGTERM and has closed what it inherited. Argument: a folder."""

import os
import signal
import sys
import time
from pathlib import Path

folder = Path(sys.argv[1])
with (folder / "starts").open("a") as starts:
    starts.write(f"{os.getpid()} {os.environ['ELSEWHERE_RUN_FOLDER'].rpartition('.')[2]}\n")
for name in ("holding", "deaf"):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            if name == "deaf":
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                os.closerange(0, 3)
            beside = folder / f".{name}"
            beside.write_text(str(os.getpid()))
            beside.rename(folder / name)
            while True:
                time.sleep(60)
        os._exit(0)
while not ((folder / "holding").exists() and (folder / "deaf").exists()):
    time.sleep(0.01)
print("the last line", flush=True)
