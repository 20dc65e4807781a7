"""Arguments, checked: what passes comes back, what does not is refused with one sentence."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import MappingProxyType

import numpy as np
import pytest

from elsewhere.core import checks
from elsewhere.core.errors import UsageError

INFINITE = float("inf")


@pytest.mark.parametrize(
    ("check", "given", "found"),
    [
        (checks.checked_text, " a ", " a "),
        (checks.checked_text, "", ""),
        (checks.checked_texts, "a", ["a"]),
        (checks.checked_texts, ("a", "b"), ["a", "b"]),
        (checks.checked_texts, {"a"}, ["a"]),
        (checks.checked_texts, (), []),
        (checks.checked_flag, False, False),
        (checks.checked_whole, -5, -5),
        (lambda what, given: checks.checked_whole(what, given, 1), 1, 1),
        (checks.checked_seconds, 0, 0),
        (checks.checked_seconds, INFINITE, INFINITE),
        (checks.checked_flag, np.bool_(True), True),
        (checks.checked_whole, np.int64(5), 5),
        (checks.checked_seconds, np.float32(0.5), 0.5),
        (lambda _, given: checks.checked_labels(given), {"cat": np.int64(1)}, {"cat": 1}),
        (checks.checked_dict, MappingProxyType({"a": 1}), {"a": 1}),
        (lambda _, given: checks.checked_labels(given), {"cat": 1}, {"cat": 1}),
    ],
)
def test_what_is_right_comes_back(
    check: Callable[[str, object], object], given: object, found: object
) -> None:
    value = check("It", given)
    assert value == found
    assert np.generic not in type(value).__mro__


@pytest.mark.parametrize(
    ("check", "given", "sentence"),
    [
        (checks.checked_text, None, "It must be a text, not None."),
        (checks.checked_text, b"x" * 99, "It must be a text, not b'" + "x" * 78 + "."),
        (
            lambda what, given: checks.checked_text(what, given, note=" such as '1.0'"),
            2,
            "It must be a text such as '1.0', not 2.",
        ),
        (
            lambda what, given: checks.checked_text(what, given, is_needed=True, note=" or so"),
            " ",
            "It cannot be empty: it must be a text or so.",
        ),
        (checks.checked_texts, 5, "It must be a list of texts, or one text, not 5."),
        (checks.checked_texts, ["a", 5], "It must be a list of texts, or one text, not ['a', 5]."),
        (checks.checked_texts, {"a": 1}, "It must be a list of texts, or one text, not {'a': 1}."),
        (checks.checked_flag, 1, "It must be True or False, not 1."),
        (checks.checked_whole, True, "It must be a whole number, not True."),
        (checks.checked_whole, 1.0, "It must be a whole number, not 1.0."),
        (checks.checked_whole, np.bool_(True), "It must be a whole number, not np.True_."),
        (
            lambda what, given: checks.checked_whole(what, given, 1),
            0,
            "It must be a whole number of 1 or more, not 0.",
        ),
        (
            lambda what, given: checks.checked_whole(what, given, note=" such as 3"),
            "6",
            "It must be a whole number such as 3, not '6'.",
        ),
        (checks.checked_seconds, "1", "It must be a number of seconds, 0 or more, not '1'."),
        (checks.checked_seconds, True, "It must be a number of seconds, 0 or more, not True."),
        (checks.checked_seconds, -0.1, "It must be a number of seconds, 0 or more, not -0.1."),
        (
            checks.checked_seconds,
            float("nan"),
            "It must be a number of seconds, 0 or more, not nan.",
        ),
        (
            lambda what, given: checks.checked_seconds(what, given, may_be_zero=False),
            0,
            "It must be a number of seconds, more than 0, not 0.",
        ),
        (checks.checked_dict, [1], "It must be a dict, not [1]."),
        (
            lambda _, given: checks.checked_labels(given),
            [1],
            "Labels are a dict such as {'cat': 1, 'dog': 2}, not [1].",
        ),
        (
            lambda _, given: checks.checked_labels(given, dict),
            MappingProxyType({}),
            "Labels are a dict such as {'cat': 1, 'dog': 2}, not mappingproxy({}).",
        ),
        (
            lambda _, given: checks.checked_labels(given),
            {"cat": True},
            "Labels are texts with whole numbers: 'cat': True is none.",
        ),
        (checks.checked_pattern, 5, "It must be a text, not 5."),
        (
            checks.checked_pattern,
            "*",
            "It must be a regular expression, not '*': nothing to repeat at position 0.",
        ),
    ],
)
def test_what_is_wrong_is_refused_with_a_sentence(
    check: Callable[[str, object], object], given: object, sentence: str
) -> None:
    with pytest.raises(UsageError, match=f"^{re.escape(sentence)}$"):
        check("It", given)


def test_a_pattern_comes_back_compiled() -> None:
    assert checks.checked_pattern("It", "^A", re.IGNORECASE).search("abc")


def test_a_copy_of_the_labels_is_given() -> None:
    labels = {"cat": 1}
    assert checks.checked_labels(labels) is not labels
