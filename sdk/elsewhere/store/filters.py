"""The filter of a query: the arguments of `get_tasks` and `task_filter`, read and checked.

    key of task_filter                       value
    id tags system_tags status type          a list as in `tags.py`, or one text
      project parent                           (`project`: exact names)
    name comment                             a regular expression, searched for, case-sensitive
    search_text                              words that are all in name, comment or id, in any case;
                                               each a regular expression where it is one
    created started completed last_update    times: [first, last], None for open; or one or more
                                               texts that begin with >=, >, <= or <
    last_iteration progress                  numbers, in the same forms
    last_metrics.<title>.<series>            the same; .min_value or .max_value behind it for these
    _any_ _or_ _all_ _and_                   {"fields": [...], "pattern": a regular expression in
                                               any case, or "datetime": times}
    order_by                                 fields, the most important first; "-" for descending
    page page_size                           from 0; 500 tasks a page without page_size

A time is Unix seconds, a datetime or its ISO text; without a zone it is UTC.
"""

from __future__ import annotations

import operator
import re
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final

from elsewhere.core import checks
from elsewhere.core.choices import ARCHIVED, SYSTEM_TAGS, Status, TaskType
from elsewhere.core.errors import UsageError, known_choices
from elsewhere.core.frozen import dataclass
from elsewhere.store import tags as grammar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

#: the beginning of the fields that are a series of scalars
METRIC: Final = "last_metrics."
TIMES: Final = ("created", "started", "completed", "last_update")
NUMBERS: Final = ("last_iteration", "progress")
TEXTS: Final = ("id", "name", "comment", "project", "parent", "type", "status", "status_message")
LISTS: Final = ("tags", "system_tags")

