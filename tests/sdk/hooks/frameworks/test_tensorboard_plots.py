"""What programs write for TensorBoard with the writers of PyTorch and tensorboardX: images, plots,
histograms, texts, sounds and embeddings."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest
from PIL import Image

from tests.sdk.hooks.frameworks.programs import Programs

WARNING = "What TensorBoard shows as {} is not recorded by the task."


def test_images_of_all_formats_are_samples_as_they_are(programs: Programs, writer: str) -> None:
    programs.run(
        """
        import numpy
        wide = numpy.arange(4 * 6 * 3, dtype=numpy.uint8).reshape(4, 6, 3)
        with SummaryWriter("logs") as writer:
            writer.add_image("all/hwc", wide, 3, dataformats="HWC")
            writer.add_image("all/chw", wide.transpose(2, 0, 1), 4)
            writer.add_image("all/hw", wide[:, :, 0] / 255, 5, dataformats="HW")
            writer.add_images("all/nhwc", numpy.stack([wide, wide]), 6, dataformats="NHWC")
            for _ in range(2):
                writer.add_image("all/counted", wide, dataformats="HWC")
            writer.add_image_with_boxes("all/boxes", wide, numpy.array([[1, 1, 3, 3.0]]), 7,
                                        dataformats="HWC")
        """,
        before=writer,
    )
    wide = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    grey = np.repeat(wide[:, :, :1], 3, axis=2)
    for series, shown in {
        "hwc": {3: wide},
        "chw": {4: wide},
        "hw": {5: grey},
        "nhwc": {6: np.concatenate([wide, wide], axis=1)},
        "counted": {0: wide, 1: wide},
    }.items():
        found = programs.samples("all", series)
        assert {at: path.suffix for at, path in found.items()} == dict.fromkeys(shown, ".png")
        for at, pixels in shown.items():
            drawn = np.asarray(Image.open(found[at]).convert("RGB"))
            np.testing.assert_array_equal(drawn, pixels, strict=True)
    assert list(programs.samples("all", "boxes")) == [7]
    assert programs.warnings == []


def test_figures_are_plots_where_plotly_draws_the_same(programs: Programs, writer: str) -> None:
    programs.run(
        """
        import matplotlib
        matplotlib.use("agg")
        import matplotlib.pyplot as plt
        def drawn(points, **how):
            figure, axes = plt.subplots(subplot_kw=how)
            axes.plot(points)
            return figure
        with SummaryWriter("logs") as writer:
            writer.add_figure("net/loss", drawn([3, 1, 2]), 4)
            writer.add_figure("net/many", [drawn([1, 2]), drawn([2, 1])], global_step=5)
            writer.add_figure("net/counted", drawn([1, 2]), close=False)
            writer.add_figure("net/polar", drawn([1, 2], projection="polar"), 6)
        assert len(plt.get_fignums()) == 1
        """,
        before=writer,
    )
    plots = programs.plots()
    assert set(plots) == {
        ("net", "loss", 4),
        ("net", "many/0", 5),
        ("net", "many/1", 5),
        ("net", "counted", 0),
    }
    assert plots["net", "loss", 4]["data"][0]["y"] == [3, 1, 2]
    assert plots["net", "many/1", 5]["data"][0]["y"] == [2, 1]
    assert list(programs.samples("net", "polar")) == [6]
    assert list(programs.samples("net", "loss")) == []


def test_one_histogram_is_bars_and_several_are_a_surface(programs: Programs, writer: str) -> None:
    programs.run(
        """
        import numpy
        values = numpy.concatenate([numpy.full(900, 0.5), numpy.linspace(-1, 1, 100)])
        with SummaryWriter("logs") as writer:
            writer.add_histogram("net/once", values, 7)
            for step in range(100):
                writer.add_histogram("net/often", values * step, step * 10)
            writer.add_histogram_raw("net/raw", min=0, max=3, num=4, sum=6, sum_squares=14,
                                     bucket_limits=[1, 2, 3], bucket_counts=[1, 0, 3])
            writer.add_histogram("net/same", numpy.full(7, 2.0), 1)
            writer.add_histogram("net/same", numpy.linspace(2, 5, 8), 2)
        """,
        before=writer,
    )
    plots = programs.plots()
    assert set(plots) == {("net", name, 0) for name in ("once", "often", "raw", "same")}
    (bars,) = plots["net", "once", 0]["data"]
    assert sum(bars["y"]) == pytest.approx(1000)
    assert (float(bars["x"][0]), float(bars["x"][-1])) == pytest.approx((-0.98, 0.98), abs=0.01)
    # Half of its column has the many: where bins are narrow, counts are added, not interpolated.
    assert sum(bars["y"][36:39]) > 900
    (raw,) = plots["net", "raw", 0]["data"]
    assert [sum(raw["y"][:17]), sum(raw["y"][34:])] == pytest.approx([1, 3], abs=0.2)
    often = plots["net", "often", 0]
    rows = often["data"][0]["z"]
    assert 24 < len(rows) <= 48
    assert [sum(row) for row in rows] == pytest.approx([1000] * len(rows))
    steps = often["layout"]["scene"]["yaxis"]
    assert steps["ticktext"][0] == "0"
    assert {len(steps["ticktext"]), len(steps["tickvals"])} == {len(rows)}
    same = plots["net", "same", 0]["data"][0]["z"]
    assert [sum(row) for row in same] == pytest.approx([7, 8])


def test_values_that_are_not_finite_do_not_spoil_a_histogram(
    programs: Programs, writer: str
) -> None:
    programs.run(
        """
        with SummaryWriter("logs") as writer:
            for least, greatest in ((float("nan"), float("nan")), (float("-inf"), float("inf"))):
                writer.add_histogram_raw("odd", min=least, max=greatest, num=4, sum=6,
                    sum_squares=1, bucket_limits=[1, 2, 3, 4], bucket_counts=[0, 1, 3, 0])
        """,
        before=writer,
    )
    rows = programs.plots()["odd", "odd", 0]["data"][0]["z"]
    assert [sum(row) for row in rows] == pytest.approx([4, 4])
    assert programs.warnings == []


def test_texts_and_curves_of_precision_are_recorded(programs: Programs, writer: str) -> None:
    programs.run(
        """
        import numpy
        with SummaryWriter("logs") as writer:
            writer.add_text("notes/first", "**bold** \\u00e9", 3)
            labels, found = numpy.array([1, 1, 0, 0]), numpy.array([0.9, 0.6, 0.7, 0.1])
            writer.add_pr_curve("net/pr", labels, found, 2, num_thresholds=11)
        """,
        before=writer,
    )
    ((at, path),) = programs.samples("notes", "first").items()
    assert (at, path.suffix, path.read_text()) == (3, ".txt", "**bold** é")
    (trace,) = programs.plots()["net", "pr", 2]["data"]
    points = {
        label: (x, y) for label, x, y in zip(trace["text"], trace["x"], trace["y"], strict=True)
    }
    assert points["threshold 0"] == pytest.approx((1, 0.5))
    assert points["threshold 0.6"] == pytest.approx((1, 2 / 3), abs=1e-6)
    assert points["threshold 0.8"] == pytest.approx((0.5, 1))


def test_sounds_and_videos_are_samples(programs: Programs, writer: str) -> None:
    pytest.importorskip("moviepy", reason="writers need it for a video")
    pytest.importorskip("soundfile", reason="tensorboardX needs it for a sound")
    programs.run(
        """
        import numpy
        with SummaryWriter("logs") as writer:
            sound = numpy.sin(numpy.arange(800) / 10)
            writer.add_audio("out/sound", sound.reshape(sound_shape), 3, sample_rate=8000)
            video = numpy.zeros((1, 4, 3, 16, 16), numpy.uint8)
            writer.add_video("out/video", video, 4)
        """,
        before=f"""{writer}
