"""Versions of a library that lack a part of what its hook replaces, and libraries that cannot be
installed here: modules of their names stand for them."""

from __future__ import annotations

import pytest

from tests.sdk.hooks.frameworks.programs import Programs

#: what the program imports, the code of the module, and what it lacks
LACKING = {
    "torch": ("class serialization: save = print", "serialization.load, jit.save, jit.load"),
    "safetensors.torch": ("", "save_file, save_model, load_file, load_model"),
    "lightning.fabric.plugins.io.torch_io": ("", "TorchCheckpointIO.save_checkpoint"),
    "lightning_fabric.plugins.io.torch_io": ("", "TorchCheckpointIO.save_checkpoint"),
    "lightning.fabric.fabric": ("class Fabric: pass", "Fabric.save"),
    "pytorch_lightning.trainer.trainer": ("class Trainer: pass", "Trainer.save_checkpoint"),
    "tensorflow": ("class saved_model: save = print", "saved_model.load"),
    "gradio": ("class Blocks: launch = print", "Blocks.block_thread"),
    "transformers.modeling_utils": (
        "class PreTrainedModel: from_pretrained = 3",
        "PreTrainedModel.save_pretrained, PreTrainedModel.from_pretrained",
    ),
    "accelerate": (
        "",
        "Accelerator.save_state, Accelerator.load_state, Accelerator.save_model",
    ),
    "fastai.learner": ("", "save_model, Learner.export, load_model, load_learner"),
    "keras": (
        "class saving: save_model = load_model = print",
        "Model.save_weights, Model.load_weights, Model.export, callbacks.CallbackList.on_epoch_end",
    ),
    "joblib": ("def dump(value, filename): pass", "load"),
    "xgboost": (
        "def train(): pass",
        "Booster.save_model, Booster.load_model, callback.TrainingCallback",
    ),
    "lightgbm": ("class Booster: pass", "Booster.save_model, train"),
    "catboost": ("", "CatBoost.save_model, CatBoost.load_model, CatBoost._fit"),
    "megengine": ("", "save, load"),
    "matplotlib.figure": ("", "Figure.savefig, Figure.show"),
    "matplotlib.pyplot": ("", "show"),
    "tensorboardX.writer": (
        "class FileWriter: pass\nclass SummaryWriter: add_figure = add_scalars = print",
        "FileWriter.add_event, SummaryWriter.add_hparams, SummaryWriter.add_embedding",
    ),
    "tensorboardX.summary": ("", "hparams"),
    "tensorboard.plugins.hparams.summary_v2": ("", "hparams_pb"),
    "tensorflow.python.summary.writer.writer": ("", "SummaryToEventTransformer._add_event"),
    "tensorflow.python.ops.gen_summary_ops": (
        "def create_summary_file_writer(): pass\ndef write_summary(): pass",
        "write_raw_proto_summary, write_graph_summary",
    ),
}


@pytest.mark.parametrize("library", LACKING)
def test_what_a_version_lacks_is_one_warning_and_nothing_breaks(
    programs: Programs, library: str
) -> None:
    code, missing = LACKING[library]
    file = programs.folder.joinpath(*library.split(".")).with_suffix(".py")
    file.parent.mkdir(parents=True, exist_ok=True)
    for folder in file.relative_to(programs.folder).parents[:-1]:  # before one that is installed
        (programs.folder / folder / "__init__.py").touch()
    file.write_text(f"__version__ = '99'\n{code}\n")
    models_only = {"progress": False}
    programs.run(f"import {library}", before="Task.set_random_seed(None)", frameworks=models_only)
    (warning,) = (one for one in programs.warnings if one.startswith(f"{library} "))
    assert warning.startswith(f"{library} 99 has no {missing}: what a program does"), warning
    package = library.partition(".")[0]  # whose stand-in is empty
    others = [one for one in programs.warnings if one != warning]
    assert all(one.startswith(f"{package} of this version has no") for one in others), others


MEGENGINE = """
import shutil
def save(obj, f, pickle_module=None, pickle_protocol=4):
    if hasattr(f, "write"):
        f.write(repr(obj).encode())
    else:
        open(f, "w").write(repr(obj))
def load(f, map_location=None, pickle_module=None):
    return open(f).read()
"""


def test_megengine_reports_what_it_saves_and_loads(programs: Programs) -> None:
    (programs.folder / "megengine.py").write_text(MEGENGINE)
    (programs.folder / "given.pkl").write_text("{}")
    programs.run(
        """
        import megengine
        megengine.save({"w": 1}, "net.pkl")
        assert megengine.load("given.pkl") == "{}"
        """
    )
    assert (set(programs.files()), set(programs.inputs)) == ({"net"}, {"given"})
    assert programs.outputs["net"].framework == "MegEngine"
