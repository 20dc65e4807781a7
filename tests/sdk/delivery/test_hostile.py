"""What a program writes by hand into its journal: dropped where it is nothing, and never in the way
of what comes behind it."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from elsewhere.artifacts import uploader
from elsewhere.artifacts.places import is_kept_for
from elsewhere.core.choices import Reason
from elsewhere.core.codec import to_plain
from elsewhere.core.folders import Home, write_beside
from elsewhere.core.records import Outcome
from elsewhere.delivery.delivery import Delivery
from elsewhere.storage import file_url
from elsewhere.store.api import TaskStore
from elsewhere.store.folder.store import FolderStore
from elsewhere.store.redis.store import RedisStore
from tests.stores import begin, opened

ID: Final = "0123456789abcdef" * 2
DEEP: Final = "[" * 700 + "]" * 700
ARTIFACT: Final = 'artifact {"artifact":{"name":"a","type":"t"},"file":"%s"}'
MODEL: Final = f'model {{"model":"{ID}","fields":%s}}'
USED: Final = f'model_used {{"use":{{"name":"\\ud800","model":"{ID}","is_output":%s,"at":NaN}}%s}}'
LINES: Final = {
    "a type that is a list": 'edited {"fields":{"type":[]}}',
    "half characters in names": 'edited {"fields":{"name":"\\ud800","project":"\\udc00"}}',
    "odd names": 'edited {"fields":{"name":"","project":"a\\u001f../\\u0000","parent":"../x"}}',
    "a zero byte in a path": ARTIFACT % "files/\\u0000",
    "half a character in a path": ARTIFACT % "files/\\ud800",
    "a path that is too long": ARTIFACT % ("files/" + "x" * 5000),
    "links in a circle": ARTIFACT % "files/circle",
    "a path that leads out": ARTIFACT % "../../../etc/passwd",
    "a deep value": f'parameters {{"values":{{"Args/x":{{"value":{DEEP}}}}}}}',
    "a deep field of a model": MODEL % f'{{"name":{DEEP}}}',
    "wrong fields of a model": MODEL % '{"url":"file:///x","machine":{},"tags":[1],"labels":3}',
    "a use without a time": USED % ("true", ""),
    "a found model of no shape": USED % ("false", ',"found":{"url":["x"],"project":"\\ud800"}'),
    "a use of no model": 'model_used {"use":{"name":"x","model":"../x","is_output":true,"at":1}}',
    "labels that are no numbers": 'labels {"values":{"a":1e400}}',
    "a verdict that is none": 'verdict {"status":["x"]}',
    "a verdict that only people have": 'verdict {"status":"published"}',
    "system tags": 'tags {"added":["\\ud800","","a\\u001fb"],"are_system":true}',
    "a number that is none": 'progress {"percent":NaN,"at":1e400}',
    "a huge iteration": 'scalar {"title":"\\u001f","series":"","value":NaN,"iteration":1%s,"at":1}'
    % ("0" * 30),
    "a configuration": 'configurations {"values":{"../\\u0000":{"text":"\\ud800"}}}',
}


@pytest.fixture(params=["redis", "folder"])
def store(request: pytest.FixtureRequest, redis_url: str, tmp_path: Path) -> Iterator[TaskStore]:
    if request.param == "folder":
        yield FolderStore(tmp_path / "session")
    else:
        with opened(redis_url) as store:
            yield store


@pytest.mark.parametrize("what", LINES)
def test_no_line_of_a_journal_stops_what_comes_behind_it(
    store: TaskStore, elsewhere_home: Path, tmp_path: Path, what: str
) -> None:
    task_id = begin(store)
    folder = Home(elsewhere_home).run(task_id, 1).create()
    write_beside(folder.spec, {"record": to_plain(store.read(task_id))})
    (folder.files / "circle").symlink_to("circle")
    behind = 'text {"message":"behind it","level":1,"at":1}'
    journal = folder.journal / "1.events"
    for line in (LINES[what].encode(), behind.encode()):
        with journal.open("ab") as file:
            file.write(b"%08x %s\n" % (zlib.crc32(line), line))
    delivery = Delivery(store, folder, uploader(str(tmp_path / "place")))
    while delivery.pump(is_over=True):
        pass
    assert [text.message for text in store.texts(task_id)] == ["behind it"]
    store.read(task_id)
    store.finish(task_id, 1, Outcome(reason=Reason.COMPLETED))
    store.delete(task_id)
    if isinstance(store, RedisStore):
        keys = [key.decode() for key in store.redis.keys("ew:*")]
        assert not [key for key in keys if task_id in key or "tag" in key]


def test_a_link_in_the_place_of_the_files_leads_nowhere(
    store: TaskStore, elsewhere_home: Path, tmp_path: Path
) -> None:
    task_id = begin(store)
    folder = Home(elsewhere_home).run(task_id, 1).create()
    write_beside(folder.spec, {"record": to_plain(store.read(task_id))})
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "key").touch()
    folder.files.rmdir()
    folder.files.symlink_to(tmp_path / "private")
    line = (ARTIFACT % "files/key").encode()
    (folder.journal / "1.events").write_bytes(b"%08x %s\n" % (zlib.crc32(line), line))
    Delivery(store, folder, uploader(str(tmp_path / "place"))).pump()
    assert store.artifacts(task_id)["a"].url == ""
    assert (tmp_path / "private" / "key").exists()


def test_only_what_lies_with_a_tasks_files_is_deleted_with_it(tmp_path: Path) -> None:
    place, private = tmp_path / f"task.{ID}", tmp_path / "private"
    place.mkdir()
    private.mkdir()
    (place / "link").symlink_to(private)
    (place / "circle").symlink_to(place / "circle")
    kept = [f"{place}/a/b", file_url(place / "é"), f"s3://bucket/task.{ID}/models/x"]
    assert all(is_kept_for(ID, url) for url in kept)
    others = [
        *("", f"{private}/x", f"{place}/../private/x", f"{file_url(place)}/%2e%2E/private/x"),
        *(f"{place}/link/x", f"{place}/circle/x", f"{file_url(place)}/%00/x"),
        *(f"file://elsewhere{place}/x", f"s3://bucket/task.{ID}", f"s3://bucket/task.{ID}x/y"),
        *(f"s3://bucket/task.{ID}/../x", f"s3://bucket/task.{ID}/%2e%2e/x"),
    ]
    assert [url for url in others if is_kept_for(ID, url)] == []
    assert not is_kept_for("", "s3://bucket/a./b")
