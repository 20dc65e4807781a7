"""Samples of a task, from the script that reports them to whoever reads them again."""

from __future__ import annotations

import json
from pathlib import Path
from zipfile import ZipFile

import pytest

from elsewhere import Task
from elsewhere.core.events import Sample
from elsewhere.core.settings import load
from elsewhere.offline.importing import import_session
from elsewhere.storage import local_path
from elsewhere.store.redis.store import RedisStore
from tests.sdk.scripts import Scripts

REPORTS = """
import io, numpy, os
from PIL import Image
task = Task.init("examples", "samples", auto_connect_streams=False)
log = task.get_logger()
assert log is task.get_logger()
for step in range(5):
    log.report_image("val", "mask", step, image=numpy.full((4, 4), step), max_image_history=3)
log.report_image("val", "photo", 7, image=Image.effect_noise((50, 40), 80))
log.report_media("page", "é/ü", 1, stream="<b>hi</b>", file_extension="html")
log.report_image("val", "link", 1, url="https://ada:secret@example.org/cat.png")
print(task.id)
"""


def read(task: Task, title: str, series: str) -> dict[int, bytes]:
    found = task.get_debug_samples(title, series)
    return {one.iteration: one.get_local_copy().read_bytes() for one in found}


def check(task: Task, shift: int = 0) -> None:
    """All that the script reported is there."""
    masks = task.get_debug_samples("val", "mask")
    assert [one.iteration for one in masks] == [2 + shift, 3 + shift, 4 + shift]
    assert [one.iteration for one in task.get_debug_samples("val", "mask", 2)] == [
        3 + shift,
        4 + shift,
    ]
    assert all(data.startswith(b"\x89PNG") for data in read(task, "val", "mask").values())
    (photo,) = task.get_debug_samples("val", "photo")
    assert photo.get_local_copy().read_bytes().startswith(b"\xff\xd8")
    assert (photo.title, photo.series, photo.size > 500) == ("val", "photo", True)
    assert photo.timestamp.year > 2000
    assert read(task, "page", "é/ü") == {1 + shift: b"<b>hi</b>"}
    (link,) = task.get_debug_samples("val", "link")
    assert (link.url, link.digest) == ("https://ada:***@example.org/cat.png", "")
    assert task.get_debug_samples("val", "nothing") == []


def places() -> list[str]:
    return sorted(path.suffix for path in load().home.storage.rglob("*") if path.is_file())


ALL = [".html", ".jpg", ".png", ".png", ".png"]


def test_what_a_script_reports_is_read_again_and_goes_with_its_task(
    store: RedisStore, scripts: Scripts
) -> None:
    ran = scripts.run(REPORTS)
    assert ran.status == 0, ran.errors
    assert "secret" not in ran.errors.replace("holds a secret", "")
    task = Task(ran.lines[-1], store)
    check(task)
    assert places() == ALL
    kinds: list[str] = []
    assert task.delete(callback=lambda kind, _: not kinds.append(kind))  # type: ignore[func-returns-value]
    assert kinds == ["sample"] * 5
    assert places() == []


def test_of_many_files_of_another_machine_the_first_are_named(
    store: RedisStore, scripts: Scripts
) -> None:
    ran = scripts.run(
        """
        import socket
        socket.gethostname = lambda: "another"
        task = Task.init("examples", "far", auto_connect_streams=False)
        for step in range(30):
            task.get_logger().report_media("t", "s", step, stream=b"x", file_extension="x")
        print(task.id)
        """
    )
    assert ran.status == 0, ran.errors
    with pytest.raises(Task.DeleteError, match="And 10 more files are left") as refused:
        Task(ran.lines[-1], store).delete(raise_on_error=True)
    assert str(refused.value).count("The sample at") == 20
    assert len(places()) == 30


def test_a_task_that_is_deleted_without_its_files_leaves_them(
    store: RedisStore, scripts: Scripts
) -> None:
    task = Task(scripts.run(REPORTS).lines[-1], store)
    assert task.delete(delete_artifacts_and_models=False)
    assert places() == ALL


def test_a_reset_task_still_knows_the_bytes_that_its_deletion_takes_along(
    store: RedisStore, scripts: Scripts
) -> None:
    task = Task(scripts.run(REPORTS).lines[-1], store)
    task.reset(force=True)
    assert task.get_debug_samples("val", "mask") == []
    assert places() == ALL
    assert task.delete()
    assert places() == []


