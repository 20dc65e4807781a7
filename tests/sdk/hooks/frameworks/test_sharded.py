"""Checkpoints that are folders: of torch.distributed.checkpoint, and sharded ones of Lightning."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from elsewhere.storage import local_path
from tests.sdk.hooks.frameworks.programs import Programs

pytest.importorskip("torch", reason="it takes gigabytes: make test-frameworks")

TORCH = """
import torch
import torch.distributed.checkpoint as checkpoint
from torch.distributed.checkpoint import save
net = torch.nn.Linear(3, 2)
torch.distributed.init_process_group("gloo", init_method="file://" + os.path.abspath("meet"),
                                     rank=0, world_size=1)
"""


def names_of(package: Path) -> set[str]:
    with zipfile.ZipFile(package) as archive:
        return {Path(name).name for name in archive.namelist()}


def test_a_distributed_checkpoint_is_a_model_however_it_is_written(programs: Programs) -> None:
    programs.run(
        """
        checkpoint.save({"net": net.state_dict()}, checkpoint_id="steps/first")
        save({"net": net.state_dict()}, storage_writer=checkpoint.FileSystemWriter("steps/second"))
        checkpoint.async_save({"net": net.state_dict()}, checkpoint_id="steps/third").result()
        checkpoint.load({"net": net.state_dict()}, checkpoint_id="given")
        """,
        before=f"{TORCH}\nsave({{'net': net.state_dict()}}, checkpoint_id='given')",
    )
    assert set(programs.files()) == {"first", "second", "third"}
    assert {model.framework for model in programs.outputs.values()} == {"PyTorch"}
    assert all(model.is_package for model in programs.outputs.values())
    assert list(programs.inputs) == ["given"]


LIGHTNING = """
from lightning.fabric.strategies import ModelParallelStrategy
from torch.distributed.fsdp import fully_shard
def shard(model, mesh):
    fully_shard(model, mesh=mesh["data_parallel"])
    return model
strategy = ModelParallelStrategy(shard, data_parallel_size=1, tensor_parallel_size=1)
fabric = lightning.Fabric(accelerator="cpu", devices=1, strategy=strategy)
fabric.launch()
with fabric.init_module(empty_init=False):
    net = torch.nn.Linear(4, 4)
net = fabric.setup(net)
"""


def test_a_sharded_checkpoint_of_fabric_is_one_model_with_all_its_files(
    programs: Programs, tmp_path: Path
) -> None:
    pytest.importorskip("lightning")
    programs.run(
        LIGHTNING + 'fabric.save("steps/first", {"net": net})\n',
        before=TORCH + "import lightning\n",
        place=str(tmp_path / "place"),
    )
    [(name, model)] = programs.outputs.items()
    assert (name, model.is_package) == ("first", True)
    assert names_of(local_path(model.url)) == {".metadata", "__0_0.distcp", "meta.pt"}
