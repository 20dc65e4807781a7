"""TensorFlow: models of `tf.saved_model`, and those that Keras exports by it."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from tests.sdk.hooks.frameworks.programs import Programs

pytestmark = pytest.mark.skipif(
    find_spec("tensorflow") is None, reason="it takes gigabytes: make test-frameworks"
)

TENSORFLOW = """
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import tensorflow
from tensorflow.saved_model import save
class Doubling(tensorflow.Module):
    def __init__(self):
        super().__init__()
        self.factor = tensorflow.Variable(2.0)
    @tensorflow.function(input_signature=[tensorflow.TensorSpec([], tensorflow.float32)])
    def __call__(self, value):
        return self.factor * value
"""


def test_saved_models_are_models_a_folder_each(programs: Programs) -> None:
    programs.run(
        """
        tensorflow.saved_model.save(Doubling(), "own")
        save(Doubling(), export_dir="second")
        assert float(tensorflow.saved_model.load("given")(tensorflow.constant(3.0))) == 6.0
        net = tensorflow.keras.Sequential(
            [tensorflow.keras.Input((3,)), tensorflow.keras.layers.Dense(1)])
        net.export("exported")
        net.save("net.keras")
        """,
        before=f"{TENSORFLOW}\nsave(Doubling(), 'given')",
    )
    kinds = {name: (model.framework, model.is_package) for name, model in programs.outputs.items()}
    folder = ("TensorFlow", True)
    keras = ("Keras", False)
    assert kinds == {"own": folder, "second": folder, "exported": folder, "net": keras}
    assert list(programs.inputs) == ["given"]


def test_its_name_switches_it_off(programs: Programs) -> None:
    programs.run("save(Doubling(), 'own')", before=TENSORFLOW, frameworks={"tensorflow": False})
    assert programs.outputs == {}
