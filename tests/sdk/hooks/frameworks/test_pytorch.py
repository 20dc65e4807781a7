"""PyTorch and what saves by way of it: safetensors, Lightning, transformers, Accelerate, fastai."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from tests.sdk.hooks.frameworks.programs import Programs

pytest.importorskip("torch", reason="it takes gigabytes: make test-frameworks")

TORCH = """
import io, torch
from torch import save
net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
"""


def test_modules_states_and_checkpoints_are_models(programs: Programs) -> None:
    programs.run(
        """
        optimizer = torch.optim.Adam(net.parameters())
        torch.save(net, "module.pt")
        torch.save(net.state_dict(), Path("state.pt"))
        torch.save(dict(net[0].state_dict()), "plain.pt")
        torch.save(torch.nn.ReLU().state_dict(), "empty.pt")
        save({"model": net.state_dict(), "optimizer": optimizer.state_dict()}, "checkpoint.pt")
        torch.save(f="pair.pt", obj=(net.state_dict(), 3))
        class Agent:
            def __init__(self): self.policy = net
        torch.save(Agent(), "agent.pt")
        with open("file.pt", "wb") as file:
            torch.save(net.state_dict(), file)
        """,
        before=TORCH,
    )
    names = {"module", "state", "plain", "empty", "checkpoint", "pair", "agent", "file"}
    assert set(programs.files()) == names
    assert {model.framework for model in programs.outputs.values()} == {"PyTorch"}
    assert programs.warnings == []


def test_data_and_the_states_of_optimizers_are_none(programs: Programs) -> None:
    programs.run(
        """
        optimizer = torch.optim.Adam(net.parameters())
        net(torch.ones(2, 3)).sum().backward()
        optimizer.step()
        torch.save(torch.zeros(3), "tensor.pt")
        torch.save([torch.zeros(3)] * 1000, "tensors.pt")
        torch.save({"images": torch.zeros(3), "labels": torch.zeros(3)}, "images.pt")
        torch.save([{"x": torch.zeros(3), "y": 1}], "samples.pt")
        torch.save(torch.utils.data.TensorDataset(torch.zeros(3)), "dataset.pt")
        torch.save(optimizer.state_dict(), "optimizer.pt")
        torch.save(torch.get_rng_state(), "rng.pt")
        torch.save(net, io.BytesIO())
        torch.load("tensors.pt")
        """,
        before=TORCH,
    )
    assert (programs.outputs, programs.inputs) == ({}, {})
    (line,) = programs.warnings
    assert line.startswith("Elsewhere: tensor.pt seems to hold no model")


def test_loads_are_inputs_with_the_weights_alone_too(programs: Programs) -> None:
    made = programs.run('torch.save(net.state_dict(), "net.pt")', before=TORCH).outputs["net"]
    programs.run(
        """
        net.load_state_dict(torch.load("net.pt", weights_only=True, mmap=True))
        torch.load(f="net.pt", weights_only=True)
        torch.load(io.BytesIO(Path("net.pt").read_bytes()))
        """,
        before=TORCH,
    )
    assert [model.id for model in programs.inputs.values()] == [made.id]


def test_scripts_are_models(programs: Programs) -> None:
    programs.run(
        """
        import warnings
        warnings.simplefilter("ignore")
        torch.jit.save(m=torch.jit.trace(net.eval(), torch.ones(1, 3)), f="script.pt")
        torch.jit.trace(net.eval(), torch.ones(1, 3)).save("method.pt")
        torch.jit.load("script.pt")
        """,
        before=TORCH,
    )
    assert "script" in programs.files()
    assert programs.inputs == {}


def test_safetensors_are_models(programs: Programs) -> None:
    pytest.importorskip("safetensors")
    before = f"""{TORCH}
