"""Events as lines: every kind comes back as it was, and no bytes do harm."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elsewhere.core.choices import ScalarKind, Status
from elsewhere.core.codec import encode
from elsewhere.core.errors import RecordError
from elsewhere.core.events import EVENTS as CLASSES
from elsewhere.core.events import (
    ArtifactAdded,
    ArtifactsRemoved,
    Configurations,
    Edited,
    Event,
    FilesWritten,
    Labels,
    ModelReported,
    ModelSaved,
    ModelsUnused,
    ModelUsed,
    Parameters,
    Phase,
    Plot,
    Progress,
    Properties,
    PublishAtEnd,
    Resources,
    Sample,
    Scalar,
    Scalars,
    Tags,
    Text,
    Verdict,
    decode_event,
    encode_event,
    kind_of,
    single_value,
)
from elsewhere.core.records import Artifact, Configuration, ModelUse, Parameter
from elsewhere.core.scalars import POINT, Column
from elsewhere.report.resources import MACHINE
from tests.properties import PROPERTY
from tests.stores import make_machine

EVENTS: list[Event] = [
    Scalar(title="loss", series="train", value=0.5, iteration=3, at=1.5),
    Scalars(columns=(Column("loss", "train", POINT.pack(3, 1.5, math.inf)),)),
    Progress(percent=12.5, at=1.0),
    Parameters(values={"General/a": Parameter(value=[1, {"b": None}], type="list")}, is_whole=True),
    ArtifactAdded(
        artifact=Artifact(name="model", type="file", metadata={"a": "b"}), file="files/m"
    ),
    ArtifactsRemoved(names=("model",)),
    Configurations(values={"net": Configuration(text="a: 1\n", type="yaml")}, removed=("old",)),
    Labels(values={"cat": 1}),
    Edited(fields={"name": "another name"}),
    ModelSaved(model="m1", fields={"name": "net", "iteration": 3}, file="files/m"),
    ModelUsed(use=ModelUse(name="net", model="m1", is_output=True, at=1.0)),
    ModelsUnused(names=("net",)),
    ModelReported(model="m1", scalars=Scalars(columns=()), plot=None),
    Sample(title="t", series="s", iteration=3, at=1.0, history=9, file="files/s", digest="d"),
    Plot(title="t", series="s", iteration=3, at=1.0, figure='{"data":[]}'),
    Text(message="two\nlines\r", level=20, at=1.0),
    Resources(title=":monitor:machine", values={"cpu": 1.0}, at=1.0, elapsed_s=2.0),
    make_machine(),
    FilesWritten(files={"a": 1}, count=2, total_bytes=3, machine="box", folder="/code"),
    Tags(added=("a", "b"), removed=("c",)),
    Properties(values={"owner": Parameter(value="Ada")}),
    Phase(name="install", at=1.0, seconds=None),
    PublishAtEnd(is_wanted=True),
    Verdict(status=Status.FAILED, message="no", at=1.0),
]


def test_there_is_an_example_of_every_kind() -> None:
    assert {type(event) for event in EVENTS} == set(CLASSES.values())


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_is_one_line_and_comes_back_as_it_was(event: Event) -> None:
    line = encode_event(event)
    assert len(line.splitlines()) == 1
    assert decode_event(line) == event


@PROPERTY
@given(st.text(st.characters()))  # every character, half ones of an undecodable name too
def test_any_text_fits_into_one_line_and_comes_back(message: str) -> None:
    line = encode_event(Text(message=message, level=20, at=0.0))
    assert b"\n" not in line
    assert b"\r" not in line
    assert decode_event(line) == Text(message=message, level=20, at=0.0)


@pytest.mark.parametrize(
    "line",
    [b"", b"scalar", b"scalar {}", b"scalar []", b"dance {}", b"\xff\xfe {}", b"progress {", b"{}"],
)
def test_a_line_that_is_no_event_is_refused(line: bytes) -> None:
    with pytest.raises(RecordError):
        decode_event(line)


@PROPERTY
@given(st.binary())
def test_no_bytes_raise_anything_but_a_record_error(line: bytes) -> None:
    for one in (line, b"scalar " + line):
        with pytest.raises(RecordError):
            decode_event(one)


@pytest.mark.parametrize(
    ("title", "iteration", "kind"),
    [
        ("loss", 3, ScalarKind.SCALAR),
        ("Summary", 3, ScalarKind.SCALAR),
        ("Summary", -(2**31), ScalarKind.SINGLE),
        ("loss", -(2**31), ScalarKind.SCALAR),
        (":monitor:machine", 3, ScalarKind.RESOURCE),
    ],
)
def test_a_line_says_by_title_and_iteration_which_kind_of_scalar_it_is(
    title: str, iteration: int, kind: ScalarKind
) -> None:
    plain = {"title": title, "series": "x", "value": 0.5, "iteration": iteration, "at": 1.0}
    scalar = decode_event(b"scalar " + json.dumps(plain).encode())
    assert isinstance(scalar, Scalar)
    assert scalar.kind is kind


def test_a_single_value_and_the_values_of_a_monitor_are_scalars_of_their_own_kinds() -> None:
    assert single_value("score", 0.5, at=1.0).kind is ScalarKind.SINGLE
    resources = Resources(title=MACHINE, values={"cpu": 1.0}, at=1.0, elapsed_s=math.nan)
    [column] = resources.points()
    [iteration] = (at for at, _, _ in POINT.iter_unpack(column.points))
    assert (kind_of(column.title, iteration), iteration) == (ScalarKind.RESOURCE, 0)


@pytest.mark.parametrize("points", ["", "AAAA", "A" * 31, "ä" * 32, None, 5, "?" * 32])
def test_a_column_of_anything_but_whole_points_is_refused(points: object) -> None:
    column = {"title": "loss", "series": "train", "points": points}
    with pytest.raises(RecordError):
        decode_event(b"scalars " + json.dumps({"columns": [column]}).encode())


def test_a_column_is_shifted_but_for_its_single_values() -> None:
    points = [(3, 1.0, 0.5), (-(2**31), 2.0, math.nan), (2**63 - 2, 3.0, math.inf)]
    packed = b"".join(POINT.pack(*point) for point in points)
    for title, second in (("Summary", -(2**31)), ("loss", -(2**31) + 10)):
        shifted = Column(title, "x", packed).shifted(10)
        moved = [(13, 1.0, 0.5), (second, 2.0, math.nan), (2**63 - 1, 3.0, math.inf)]
        assert repr(list(POINT.iter_unpack(shifted.points))) == repr(moved)


@pytest.mark.parametrize("name", ["train", 'a "b"\\', "é\x1f\n", "\udcff", "😀"])
def test_a_block_of_points_is_encoded_as_any_record(name: str) -> None:
    event = Scalars(columns=(Column(name, "a", b"\xff" * 48), Column("t", name, b"\0" * 24)))
    assert event.encoded() == encode(event)
