"""`elsewhere fetch`: what a task made, brought to a folder here from an agent's machine."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from elsewhere.artifacts.far import FarFile
from elsewhere.command import fetching
from elsewhere.command.main import main
from elsewhere.core.choices import Reason
from elsewhere.core.events import ArtifactAdded, FilesWritten, ModelSaved, ModelUsed
from elsewhere.core.records import Artifact, ModelUse
from elsewhere.store.relay import PART_BYTES
from tests.relaying import AGENT, HOST, Far, far_machine
from tests.sdk.artifacts.places import Served, serving
from tests.sdk.command.tasks import Tasks, open_tasks, started
from tests.waiting import wait_until


@pytest.fixture
def tasks(redis_url: str) -> Iterator[Tasks]:
    with open_tasks(redis_url) as tasks:
        yield tasks


@pytest.fixture
def far(short_path: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Far]:
    """Its disk is this one, but what is read through the agent shall be."""
    monkeypatch.setattr(fetching._RunFile, "_is_here", lambda _: False)
    with far_machine(short_path / "far", redis_url) as far:
        yield far


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def made(far: Far) -> str:
    """A task with files of a run, an artifact and a model."""
    folder = far.run()
    far.write(folder, "ckpt/e1.pt", b"one")
    far.write(folder, "log.txt", b"log")
    far.artifact("numbers", b"1 2 3", task_id=folder.task_id)
    model, use = "a" * 32, ModelUse(name="net", model="a" * 32, is_output=True)
    place = far.home.storage / "p" / f"t.{folder.task_id}" / "models" / model
    place.mkdir(parents=True)
    (place / "net.pt").write_bytes(b"weights")
    fields: dict[str, Any] = {"task": folder.task_id, "url": str(place / "net.pt"), "machine": HOST}
    far.store.edit(folder.task_id, ModelSaved(model=model, fields=fields), ModelUsed(use=use))
    begun_from = ModelUse(name="base", model=model, is_output=False)
    far.store.edit(folder.task_id, ModelUsed(use=begun_from))
    return folder.task_id


ALL = {
    "artifacts/numbers/numbers.bin": b"1 2 3",
    "models/net/net.pt": b"weights",
    "files/ckpt/e1.pt": b"one",
    "files/log.txt": b"log",
}


def test_all_that_a_task_made_is_brought(
    tasks: Tasks, far: Far, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fetch", made(far)[:8], "--to", str(tmp_path / "new")]) == 0
    assert files(tmp_path / "new") == ALL
    printed = capsys.readouterr().out
    assert {line.split("  ")[0] for line in printed.splitlines()} == {*ALL}


def test_without_a_folder_it_lists_with_sizes_and_brings_nothing(
    tasks: Tasks, far: Far, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["fetch", made(far)]) == 0
    shown = capsys.readouterr()
    assert {line.split()[0]: line.split()[1] for line in shown.out.splitlines()} == {
        "artifacts/numbers/numbers.bin": "5",
        "models/net/net.pt": "0",  # a model that was not uploaded by us has no size
        "files/ckpt/e1.pt": "3",
        "files/log.txt": "3",
    }
    assert "4 files, 11 B. --to DIR brings them." in shown.err


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["*.pt"], {"files/ckpt/e1.pt", "models/net/net.pt"}),
        (["e1.pt"], {"files/ckpt/e1.pt"}),
        (["files/*"], {"files/ckpt/e1.pt", "files/log.txt"}),
        (["numbers"], {"artifacts/numbers/numbers.bin"}),
        (["net", "log.*"], {"models/net/net.pt", "files/log.txt"}),
        (["[el]*"], {"files/ckpt/e1.pt", "files/log.txt"}),
    ],
)
def test_patterns_are_shell_globs_on_names(
    tasks: Tasks, far: Far, tmp_path: Path, patterns: list[str], expected: set[str]
) -> None:
    assert main(["fetch", made(far), *patterns, "--to", str(tmp_path)]) == 0
    assert {*files(tmp_path)} == expected


def test_patterns_may_stand_behind_the_folder(tasks: Tasks, far: Far, tmp_path: Path) -> None:
    assert main(["fetch", made(far), "net", "--to", str(tmp_path), "e1.pt", "log*"]) == 0
    assert {*files(tmp_path)} == {*ALL} - {"artifacts/numbers/numbers.bin"}
    with pytest.raises(SystemExit):
        main(["fetch", "1a2b", "--to", str(tmp_path), "--forced"])
    with pytest.raises(SystemExit):
        main(["list", "word"])


def test_a_pattern_that_fits_nothing_names_what_there_is(
    tasks: Tasks, far: Far, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fetch", made(far), "*.pt", "*.ckpt", "--to", str(tmp_path)]) == 1
    assert "nothing that '*.ckpt' fits" in (error := capsys.readouterr().err)
    assert "Known: ckpt/e1.pt, log.txt, net, numbers." in error
    assert files(tmp_path) == {}


def test_other_content_is_replaced_by_force_only(
    tasks: Tasks, far: Far, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task_id, to = made(far), ["--to", str(tmp_path)]
    assert main(["fetch", task_id, *to]) == 0
    far.sent.clear()
    (tmp_path / "files" / "log.txt").write_bytes(b"LOG")
    (tmp_path / "artifacts" / "numbers" / "numbers.bin").write_bytes(b"3 2 1")
    capsys.readouterr()
    assert main(["fetch", task_id, "numbers", "files/*", *to]) == 1
    shown = capsys.readouterr()
    assert "files/ckpt/e1.pt  3 B  is there already" in shown.out
    assert shown.err.count("is there with other content: --force replaces it") == 2
    assert files(tmp_path)["files/log.txt"] == b"LOG"
    assert main(["fetch", task_id, *to, "--force"]) == 0
    assert files(tmp_path) == ALL


def test_an_empty_file_that_is_there_is_the_same(tasks: Tasks, far: Far, tmp_path: Path) -> None:
    folder = far.run()
    far.write(folder, "empty", b"")
    for _ in range(2):
        assert main(["fetch", folder.task_id, "--to", str(tmp_path)]) == 0


def test_names_do_not_leave_the_folder(tasks: Tasks, far: Far, tmp_path: Path) -> None:
    folder, to = far.run(), tmp_path / "to"
    for name in ("../../out", "/etc/x", "..", "a/../../b", "a\0b", "n" * 300, "c//d"):
        far.artifact(name, b"x", task_id=folder.task_id)
    assert main(["fetch", folder.task_id, "--to", str(to)]) == 0
    assert len(files(to)) == 7
    assert [path for path in tmp_path.iterdir() if path != to] == []


def test_a_link_in_the_folder_is_not_followed_out_of_it(
    tasks: Tasks, far: Far, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task_id, out = made(far), tmp_path / "out"
    out.mkdir()
    (tmp_path / "to").mkdir()
    (tmp_path / "to" / "files").symlink_to(out)
    assert main(["fetch", task_id, "log.txt", "--to", str(tmp_path / "to")]) == 1
    assert "leads out of" in capsys.readouterr().err
    assert files(out) == {}


def test_what_cannot_be_had_is_named_and_the_rest_brought(
    tasks: Tasks, far: Far, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task_id = made(far)
    waiting = Artifact(name="waiting", type="file", machine=HOST)
    linked = Artifact(name="linked", type="file", url="/nowhere/file", machine=HOST)
    far.store.edit(task_id, ArtifactAdded(artifact=waiting), ArtifactAdded(artifact=linked))
    assert main(["fetch", task_id, "--to", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert "The artifact 'waiting' is not uploaded yet" in error
    assert "The artifact 'linked' is not here, but on 'gpu-box'." in error
    assert files(tmp_path) == ALL


def test_an_artifact_of_a_web_server_comes_from_there(
    tasks: Tasks, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "data.csv").write_text("1,2")
    task_id = tasks.create()
    served: Served
    with serving(tmp_path / "served") as served:
        link = Artifact(name="data", type="custom", url=f"{served.url}/data.csv")
        tasks.store.edit(task_id, ArtifactAdded(artifact=link))
        assert main(["fetch", task_id, "--to", str(tmp_path / "to")]) == 0
    assert files(tmp_path / "to") == {"artifacts/data/data.csv": b"1,2"}


def test_while_the_agent_is_away_what_it_listed_is_named(
    tasks: Tasks, far: Far, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = far.run()
    event = FilesWritten(
        files={"best.pt": 4}, count=1, total_bytes=4, machine=HOST, folder=str(folder.code)
    )
    far.store.apply(folder.task_id, 1, "runner.events", 0, 1, [event])
    far.registration.end()
    assert main(["fetch", folder.task_id]) == 0
    assert capsys.readouterr().out.split() == ["files/best.pt", "4", "B"]
    assert main(["fetch", folder.task_id, "--to", str(tmp_path)]) == 1
    assert "The machine 'gpu-box' is away: its agent 'box' was last seen" in capsys.readouterr().err


def test_a_run_folder_that_is_gone_is_a_sentence(
    tasks: Tasks, far: Far, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task_id = made(far)
    tasks.ends(task_id, Reason.COMPLETED)
    far.home.run(task_id, 1).remove()
    assert main(["fetch", task_id, "--to", str(tmp_path)]) == 1
    gone = "It is kept for 24 h after the end of its run, which ended at 20"
    assert gone in capsys.readouterr().err
    assert {*files(tmp_path)} == {"artifacts/numbers/numbers.bin", "models/net/net.pt"}
    assert main(["fetch", task_id, "numbers", "--to", str(tmp_path)]) == 0


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["ffff"], 1, "There is no task ffff"),
        (["{}", "--attempt", "7"], 1, "has no attempt 7"),
        (["{}", "--to", __file__], 2, "is not a folder"),
        (["{}", "--to", ""], 2, "path of a file or a folder is needed"),
        (["{}", "--to", "a\0b"], 2, "is not a path"),
    ],
)
def test_a_wrong_command_line_is_a_sentence(
    tasks: Tasks,
    far: Far,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    code: int,
    sentence: str,
) -> None:
    task_id = made(far)
    assert main(["fetch", *(word.format(task_id) for word in words)]) == code
    assert sentence in capsys.readouterr().err


def test_a_task_that_made_nothing_says_so(
    tasks: Tasks, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fetch", tasks.create(), "--to", str(tmp_path / "to")]) == 0
    assert "has made nothing yet" in capsys.readouterr().err
    assert not (tmp_path / "to").exists()


def test_ctrl_c_leaves_no_half_file_and_the_next_call_goes_on(
    tasks: Tasks, far: Far, tmp_path: Path
) -> None:
    folder = far.run()
    data = os.urandom(9 * PART_BYTES)
    far.write(folder, "big", data)
    far.most_parts = 3  # the listing, and two of the file
    hidden = "import elsewhere.command.fetching as f; f._RunFile._is_here = lambda _: False"
    with started("fetch", folder.task_id, "big", "--to", str(tmp_path), before=hidden) as process:
        wait_until(
            lambda: any(one.stat().st_size > PART_BYTES for one in tmp_path.glob("files/.*")),
            within_s=30,
            what="something has arrived",
        )
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 130
        assert process.stderr is not None
        assert b"The same command goes on with what has arrived" in process.stderr.read()
    (partial,) = (tmp_path / "files").iterdir()
    assert partial.name.endswith(".partial")
    arrived = partial.stat().st_size
    far.stop()
    far.most_parts, far.sent = 1 << 30, []
    far.start()
    assert main(["fetch", folder.task_id, "--to", str(tmp_path)]) == 0
    assert files(tmp_path) == {"files/big": data}
    listing = 1
    assert len(far.sent) == listing + 9
    assert sum(far.sent[listing:]) == len(data) - arrived


def test_on_the_same_machine_the_disk_is_read(
    tasks: Tasks, short_path: Path, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with far_machine(short_path / "far", redis_url) as far:
        folder = far.run()
        far.write(folder, "big", b"content")

        def refuse(*_: object) -> None:
            raise AssertionError("It was asked for.")

        monkeypatch.setattr(FarFile, "bring", refuse)
        monkeypatch.setattr(FarFile, "is_same", refuse)
        for _ in range(2):
            assert main(["fetch", folder.task_id, "--to", str(tmp_path)]) == 0
        assert AGENT in folder.owner.read_text()
    assert files(tmp_path) == {"files/big": b"content"}
