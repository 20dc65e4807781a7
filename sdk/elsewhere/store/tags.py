"""The grammar of tag lists, which all filters of named values share.

    tags       = item*
    item       = operator | tag | "-" tag | "__$not" tag
    operator   = "__$and" | "__$all" | "__$or" | "__$any"

An operator stands for all tags that follow it, up to the next one; without one it is `or`. What
stands under one operator is a group. Groups are joined by the operator that begins the list, and
by `or` where none does. Exclusions stand in no group: wherever they are, they narrow the whole.

    a b c                   a or b or c
    $and a b c              a and b and c
    -a b -c                 b, but neither a nor c
    a b $and c d            a or b or (c and d)
    $and $or a b $and c d   (a or b) and c and d
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from elsewhere.core.errors import UsageError, known_choices
from elsewhere.core.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

#: One of these groups of tags must be there whole.
Clause = tuple[tuple[str, ...], ...]

_AND: Final = "and"
_OR: Final = "or"
_NOT: Final = "not"
_OPERATORS: Final = {
    "__$all": _AND,
    "__$and": _AND,
    "__$any": _OR,
    "__$not": _NOT,
    "__$or": _OR,
}
_MARK: Final = "__$"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """Every clause must hold, and none of `excluded` may be there."""

    clauses: tuple[Clause, ...] = ()
    excluded: tuple[str, ...] = ()

    def holds(self, tags: Collection[str]) -> bool:
        return all(
            any(all(tag in tags for tag in group) for group in clause) for clause in self.clauses
        ) and not any(tag in tags for tag in self.excluded)

    @property
    def names(self) -> tuple[str, ...]:
        """Every tag in the expression, as often as it occurs."""
        wanted = [tag for clause in self.clauses for group in clause for tag in group]
        return (*wanted, *self.excluded)


def parse(what: str, given: object) -> Expression:
    """The expression of a list; a text is a list of one. `what` names it in an error.

    Raises UsageError, also for a tag that is both wanted and excluded.
    """
    if not isinstance(given, (str, list, tuple, set, frozenset)):
        raise UsageError(f"{what} must be a list of texts, not {given!r:.80}.")
    items = [given] if isinstance(given, str) else list(given)
    groups: list[tuple[str, list[str]]] = [(_OR, [])]
    excluded: list[str] = []
    last = ""
    for item in items:
        operator = _operator(what, item)
        if last == _NOT and operator:
            raise UsageError(
                f"A '__$not' in {what} is followed by {item!r}, not by what it excludes."
            )
        if operator in (_AND, _OR):
            groups.append((operator, []))
        elif not operator:
            name = str(item)
            if last == _NOT:
                excluded.append(name)
            elif name.startswith("-"):
                excluded.append(name[1:])
            else:
                groups[-1][1].append(name)
        last = operator
    if last:
        raise UsageError(f"{what} end with an operator that has nothing behind it.")
    joiner = _AND if items and _operator(what, items[0]) == _AND else _OR
    wanted = {name for _, group in groups for name in group}
    if both := sorted(wanted & set(excluded)):
        raise UsageError(f"{what} both ask for {both[0]!r} and exclude it: nothing can match.")
    kept = [(operator, names) for operator, names in groups if names]
    return Expression(clauses=_clauses(joiner, kept), excluded=tuple(excluded))


def _operator(what: str, item: object) -> str:
    """Returns the operator in `item`, empty for a tag. Raises UsageError for what is neither."""
    if not isinstance(item, str):
        raise UsageError(f"{what} must be texts, and {item!r:.80} is none.")
    if item.startswith(_MARK):
        if item not in _OPERATORS:
            raise UsageError(
                f"{what} have {item!r:.80}, which is no operator. {known_choices(item, _OPERATORS)}"
                " Is there a comma missing between an operator and what follows it?"
            )
        return _OPERATORS[item]
    if item in ("", "-"):
        raise UsageError(f"{what} have an item {item!r} that names nothing.")
    try:
        item.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"{what} have an item {item!r:.80} that is no valid text.") from error
    return ""


def _clauses(joiner: str, groups: Iterable[tuple[str, list[str]]]) -> tuple[Clause, ...]:
    clauses: list[Clause] = []
    alternatives: list[tuple[str, ...]] = []
    for operator, names in groups:
        if joiner == _OR:
            alternatives += [tuple(names)] if operator == _AND else [(name,) for name in names]
        elif operator == _AND:
            clauses += [((name,),) for name in names]
        else:
            clauses.append(tuple((name,) for name in names))
    return tuple(clauses) if joiner == _AND else (tuple(alternatives),) * bool(alternatives)
