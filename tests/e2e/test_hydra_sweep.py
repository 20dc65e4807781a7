"""A sweep of Hydra whose jobs go elsewhere."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Final

from elsewhere import Task
from tests.e2e.world import Box, Laptop, World
from tests.wheels import pack

#: installed ones that the program needs
_PACKAGES: Final = (
    *("hydra-core", "omegaconf", "PyYAML", "antlr4-python3-runtime", "attrs", "packaging"),
)
SWEEP = """
import hydra
from elsewhere import Task

@hydra.main(version_base=None, config_path="conf", config_name="main")
def train(config):
    task = Task.init("sending", "sweep")
    task.execute_remotely("default")
    print("job", config.lr, config.net.depth, config.name, flush=True)

train()
print("after the sweep", flush=True)
"""


def test_every_job_of_a_hydra_sweep_is_sent_with_its_own_overrides(
    world: World, laptop: Laptop, box: Box
) -> None:
    for name in _PACKAGES:
        pack(world.wheels, name)
    users = Laptop(Path(sys.executable), laptop.folder, box.store, world.url, "imports")
    files = {
        "train.py": SWEEP,
        "conf/main.yaml": "lr: 0.1\nname: a\nnet: {depth: 1}\n",
        "conf/other.yaml": "lr: 0.1\nname: other\nnet: {depth: 1}\n",
    }
    project = users.repository("project", files)
    words = ("-m", "--config-name", "other", "lr=1,2", "net.depth=3,4", "hydra.sweep.dir=out")
    printed = users.run(project.folder, "train.py", *words)
    assert printed.code == 0, printed
    assert b"after the sweep" in printed.output
    ids = re.findall(r"task ([0-9a-f]{32}) waits in queue", printed.errors)
    assert len(set(ids)) == 4
    ended = [box.end(Task(task_id, box.store)) for task_id in ids]
    assert [one.status for one in ended] == ["completed"] * 4, ended
    jobs = [line for one in ended for line in one.output.splitlines() if line.startswith("job ")]
    assert jobs == ["job 1 3 other", "job 1 4 other", "job 2 3 other", "job 2 4 other"]
    records = [box.store.read(task_id) for task_id in ids]
    assert records[1].source.argv == ("--config-name", "other", "lr=1", "net.depth=4")
    values = {name: one.value for name, one in records[1].parameters.items()}
    assert (values["Hydra/lr"], values["Hydra/net.depth"]) == (1, 4)
