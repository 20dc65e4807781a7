"""The progress of tasks that train with Lightning, Keras or transformers."""

from __future__ import annotations

import pytest

from tests.sdk.hooks.frameworks.programs import Programs
from tests.sdk.hooks.progress.test_bars import AT_ONCE, progress, seen

pytest.importorskip("torch", reason="it takes gigabytes: make test-frameworks")

LIGHTNING = f"""
{AT_ONCE}
import torch
import {{library}} as lightning
from {{callbacks}} import Callback, EarlyStopping, RichProgressBar, TQDMProgressBar
class Look(Callback):
    def on_train_batch_start(self, *_):
        print("at", task.get_progress())
class Net(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)
    def training_step(self, batch, _):
        return self.layer(batch[0]).mean()
    def validation_step(self, batch, _):
        self.log("constant", 1.0)
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)
data = torch.utils.data.TensorDataset(torch.ones(8, 2))
data = torch.utils.data.DataLoader(data, batch_size=2)
def fit(*callbacks, **how):
    trainer = lightning.Trainer(
        **how, callbacks=[Look(), *callbacks], accelerator="cpu",
        logger=False, enable_checkpointing=False,
    )
    trainer.fit(Net(), data, data)
"""
LIBRARIES = {
    "lightning": "lightning.pytorch.callbacks",
    "pytorch_lightning": "pytorch_lightning.callbacks",
}
#: of 4 batches each
TWO_EPOCHS = [0, 12.5, 25, 37.5, 50, 62.5, 75, 87.5, 100]


def lightning(library: str) -> str:
    return LIGHTNING.format(library=library, callbacks=LIBRARIES[library])


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_fit_of_lightning_is_followed_by_its_batches(programs: Programs, library: str) -> None:
    assert progress(programs, "fit(max_epochs=2)", before=lightning(library)) == 100
    assert seen(programs) == TWO_EPOCHS


def test_bars_of_lightning_do_not_count(programs: Programs) -> None:
    script = "fit(RichProgressBar(), max_epochs=2)"
    assert progress(programs, script, before=lightning("lightning")) == 100
    assert seen(programs) == TWO_EPOCHS


def test_steps_count_where_they_end_the_fit(programs: Programs) -> None:
    assert progress(programs, "fit(max_steps=5)", before=lightning("lightning")) == 100
    assert seen(programs) == [0, 20, 40, 60, 80, 100]


def test_a_fit_that_stops_early_stays_where_it_was(programs: Programs) -> None:
    script = "fit(EarlyStopping('constant', patience=1), max_epochs=8)"
    assert progress(programs, script, before=lightning("lightning")) == 25


KERAS = f"""
{AT_ONCE}
os.environ["KERAS_BACKEND"] = "torch"
import keras, numpy
x, y = numpy.ones((8, 3)), numpy.ones((8, 1))
net = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
net.compile("sgd", "mse")
look = keras.callbacks.LambdaCallback(
    on_train_batch_begin=lambda *_, **__: print("at", task.get_progress())
)
how = {{"batch_size": 2, "verbose": 0, "callbacks": [look]}}
"""


def test_a_fit_of_keras_is_followed_by_its_batches(programs: Programs) -> None:
    script = "net.fit(x, y, epochs=2, validation_data=(x, y), **how)\nnet.evaluate(x, y, verbose=0)"
    assert progress(programs, script, before=KERAS) == 100
    assert seen(programs) == TWO_EPOCHS


def test_a_fit_of_keras_that_fails_is_over(programs: Programs) -> None:
    script = """
    def fail(epoch, _):
        raise RuntimeError
    stop = keras.callbacks.LambdaCallback(on_epoch_end=fail)
    try:
        net.fit(x, y, epochs=4, batch_size=2, callbacks=[stop], verbose=0)
    except RuntimeError:
        print("at", task.get_progress())
    from tqdm import tqdm
    for _ in tqdm(range(2), mininterval=0, miniters=1):  # not within the fit
        net.fit(x, y, epochs=50, verbose=0)
    """
    assert progress(programs, script, before=KERAS) == 100
    assert seen(programs) == [25, 100]


TRANSFORMERS = f"""
{AT_ONCE}
import torch
from transformers import PretrainedConfig, PreTrainedModel
from transformers import Trainer, TrainerCallback, TrainingArguments
class Net(PreTrainedModel):
    config_class = PretrainedConfig
    def __init__(self, config):
        super().__init__(config)
        self.layer = torch.nn.Linear(2, 1)
        self.post_init()
    def forward(self, x, labels=None):
        return {{"loss": self.layer(x).mean()}}
class Look(TrainerCallback):
    def on_step_begin(self, *_, **__):
        print("at", task.get_progress())
data = [{{"x": torch.ones(2), "labels": torch.ones(1)}} for _ in range(8)]
"""


def test_a_training_of_transformers_is_followed_by_its_steps(programs: Programs) -> None:
    pytest.importorskip("transformers", reason="it takes gigabytes: make test-frameworks")
    script = """
    given = TrainingArguments(
        "out", num_train_epochs=2, per_device_train_batch_size=2, report_to=[], use_cpu=True,
        save_strategy="no", eval_strategy="epoch",
    )
    trainer = Trainer(
        Net(PretrainedConfig()), given, train_dataset=data, eval_dataset=data, callbacks=[Look()]
    )
    trainer.train()
    """
    assert progress(programs, script, before=TRANSFORMERS) == 100
    assert seen(programs) == sorted(seen(programs))  # tqdm draws when it wants to
    assert len(seen(programs)) == 9
