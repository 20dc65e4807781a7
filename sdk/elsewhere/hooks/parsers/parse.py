"""One parse of a command line: the names of its parameters, and the edits that count for it.

    Args/lr             the parse of the task's own command line, else the first one
    Args/<program>/lr   where another parse has that name already, and in processes that the task
                        starts with command lines of their own

Two parsers that read the same command line share what is equal. An edit counts for the parse that
has recorded the parameter, and never against a word that the program itself gives.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Protocol

from elsewhere.core.params import is_same
from elsewhere.core.secrets import is_hidden
from elsewhere.hooks.launch import LAUNCH, is_of_kernel

if TYPE_CHECKING:
    from elsewhere.core.records import Parameter

#: differences from the task's record that one line names
_NAMED: Final = 5


class Shared(Protocol):
    """What the parses of one library share in this process."""

    #: what has been parsed, by the names that it is recorded as
    values: dict[str, Parameter]
    #: the parse that each name without a program belongs to
    claims: dict[str, Parse]

    def overrides(self) -> Mapping[str, Parameter] | None:
        """The parameters of a remote run; None on a local one."""

    def take(self, values: Mapping[str, Parameter]) -> None:
        """Remembers and records the new ones of the `values`."""

    def print_once(self, sentence: str) -> None:
        """Prints the `sentence` for the person who reads the output."""


class Parse:
    """A parse by the `parser` of a `program`. `is_command_line`: of the task's own words.

    Names that are given and returned are those of the library: `Args/lr`, whatever they are
    recorded as.
    """

    def __init__(
        self,
        shared: Shared,
        parser: object,
        program: str,
        *,
        is_command_line: bool,
        is_child: bool,
    ) -> None:
        self.program = program
        self.is_command_line = is_command_line
        self._shared = shared
        self._parser = parser
        self._is_child = is_child

    def edits(self) -> dict[str, Parameter]:
        """The edits that count for this parse, by names; none on a local run."""
        known = self._shared.overrides() or {}
        found = {}
        for name, parameter in known.items():
            if parameter.is_edit and parameter.is_explicit == self._is_explicit:
                plain = self._plain(name)
                if self._recorded_as(plain, known) == name:
                    found[plain] = parameter
        return found

    def unless_given(
        self, edits: Mapping[str, Parameter], given: Container[str]
    ) -> dict[str, Parameter]:
        """The `edits` without the names that words of the program itself have `given`."""
        if self.is_command_line:
            return dict(edits)
        if lost := [name for name in edits if name in given]:
            known = self._shared.overrides() or {}
            names = ", ".join(sorted(self._recorded_as(name, known) for name in lost))
            self._shared.print_once(
                f"The edit of {names} changes nothing: the program itself gives the value to"
                f" {self.program or 'its parser'}."
            )
        return {name: edit for name, edit in edits.items() if name not in given}

    def take(self, values: Mapping[str, Parameter]) -> None:
        """Records the `values` that the parser has returned."""
        known = self._shared.overrides() or {}
        values = {name: one for name, one in values.items() if not is_of_kernel(one.value)}
        LAUNCH.read.update(self._recorded_as(plain, known) for plain in values)
        found = {}
        for plain, value in values.items():
            value = replace(value, is_explicit=self._is_explicit)
            if (name := self._taken(plain, value, known)) is not None:
                found[name] = value
        self._shared.take(found)
        if self.is_command_line and LAUNCH.role() == "task":
            self._print_differences(found, known)

    def _print_differences(
        self, found: Mapping[str, Parameter], known: Mapping[str, Parameter]
    ) -> None:
        """Names what the command line gives here and did not where it was recorded: a default that
        depends on the machine."""
        changed = [
            f"{name} = {value.value!r:.80} (there {known[name].value!r:.80})"
            for name, value in sorted(found.items())
            if name in known and not known[name].is_edit and not is_hidden(known[name].value)
            if not is_same(value.value, known[name].value)
        ]
        if changed:
            more = f" and {len(changed) - _NAMED} more" if len(changed) > _NAMED else ""
            named = ", ".join(changed[:_NAMED])
            self._shared.print_once(
                f"This machine gives other values than the task's record: {named}{more}."
            )

    def _taken(self, plain: str, value: Parameter, known: Mapping[str, Parameter]) -> str | None:
        """The name to record the value as; None where another parse has recorded the same one."""
        claims = self._shared.claims
        if not self._may_have(plain, known):
            return self._scoped(plain)
        owner = claims.get(plain)
        if owner is None or self._is_same_parse(owner):
            claims[plain] = self
            return plain
        before = self._shared.values.get(plain)
        if self.is_command_line and not owner.is_command_line:
            claims[plain] = self
            if before is not None:
                self._shared.take({owner._scoped(plain): before})
            return plain
        if before is not None and is_same(before.value, value.value):
            return None
        return self._scoped(plain)

    def _recorded_as(self, plain: str, known: Mapping[str, Parameter]) -> str:
        """The name of the task's parameter that is this parse's, as `_taken` has chosen it."""
        scoped = self._scoped(plain)
        if not self._may_have(plain, known):
            return scoped
        owner = self._shared.claims.get(plain)
        if owner is None or self._is_same_parse(owner):
            return plain
        if not self.is_command_line:
            return scoped
        if owner.is_command_line:
            is_own = scoped in known and not known[scoped].is_explicit
            return scoped if is_own else plain
        is_owners = plain in known and known[plain].is_explicit
        return scoped if is_owners else plain

    def _may_have(self, plain: str, known: Mapping[str, Parameter]) -> bool:
        if self._is_child:
            return False
        return self.is_command_line or plain not in known or known[plain].is_explicit

    def _is_same_parse(self, other: Parse) -> bool:
        is_alike = self.is_command_line == other.is_command_line
        return is_alike and self._parser is other._parser

    def _plain(self, name: str) -> str:
        section, _, rest = name.partition("/")
        return f"{section}/{rest.removeprefix(f'{self._scope}/')}"

    def _scoped(self, plain: str) -> str:
        section, _, rest = plain.partition("/")
        return f"{section}/{self._scope}/{rest}"

    @property
    def _is_explicit(self) -> bool:
        return not (self.is_command_line or self._is_child)

    @property
    def _scope(self) -> str:
        return self.program.replace("\\", "/").rpartition("/")[2] or "program"
