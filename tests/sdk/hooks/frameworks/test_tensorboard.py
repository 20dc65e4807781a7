"""What programs write for TensorBoard with the writers of PyTorch and tensorboardX: numbers."""

from __future__ import annotations

import math

import pytest

from tests.sdk.hooks.frameworks.programs import Programs
from tests.sdk.hooks.frameworks.writers import importing


def test_a_tag_is_a_title_and_a_series_and_the_step_the_iteration(
    programs: Programs, writer: str
) -> None:
    programs.run(
        """
        import numpy
        with SummaryWriter("logs") as writer:
            for step in range(3):
                writer.add_scalar("loss/train", 0.1 * step, step * 10)
                writer.add_scalar("a/b/c", numpy.float32(0.25), numpy.int64(step))
                writer.add_scalar("plain", numpy.array([step]), global_step=step, walltime=3)
                writer.add_scalar("counted", -step)
            writer.add_scalar("odd/nan", float("nan"), 5)
            writer.add_scalar("odd/large", 123456789.0, -1)
            writer.add_scalar("/", 1, 2)
        """,
        before=writer,
    )
    scalars = programs.scalars()
    ((at, nan),) = scalars.pop(("odd", "nan"))
    assert at == 5
    assert math.isnan(nan)
    assert scalars == {
        ("loss", "train"): [(0, 0.0), (10, 0.1), (20, 0.2)],
        ("a_b", "c"): [(0, 0.25), (1, 0.25), (2, 0.25)],
        ("plain", "plain"): [(0, 0.0), (1, 1.0), (2, 2.0)],
        ("counted", "counted"): [(0, 0.0), (1, -1.0), (2, -2.0)],
        ("odd", "large"): [(-1, 123456792.0)],  # of 32 bits, as in the file
        ("untagged", "untagged"): [(2, 1.0)],
    }
    assert "".join(programs.warnings) in ("", "NaN or Inf found in input tensor.")  # tensorboardX's


def test_several_scalars_are_series_of_one_title(programs: Programs, writer: str) -> None:
    programs.run(
        """
        writer = SummaryWriter("logs")
        for step in range(2):
            writer.add_scalars("run", {"sin": step, "cos": -step}, step)
            writer.add_scalars("deep/run", {"sin/x": 2 * step})
        writer.add_scalar("run/sin", 7, 0)
        writer.close()
        """,
        before=writer,
    )
    assert programs.scalars() == {
        ("run", "sin"): [(0, 0.0), (1, 1.0)],
        ("run", "cos"): [(0, 0.0), (1, -1.0)],
        ("deep_run", "sin/x"): [(0, 0.0), (1, 2.0)],
        ("run", "sin (run/sin)"): [(0, 7.0)],
    }


def test_a_tag_of_a_second_writer_has_its_log_directory(programs: Programs, writer: str) -> None:
    programs.run(
        """
        for name in ("logs/train", "logs/val", "logs/val", "others/logs/val", "logs", "."):
            with SummaryWriter(name) as writer:
                writer.add_scalar("loss", len(name))
        with SummaryWriter("logs/train") as writer:
            writer.add_scalar("a/b/c", 1)
            writer.add_scalar("a_b/c", 2)
        """,
        before=writer,
    )
    assert programs.scalars() == {
        ("loss", "loss"): [(0, 10.0)],
        ("loss", "val: loss"): [(0, 8.0), (1, 8.0)],
        ("loss", "others/val: loss"): [(0, 15.0)],
        ("loss", "logs: loss"): [(0, 4.0)],
        ("loss", ".: loss"): [(0, 1.0)],
        ("a_b", "c"): [(0, 1.0)],
        ("a_b", "c (a_b/c)"): [(0, 2.0)],
    }


def test_a_writer_counts_that_was_made_before_the_task_and_none_after_it(
    programs: Programs, writer: str
) -> None:
    programs.run(
        """
        early.add_scalar("loss", 2, 2)
        assert FileWriter.add_event is not kept
        task.close()
        assert FileWriter.add_event is kept
        early.add_scalar("loss", 3, 3)
        early.close()
        """,
        before=f"""{writer}
early = SummaryWriter("logs")
early.add_scalar("loss", 1, 1)
FileWriter = sys.modules[SummaryWriter.__module__].FileWriter
kept = FileWriter.add_event""",
    )
    assert programs.scalars() == {("loss", "loss"): [(2, 2.0)]}
    assert programs.warnings == []


def test_a_forked_worker_reports_what_it_writes(programs: Programs, writer: str) -> None:
    programs.run(
        """
        import multiprocessing, numpy
        def work(number):
            with SummaryWriter(f"logs/{number}") as writer:
                for step in range(50):
                    writer.add_scalar(f"loss/{number}", step, step)
                for name in range(3):
                    writer.add_histogram(f"weights/{number}{name}", numpy.arange(3), 1)
        workers = [multiprocessing.get_context("fork").Process(target=work, args=(number,))
                   for number in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
            assert worker.exitcode == 0
        """,
        before=writer,
    )
    points = [(step, float(step)) for step in range(50)]
    assert programs.scalars() == {("loss", "0"): points, ("loss", "1"): points}
    names = ("00", "01", "02", "10", "11", "12")
    assert set(programs.plots()) == {("weights", name, 0) for name in names}


def test_errors_of_the_library_are_those_of_the_program(programs: Programs, writer: str) -> None:
    programs.run(
        """
        writer = SummaryWriter("logs")
        def refused(call, *given):
            try:
                call(*given)
            except Exception as error:
                return str(error)
        assert refused(writer.add_scalar, "loss", [1, 2])
        assert "add_scalars() missing 2 required positional" in refused(writer.add_scalars)
        assert "add_figure() missing 1 required positional" in refused(writer.add_figure, "a")
        assert "dictionary" in refused(writer.add_hparams, [], [])
        assert "items" in refused(writer.add_scalars, "a", 3)
        assert refused(writer.add_scalars, "a", {"x": 1, "y": [1, 2]})
        assert refused(writer.add_embedding, [[1]], ["a", "b"])
        writer.add_scalar("loss", 1, 1)
        writer.close()
        """,
        before=writer,
    )
    assert programs.scalars() == {("loss", "loss"): [(1, 1.0)], ("a", "x"): [(0, 1.0)]}
    assert programs.warnings == []


def test_an_error_of_a_report_is_one_warning(programs: Programs, writer: str) -> None:
    programs.run(
        """
        import numpy
        def broken(*_, **__):
            raise OSError("no report")
        type(task.get_logger()).report_scalar = broken
        with SummaryWriter("logs") as writer:
            for step in range(3):
                writer.add_scalar("loss", step, step)
                writer.add_scalars("losses", {"a": step}, step)
            writer.add_histogram("kept", numpy.arange(3), 1)
        """,
        before=writer,
    )
    assert programs.warnings[0] == "Something that is written for TensorBoard is not recorded."
    assert [line for line in programs.warnings if line.startswith("OSError")] == [
        "OSError: no report"
    ]
    assert set(programs.plots()) == {("kept", "kept", 0)}


@pytest.mark.parametrize("frameworks", [False, {"tensorboard": False}])
def test_it_is_switched_off_by_name(programs: Programs, writer: str, frameworks: object) -> None:
    programs.run(
        """
        assert sys.modules[SummaryWriter.__module__].FileWriter.add_event is kept
        with SummaryWriter("logs") as writer:
            writer.add_scalar("loss", 1, 1)
            writer.add_hparams({"lr": 1}, {"score": 1})
        """,
        before=f"{writer}\nkept = sys.modules[SummaryWriter.__module__].FileWriter.add_event",
        frameworks=frameworks,
    )
    assert programs.scalars() == {}
    assert programs.task.get_parameters() == {}


def test_a_number_of_64_bits_stays_one(programs: Programs) -> None:
    programs.run(
        """
        import torch
        with SummaryWriter("logs") as writer:
            writer.add_scalar("new", torch.tensor(0.1), 1, new_style=True)
            writer.add_scalar("double", 0.12345678901, 1, new_style=True, double_precision=True)
        """,
        before=importing("torch.utils.tensorboard"),
    )
    assert programs.scalars() == {
        ("new", "new"): [(1, 0.1)],
        ("double", "double"): [(1, 0.12345678901)],
    }


def test_steps_that_a_writer_purges_are_named(programs: Programs, writer: str) -> None:
    programs.run(
        """
        with SummaryWriter("logs", purge_step=3) as writer:
            writer.add_scalar("loss", 1, 3)
        """,
        before=writer,
    )
    assert programs.scalars() == {("loss", "loss"): [(3, 1.0)]}
    assert programs.warnings == [
        "The points from step 3 on, which a writer purges for TensorBoard, stay recorded."
    ]
