"""What programs write for TensorBoard with TensorFlow, and with the callback of Keras."""

from __future__ import annotations

import pytest

from tests.sdk.hooks.frameworks.programs import Programs

pytest.importorskip("tensorflow", reason="it takes gigabytes: make test-frameworks")

TENSORFLOW = """
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import tensorflow as tf
import numpy
"""


def test_what_is_written_at_once_is_recorded(programs: Programs) -> None:
    programs.run(
        """
        train = tf.summary.create_file_writer("logs/train")
        val = tf.summary.create_file_writer("logs/val")
        with train.as_default():
            for step in range(3):
                tf.summary.scalar("loss", 0.1 * step, step=step)
                tf.summary.scalar("a/b/c", tf.constant(0.5), tf.Variable(step, dtype=tf.int64))
                tf.summary.histogram("net/weights", tf.range(100.0) * step, step=step)
            image = numpy.arange(48, dtype=numpy.uint8).reshape(1, 4, 4, 3)
            tf.summary.image("all/one", image, step=4)
            tf.summary.image("all/some", numpy.concatenate([image] * 3), step=5, max_outputs=2)
            tf.summary.text("notes/a", "hello", step=6)
            tf.summary.audio("out/sound", numpy.zeros((1, 80, 1), "float32"), 8000, step=7)
        with val.as_default(step=8):
            tf.summary.scalar("loss", 5.0)
        """,
        before=TENSORFLOW,
    )
    assert programs.scalars() == {
        ("loss", "loss"): [(0, 0.0), (1, 0.1), (2, 0.2)],
        ("a_b", "c"): [(0, 0.5), (1, 0.5), (2, 0.5)],
        ("loss", "val: loss"): [(8, 5.0)],
    }
    rows = programs.plots()["net", "weights", 0]["data"][0]["z"]
    assert [sum(row) for row in rows] == pytest.approx([100, 100, 100])
    for series, at, end in (("one", 4, ".png"), ("some/0", 5, ".png"), ("some/1", 5, ".png")):
        ((found_at, path),) = programs.samples("all", series).items()
        assert (found_at, path.suffix) == (at, end)
    assert programs.samples("notes", "a")[6].read_text() == "hello"
    assert programs.samples("out", "sound")[7].read_bytes()[:4] == b"RIFF"


def test_writers_that_were_made_before_the_task_are_told_apart(programs: Programs) -> None:
    programs.run(
        """
        for value, writer in enumerate(early):
            with writer.as_default():
                tf.summary.scalar("loss", value, step=1)
                tf.summary.scalar("loss", value, step=2)
        """,
        before=f"""{TENSORFLOW}
early = [tf.summary.create_file_writer("logs/" + name) for name in ("train", "val")]""",
    )
    assert programs.scalars() == {
        ("loss", "loss"): [(1, 0.0), (2, 0.0)],
        ("loss", "writer 2: loss"): [(1, 1.0), (2, 1.0)],
    }


def test_what_a_function_writes_is_recorded_as_often_as_it_is_written(programs: Programs) -> None:
    programs.run(
        """
        writer = tf.summary.create_file_writer("logs")
        @tf.function
        def train(x, step):
            with writer.as_default():
                tf.summary.scalar("net/loss", x, step=step)
                tf.summary.image("net/image", tf.random.uniform([1, 4, 4, 3]), step=step)
                tf.summary.text("net/text", tf.strings.as_string(step), step=step)
                with tf.summary.record_if(step % 2 == 0):
                    tf.summary.scalar("net/even", x, step=step)
        for step in range(4):
            train(tf.constant(step / 4), tf.constant(step, tf.int64))
        task.close()
        train(tf.constant(9.0), tf.constant(9, tf.int64))
        """,
        before=TENSORFLOW,
    )
    assert programs.scalars() == {
        ("net", "loss"): [(step, step / 4) for step in range(4)],
        ("net", "even"): [(0, 0.0), (2, 0.5)],
    }
    assert set(programs.samples("net", "image")) == {0, 1, 2, 3}
    texts = programs.samples("net", "text")
    assert {at: path.read_text() for at, path in texts.items()} == {at: str(at) for at in range(4)}


def test_the_writer_of_tensorflow_1_is_recorded(programs: Programs) -> None:
    programs.run(
        """
        v1 = tf.compat.v1
        with tf.Graph().as_default() as graph, v1.Session() as session:
            writer = v1.summary.FileWriter("logs", graph)
            value = v1.placeholder(tf.float32, [])
            merged = v1.summary.merge([
                v1.summary.scalar("net/loss", value),
                v1.summary.histogram("net/weights", tf.range(10.0)),
                v1.summary.image("net/image", tf.random.uniform([1, 4, 4, 3])),
                v1.summary.text("net/text", tf.constant("hello")),
            ])
            for step in range(3):
                writer.add_summary(session.run(merged, {value: step / 4}), step)
            writer.close()
        """,
        before=TENSORFLOW,
    )
    assert programs.scalars() == {("net", "loss"): [(step, step / 4) for step in range(3)]}
    rows = programs.plots()["net", "weights", 0]["data"][0]["z"]
    assert [sum(row) for row in rows] == pytest.approx([10, 10, 10])
    assert set(programs.samples("net_image_image", "0")) == {0, 1, 2}
    assert set(programs.samples("net", "text")) == {0, 1, 2}


def test_the_callback_of_keras_is_recorded(programs: Programs) -> None:
    programs.run(
        """
        x, y = numpy.ones((32, 3)), numpy.ones((32, 1))
        net = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
        net.compile("sgd", "mse")
        net.fit(x, y, epochs=3, batch_size=8, validation_data=(x, y), verbose=0, callbacks=[
            keras.callbacks.TensorBoard("logs", histogram_freq=1, update_freq=2)])
        """,
        before=f"{TENSORFLOW}\nimport keras",
    )
    scalars = programs.scalars()
    own = {of: [value for _, value in scalars["loss", of]] for of in ("train", "validation")}
    for series, of in (("epoch_loss", "train"), ("validation: epoch_loss", "validation")):
        points = scalars["epoch_loss", series]
        assert [at for at, _ in points] == [0, 1, 2]
        assert [value for _, value in points] == pytest.approx(own[of])
    assert scalars["batch_loss", "batch_loss"]
    assert any(series == "histogram" for _, series, _ in programs.plots())
    assert not any("What TensorBoard shows" in line for line in programs.warnings)


def test_hyperparameters_of_the_plugin_are_parameters(programs: Programs) -> None:
    programs.run(
        """
        with tf.summary.create_file_writer("logs").as_default():
            hp.hparams({"lr": 0.5, hp.HParam("units"): 32})
        """,
        before=f"{TENSORFLOW}\nfrom tensorboard.plugins.hparams import api as hp",
    )
    assert programs.task.get_parameters() == {"TB_hparams/lr": 0.5, "TB_hparams/units": 32}


def test_it_is_switched_off_by_the_name_of_tensorboard(programs: Programs) -> None:
    programs.run(
        """
        with tf.summary.create_file_writer("logs").as_default():
            tf.summary.scalar("loss", 1.0, step=1)
        """,
        before=TENSORFLOW,
        frameworks={"tensorboard": False},
    )
    assert programs.scalars() == {}
