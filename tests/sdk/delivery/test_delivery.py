"""Delivery: everything once, whoever carries it and however often an answer is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elsewhere.core.choices import Reason, Status
from elsewhere.core.errors import FencedError, StorageError, StoreUnavailableError
from elsewhere.core.events import ArtifactAdded, Event, Scalar, Text
from elsewhere.core.folders import Home, RunFolder
from elsewhere.core.journal import JournalWriter
from elsewhere.core.records import Artifact, Outcome
from elsewhere.core.uploads import Placed, Upload
from elsewhere.delivery.delivery import Delivery
from elsewhere.delivery.terminal import BLOCK_BYTES, collapse
from elsewhere.store.redis.store import RedisStore
from tests.properties import PROPERTY
from tests.stores import begin


@pytest.fixture
def folder(store: RedisStore, elsewhere_home: Path) -> RunFolder:
    return Home(elsewhere_home).run(begin(store), 1).create()


def upload(folder: RunFolder, upload: Upload) -> Placed:
    """What a real one does without a place to bring it to."""
    if not upload.file.is_file():
        raise StorageError(f"There is no {upload.file.name}.")
    return Placed(url=f"memory://{upload.file.name}")


def report(folder: RunFolder, *events: Event) -> None:
    writer = JournalWriter(folder.journal)
    writer.append(events)
    writer.close()


def text(message: str) -> Text:
    return Text(message=message, level=20, at=0.0)


def deliver(store: RedisStore, folder: RunFolder) -> None:
    delivery = Delivery(store, folder, upload)
    while delivery.pump(is_over=True):
        pass


def delivered(store: RedisStore, folder: RunFolder) -> list[str]:
    return [item.message for item in store.texts(folder.task_id)]


def output(store: RedisStore, folder: RunFolder) -> bytes:
    return store.output(folder.task_id, limit_bytes=1 << 30).data


# what is stored of the output

LINES = st.lists(
    st.lists(st.binary(max_size=6).map(lambda b: b.replace(b"\n", b"")), max_size=4).map(b"\r".join)
)


@PROPERTY
@given(lines=LINES, data=st.data())
def test_whole_lines_are_stored_the_same_however_they_came(
    lines: list[bytes], data: st.DataObject
) -> None:
    whole = b"".join(line + b"\n" for line in lines)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(whole)))))
    stored, offset = b"", 0
    for end in (*cuts, len(whole)):
        taken, shown, _ = collapse(whole[offset:end])
        stored, offset = stored + shown, offset + taken
    assert offset == len(whole)
    assert stored == collapse(whole)[1]


@pytest.mark.parametrize(
    ("block", "is_over", "taken", "data", "pending"),
    [
        (b"", False, 0, b"", ""),
        (b"one\ntwo", False, 4, b"one\n", "two"),
        (b"one\ntwo", True, 7, b"one\ntwo", ""),
        (b"10%\r20%\r", False, 0, b"", "20%"),
        (b"10%\r20%\r", True, 8, b"20%\r", ""),
        (b"10%\r20%\r100%\ndone\n", False, 18, b"100%\ndone\n", ""),
        (b"dos\r\nline\r\n", False, 11, b"dos\r\nline\r\n", ""),
        (b"10%\r\r\n", False, 6, b"\r\n", ""),
        (b"caf\xc3", False, 0, b"", "caf\N{REPLACEMENT CHARACTER}"),
        (b"a\0\xff\n", False, 4, b"a\0\xff\n", ""),
    ],
)
def test_of_a_line_the_last_drawing_is_stored(
    block: bytes, is_over: bool, taken: int, data: bytes, pending: str
) -> None:
    assert collapse(block, is_over=is_over) == (taken, data, pending)


def nested_bars(epochs: int, steps: int) -> bytes:
    """The bytes of two bars of tqdm, the inner one a line below, as tqdm 4.66 writes them."""
    parts = []
    for epoch in range(epochs):
        parts.append(b"\router %d" % epoch)
        parts += [b"\n\rinner %d\x1b[A" % step for step in range(steps)]
        parts.append(b"\n\r        \r\x1b[A")
    return b"".join([*parts, b"\router %d\n" % epochs])


@pytest.mark.parametrize(
    ("block", "is_over", "taken", "data", "pending"),
    [
        (b"log\n" + nested_bars(3, 50)[:-8] + b"\router 2", False, 4, b"log\n", "outer 2"),
        # A line that is printed between the bars goes where the outer one was.
        (b"\ro1\n\ri1\x1b[A\rlog\n\ro1\n\ri1\x1b[A", False, 15, b"log\n", "o1"),
        (b"a\nb\nc\n\x1b[2Ax\n", False, 2, b"a\n", "c"),
        (b"a\nb\nc\n\x1b[2Ax\n", True, 12, b"a\nx\nc\n", ""),
        # As rich redraws two lines: up, and each one is erased.
        (b"1/2\nx\r\x1b[2K\x1b[1A\x1b[2K2/2\ny\nend\n", False, 28, b"2/2\ny\nend\n", ""),
        (b"\x1b[Aabove all that is known\n", False, 27, b"above all that is known\n", ""),
    ],
)
def test_a_line_that_is_drawn_again_from_below_is_one_line(
    block: bytes, is_over: bool, taken: int, data: bytes, pending: str
) -> None:
    assert collapse(block, is_over=is_over) == (taken, data, pending)


def test_nested_bars_leave_their_last_drawing(store: RedisStore, folder: RunFolder) -> None:
    whole = b"begin\n" + nested_bars(100, 100) + b"end\n"
    delivery = Delivery(store, folder, upload)
    for end in range(0, len(whole), 40_000):
        folder.output.write_bytes(whole[:end])
        while delivery.pump():
            pass
    folder.output.write_bytes(whole)
    deliver(store, folder)
    shown = output(store, folder)
    assert shown.startswith(b"begin\n")
    assert shown.endswith(b"outer 100\nend\n")
    assert shown.count(b"\n") < 10 + 2 * len(whole) / BLOCK_BYTES


@pytest.mark.parametrize(
    "line", [b"x" * 700_000, b"12345\r" * 100_000, b"a\n" + b"y" * 600_000 + b"\nend\n"]
)
def test_a_line_without_an_end_goes_on_in_pieces(
    store: RedisStore, folder: RunFolder, line: bytes
) -> None:
    folder.output.write_bytes(line)
    deliver(store, folder)
    assert store.output_offset(folder.task_id, 1) == len(line)
    if b"\r" in line:
        assert len(output(store, folder)) < 100, "a progress bar of 600 kB is not kept"
    else:
        assert output(store, folder) == line


def test_an_unfinished_line_is_shown_and_stored_once_it_is_whole(
    store: RedisStore, folder: RunFolder
) -> None:
    delivery = Delivery(store, folder, upload)
    folder.output.write_bytes(b"one\n10%\r20%")
    assert delivery.pump()
    shown = store.output(folder.task_id)
    assert (shown.data, shown.pending) == (b"one\n", "20%")
    assert not delivery.pump(), "nothing has changed"
    with folder.output.open("ab") as file:
        file.write(b"\r30%\n")
    assert delivery.pump()
    shown = store.output(folder.task_id)
    assert (shown.data, shown.pending) == (b"one\n30%\n", "")


# once


def test_all_files_of_all_writers_are_delivered_in_the_order_of_each(
    store: RedisStore, folder: RunFolder
) -> None:
    folder.output.write_bytes(b"hello")
    for name in "ab":
        report(folder, *(text(f"{name}{n}") for n in range(50)))
    deliver(store, folder)
    for name in "ab":
        wanted = [f"{name}{n}" for n in range(50)]
        assert [item for item in delivered(store, folder) if item.startswith(name)] == wanted
    assert output(store, folder) == b"hello"


def test_who_comes_back_goes_on_where_the_last_one_stopped(
    store: RedisStore, folder: RunFolder
) -> None:
    writer = JournalWriter(folder.journal)
    for n in range(3):
        writer.append([text(str(n))])
        with folder.output.open("ab") as file:
            file.write(b"%d\n" % n)
        Delivery(store, folder, upload).pump()
    writer.close()
    deliver(store, folder)
    assert delivered(store, folder) == ["0", "1", "2"]
    assert output(store, folder) == b"0\n1\n2\n"


class LosesAnswers:
    """A store whose every second change is done, and whose answer is then lost."""

    def __init__(self, store: RedisStore) -> None:
        self._store = store
        self._count = 0

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._store, name)
        if name not in ("apply", "append_output"):
            return real

        def call(*arguments: Any) -> Any:
            answer = real(*arguments)
            self._count += 1
            if self._count % 2:
                raise StoreUnavailableError("The answer was lost.")
            return answer

        return call


def test_a_lost_answer_costs_nothing_and_doubles_nothing(
    store: RedisStore, folder: RunFolder
) -> None:
    for n in range(5):
        (folder.files / str(n)).write_text("bytes")
        report(folder, text(str(n)), *artifacts(str(n)))
    folder.output.write_bytes(b"x" * 1_000_000 + b"\nend\n")
    delivery = Delivery(LosesAnswers(store), folder, upload)
    for _ in range(100):
        try:
            if not delivery.pump(is_over=True):
                break
        except StoreUnavailableError:
            continue
    assert sorted(delivered(store, folder)) == ["0", "1", "2", "3", "4"]
    assert output(store, folder) == b"x" * 1_000_000 + b"\nend\n"
    assert len(store.artifacts(folder.task_id)) == 5
    assert all(item.url for item in store.artifacts(folder.task_id).values())


def test_two_that_carry_one_folder_double_nothing(store: RedisStore, folder: RunFolder) -> None:
    both = [Delivery(store, folder, upload) for _ in range(2)]
    for n in range(6):
        report(folder, text(str(n)))
        with folder.output.open("ab") as file:
            file.write(b"%d\n" % n)
        both[n % 2].pump()
    for one in both:
        while one.pump(is_over=True):
            pass
    assert sorted(delivered(store, folder)) == ["0", "1", "2", "3", "4", "5"]
    assert output(store, folder) == b"0\n1\n2\n3\n4\n5\n"


def test_an_attempt_that_is_not_the_newest_delivers_nothing_and_keeps_its_folder(
    store: RedisStore, folder: RunFolder
) -> None:
    task_id = folder.task_id
    store.finish(task_id, 1, Outcome(reason=Reason.COMPLETED))
    store.claim(task_id, worker="b", token="t2", lease_s=9, allowed=(Status.COMPLETED,))
    report(folder, text("late"))
    folder.output.write_bytes(b"late\n")
    with pytest.raises(FencedError):
        deliver(store, folder)
    assert delivered(store, folder) == []
    assert folder.output.read_bytes() == b"late\n"


# artifacts and damage


def artifacts(*files: str) -> list[Event]:
    return [
        ArtifactAdded(artifact=Artifact(name=Path(file).name, type="file"), file=f"files/{file}")
        for file in files
    ]


def test_an_artifact_is_uploaded_and_its_copy_on_disk_forgotten(
    store: RedisStore, folder: RunFolder
) -> None:
    (folder.files / "model").write_bytes(b"12345")
    report(folder, *artifacts("model"))
    deliver(store, folder)
    assert store.artifacts(folder.task_id)["model"].url == "memory://model"
    assert list(folder.files.iterdir()) == []


def test_an_artifact_that_cannot_be_uploaded_is_named_with_the_reason_and_the_rest_goes_on(
    store: RedisStore, folder: RunFolder
) -> None:
    report(folder, *artifacts("gone"), text("after"))
    deliver(store, folder)
    assert "not a staged file" in store.artifacts(folder.task_id)["gone"].preview
    assert delivered(store, folder) == ["after"]


@pytest.mark.parametrize("how", ["absolute", "../", "link"])
def test_a_file_outside_the_folder_is_neither_uploaded_nor_deleted(
    store: RedisStore, folder: RunFolder, tmp_path: Path, how: str
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("private")
    (folder.files / "secret").symlink_to(secret)
    file = {
        "absolute": str(secret),
        "../": f"files/{'../' * 20}{secret}",
        "link": "files/secret",
    }[how]
    report(
        folder, ArtifactAdded(artifact=Artifact(name="a", type="file"), file=file), text("after")
    )
    deliver(store, folder)
    assert store.artifacts(folder.task_id)["a"].url == ""
    assert secret.exists()
    assert delivered(store, folder) == ["after"]


@pytest.mark.parametrize("iteration", [1 << 70, -(1 << 70)])
def test_a_number_that_redis_cannot_take_does_not_hold_up_the_rest(
    store: RedisStore, folder: RunFolder, iteration: int
) -> None:
    report(
        folder, Scalar(title="a", series="b", value=1.0, iteration=iteration, at=0.0), text("after")
    )
    deliver(store, folder)
    assert delivered(store, folder) == ["after"]


@pytest.mark.parametrize("message", ["\udcff", "\0", "a\nb"], ids=repr)
def test_odd_texts_arrive(store: RedisStore, folder: RunFolder, message: str) -> None:
    report(folder, text(message), Scalar(title=message, series="b", value=1.0, iteration=1, at=0.0))
    deliver(store, folder)
    assert len(delivered(store, folder)) == len(store.series(folder.task_id)) == 1


def test_a_damaged_line_is_left_out_and_the_rest_arrives(
    store: RedisStore, folder: RunFolder, caplog: pytest.LogCaptureFixture
) -> None:
    report(folder, text("before"))
    (path,) = folder.journal.iterdir()
    with path.open("ab") as file:
        file.write(b"00000000 text {}\n")
    report(folder, text("after"))
    deliver(store, folder)
    assert sorted(delivered(store, folder)) == ["after", "before"]
    assert "a line is left out" in caplog.text
