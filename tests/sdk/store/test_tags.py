"""The grammar of tag lists: the examples of its description, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elsewhere.core.errors import UsageError
from elsewhere.store.tags import Expression, parse
from tests.properties import PROPERTY

TAGS = ("a", "b", "c", "d", "x")
ALL_SETS = [frozenset(some) for n in range(len(TAGS) + 1) for some in combinations(TAGS, n)]


def matched(tags: object) -> list[AbstractSet[str]]:
    expression = parse("The tags", tags)
    return [some for some in ALL_SETS if expression.holds(some)]


@pytest.mark.parametrize(
    ("tags", "is_wanted"),
    [
        (["a", "b", "c"], lambda t: "a" in t or "b" in t or "c" in t),
        (["__$and", "a", "b", "c"], lambda t: "a" in t and "b" in t and "c" in t),
        (["__$not", "a", "b", "__$not", "c"], lambda t: "b" in t and not t & {"a", "c"}),
        (["-a", "b", "-c"], lambda t: "b" in t and not t & {"a", "c"}),
        (["a", "b", "__$and", "c", "d"], lambda t: t & {"a", "b"} or t >= {"c", "d"}),
        (
            ["__$and", "__$or", "a", "b", "__$and", "c", "d"],
            lambda t: t & {"a", "b"} and t >= {"c", "d"},
        ),
        (["included_tag", "-excluded_tag"], lambda _: False),
        ([], lambda _: True),
        (["-a"], lambda t: "a" not in t),
        ("a", lambda t: "a" in t),
        (["__$all", "a", "__$any", "b", "c"], lambda t: "a" in t and t & {"b", "c"}),
        (["__$or", "a", "__$and", "b", "c"], lambda t: "a" in t or t >= {"b", "c"}),
        (["__$and", "a", "-x"], lambda t: "a" in t and "x" not in t),
        (["__$or", "a", "b", "-x"], lambda t: t & {"a", "b"} and "x" not in t),
        (["-x", "__$and", "a", "b"], lambda t: t >= {"a", "b"} and "x" not in t),
        (
            ["__$all", "a", "__$or", "b", "__$not", "x", "__$and", "__$or", "c", "d"],
            lambda t: t >= {"a", "b"} and t & {"c", "d"} and "x" not in t,
        ),
    ],
)
def test_a_list_means_what_its_description_says(
    tags: object, is_wanted: Callable[[AbstractSet[str]], Any]
) -> None:
    assert matched(tags) == [some for some in ALL_SETS if is_wanted(some)]


def test_a_tag_that_begins_with_a_dash_is_excluded_by_not() -> None:
    assert parse("The tags", ["__$not", "-a"]) == Expression(excluded=("-a",))


def test_a_missing_comma_is_answered_with_the_operator_that_is_meant() -> None:
    with pytest.raises(
        UsageError, match=r"The tags have '__\$notc', which is no operator\. .*'__\$not'\?.*comma"
    ):
        parse("The tags", ["__$not", "a", "b", "__$notc"])


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        (["__$nand", "a"], "Did you mean '__$and'"),
        (["a", "__$not"], "nothing behind it"),
        (["a", "__$and"], "nothing behind it"),
        (["__$or"], "nothing behind it"),
        (["__$not", "__$and", "a"], "followed by '__$and'"),
        (["__$not", "__$not", "a"], "followed by '__$not'"),
        (["a", "-"], "'-' that names nothing"),
        ([""], "'' that names nothing"),
        (["a", 1], "1 is none"),
        ([None], "None is none"),
        (["a", "b", "-a"], "both ask for 'a' and exclude it"),
        (["a", "__$not", "a"], "both ask for 'a' and exclude it"),
        (["\udcff"], "no valid text"),
        (7, "must be a list of texts, not 7"),
        ({"a": 1}, "must be a list of texts"),
    ],
    ids=str,
)
def test_what_means_nothing_is_refused_in_a_sentence(tags: object, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse("The tags", tags)
    assert said in str(caught.value)
    assert str(caught.value).startswith(("The tags ", "A '__$not' in"))


@PROPERTY
@given(st.lists(st.sampled_from(TAGS), min_size=1), st.sets(st.sampled_from(TAGS)))
def test_one_operator_is_pythons_own(wanted: list[str], there: set[str]) -> None:
    assert parse("The tags", ["__$and", *wanted]).holds(there) == all(t in there for t in wanted)
    assert parse("The tags", ["__$or", *wanted]).holds(there) == any(t in there for t in wanted)
    assert parse("The tags", ["__$or", *wanted]) == parse("The tags", wanted)
    negated = parse("The tags", [f"-{tag}" for tag in wanted])
    assert negated.holds(there) == (not there & set(wanted))
