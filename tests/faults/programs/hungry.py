"""A program that takes more memory than its group has. Arguments: a folder, cgroup.procs."""

import os
import sys
from pathlib import Path

folder = Path(sys.argv[1])
with (folder / "starts").open("a") as starts:
    starts.write(f"{os.getpid()} {os.environ['ELSEWHERE_RUN_FOLDER'].rpartition('.')[2]}\n")
Path(sys.argv[2]).write_text(str(os.getpid()))
print("hungry", flush=True)
eaten = [bytearray(1 << 20) for _ in range(1000)]
