"""Keras 3 on the backend of PyTorch: models, weights, callbacks and the metrics of each epoch."""

from __future__ import annotations

import pytest

from tests.sdk.hooks.frameworks.programs import Programs

pytest.importorskip("torch", reason="it takes gigabytes: make test-frameworks")

KERAS = """
os.environ["KERAS_BACKEND"] = "torch"
import keras, numpy
from keras.models import load_model
x, y = numpy.ones((8, 3)), numpy.ones((8, 1))
def small():
    net = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    net.compile("sgd", "mse", metrics=["mae"])
    return net
net = small()
"""


def test_models_and_weights_are_models_and_each_epoch_has_its_metrics(programs: Programs) -> None:
    programs.run(
        """
        net.fit(x, y, epochs=3, validation_data=(x, y), verbose=0, callbacks=[
            keras.callbacks.ModelCheckpoint("kept-{epoch}.keras"),
            keras.callbacks.BackupAndRestore("backup"),
        ])
        net.evaluate(x, y, verbose=0)
        net.save("net.keras")
        keras.saving.save_model(net, "saved.keras")
        net.save_weights("own.weights.h5")
        net.load_weights("own.weights.h5")
        load_model("given.keras")
        """,
        before=f"{KERAS}\nnet.save('given.keras')",
    )
    names = {"kept-1", "kept-2", "kept-3", "net", "saved", "own.weights"}
    assert set(programs.files()) == names
    assert {model.framework for model in programs.outputs.values()} == {"Keras"}
    assert list(programs.inputs) == ["given"]
    scalars = programs.scalars()
    assert set(scalars) == {(one, of) for one in ("loss", "mae") for of in ("train", "validation")}
    assert [at for at, _ in scalars["loss", "validation"]] == [0, 1, 2]


def test_it_is_switched_by_the_name_of_tensorflow(programs: Programs) -> None:
    programs.run(
        "net.fit(x, y, verbose=0)\nnet.save('net.keras')",
        before=KERAS,
        frameworks={"tensorflow": False},
    )
    assert (programs.outputs, programs.scalars()) == ({}, {})