import safetensors.torch
from safetensors.torch import save_file, load_file
save_file(net.state_dict(), "given.safetensors")"""
    programs.run(
        """
        save_file(net.state_dict(), "file.safetensors")
        save_file(tensors=net.state_dict(), filename="named.safetensors")
        safetensors.torch.save_model(net, "model.safetensors")
        safetensors.torch.save(net.state_dict())
        load_file("given.safetensors")
        safetensors.torch.load_model(net, "model.safetensors")
        """,
        before=before,
    )
    assert set(programs.files()) == {"file", "model", "named"}
    assert list(programs.inputs) == ["given"]


LIGHTNING = """
import torch, warnings
warnings.simplefilter("ignore")
{imports}
class Net(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(3, 1)
    def training_step(self, batch, _):
        loss = self.layer(batch).pow(2).mean()
        self.log("loss", loss)
        return loss
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.01)
data = torch.utils.data.DataLoader(torch.randn(8, 3), batch_size=4)
def trainer(**given):
    return pl.Trainer(accelerator="cpu", logger=False, enable_progress_bar=False,
                      enable_model_summary=False, **given)
"""


@pytest.mark.parametrize(
    "imports", ["import lightning.pytorch as pl", "import pytorch_lightning as pl"]
)
def test_as_many_checkpoints_of_lightning_are_models_as_it_keeps(
    programs: Programs, imports: str
) -> None:
    pytest.importorskip(imports.split()[1])
    programs.run(
        """
        keep = pl.callbacks.ModelCheckpoint(
            "kept", filename="{epoch}-{loss:.3f}", monitor="loss", save_top_k=2, save_last=True)
        training = trainer(max_epochs=5, callbacks=[keep])
        training.fit(Net(), data)
        training.save_checkpoint("own.ckpt")
        Net.load_from_checkpoint("given.ckpt")
        """,
        before=LIGHTNING.format(imports=imports)
        + """
first = trainer(max_epochs=1, enable_checkpointing=False)
first.fit(Net(), data)
first.save_checkpoint("given.ckpt")
""",
    )
    there = {path for path in (programs.folder / "kept").iterdir() if not path.is_symlink()}
    assert set(programs.files().values()) == {*there, programs.folder / "own.ckpt"}
    assert list(programs.inputs) == ["given"]


TRANSFORMERS = """
import torch
from transformers import BertConfig, BertModel
def small():
    return BertModel(BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1,
                                intermediate_size=8, vocab_size=10))
"""


def test_a_folder_of_transformers_is_one_model(programs: Programs) -> None:
    pytest.importorskip("transformers")
    programs.run(
        """
        small().save_pretrained("out/checkpoint-1", is_main_process=True)
        small().save_pretrained("other", is_main_process=False)
        small().save_pretrained(save_directory="named")
        small().save_pretrained(".")
        BertModel.from_pretrained("given")
        """,
        before=f"{TRANSFORMERS}\nsmall().save_pretrained('given')",
        place=str(programs.folder / "place"),
    )
    files = programs.files()
    assert set(files) == {"checkpoint-1", "named", programs.folder.name}
    for path in files.values():
        names = zipfile.ZipFile(path).namelist()
        assert {"config.json", "model.safetensors"} <= set(names)
        assert "train.py" not in names
    assert all(model.is_package for model in programs.outputs.values())
    assert list(programs.inputs) == ["given"]


def test_a_trainer_keeps_as_many_checkpoints_as_it_is_told(programs: Programs) -> None:
    pytest.importorskip("transformers")
    pytest.importorskip("accelerate")
    programs.run(
        """
        from transformers import BertForSequenceClassification, Trainer, TrainingArguments
        config = small().config
        config.num_labels = 2
        data = [{"input_ids": torch.tensor([1, 2]), "labels": torch.tensor(1)}] * 8
        arguments = TrainingArguments(
            "out", max_steps=6, save_steps=1, save_total_limit=2, report_to=[], use_cpu=True,
            per_device_train_batch_size=2, disable_tqdm=True)
        training = Trainer(BertForSequenceClassification(config), arguments, train_dataset=data)
        training.train()
        training.save_model("final")
        """,
        before=TRANSFORMERS,
    )
    names = {"final", "checkpoint-5", "checkpoint-6"}
    assert set(programs.files()) >= names
    assert len(programs.files()) <= len(names) + 1, "the last one may be deleted after it"


ACCELERATE = f"""{TORCH}
from accelerate import Accelerator
from accelerate.utils import ProjectConfiguration
def prepared(**how):
    accelerator = Accelerator(cpu=True, **how)
    return accelerator, accelerator.prepare(net, torch.optim.SGD(net.parameters(), lr=0.1))[0]
