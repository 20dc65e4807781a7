"""Programs made of several parsers and parses: a remote run gives the same, and an edit reaches the
parses of the command line that have recorded the parameter, and no other."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

import click
from hypothesis import given
from hypothesis import strategies as st

from elsewhere.core.records import Parameter
from elsewhere.hooks.registry import PARSERS
from tests.properties import PROPERTY
from tests.sdk.hooks.command_lines import Task, command_line, watched_anew

NAMES: Final = ("lr", "seed", "n")
#: what is given for an edit
EDITED: Final = 77


@dataclass(frozen=True)
class Step:
    """One parse: by the parser of this number, of these words; None for the command line."""

    parser: int
    words: tuple[str, ...] | None


@dataclass(frozen=True)
class Program:
    """`defaults` has a parser each: its options with their defaults."""

    library: str
    defaults: tuple[Mapping[str, int], ...]
    steps: tuple[Step, ...]
    argv: tuple[str, ...]

    def may_read_the_command_line(self, step: Step) -> bool:
        """Words that are the same as typed ones cannot be told from them."""
        if step.words is None:
            return True
        return set(step.words) <= set(self.argv) if step.words else not self.argv

    def run(self) -> list[dict[str, int]]:
        """What each of its parses returns."""
        parsers = [PARSING[self.library](number, one) for number, one in enumerate(self.defaults)]
        with command_line(*self.argv):
            return [parsers[step.parser](step.words) for step in self.steps]


def with_argparse(number: int, defaults: Mapping[str, int]) -> Any:
    parser = argparse.ArgumentParser(prog=f"program{number}")
    for name, default in defaults.items():
        parser.add_argument(f"--{name}", type=int, default=default)

    def parse(words: tuple[str, ...] | None) -> dict[str, int]:
        return vars(parser.parse_known_args(None if words is None else list(words))[0])

    return parse


def with_click(number: int, defaults: Mapping[str, int]) -> Any:
    options: list[click.Parameter] = [
        click.Option([f"--{name}"], type=int, default=default) for name, default in defaults.items()
    ]
    unknown = {"ignore_unknown_options": True, "allow_extra_args": True}
    command = click.Command("c", params=options, callback=dict, context_settings=unknown)

    def parse(words: tuple[str, ...] | None) -> dict[str, int]:
        given = None if words is None else list(words)
        result: dict[str, int] = command.main(
            given, prog_name=f"program{number}", standalone_mode=False
        )
        return result

    return parse


PARSING: Final = {"argparse": with_argparse, "click": with_click}

options = st.dictionaries(st.sampled_from(NAMES), st.integers(0, 3), min_size=1)
words = options.map(lambda found: tuple(f"--{name}={value}" for name, value in found.items()))


@st.composite
def programs(draw: st.DrawFn) -> Program:
    defaults = tuple(draw(st.lists(options, min_size=1, max_size=3)))
    number = st.integers(0, len(defaults) - 1)
    given = st.one_of(st.none(), st.just(()), words)
    steps = draw(st.lists(st.builds(Step, number, given), min_size=1, max_size=5))
    library = draw(st.sampled_from(sorted(PARSING)))
    return Program(library, defaults, tuple(steps), draw(st.one_of(st.just(()), words)))


@contextmanager
def run_of(program: Program, task: Task) -> Iterator[None]:
    with watched_anew():
        detach = PARSERS[program.library].attach(task)
        yield
        detach()


def recorded_by(program: Program) -> tuple[list[dict[str, int]], dict[str, Parameter]]:
    task = Task()
    with run_of(program, task):
        return program.run(), task.parameters


def repeated(program: Program, parameters: Mapping[str, Parameter]) -> list[dict[str, int]]:
    with run_of(program, Task(parameters)):
        return program.run()


@PROPERTY
@given(programs())
def test_a_program_that_nobody_edited_gives_the_same(program: Program) -> None:
    here, parameters = recorded_by(program)
    assert repeated(program, parameters) == here


def test_an_edit_of_one_parse_does_not_reach_the_words_of_the_same_parser() -> None:
    """The second parser has its own name, under which its earlier parse of words was recorded."""
    steps = (Step(1, ()), Step(2, None), Step(1, None))
    defaults = ({"lr": 0}, {"lr": 0, "seed": 0, "n": 1}, {"n": 0})
    program = Program("argparse", defaults, steps, ("--lr=0",))
    here, parameters = recorded_by(program)
    edit = replace(parameters["Args/program1/n"], value=EDITED, is_edit=True)
    there = repeated(program, {**parameters, "Args/program1/n": edit})
    assert there == [here[0], here[1], {**here[2], "n": EDITED}]


@PROPERTY
@given(programs(), st.data())
def test_an_edit_reaches_what_reads_the_command_line_and_nothing_that_has_words(
    program: Program, data: st.DataObject
) -> None:
    here, parameters = recorded_by(program)
    name = data.draw(st.sampled_from(sorted(parameters)))
    edit = replace(parameters[name], value=EDITED, is_edit=True)
    there = repeated(program, {**parameters, name: edit})
    option = name.rpartition("/")[2]
    changed = []
    for number, step in enumerate(program.steps):
        assert {**there[number], option: 0} == {**here[number], option: 0}
        if there[number].get(option) != here[number].get(option):
            assert there[number][option] == EDITED
            is_given = f"--{option}=" in " ".join(step.words or ())
            assert program.may_read_the_command_line(step) or not is_given
            changed.append(step)
    if not edit.is_explicit:
        assert changed
        assert all(program.may_read_the_command_line(step) for step in changed)
