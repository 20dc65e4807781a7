"""What the tests of command lines share: a task as hooks see it, parsers, and remote runs."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import Enum
from typing import cast

from elsewhere.core.events import Event, Parameters
from elsewhere.core.params import as_edit, to_parameter
from elsewhere.core.records import Configuration, Parameter
from elsewhere.hooks.launch import LAUNCH
from elsewhere.hooks.registry import PARSERS, watch
from elsewhere.report.recorder import OwnRun
from elsewhere.run.membership import overrides

attach = PARSERS["argparse"].attach

Build = Callable[[ArgumentParser], object]


class Color(Enum):
    RED = "r"
    BLUE = "b"


class Task:
    """A `Recorder` as a hook sees it, which remembers the events."""

    def __init__(self, overrides: Mapping[str, object] | None = None) -> None:
        self.events: list[Event] = []
        self._overrides = None if overrides is None else record_of(overrides)

    def record(self, event: Event) -> None:
        self.events.append(event)

    def overrides(self) -> Mapping[str, Parameter] | None:
        return self._overrides

    def configurations(self) -> Mapping[str, Configuration] | None:
        return None if self._overrides is None else {}

    @property
    def parameters(self) -> dict[str, Parameter]:
        merged: dict[str, Parameter] = {}
        for event in self.events:
            assert isinstance(event, Parameters)
            assert not event.is_whole
            merged |= event.values
        return merged

    @property
    def values(self) -> dict[str, object]:
        return {name: parameter.value for name, parameter in self.parameters.items()}


def as_run(task: Task) -> OwnRun:
    """Returns the task for a hook that takes only a `Recorder` of its run."""
    return cast("OwnRun", task)


def record_of(values: Mapping[str, object]) -> dict[str, Parameter]:
    """The parameters of a remote run, all of them edits."""
    return {
        name: value if isinstance(value, Parameter) else as_edit(to_parameter(value), None)
        for name, value in values.items()
    }


@contextmanager
def watched_anew() -> Iterator[Callable[[], None]]:
    """Watches anew, with nothing remembered and no overrides; yields the call that stops it.
    Afterwards parsers are watched as after `import elsewhere`."""
    watch(lambda: None)()
    stop = watch(lambda: None)
    yield stop
    stop()
    watch(overrides)


def build(*adds: Build) -> ArgumentParser:
    parser = ArgumentParser(prog="train.py")
    for add in adds:
        add(parser)
    return parser


def remote(parser: ArgumentParser, argv: str, **overrides: object) -> Namespace:
    """Parses as a remote run with these edits of `Args/...` does."""
    detach = attach(Task({f"Args/{name}": value for name, value in overrides.items()}))
    try:
        with command_line(*argv.split()):
            return parser.parse_args()
    finally:
        detach()


@contextmanager
def command_line(*words: str) -> Iterator[None]:
    """Gives this process the command line `train.py` and these words, as if it began with them."""
    before = sys.argv
    sys.argv = ["train.py", *words]
    LAUNCH.begin(LAUNCH.role)
    try:
        yield
    finally:
        sys.argv = before
        LAUNCH.begin(LAUNCH.role)


def with_commands(parser: ArgumentParser, dest: str | None = "command") -> None:
    """`--seed`, and the sub-commands `train MODEL --lr` and `test --data` (required)."""
    parser.add_argument("--seed", type=int, default=1)
    found = parser.add_subparsers(**({"dest": dest} if dest else {}), required=bool(dest))
    train = found.add_parser("train")
    train.add_argument("model")
    train.add_argument("--lr", type=float, default=0.1)
    test = found.add_parser("test")
    test.add_argument("--data", required=True)
    test.add_argument("--lr", type=float, default=0.5)
