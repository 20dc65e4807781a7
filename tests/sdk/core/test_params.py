"""Parameters: types survive, overrides are cast or refused, names nest and come back."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from elsewhere.core.codec import decode, encode
from elsewhere.core.errors import UsageError
from elsewhere.core.nesting import flatten
from elsewhere.core.params import (
    cast,
    checked_type,
    from_text,
    full_name,
    meaning,
    split_name,
    to_parameter,
    to_text,
    to_value,
    unflatten,
)
from elsewhere.core.records import Json, Parameter
from elsewhere.core.secret_parameters import shown


class Color(Enum):
    RED = 1
    BLUE = 2


class Mode(str, Enum):
    FAST = "fast"


class Scalar:
    """As numpy's: no number for Python, but `item()` is one."""

    ndim = 0

    def item(self) -> float:
        return 0.5


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("lr", ("General", "lr")),
        ("Args/lr", ("Args", "lr")),
        ("General/optimizer/lr", ("General", "optimizer/lr")),
    ],
)
def test_a_name_has_a_section(name: str, parts: tuple[str, str]) -> None:
    assert split_name(name) == parts
    assert full_name(name) == "/".join(parts)


@pytest.mark.parametrize("name", ["", "/lr", "Args/", "/"])
def test_a_name_without_name_or_section_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="does not name a parameter"):
        split_name(name)


@pytest.mark.parametrize(
    ("value", "plain", "type_name"),
    [
        (True, True, "bool"),
        (3, 3, "int"),
        (0.5, 0.5, "float"),
        (math.inf, math.inf, "float"),
        ("5", "5", "str"),
        ("", "", "str"),
        (None, None, "NoneType"),
        ([1, 2.5, None], [1, 2.5, None], "list"),
        ((1, (2, 3)), [1, [2, 3]], "tuple"),
        ({"a": {"b": [True]}, 3: None}, {"a": {"b": [True]}, "3": None}, "dict"),
        (OrderedDict(a=1), {"a": 1}, "dict"),
        (Color.RED, "RED", "Color"),
        (Mode.FAST, "FAST", "Mode"),
        (Path("data/train"), "data/train", "Path"),
        (Scalar(), 0.5, "float"),
        ("caf\udce9", "caf?", "str"),
    ],
)
def test_a_value_keeps_its_type_through_the_record(
    value: object, plain: Json, type_name: str
) -> None:
    parameter = to_parameter(value)
    assert (parameter.value, parameter.type) == (plain, type_name)
    assert type(parameter.value) is type(plain)
    read = decode(Parameter, encode(parameter).encode())
    assert read == parameter
    assert type(read.value) is type(plain)


def test_nan_survives_the_record() -> None:
    read = decode(Parameter, encode(to_parameter(math.nan)))
    assert isinstance(read.value, float)
    assert math.isnan(read.value)


def test_a_tuple_comes_back_as_a_tuple() -> None:
    assert to_value(to_parameter((1, 2))) == (1, 2)


def test_an_enum_says_what_there_is_to_choose() -> None:
    assert to_parameter(Color.RED).description == "One of RED, BLUE."
    assert to_parameter(Color.RED, "the color").description == "the color"


def test_a_text_with_a_type_is_read_as_one() -> None:
    assert to_parameter("5", type_name="int") == Parameter(value=5, type="int")
    with pytest.raises(UsageError, match="'five'"):
        to_parameter("five", type_name="int")


@pytest.mark.parametrize(
    ("value", "type_name", "plain"),
    [(5, "float", 5.0), (5.0, "int", 5), ([1], "tuple", [1]), (5, "str", "5"), (1, "bool", True)],
)
def test_a_value_becomes_the_type_that_is_given(value: object, type_name: str, plain: Json) -> None:
    found = to_parameter(value, type_name=type_name)
    assert found == Parameter(value=plain, type=type_name)
    assert type(found.value) is type(plain)


@pytest.mark.parametrize(("value", "type_name"), [(5.5, "int"), (True, "float"), ([1], "dict")])
def test_a_value_that_is_no_such_type_is_refused(value: object, type_name: str) -> None:
    with pytest.raises(UsageError, match="A parameter cannot be"):
        to_parameter(value, type_name=type_name)


@pytest.mark.parametrize(
    ("given", "name"), [(None, ""), (int, "int"), ("tuple", "tuple"), (type(None), "NoneType")]
)
def test_a_type_is_given_by_itself_or_by_its_name(given: object, name: str) -> None:
    assert checked_type(given) == name


@pytest.mark.parametrize(
    ("given", "hint"), [("flot", "Did you mean 'float'"), (complex, "Known: bool"), (5, "Known")]
)
def test_an_unknown_type_is_answered_with_the_known_ones(given: object, hint: str) -> None:
    with pytest.raises(UsageError, match=f"A parameter cannot have the type.*{hint}"):
        checked_type(given)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        (Parameter(value="5"), 5),
        (Parameter(value="[1, 'a']", type="NoneType"), [1, "a"]),
        (Parameter(value="5", type="str"), "5"),
        (Parameter(value="RED", type="Color"), "RED"),
        (Parameter(value=[1], type="tuple"), (1,)),
    ],
)
def test_a_text_means_something_where_no_type_is_known(parameter: Parameter, value: object) -> None:
    assert meaning(parameter) == value


