"""A stand-in for PyTorch's launcher: it starts ranks as `torch.distributed.run` does, without it.

As there, each rank has a session of its own and the variables of the elastic agent; all are stopped
when one fails, and started anew as often as `--max-restarts` allows.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

RUN: Final = """
import argparse, os, signal, subprocess, sys, time

def main():
    p = argparse.ArgumentParser()
    p.add_argument("--nproc-per-node", "--nproc_per_node", type=int, default=1)
    p.add_argument("--nnodes", type=int, default=1)
    p.add_argument("--node-rank", "--node_rank", type=int, default=0)
    p.add_argument("--max-restarts", "--max_restarts", type=int, default=0)
    p.add_argument("--rdzv-backend", "--rdzv_backend")
    p.add_argument("--rdzv-endpoint", "--rdzv_endpoint")
    p.add_argument("--standalone", action="store_true")
    p.add_argument("-m", "--module", action="store_true")
    p.add_argument("--no-python", "--no_python", action="store_true")
    p.add_argument("script")
    p.add_argument("words", nargs=argparse.REMAINDER)
    given = p.parse_args()
    python = [] if given.no_python else [sys.executable, "-u"]
    module = ["-m"] if given.module else []
    command = [*python, *module, given.script, *given.words]
    for restart in range(given.max_restarts + 1):
        ranks = [start(given, command, local, restart) for local in range(given.nproc_per_node)]
        codes = [None] * len(ranks)
        while None in codes and not any(codes):
            time.sleep(0.05)
            codes = [rank.poll() for rank in ranks]
        if not any(codes):
            return 0
        for rank in ranks:
            if rank.poll() is None:
                rank.terminate()
        for rank in ranks:
            rank.wait(30)
    return 1

def start(given, command, local, restart):
    first = given.node_rank * given.nproc_per_node
    size = given.nnodes * given.nproc_per_node
    variables = {
        "LOCAL_RANK": local, "RANK": first + local, "GROUP_RANK": given.node_rank,
        "ROLE_RANK": first + local, "ROLE_NAME": "default",
        "LOCAL_WORLD_SIZE": given.nproc_per_node, "WORLD_SIZE": size,
        "GROUP_WORLD_SIZE": given.nnodes, "ROLE_WORLD_SIZE": size,
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": 29500,
        "TORCHELASTIC_RESTART_COUNT": restart,
        "TORCHELASTIC_MAX_RESTARTS": given.max_restarts,
        "TORCHELASTIC_RUN_ID": "none", "TORCHELASTIC_USE_AGENT_STORE": False,
    }
    environ = {**os.environ, **{name: str(value) for name, value in variables.items()}}
    return subprocess.Popen(command, env=environ, start_new_session=True)

if __name__ == "__main__":
    sys.exit(main())
"""
#: starts one process, without any variable of a rank
ACCELERATE: Final = """
import argparse, os, subprocess, sys

p = argparse.ArgumentParser()
p.add_argument("--config_file")
p.add_argument("--cpu", action="store_true")
p.add_argument("script")
p.add_argument("words", nargs=argparse.REMAINDER)
given = p.parse_args()
if given.config_file:
    open(given.config_file).close()
environ = {**os.environ, "ACCELERATE_MIXED_PRECISION": "no"}
sys.exit(subprocess.run([sys.executable, given.script, *given.words], env=environ).returncode)
"""
#: the files of both packages
TORCH: Final = {
    "torch/__init__.py": "",
    "torch/distributed/__init__.py": "",
    "torch/distributed/run.py": RUN,
}
ACCELERATE_FILES: Final = {
    "accelerate/__init__.py": "",
    "accelerate/commands/__init__.py": "",
    "accelerate/commands/launch.py": ACCELERATE,
}


def write(folder: Path) -> Path:
    """Writes both packages into `folder`, for PYTHONPATH."""
    for name, content in {**TORCH, **ACCELERATE_FILES}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder
