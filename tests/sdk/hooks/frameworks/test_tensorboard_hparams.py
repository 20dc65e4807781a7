"""Hyperparameters that programs write for TensorBoard, and the metrics that go with them."""

from __future__ import annotations

import pytest

from tests.sdk.hooks.frameworks.programs import Programs
from tests.sdk.hooks.frameworks.writers import importing

MORE_THAN_ONCE = "Hyperparameters are written for TensorBoard more than once with other values:"


def test_hyperparameters_are_parameters_with_their_types(programs: Programs, writer: str) -> None:
    programs.run(
        """
        with SummaryWriter("logs") as writer:
            given = {"lr": 0.1, "layers": 3, "name": "net", "is_deep": True, "optimizer/b": 1.0,
                     "api_key": "sk-1234567890abcdef"}
            writer.add_hparams(given, {"score/best": 0.9, "loss": 2})
            writer.add_hparams(dict(given), {})
        """,
        before=writer,
    )
    parameters = programs.task.get_parameters(cast=True)
    hidden = parameters.pop("TB_hparams/api_key")
    assert "1234567890" not in str(hidden)
    assert parameters == {
        "TB_hparams/lr": 0.1,
        "TB_hparams/layers": 3,
        "TB_hparams/name": "net",
        "TB_hparams/is_deep": True,
        "TB_hparams/optimizer/b": 1.0,
    }
    assert type(parameters["TB_hparams/layers"]) is int
    assert type(parameters["TB_hparams/optimizer/b"]) is float
    assert programs.task.get_reported_single_values() == {"score/best": 0.9, "loss": 2.0}
    assert programs.warnings == []


def test_metrics_of_a_step_are_scalars_of_the_writer(programs: Programs, writer: str) -> None:
    programs.run(
        """
        with SummaryWriter("logs") as writer:
            writer.add_scalar("score/best", 0.25, 1)
            writer.add_hparams({"lr": 0.1}, {"score/best": 0.5}, global_step=2)
            writer.add_hparams({"lr": 0.2}, {"score/best": 0.75}, global_step=3)
        """,
        before=writer,
    )
    assert programs.scalars() == {("score", "best"): [(1, 0.25), (2, 0.5), (3, 0.75)]}
    assert programs.task.get_parameters() == {"TB_hparams/lr": 0.2}
    assert [line.startswith(MORE_THAN_ONCE) for line in programs.warnings] == [True]


def test_report_hparams_switches_parameters_alone(programs: Programs, writer: str) -> None:
    programs.run(
        """
        with SummaryWriter("logs") as writer:
            writer.add_hparams({"lr": 0.1}, {"score": 0.5})
        """,
        before=writer,
        frameworks={"tensorboard": {"report_hparams": False}},
    )
    assert programs.task.get_parameters() == {}
    assert programs.task.get_reported_single_values() == {"score": 0.5}


def test_lightning_writes_them_with_its_logger(programs: Programs) -> None:
    pytest.importorskip("lightning", reason="it takes gigabytes: make test-frameworks")
    programs.run(
        """
        from lightning.pytorch.loggers import TensorBoardLogger
        logger = TensorBoardLogger("logs")
        logger.log_hyperparams({"lr": 0.5, "net": {"layers": 3}})
        logger.log_metrics({"loss/train": 0.25}, 4)
        logger.save()
        """,
        before=importing("torch.utils.tensorboard"),
    )
    assert programs.task.get_parameters() == {"TB_hparams/lr": 0.5, "TB_hparams/net/layers": 3}
    assert programs.scalars() == {
        ("hp_metric", "hp_metric"): [(0, -1.0)],
        ("loss", "train"): [(4, 0.25)],
    }
