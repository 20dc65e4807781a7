"""A hook: it records what a program does with one library, without a line in the program.

    SDK imported    watch     parsers only: remembers what they return, and overrides it
    task begins     attach    the hook: patches the library, now or when the program imports it
    task ends       detach    returned by `attach`; undoes the patches, of the last hook first

A hook that fails never ends the program: `registry.attach` logs what it raises and goes on with the
next one, code that a hook puts into a library logs its own errors (see `parsed.record`), and
`detach` must not raise. Only an override that a parser refuses ends the program, with status 2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from elsewhere.report.recorder import OwnRun


class Hook(Protocol):
    """Attaches itself to a library and returns `detach`.

    Of the `run` it takes `record` (events), `logger` (scalars and texts, which it shifts by the
    iteration offset of a continued task), `upload_artifact` (files and objects), `follow_progress`
    and `offset` (for iterations that it writes into events itself). A parser's hook declares the
    narrower `Recorder`: it records events and reads overrides.
    """

    def __call__(self, run: OwnRun, /) -> Callable[[], None]: ...
