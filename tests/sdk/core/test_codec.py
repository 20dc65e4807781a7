"""Records to JSON and back: what is written is read, what has the wrong shape is refused."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elsewhere.core.choices import Reason, TaskType
from elsewhere.core.codec import compact, decode, encode, from_plain, to_plain
from elsewhere.core.errors import RecordError
from elsewhere.core.events import Scalar
from elsewhere.core.records import (
    Attempt,
    Call,
    Environment,
    Outcome,
    Parameter,
    Source,
    Submodule,
    TaskRecord,
)
from tests.properties import PROPERTY

NUMBERS = st.integers() | st.floats(allow_nan=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
SOURCES = st.builds(
    Source,
    repository=st.text(),
    argv=st.lists(st.text(), max_size=3).map(tuple),
    submodules=st.lists(
        st.builds(Submodule, path=st.text(), repository=st.text(), commit=st.text()), max_size=2
    ).map(tuple),
)
ENVIRONMENTS = st.builds(
    Environment,
    packages=st.none() | st.lists(st.text(), max_size=3).map(tuple),
    variables=st.dictionaries(st.text(), st.text(), max_size=3),
)
RECORDS = st.builds(
    TaskRecord,
    id=st.text(),
    name=st.text(),
    project=st.text(),
    type=st.sampled_from(TaskType),
    source=SOURCES,
    environment=ENVIRONMENTS,
    call=st.none() | st.builds(Call, function=st.text()),
    seed=st.none() | st.integers(),
    parameters=st.dictionaries(st.text(), st.builds(Parameter, value=JSON), max_size=3),
    created_at=st.floats(allow_nan=False),
)


@PROPERTY
@given(RECORDS)
def test_what_is_written_is_read_again(record: TaskRecord) -> None:
    assert decode(TaskRecord, encode(record)) == record
    assert from_plain(TaskRecord, json.loads(json.dumps(to_plain(record)))) == record


def test_a_nested_record_may_be_none_or_there() -> None:
    ended = Attempt(number=1, worker="box", started_at=1, outcome=Outcome(reason=Reason.KILLED))
    going_on = Attempt(number=1, worker="box", started_at=1)
    assert [decode(Attempt, encode(one)) for one in (ended, going_on)] == [ended, going_on]


def test_fields_of_a_newer_side_are_dropped_and_missing_ones_take_their_defaults() -> None:
    plain = {"id": "1", "name": "n", "project": "p", "invented_later": [1]}
    assert from_plain(TaskRecord, plain) == TaskRecord(id="1", name="n", project="p")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_json_does_not_have_stay_readable(value: float) -> None:
    event = Scalar(title="loss", series="train", value=value, iteration=1, at=0.0)
    assert repr(decode(Scalar, encode(event)).value) == repr(value)


@pytest.mark.parametrize("text", ["1", "1.0"])
def test_a_whole_number_is_a_float_where_one_is_wanted(text: str) -> None:
    plain = f'{{"number": 1, "worker": "box", "started_at": {text}}}'
    assert type(decode(Attempt, plain).started_at) is float


WRONG: dict[str, str] = {
    "no JSON": "{",
    "empty": "",
    "bytes that are no text": "\x00",
    "endless nesting": "[" * 100_000,
    "a list": "[]",
    "a text": '"task"',
    "null": "null",
    "a missing field": '{"id": "1"}',
    "a number for a text": '{"id": 1, "name": "n", "project": "p"}',
    "an unknown choice": '{"id": "1", "name": "n", "project": "p", "type": "dancing"}',
    "a text for a list": '{"id": "1", "name": "n", "project": "p", "tags": "abc"}',
    "a list for a record": '{"id": "1", "name": "n", "project": "p", "source": []}',
    "a list for a dict": '{"id": "1", "name": "n", "project": "p", "parameters": [1]}',
    "a number too large": f'{{"id": "1", "name": "n", "project": "p", "created_at": {10**400}}}',
}


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)
def test_what_is_no_record_is_refused_with_its_name(text: str) -> None:
    with pytest.raises(RecordError, match="TaskRecord"):
        decode(TaskRecord, text)


@PROPERTY
@given(JSON)
def test_no_json_raises_anything_but_a_record_error(plain: Any) -> None:
    for given_plain in (plain, {"id": "1", "name": "n", "project": "p", "source": plain}):
        try:
            from_plain(TaskRecord, given_plain)
        except RecordError:
            continue


def test_what_is_compact_has_all_but_the_defaults_and_comes_back() -> None:
    record = TaskRecord(
        id="a",
        name="b",
        project="c",
        seed=None,
        environment=Environment(packages=(), setup=("x",)),
        parameters={"General/empty": Parameter(value=""), "General/none": Parameter(value=None)},
    )
    plain = compact(record)
    assert plain == {
        "id": "a",
        "name": "b",
        "project": "c",
        "seed": None,
        "environment": {"packages": [], "setup": ["x"]},
        "parameters": {"General/empty": {"value": ""}, "General/none": {"value": None}},
    }
    assert from_plain(TaskRecord, plain) == record
