"""`elsewhere images`: what a task reported, brought to a folder here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from elsewhere.command.main import main
from elsewhere.core.events import Sample
from tests.relaying import Far, far_machine
from tests.sdk.command.tasks import Tasks, open_tasks
from tests.stores import begin


@pytest.fixture
def tasks(redis_url: str) -> Iterator[Tasks]:
    with open_tasks(redis_url) as tasks:
        yield tasks


@pytest.fixture
def far(short_path: Path, redis_url: str, tasks: Tasks) -> Iterator[Far]:
    with far_machine(short_path / "far", redis_url) as far:
        yield far


def reported(far: Far) -> str:
    task_id = begin(far.store)
    for iteration in (1, 20):
        far.sample("val", "mask", iteration, f"mask {iteration}".encode(), task_id)
    far.sample("val/a", "b", 3, b"odd", task_id)
    far.sample("..", "\x1b[31mé/\n", 3, b"hostile", task_id)
    return task_id


ALL = {
    "val/mask/1.png": b"mask 1",
    "val/mask/20.png": b"mask 20",
    "val=2Fa/b/3.png": b"odd",
    "=2E=2E/=1B=5B31m=C3=A9=2F=0A/3.png": b"hostile",
}


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_all_are_brought_to_folders_by_title_and_series(
    far: Far, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task_id = reported(far)
    assert main(["images", task_id[:8], "--out", str(tmp_path / "new" / "out")]) == 0
    assert files(tmp_path) == {f"new/out/{name}": data for name, data in ALL.items()}
    assert "\x1b" not in capsys.readouterr().out


def test_they_come_through_the_agent_of_another_machine(
    far: Far, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task_id = reported(far)
    monkeypatch.setattr("elsewhere.artifacts.handle.ArtifactHandle._is_here", lambda *_: False)
    assert main(["images", task_id, "--out", str(tmp_path)]) == 0
    assert files(tmp_path) == ALL
    assert len(far.sent) == 4


def test_a_title_brings_its_own_only(far: Far, tmp_path: Path) -> None:
    assert main(["images", reported(far), "val", "--out", str(tmp_path)]) == 0
    assert {*files(tmp_path)} == {"val/mask/1.png", "val/mask/20.png"}


def test_without_a_folder_they_are_listed(
    far: Far, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["images", reported(far), "val"]) == 0
    shown = capsys.readouterr()
    assert [line.split()[0] for line in shown.out.splitlines()] == [
        "val/mask/1.png",
        "val/mask/20.png",
    ]
    assert "2 files, 13 B. --out DIR brings them." in shown.err


def test_other_content_is_replaced_by_force_only(
    far: Far, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["images", reported(far), "val", "--out", str(tmp_path)]
    assert main(command) == 0
    (tmp_path / "val" / "mask" / "1.png").write_bytes(b"other")
    assert main(command) == 1
    assert "--force replaces it" in capsys.readouterr().err
    assert files(tmp_path)["val/mask/1.png"] == b"other"
    assert main([*command, "--force"]) == 0
    assert "is there already" in capsys.readouterr().out
    assert files(tmp_path)["val/mask/1.png"] == b"mask 1"


def test_one_that_was_not_uploaded_says_why_and_the_others_come(
    far: Far, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task_id = reported(far)
    (first, *_) = far.store.history(task_id, Sample, "val", "mask")
    far.store.edit(task_id, replace(first, url="", problem="It could not be uploaded yet."))
    assert main(["images", task_id, "val", "--out", str(tmp_path)]) == 1
    assert "It could not be uploaded yet." in capsys.readouterr().err
    assert {*files(tmp_path)} == {"val/mask/20.png"}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["f" * 32], "There is no task"),
        (["xyz"], "is no id of a task"),
        (["TASK", "vall"], "has reported no image 'vall'. Did you mean 'val'?"),
        (["TASK", "val", "--out", "FILE"], "is not a folder"),
    ],
)
def test_wrong_input_is_one_sentence(
    far: Far, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], sentence: str
) -> None:
    task_id, file = reported(far), tmp_path / "file"
    file.touch()
    given = {"TASK": task_id, "FILE": str(file)}
    assert main(["images", *(given.get(word, word) for word in words)]) in (1, 2)
    assert sentence in capsys.readouterr().err


def test_a_task_without_images_says_so(
    far: Far, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["images", begin(far.store), "--out", str(tmp_path / "none")]) == 0
    assert "has reported no images." in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_its_help_has_an_example(tasks: Tasks, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["images", "--help"])
    assert "elsewhere images 1a2b3c4d 'Validation' --out images" in capsys.readouterr().out