is_torch = SummaryWriter.__module__.startswith("torch")
sound_shape = (1, 800) if is_torch else (800,)""",
    )
    ((at, sound),) = programs.samples("out", "sound").items()
    assert (at, sound.suffix, sound.read_bytes()[:4]) == (3, ".wav", b"RIFF")
    for at, video in programs.samples("out", "video").items():  # torch: of moviepy 1 only
        assert (at, video.suffix, video.read_bytes()[:4]) == (4, ".gif", b"GIF8")


def test_an_embedding_is_an_artifact(programs: Programs, writer: str) -> None:
    programs.run(
        """
        import numpy
        with SummaryWriter("logs") as writer:
            for step in range(2):
                writer.add_embedding(numpy.eye(3) * step, ["a", "b", "c"], global_step=step,
                                     tag="a/b")
            writer.add_embedding(numpy.eye(2))
        """,
        before=writer,
    )
    artifacts = programs.task.artifacts
    assert set(artifacts) == {"embedding_a/b", "embedding_default"}
    with zipfile.ZipFile(artifacts["embedding_a/b"].get_local_copy(extract_archive=False)) as file:
        assert set(file.namelist()) == {"tensors.tsv", "metadata.tsv"}
        rows = file.read("tensors.tsv").decode().splitlines()
    assert [row.split() for row in rows] == np.eye(3).astype(str).tolist()


def test_what_cannot_be_shown_is_said_once(programs: Programs, writer: str) -> None:
    programs.run(
        """
        import numpy
        with SummaryWriter("logs") as writer:
            for step in range(2):
                writer.add_mesh("net/mesh", numpy.zeros((1, 3, 3)), global_step=step)
                writer.add_custom_scalars({"a": {"b": ["Multiline", ["loss/.*"]]}})
        """,
        before=writer,
    )
    where = " It is in the log directory of the writer only."
    assert programs.warnings == [
        f"{WARNING.format('mesh')}{where}",
        f"{WARNING.format('custom_scalars')}{where}",
    ]