@pytest.mark.parametrize("value", [object(), {1, 2}, b"x", 1j, [object()], {"a": {1}}, {b"k": 2}])
def test_what_json_cannot_say_is_refused(value: object) -> None:
    with pytest.raises(UsageError, match="cannot be a parameter"):
        to_parameter(value)


@pytest.mark.parametrize(
    ("text", "like", "wanted"),
    [
        ("5", 3, 5),
        (" 5 ", 3, 5),
        ("5.0", 3, 5),
        ("1e3", 3, 1000),
        ("-7", 3, -7),
        ("123456789012345678901234567890", 3, 123456789012345678901234567890),
        ("", 3, None),
        ("3", 2.5, 3.0),
        ("1e-3", 2.5, 0.001),
        ("inf", 2.5, math.inf),
        ("", 2.5, None),
        ("true", False, True),
        ("TRUE", False, True),
        ("yes", False, True),
        ("1", False, True),
        ("False", True, False),
        ("no", True, False),
        ("0", True, False),
        ("", "a", ""),
        ("None", "a", "None"),
        ("5", "a", "5"),
        ("[3, 4]", [1], [3, 4]),
        ("[1e-3, 'a']", [1], [0.001, "a"]),
        ("3, 4", [1], [3, 4]),
        ("(3, 4)", (1,), (3, 4)),
        ("[3, 4]", (1,), (3, 4)),
        ('{"a": null}', {"b": 1}, {"a": None}),
        ("{'a': None}", {"b": 1}, {"a": None}),
        ("BLUE", Color.RED, Color.BLUE),
        ("FAST", Mode.FAST, Mode.FAST),
        ("x/y", Path("z"), Path("x/y")),
        ("", None, None),
        ("5", None, 5),
        ("1e-3", None, 0.001),
        ("true", None, True),
        ("None", None, None),
        ("[1, 2]", None, [1, 2]),
        ("adam", None, "adam"),
        ("007", None, "007"),
        ("{broken", None, "{broken"),
    ],
)
def test_a_typed_in_text_takes_the_type_of_the_default(
    text: str, like: object, wanted: object
) -> None:
    for override in (text, Parameter(value=text), Parameter(value=text, type="NoneType")):
        value = cast(override, like, "General/x")
        assert value == wanted
        assert type(value) is type(wanted)


@pytest.mark.parametrize(
    ("override", "like", "wanted"),
    [
        (Parameter(value=5, type="int"), 2.5, 5.0),
        (Parameter(value=5.0, type="float"), 3, 5),
        (Parameter(value=5, type="int"), "a", "5"),
        (Parameter(value=1, type="int"), False, True),
        (Parameter(value=None, type="NoneType"), 3, None),
        (Parameter(value=[1, 2], type="tuple"), None, (1, 2)),
        (Parameter(value="5", type="int"), None, 5),
        (Parameter(value="5", type="str"), None, "5"),
        (Parameter(value="[1]", type="list"), None, [1]),
        (Parameter(value=5, type="int"), None, 5),
        (Parameter(value=[1, 2], type="list"), (0,), (1, 2)),
    ],
)
def test_a_typed_override_takes_the_type_of_the_default(
    override: Parameter, like: object, wanted: object
) -> None:
    value = cast(override, like)
    assert value == wanted
    assert type(value) is type(wanted)


@pytest.mark.parametrize(
    ("value", "like", "accepted"),
    [
        ("0.5", 3, "a whole number"),
        (0.5, 3, "a whole number"),
        ("five", 3, "a whole number"),
        ("inf", 3, "a whole number"),
        (math.inf, 3, "a whole number"),
        (True, 3, "a whole number"),
        ([1], 3, "a whole number"),
        ("half", 0.5, "a number"),
        (True, 0.5, "a number"),
        ("maybe", True, "true or false"),
        (2, True, "true or false"),
        ("5", [1], "a list such as"),
        ("[1", [1], "a list such as"),
        ("{}", (1,), "a tuple such as"),
        ("[1]", {"a": 1}, "a dict such as"),
        ("BLU", Color.RED, "Did you mean 'BLUE'? Known: BLUE, RED."),
        (5, Color.RED, "Known: BLUE, RED."),
        ("x", object(), "which no text can give"),
    ],
)
def test_an_override_that_does_not_fit_is_refused(value: Json, like: object, accepted: str) -> None:
    with pytest.raises(UsageError) as refused:
        cast(Parameter(value=value), like, "General/x")
    assert "'General/x'" in str(refused.value)
    assert repr(value) in str(refused.value)
    assert accepted in str(refused.value)


