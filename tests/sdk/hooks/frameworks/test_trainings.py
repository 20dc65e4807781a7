"""Trainings like real ones: what is recorded compared with what the library says that it did."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.sdk.hooks.frameworks.programs import Programs

DATA = """
import json, warnings
warnings.simplefilter("ignore")
import numpy
x = numpy.random.default_rng(0).normal(size=(64, 3)).astype("float32")
y = (x[:, :1] > 0).astype("float32")
def done(what):
    Path("done.json").write_text(json.dumps(what, default=float))
"""


def done(programs: Programs) -> Any:
    """What the program has noted of its training."""
    return json.loads((programs.folder / "done.json").read_text())


def points(values: list[float]) -> list[Any]:
    return [(at, pytest.approx(value, rel=1e-5)) for at, value in enumerate(values)]


@pytest.mark.parametrize("library", ["xgboost", "lightgbm", "catboost"])
def test_metrics_of_boosting_are_those_of_its_results(programs: Programs, library: str) -> None:
    pytest.importorskip(library)
    trainings = {
        "xgboost": """
            model = xgboost.XGBClassifier(
                n_estimators=50, eval_metric=["logloss", "error"], early_stopping_rounds=2,
                callbacks=[xgboost.callback.TrainingCheckPoint("kept", interval=1)])
            os.mkdir("kept")
            model.fit(x, y[:, 0], eval_set=[(x, y[:, 0]), (x + 1, y[:, 0])], verbose=False)
            done(model.evals_result())
            """,
        "lightgbm": """
            model = lightgbm.LGBMClassifier(n_estimators=50, verbose=-1)
            model.fit(x, y[:, 0], eval_set=[(x, y[:, 0]), (x + 1, y[:, 0])],
                      eval_metric=["auc", "binary_error"],
                      callbacks=[lightgbm.early_stopping(2, verbose=False)])
            done(model.evals_result_)
            """,
        "catboost": """
            model = catboost.CatBoostClassifier(
                iterations=5, verbose=False, eval_metric="AUC", allow_writing_files=False)
            model.fit(x, y, eval_set=[(x, y), (x + 1, y)])
            done(model.get_evals_result())
            """,
    }
    programs.run(trainings[library], before=f"{DATA}\nimport {library}")
    wanted = {
        (metric, data): points(values)
        for data, metrics in done(programs).items()
        for metric, values in metrics.items()
    }
    assert len(wanted) > 3
    assert programs.scalars() == wanted
    for name, model in programs.outputs.items():
        assert model.iteration == int(re.findall(r"\d+", name)[-1])


def test_a_fit_of_keras_has_its_history_and_its_best_weights(programs: Programs) -> None:
    pytest.importorskip("torch")
    programs.run(
        """
        net = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
        net.compile("sgd", "mse", metrics=["mae"])
        history = net.fit(x, y, epochs=6, validation_split=0.25, verbose=0, callbacks=[
            keras.callbacks.ModelCheckpoint("best.keras", save_best_only=True),
            keras.callbacks.EarlyStopping(patience=1),
            keras.callbacks.CSVLogger("log.csv")])
        done(history.history)
        """,
        before=f'{DATA}\nos.environ["KERAS_BACKEND"] = "torch"\nimport keras',
    )
    history = done(programs)
    assert programs.scalars() == {
        (metric, series): points(history[f"{prefix}{metric}"])
        for metric in ("loss", "mae")
        for series, prefix in (("train", ""), ("validation", "val_"))
    }
    assert list(programs.files()) == ["best"]
    best = min(range(len(history["val_loss"])), key=history["val_loss"].__getitem__)
    assert programs.outputs["best"].iteration == best


def test_a_fit_of_lightning_has_what_it_logs(programs: Programs) -> None:
    pytest.importorskip("lightning")
    programs.run(
        """
        noted = {"loss": [], "val/loss": []}
        class Net(pl.LightningModule):
            def __init__(self):
                super().__init__()
                self.layer = torch.nn.Linear(3, 1)
            def note(self, name, batch):
                loss = (self.layer(batch[0]) - batch[1]).pow(2).mean()
                self.log(name, loss)
                if not self.trainer.sanity_checking:
                    noted[name].append((self.global_step, loss.item()))
                return loss
            def training_step(self, batch, _):
                return self.note("loss", batch)
            def validation_step(self, batch, _):
                return self.note("val/loss", batch)
            def configure_optimizers(self):
                return torch.optim.SGD(self.parameters(), lr=0.1)
        pairs = torch.utils.data.TensorDataset(torch.tensor(x), torch.tensor(y))
        def batches(size):
            return torch.utils.data.DataLoader(pairs, batch_size=size)
        keep = pl.callbacks.ModelCheckpoint("kept", "{step}", monitor="val/loss", save_top_k=2)
        training = pl.Trainer(
            accelerator="cpu", max_epochs=3, log_every_n_steps=1, callbacks=[keep],
            logger=TensorBoardLogger("logs"), enable_progress_bar=False)
        training.fit(Net(), batches(16), batches(64))
        done([noted, keep.best_model_path])
        """,
        before=f"""{DATA}