#: in these the store keeps a set of tasks for each value
_INDEXED: Final = ("tags", "system_tags", "status", "type", "project")
_VALUES: Final = (*_INDEXED, "id", "parent")
_PATTERNS: Final = ("name", "comment")
_SEARCHED: Final = ("name", "comment", "id")
_GROUPS: Final = {"_all_": True, "_and_": True, "_any_": False, "_or_": False}
_KEYS: Final = (
    *(*_VALUES, *_PATTERNS, *TIMES, *NUMBERS, *_GROUPS),
    *("search_text", "order_by", "page", "page_size"),
)
_CHOICES: Final[Mapping[str, Iterable[str]]] = {
    "status": Status,
    "type": TaskType,
    "system_tags": SYSTEM_TAGS,
}
#: tasks on a page when only `page` is given
_PAGE: Final = 500
_SIGNS: Final = {">=": operator.ge, ">": operator.gt, "<=": operator.le, "<": operator.lt}
#: as a text; fewer digits are a date
_SECONDS: Final = re.compile(r"[0-9]{9,}|[0-9]+[.][0-9]+")
_BOUND: Final = re.compile(r"\s*(>=|<=|>|<)\s*(.+?)\s*", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """A test that a regular expression is found in a text."""

    regex: re.Pattern[str]

    def holds(self, value: Any) -> bool:
        texts = [value] if isinstance(value, str) else value or []
        return any(self.regex.search(text) for text in texts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A test that a number is within all bounds: sign and number each. None is in no range."""

    bounds: tuple[tuple[str, float], ...]

    def holds(self, value: Any) -> bool:
        return value is not None and all(_SIGNS[sign](value, end) for sign, end in self.bounds)


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOf:
    """A test that the value alone fulfils the expression."""

    expression: grammar.Expression

    def holds(self, value: Any) -> bool:
        return self.expression.holds((value,))


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A test that must hold for one of the fields, or for all."""

    fields: tuple[str, ...]
    test: Pattern | Range | OneOf
    is_for_all: bool = False

    def holds(self, task: Mapping[str, Any]) -> bool:
        held = (self.test.holds(task[field]) for field in self.fields)
        return all(held) if self.is_for_all else any(held)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    field: str
    is_descending: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Conditions that must all hold. `sets` pairs a field that has sets with an expression;
    `name` is exact. Without an order the task that changed last comes first."""

    sets: tuple[tuple[str, grammar.Expression], ...] = ()
    name: str = ""
    conditions: tuple[Condition, ...] = ()
    order: tuple[Order, ...] = ()
    skipped: int = 0
    limit: int | None = None

    @property
    def end(self) -> int | None:
        """The number of tasks to find: the page, and those before it; None for all."""
        return None if self.limit is None else self.skipped + self.limit


def parse(
    task_filter: object = None,
    *,
    project_name: object = None,
    task_name: object = None,
    exact_name: str = "",
    tags: object = None,
    allow_archived: bool = True,
) -> Filter:
    """Makes a filter of a caller's arguments; `task_name` is a pattern. None does not narrow.

    Raises UsageError, with the closest known key, field or value for an unknown one.
    """
    given = checks.checked_dict("task_filter", {} if task_filter is None else task_filter)
    for key in given:
        if key not in _KEYS and not _is_metric(key):
            known = (*_KEYS, METRIC + "<title>.<series>")
            raise UsageError(f"There is no key {key!r} in task_filter. {_known(key, known)}")
    wanted = {key: value for key, value in given.items() if value is not None}
    sets = [(field, _values(field, wanted[field])) for field in _INDEXED if field in wanted]
    if project_name is not None:
        sets.append(("project", _projects(project_name)))
    if tags is not None:
        sets.append(("tags", grammar.parse("The tags", tags)))
    if not allow_archived:
        sets.append(("system_tags", grammar.Expression(excluded=(ARCHIVED,))))
    conditions = [] if task_name is None else [_search("name", "task_name", task_name)]
    conditions += [
        condition
        for key, value in wanted.items()
        if key not in _INDEXED
        for condition in _conditions(key, value)
    ]
    page, size = _whole(wanted, "page", 0), _whole(wanted, "page_size", 1)
    is_paged = page is not None or size is not None
    limit = (size or _PAGE) if is_paged else None
    return Filter(
        sets=tuple(one for one in sets if one[1] != grammar.Expression()),
        name=exact_name,
        conditions=tuple(conditions),
        order=_order(wanted.get("order_by", ())),
        skipped=(page or 0) * (limit or 0),
        limit=limit,
    )


def _conditions(key: str, value: Any) -> list[Condition]:
    what = f"{key!r} of task_filter"
    if key in _VALUES:
        return [Condition(fields=(key,), test=OneOf(expression=_values(key, value)))]
    if key in _PATTERNS:
        return [_search(key, what, value)]
    if key == "search_text":
        return [_word(word) for word in checks.checked_text(what, value).split()]
    if key in _GROUPS:
        return [_group(what, value, is_for_all=_GROUPS[key])]
    if key in TIMES:
        return [Condition(fields=(key,), test=_range(what, value, _time))]
    if key in NUMBERS or _is_metric(key):
        return [Condition(fields=(key,), test=_range(what, value, _number))]
    return []


def _values(field: str, given: object) -> grammar.Expression:
    what = f"The values of {field!r} in task_filter"
    expression = grammar.parse(what, given)
    choices = [str(choice) for choice in _CHOICES.get(field, ())]
    for name in expression.names if choices else ():
        if name not in choices:
            raise UsageError(f"There is no {field} {name!r:.80}. {known_choices(name, choices)}")
    return expression


def _projects(given: object) -> grammar.Expression:
    """Reads project names as they are: a project may begin with a dash."""
    clause = tuple((name,) for name in checks.checked_texts("project_name", given))
    return grammar.Expression(clauses=(clause,) if clause else ())


def _search(field: str, what: str, given: object) -> Condition:
    return Condition(fields=(field,), test=Pattern(regex=checks.checked_pattern(what, given)))


def _word(word: str) -> Condition:
    try:
        regex = re.compile(word, re.IGNORECASE)
    except (re.error, RecursionError, OverflowError):
        regex = re.compile(re.escape(word), re.IGNORECASE)
    return Condition(fields=_SEARCHED, test=Pattern(regex=regex))


def _group(what: str, given: object, *, is_for_all: bool) -> Condition:
    tests = {"pattern", "datetime"}
    keys = set(given) if isinstance(given, dict) else set()
    if (
        not isinstance(given, dict)
        or "fields" not in keys
        or len(keys & tests) != 1
        or keys
        - {
            *tests,
            "fields",
        }
    ):
        raise UsageError(
            f'{what} must be {{"fields": [...], "pattern": ...}} or {{"fields": [...],'
            f' "datetime": ...}}, not {given!r:.80}.'
        )
    fields = given["fields"]
    if not isinstance(fields, (list, tuple)) or not fields:
        raise UsageError(f"The fields of {what} must be a list of names, not {fields!r:.80}.")
    known = (*TEXTS, *LISTS) if "pattern" in given else TIMES
    for field in fields:
        if field not in known:
            raise UsageError(f"{what} cannot look into {field!r:.80}. {_known(field, known)}")
    test: Pattern | Range
    if "pattern" in given:
        regex = checks.checked_pattern(f"The pattern of {what}", given["pattern"], re.IGNORECASE)
        test = Pattern(regex=regex)
    else:
        test = _range(f"The datetime of {what}", given["datetime"], _time)
    return Condition(fields=tuple(fields), test=test, is_for_all=is_for_all)


def _range(what: str, given: object, read: Callable[[str, object], float]) -> Range:
    items = list(given) if isinstance(given, (list, tuple)) else [given]
    signed = [_BOUND.fullmatch(item) if isinstance(item, str) else None for item in items]
    if items and all(signed):
        return Range(bounds=tuple((one[1], read(what, one[2])) for one in signed if one))
    if len(items) != 2 or any(signed):
        raise UsageError(
            f"{what} must be [first, last], with None for an open end, or texts that begin with"
            f" >=, >, <= or <, not {given!r:.80}."
        )
    ends = zip((">=", "<="), items, strict=True)
    return Range(bounds=tuple((sign, read(what, end)) for sign, end in ends if end is not None))


def _time(what: str, given: object) -> float:
    if isinstance(given, str) and not _SECONDS.fullmatch(given):
        try:
            # Python 3.10 reads no Z.
            given = datetime.fromisoformat(re.sub("[zZ]$", "+00:00", given))
        except ValueError as error:
            raise UsageError(
                f"{what} needs times such as '2024-05-31' or '2024-05-31T12:00:00', not"
                f" {given!r:.80}."
            ) from error
    if isinstance(given, datetime):
        zoned = given if given.tzinfo else given.replace(tzinfo=timezone.utc)
        return zoned.timestamp()
    return _number(what, given)


def _number(what: str, given: object) -> float:
    try:
        number = float(given) if isinstance(given, (int, float, str)) else float("nan")
    except (ValueError, OverflowError):
        number = float("nan")
    if number != number or isinstance(given, bool):
        raise UsageError(f"{what} needs numbers, not {given!r:.80}.")
    return number


def _order(given: object) -> tuple[Order, ...]:
    names = [given] if isinstance(given, str) else given
    if not isinstance(names, (list, tuple)):
        raise UsageError(f"order_by must be a list of fields, not {given!r:.80}.")
    known = (*TEXTS, *TIMES, *NUMBERS)
    order = []
    for name in names:
        if not isinstance(name, str):
            raise UsageError(f"order_by must be a list of fields, and {name!r:.80} is none.")
        field = name.removeprefix("-")
        if field not in known and not _is_metric(field):
            shown = (*known, METRIC + "<title>.<series>")
            raise UsageError(f"Tasks cannot be ordered by {field!r:.80}. {_known(field, shown)}")
        order.append(Order(field=field, is_descending=name.startswith("-")))
    return tuple(order)


def _whole(given: Mapping[Any, Any], key: str, least: int) -> int | None:
    number = given.get(key)
    return None if number is None else checks.checked_whole(key, number, least)


def _is_metric(field: object) -> bool:
    """Whether `field` has a title and a series, both of one character at least."""
    if not isinstance(field, str) or not field.startswith(METRIC):
        return False
    title, _, series = field.removeprefix(METRIC).partition(".")
    return bool(title and series)


def _known(wanted: object, known: Iterable[str]) -> str:
    return known_choices(str(wanted), known)