def test_the_same_script_again_replaces_the_samples_and_their_bytes(
    store: RedisStore, scripts: Scripts
) -> None:
    first = scripts.run(REPORTS).lines[-1]
    second = scripts.run(
        REPORTS.replace('log.report_image("val", "photo", 7, image=', "print(")
    ).lines[-1]
    assert first == second
    task = Task(second, store)
    assert task.get_debug_samples("val", "photo") == []
    assert len(task.get_debug_samples("val", "mask")) == 3
    assert places() == [".html", ".png", ".png", ".png"]
    assert store.dropped(task.id) == {}


@pytest.mark.parametrize("offset", [0, 1000])
def test_an_offline_session_has_them_and_so_has_its_import(
    store: RedisStore, scripts: Scripts, offset: int
) -> None:
    offline = REPORTS.replace("print(task.id)", "") + (
        "log.flush(wait=True)\n"
        "found = task.get_debug_samples('val', 'mask')\n"
        "print(json.dumps([[one.iteration, one.get_local_copy().stat().st_size > 9]\n"
        "    for one in found]))\n"
        "print(task.get_offline_mode_folder())\n"
    )
    ran = scripts.run(offline, ELSEWHERE_OFFLINE_MODE="1")
    assert ran.status == 0, ran.errors
    assert json.loads(ran.lines[-2]) == [[2, True], [3, True], [4, True]]
    with ZipFile(f"{ran.lines[-1]}.zip") as archive:
        names = [name for name in archive.namelist() if "/files/" in name]
    assert len(names) == 5, "what fell out of the history does not travel"
    task_id = import_session(store, load(), f"{ran.lines[-1]}.zip", None, offset)
    check(Task(task_id, store), shift=offset)
    assert places() == ALL, "what fell out of the history is not left in the storage"


def test_processes_that_a_script_forks_or_spawns_report_to_the_same_series(
    store: RedisStore, scripts: Scripts
) -> None:
    ran = scripts.run(
        """
        import multiprocessing
        def report(step):
            Task.current_task().get_logger().report_image("t", "s", step, image=[[step]])
        if __name__ == "__main__":
            task = Task.init("examples", "children", auto_connect_streams=False)
            for way in ("fork", "spawn"):
                child = multiprocessing.get_context(way).Process(target=report, args=(len(way),))
                child.start()
                child.join()
            report(9)
            print(task.id)
        """
    )
    assert ran.status == 0, ran.errors
    assert sorted(read(Task(ran.lines[-1], store), "t", "s")) == [4, 5, 9]


def test_a_destination_of_ones_own_is_where_they_lie(
    store: RedisStore, scripts: Scripts, tmp_path: Path
) -> None:
    place = tmp_path / "elsewhere" / "on this disk"
    ran = scripts.run(
        REPORTS.replace(
            "for step", f"log.set_default_upload_destination({str(place)!r})\nfor step", 1
        )
    )
    task = Task(ran.lines[-1], store)
    check(task)
    assert places() == []
    (photo,) = task.get_debug_samples("val", "photo")
    assert local_path(photo.url).is_relative_to(place)
    assert task.delete()
    assert [path for path in place.rglob("*") if path.is_file()] == []


def test_known_secrets_are_hidden_in_names_and_urls(store: RedisStore, scripts: Scripts) -> None:
    ran = scripts.run(
        """
        task = Task.init("examples", "secrets", auto_connect_streams=False)
        log = task.get_logger()
        log.report_image("by geheim123456", "geheim123456", 1, image=[[1]])
        log.report_image("t", "s", 1, url="https://host/geheim123456.png")
        print(task.id)
        """,
        API_TOKEN="geheim123456",
    )
    assert ran.status == 0, ran.errors
    found: list[Sample] = store.kept(ran.lines[-1], Sample)
    assert [(one.title, one.series) for one in found] == [("by ***", "***"), ("t", "s")]
    assert "geheim" not in repr(found)
    assert all("geheim" not in str(path) for path in load().home.storage.rglob("*"))


def test_of_a_thousand_images_only_the_history_takes_room(
    store: RedisStore, scripts: Scripts
) -> None:
    ran = scripts.run(
        """
        task = Task.init("examples", "many", auto_connect_streams=False)
        log = task.get_logger()
        log.set_default_debug_sample_history(10)
        for step in range(1000):
            log.report_media("t", f"s{step % 2}", step, stream=bytes(99), file_extension="bin")
        print(task.id)
        """
    )
    assert ran.status == 0, ran.errors
    task = Task(ran.lines[-1], store)
    assert [one.iteration for one in task.get_debug_samples("t", "s1")] == list(range(981, 1000, 2))
    assert len(places()) == 20