"""


def test_a_state_or_a_model_of_accelerate_is_one_model(programs: Programs) -> None:
    pytest.importorskip("accelerate")
    programs.run(
        """
        accelerator, model = prepared()
        accelerator.save_state("state")
        accelerator.save_state(output_dir="named")
        accelerator.load_state("state")
        accelerator.save_model(model, "parts", max_shard_size=20)
        assert len(list(Path("parts").glob("*.safetensors"))) > 1
        accelerator.load_state(input_dir="given")
        """,
        before=f"{ACCELERATE}\nprepared()[0].save_state('given')",
    )
    assert set(programs.files()) == {"state", "named", "parts"}
    assert list(programs.inputs) == ["given"]


def test_states_that_accelerate_names_itself_are_those_that_it_keeps(programs: Programs) -> None:
    pytest.importorskip("accelerate")
    naming = (
        "how = ProjectConfiguration('kept', automatic_checkpoint_naming=True, total_limit=2)\n"
        "accelerator, model = prepared(project_config=how)\n"
    )
    programs.run(
        f"{naming}for _ in range(4):\n    accelerator.save_state()\n    time.sleep(0.5)\n",
        before=ACCELERATE,
    )
    made = programs.outputs
    assert set(programs.files()) == {"checkpoint_2", "checkpoint_3"}
    programs.run(f"{naming}accelerator.load_state()", before=ACCELERATE)
    assert [model.id for model in programs.inputs.values()] == [made["checkpoint_3"].id]


def test_learners_of_fastai_are_models(programs: Programs) -> None:
    pytest.importorskip("fastai")
    programs.run(
        """
        set = TfmdLists([(torch.ones(3), torch.ones(2))] * 4, [])
        loaders = DataLoaders(DataLoader(set, bs=2), DataLoader(set, bs=2))
        learner = Learner(loaders, net[0], loss_func=torch.nn.MSELoss(), path=Path("."))
        learner.save("weights")
        learner.export("learner.pkl")
        learner.load("weights")
        load_learner("learner.pkl")
        """,
        before=f"""{TORCH}
import warnings
warnings.simplefilter("ignore")
from fastai.data.all import DataLoader, DataLoaders, TfmdLists
from fastai.learner import Learner, load_learner""",
    )
    assert set(programs.files()) == {"weights", "learner"}
    assert {model.framework for model in programs.outputs.values()} == {"fastai"}
    assert programs.inputs == {}


def test_pytorch_is_narrowed_by_wildcards_as_the_seed_page_has_it(programs: Programs) -> None:
    programs.run(
        """
        torch.save(net, "net.pt")
        torch.save(net, "net.bin")
        torch.save(torch.zeros(3), "asked-for.pt")
        """,
        before=TORCH,
        frameworks={"pytorch": "*.pt"},
    )
    assert set(programs.files()) == {"net", "asked-for"}


def test_pickles_of_the_functions_are_their_names(programs: Programs) -> None:
    programs.run(
        """
        import pickle
        assert pickle.loads(pickle.dumps(torch.save)) is torch.save is torch.serialization.save
        assert pickle.loads(pickle.dumps(torch.load)) is torch.load is not kept[0]
        task.close()
        assert torch.load is torch.serialization.load is kept[0]
        """,
        before=f"{TORCH}\nkept = [torch.load]",
    )


def test_workers_of_a_data_loader_record_nothing(programs: Programs, tmp_path: Path) -> None:
    programs.run(
        """
        class Data(torch.utils.data.Dataset):
            def __len__(self): return 4
            def __getitem__(self, at):
                torch.save(net, f"worker-{at}.pt")
                return torch.load("given.pt")["0.weight"]
        batches = list(torch.utils.data.DataLoader(Data(), num_workers=2))
        assert Path("worker-3.pt").exists()
        """,
        before=f"{TORCH}\ntorch.save(net.state_dict(), 'given.pt')",
    )
    assert (programs.outputs, programs.inputs) == ({}, {})
