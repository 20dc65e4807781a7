"""Filters: every key of task_filter is read, and what cannot be is refused in a sentence."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from elsewhere.core.choices import Status, TaskType
from elsewhere.core.errors import UsageError
from elsewhere.store.filters import Condition, Filter, Order, Range, parse
from elsewhere.store.tags import Expression

NOON = datetime(2024, 5, 31, 12, tzinfo=timezone.utc).timestamp()


def only(task_filter: dict[str, Any]) -> Condition:
    (condition,) = parse(task_filter).conditions
    return condition


def bounds(given: object, key: str = "created") -> tuple[tuple[str, float], ...]:
    test = only({key: given}).test
    assert isinstance(test, Range)
    return test.bounds


def test_nothing_narrows_nothing() -> None:
    assert parse() == parse({}) == parse({"status": None, "tags": []}) == Filter()


def test_the_filter_of_the_page_is_read() -> None:
    found = parse(
        {
            "system_tags": ["-archived"],
            "status": ["completed", "published"],
            "type": ["training"],
            "search_text": "reg_exp_text",
        }
    )
    assert found.sets == (
        ("system_tags", Expression(excluded=("archived",))),
        ("status", Expression(clauses=((("completed",), ("published",)),))),
        ("type", Expression(clauses=((("training",),),))),
    )
    assert [one.fields for one in found.conditions] == [("name", "comment", "id")]


def test_enumerations_are_taken_as_well_as_their_names() -> None:
    assert parse({"status": [Status.FAILED], "type": TaskType.QC}) == parse(
        {"status": ["failed"], "type": ["qc"]}
    )


def test_archived_tasks_are_left_out_by_one_argument() -> None:
    assert parse(allow_archived=False) == parse({"system_tags": ["-archived"]})


def test_a_project_is_named_as_it_is() -> None:
    assert parse(project_name=["-a", "__$b"]).sets == (
        ("project", Expression(clauses=((("-a",), ("__$b",)),))),
    )


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ([1, 2], ((">=", 1.0), ("<=", 2.0))),
        ([None, 2], (("<=", 2.0),)),
        ((1.5, None), ((">=", 1.5),)),
        ([None, None], ()),
        (">=5.0", ((">=", 5.0),)),
        ([">1.5", "< 2.5"], ((">", 1.5), ("<", 2.5))),
    ],
)
def test_a_range_is_a_pair_or_texts_with_signs(given: object, wanted: object) -> None:
    assert bounds(given) == bounds(given, "last_iteration") == wanted
    assert bounds(given, "last_metrics.loss.train") == wanted


@pytest.mark.parametrize(
    "given",
    [
        "2024-05-31T12:00:00",
        "2024-05-31 12:00:00Z",
        "2024-05-31T14:00:00+02:00",
        str(NOON),
        NOON,
        datetime(2024, 5, 31, 12),  # noqa: DTZ001 - without a zone it is UTC
        datetime(2024, 5, 31, 14, tzinfo=timezone(timedelta(hours=2))),
    ],
    ids=str,
)
def test_a_time_is_a_number_or_a_date(given: object) -> None:
    assert bounds([given, None]) == ((">=", NOON),)
    assert bounds([None, given]) == (("<=", NOON),)


@pytest.mark.parametrize("text", ["2024-05-31T12:00:00Z", str(NOON), str(int(NOON))])
def test_a_time_stands_behind_a_sign(text: str) -> None:
    assert bounds(f"< {text}") == (("<", NOON),)


@pytest.mark.parametrize(
    ("text", "name", "is_found"),
    [
        ("train", "TRAINING", True),
        ("two words", "words, two", True),
        ("two words", "two", False),
        ("tr.in", "train", True),
        ("c++", "in C++ now", True),
        ("(half", "a (half) b", True),
        ("", "anything", True),
    ],
)
def test_searched_words_are_found_in_any_case_and_order(
    text: str, name: str, is_found: bool
) -> None:
    task = {"name": name, "comment": None, "id": "1"}
    conditions = parse({"search_text": text}).conditions
    assert all(one.holds(task) for one in conditions) is is_found


def test_patterns_of_names_look_at_case_and_those_of_several_fields_do_not() -> None:
    assert only({"name": "^Tr"}).holds({"name": "Train"})
    assert not only({"name": "^Tr"}).holds({"name": "train"})
    assert not parse(task_name="^Tr").conditions[0].holds({"name": "train"})
    any_of = only({"_any_": {"fields": ["name", "tags"], "pattern": "^X"}})
    assert any_of.holds({"name": "a", "tags": ["b", "x1"]})
    assert not any_of.holds({"name": "ax", "tags": []})
    all_of = only({"_and_": {"fields": ["created", "completed"], "datetime": [">=10.0", "<20.0"]}})
    assert all_of.holds({"created": 10.0, "completed": 19.0})
    assert not all_of.holds({"created": 10.0, "completed": 20.0})
    assert not all_of.holds({"created": 10.0, "completed": None})


def test_orders_and_pages_are_read() -> None:
    found = parse({"order_by": ["-created", "last_metrics.a.b"], "page": 2, "page_size": 7})
    assert found.order == (
        Order(field="created", is_descending=True),
        Order(field="last_metrics.a.b"),
    )
    assert (found.skipped, found.limit) == (14, 7)
    assert (parse({"page": 1}).skipped, parse({"page": 1}).limit) == (500, 500)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "task_filter must be a dict, not []"),
        ({"stauts": ["failed"]}, "no key 'stauts' in task_filter. Did you mean 'status'?"),
        ({7: 1}, "no key 7 in task_filter"),
        ({"last_metrics.loss": [0, 1]}, "Did you mean 'last_metrics."),
        ({"status": ["complete"]}, "no status 'complete'. Did you mean 'completed'?"),
        ({"type": ["-trainin"]}, "no type 'trainin'. Did you mean 'training'?"),
        ({"system_tags": ["hidden"]}, "no system_tags 'hidden'"),
        ({"status": 3}, "The values of 'status' in task_filter must be a list of texts, not 3"),
        ({"tags": ["a", "-a"]}, "both ask for 'a'"),
        ({"name": "("}, "'name' of task_filter must be a regular expression, not '('"),
        ({"comment": 1}, "'comment' of task_filter must be a text, not 1"),
        ({"search_text": ["a"]}, "'search_text' of task_filter must be a text"),
        ({"created": 5}, "must be [first, last]"),
        ({"created": "2024-01-01"}, "must be [first, last]"),
        ({"created": [">1", 2]}, "must be [first, last]"),
        ({"created": []}, "must be [first, last]"),
        ({"created": ["soon", None]}, "needs times such as"),
        ({"created": ">=24"}, "needs times such as"),
        ({"created": ">=31.5.2024"}, "needs times such as"),
        ({"last_iteration": [True, None]}, "needs numbers, not True"),
        ({"last_iteration": [float("nan"), None]}, "needs numbers, not nan"),
        ({"last_update": [{}, None]}, "needs numbers, not {}"),
        ({"order_by": 1}, "order_by must be a list of fields"),
        ({"order_by": [1]}, "and 1 is none"),
        ({"order_by": "-creatd"}, "cannot be ordered by 'creatd'. Did you mean 'created'?"),
        ({"page": -1}, "page must be a whole number of 0 or more, not -1"),
        ({"page_size": 0}, "page_size must be a whole number of 1 or more, not 0"),
        ({"page": True}, "page must be a whole number"),
        ({"_any_": "x"}, "'_any_' of task_filter must be {\"fields\""),
        ({"_any_": {"fields": ["name"]}}, "'_any_' of task_filter must be"),
        ({"_any_": {"fields": [], "pattern": "x"}}, "must be a list of names, not []"),
        ({"_any_": {"fields": ["nmae"], "pattern": "x"}}, "Did you mean 'name'?"),
        ({"_any_": {"fields": ["name"], "datetime": ">=1"}}, "cannot look into 'name'"),
        ({"_any_": {"fields": ["name"], "pattern": "("}}, "must be a regular expression"),
    ],
    ids=str,
)
def test_what_cannot_be_asked_is_refused_in_a_sentence(given: Any, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(given)
    assert said in str(caught.value)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"project_name": 5}, "project_name must be a list of texts, or one text, not 5"),
        ({"project_name": [5]}, "project_name must be"),
        ({"task_name": "*"}, "task_name must be a regular expression, not '*'"),
        ({"task_name": 1}, "task_name must be a text, not 1"),
        ({"tags": 1}, "The tags must be a list of texts, not 1"),
    ],
)
def test_wrong_arguments_are_refused_as_well(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(**arguments)
    assert said in str(caught.value)


def test_a_word_that_is_no_regular_expression_is_searched_for_as_it_is() -> None:
    for word in ("a(b", "a{99999999999999999999}"):
        (condition,) = parse({"search_text": word}).conditions
        assert condition.holds({"name": f"x {word} y", "comment": "", "id": "1"})
        assert not condition.holds({"name": "a b", "comment": "", "id": "1"})