import torch, lightning.pytorch as pl
from lightning.pytorch.loggers import TensorBoardLogger""",
    )
    noted, best = done(programs)
    scalars = programs.scalars()
    assert [at for at, _ in noted["loss"]] == list(range(12))
    assert scalars["loss", "loss"] == points([one for _, one in noted["loss"]])
    validation: list[Any] = [(at - 1, pytest.approx(one)) for at, one in noted["val/loss"]]
    assert scalars["val", "loss"] == validation
    files = {str(path): name for name, path in programs.files().items()}
    assert len(files) == 2
    assert files[best].startswith("step=")
    assert {model.iteration for model in programs.outputs.values()} <= {3, 7, 11}


def test_a_trainer_of_transformers_has_its_history(programs: Programs) -> None:
    pytest.importorskip("transformers", reason="it takes gigabytes: make test-frameworks")
    programs.run(
        """
        class Net(PreTrainedModel):
            config_class = PretrainedConfig
            def __init__(self, config):
                super().__init__(config)
                self.layer = torch.nn.Linear(3, 1)
                self.post_init()
            def forward(self, x, labels=None):
                out = self.layer(x)
                return {"loss": (out - labels).pow(2).mean(), "logits": out}
        data = [{"x": torch.tensor(one), "labels": torch.tensor(two)} for one, two in zip(x, y)]
        given = TrainingArguments(
            "out", num_train_epochs=3, per_device_train_batch_size=16, logging_steps=1,
            use_cpu=True, eval_strategy="epoch", save_strategy="epoch", save_total_limit=1,
            load_best_model_at_end=True, report_to=["tensorboard"], disable_tqdm=True)
        trainer = Trainer(Net(PretrainedConfig()), given, train_dataset=data, eval_dataset=data)
        trainer.train()
        trainer.save_model("final")
        done(trainer.state.log_history)
        """,
        before=f"""{DATA}
import torch
from transformers import PretrainedConfig, PreTrainedModel, Trainer, TrainingArguments""",
    )
    wanted: dict[tuple[str, str], list[Any]] = {}
    for logged in done(programs):
        step = logged.pop("step")
        for name, value in logged.items():
            title, series = ("eval", name[5:]) if name.startswith("eval_") else ("train", name)
            wanted.setdefault((title, series), []).append((step, pytest.approx(value, rel=1e-5)))
    scalars = programs.scalars()
    assert len(wanted["train", "loss"]) == 12
    assert {name: scalars.get(name) for name in wanted} == wanted
    assert "final" in programs.files()


def test_a_fit_of_fastai_has_what_it_recorded(programs: Programs) -> None:
    pytest.importorskip("fastai", reason="it takes gigabytes: make test-frameworks")
    programs.run(
        """
        pairs = [(torch.tensor(one), torch.tensor(two)) for one, two in zip(x, y)]
        loaders = DataLoaders(*(DataLoader(TfmdLists(pairs, []), bs=16) for _ in "tv"))
        learner = Learner(loaders, torch.nn.Linear(3, 1), loss_func=torch.nn.MSELoss(), path=".")
        with learner.no_bar(), learner.no_logging():
            learner.fit(2, 0.1, cbs=[
                SaveModelCallback(every_epoch=True),
                TensorBoardCallback("logs", trace_model=False, log_preds=False)])
        learner.export("learner.pkl")
        done([valid_loss for _, valid_loss in learner.recorder.values])
        """,
        before=f"""{DATA}
import torch
from fastai.callback.tensorboard import TensorBoardCallback
from fastai.callback.tracker import SaveModelCallback
from fastai.data.all import DataLoader, DataLoaders, TfmdLists
from fastai.learner import Learner""",
    )
    wanted = {4: pytest.approx(done(programs)[0]), 8: pytest.approx(done(programs)[1])}
    assert dict(programs.scalars()["valid_loss", "valid_loss"]) == wanted
    assert set(programs.files()) == {"model_0", "model_1", "learner"}