@pytest.mark.parametrize(
    ("value", "like", "wanted"),
    [
        ("5", np.int64(3), np.int64(5)),
        (5.0, np.uint8(3), np.uint8(5)),
        ("1e-3", np.float32(0.5), np.float32(0.001)),
        (2, np.float64(0.5), np.float64(2)),
        ("inf", np.float16(0.5), np.float16(math.inf)),
        ("no", np.bool_(True), np.bool_(False)),
        ("b", np.str_("a"), np.str_("b")),
        ("2.5", np.array(0.5, np.float32), np.array(2.5, np.float32)),
        (5, Scalar(), 5.0),
    ],
)
def test_a_scalar_of_numpy_stays_one(value: Json, like: Any, wanted: Any) -> None:
    found = cast(Parameter(value=value), like)
    assert found == wanted
    assert type(found) is type(wanted)
    assert getattr(found, "dtype", None) == getattr(wanted, "dtype", None)


@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
@pytest.mark.parametrize(
    ("value", "like", "sentence"),
    [
        (300, np.int8(3), "a whole number that a int8 can hold"),
        ("-1", np.uint8(3), "a whole number that a uint8 can hold"),
        (1e300, np.float32(3), "a number that a float32 can hold"),
        ("half", np.float32(3), "a number that a float32 can hold"),
        (0.5, np.int64(3), "a whole number that a int64 can hold"),
        ("maybe", np.bool_(True), "true or false"),
        ("5", np.datetime64("2024-01-02"), "the code has a date"),
    ],
)
def test_what_a_scalar_of_numpy_cannot_hold_is_refused(
    value: Json, like: Any, sentence: str
) -> None:
    with pytest.raises(UsageError, match=sentence):
        cast(Parameter(value=value), like, "General/x")


def test_an_override_that_changes_nothing_keeps_the_code_s_own_value() -> None:
    for like in [{1: "a"}, [(1, 2)], (Color.RED,), Path("x"), 3, [(math.nan,)]]:
        assert cast(to_parameter(like), like) is like


_PLAIN = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats(allow_nan=False) | some.text(),
    lambda inner: some.lists(inner) | some.dictionaries(some.text(), inner),
    max_leaves=8,
)


@given(_PLAIN)
def test_any_value_survives_its_text_when_the_type_is_known(value: Json) -> None:
    if value is not None:
        parameter = to_parameter(value)
        assert from_text(to_text(parameter.value), parameter.type) == parameter.value


def test_nothing_is_the_empty_text_and_back() -> None:
    assert to_text(None) == ""
    assert from_text("", "NoneType") is None
    assert from_text("", "int") is None
    assert from_text("", "str") == ""


@pytest.mark.parametrize(
    ("nested", "flat"),
    [
        ({"lr": 1, "opt": {"name": "sgd"}}, {"S/lr": 1, "S/opt/name": "sgd"}),
        ({"opt": {}}, {"S/opt": {}}),
        ({"layers": [{"n": 1}]}, {"S/layers": [{"n": 1}]}),
        ({}, {}),
    ],
)
def test_nested_dicts_flatten_and_come_back(
    nested: dict[str, Any], flat: dict[str, object]
) -> None:
    assert flatten(nested, "S") == flat
    assert unflatten(flat) == ({"S": nested} if nested else {})


@pytest.mark.parametrize(
    "flat", [{"S/a": 1, "S/a/b/c": 2, "S/d": 3}, {"S/a/b/c": 2, "S/d": 3, "S/a": 1}]
)
def test_a_leaf_that_is_a_prefix_is_not_lost(flat: Mapping[str, int]) -> None:
    assert unflatten(flat) == {"S": {"a": 1, "a/b/c": 2, "d": 3}}


def test_an_empty_dict_that_was_filled_later_is_no_leaf() -> None:
    assert unflatten({"S/a": {}, "S/a/b": 1}) == {"S": {"a": {"b": 1}}}
    assert unflatten({"S/a/b": 1, "S/a": {}}) == {"S": {"a": {"b": 1}}}


@given(
    some.recursive(
        some.integers(),
        lambda inner: some.dictionaries(some.text("ab", min_size=1), inner, min_size=1),
        max_leaves=10,
    ).filter(lambda value: isinstance(value, dict))
)
def test_any_nesting_comes_back(nested: dict[str, Any]) -> None:
    assert unflatten(flatten(nested, "S")) == {"S": nested}


def test_what_may_be_recorded_of_a_secret_is_a_text_with_its_description() -> None:
    hidden = Parameter(value="***", type="str", description="Who it is.")
    assert shown("Args/auth", to_parameter(Color.RED, "Who it is.")) == hidden
    url = to_parameter("redis://:pw@host", "Where it is.")
    assert shown("Args/db", url) == replace(url, value="redis://:***@host")
    number = to_parameter(5)
    assert shown("Args/password", number) == number
