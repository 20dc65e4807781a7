"""The SystemExit that ends a program: Python exits on it without calling any hook.

3.12 and newer   sys.monitoring reports the exception that leaves the program's first frame
3.10, 3.11       sys.exit, exit and quit note what they raise; the first frame's last instruction
                 shows whether an exception has left it

So a SystemExit that is raised by hand, or by a name imported before, has no known code on 3.10 and
3.11.
"""

from __future__ import annotations

import builtins
import sys
import threading
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol

if TYPE_CHECKING:
    from types import CodeType, FrameType

#: the code of a SystemExit that ended the program and that nobody has noted
UNKNOWN: Final = object()
#: the ids of `sys.monitoring` that Python reserves for no kind of tool
_TOOL_IDS: Final = (4, 3)


class Exits(Protocol):
    """Notes the SystemExit that ends the program."""

    def code(self) -> object:
        """The code of the SystemExit that left the first frame; None for code 0 and without one,
        UNKNOWN where that cannot be known."""

    def detach(self) -> None:
        """Puts everything back that nobody else has changed since."""


def first_frame() -> FrameType:
    """The outermost frame of the main thread: an exception that leaves it ends the program."""
    main = threading.main_thread().ident
    frame = sys._current_frames().get(main or 0, sys._getframe())
    while frame.f_back is not None:
        frame = frame.f_back
    return frame


def watch(first: FrameType) -> Exits:
    """Begins to note the SystemExit that leaves the frame `first`."""
    if sys.version_info >= (3, 12):
        for tool in _TOOL_IDS:
            if sys.monitoring.get_tool(tool) is None:
                return _Monitored(first, tool)
    return _Noted(first)


if sys.version_info >= (3, 12):

    class _Monitored:
        """Is called for each frame that an exception leaves, also one that nobody catches."""

        def __init__(self, first: FrameType, tool: int) -> None:
            self._first = first.f_code
            self._tool = tool
            self._error: SystemExit | None = None
            events = sys.monitoring.events
            sys.monitoring.use_tool_id(tool, "elsewhere")
            sys.monitoring.register_callback(tool, events.PY_UNWIND, self._unwound)
            sys.monitoring.set_events(tool, events.PY_UNWIND)

        def code(self) -> object:
            return None if self._error is None else self._error.code

        def detach(self) -> None:
            sys.monitoring.set_events(self._tool, 0)
            sys.monitoring.free_tool_id(self._tool)

        def _unwound(self, code: CodeType, _offset: int, error: BaseException) -> None:
            if code is self._first and isinstance(error, SystemExit):
                self._error = error


class _Noted:
    """Replaces sys.exit, exit and quit by a function that notes what it raises."""

    def __init__(self, first: FrameType) -> None:
        self._first = first
        self._error: SystemExit | None = None
        self._sys_exit = sys.exit
        self._builtins = {name: getattr(builtins, name, None) for name in ("exit", "quit")}
        sys.exit = self._exit
        for name in self._builtins:
            setattr(builtins, name, self._exit)

    def code(self) -> object:
        if not self._is_left():
            return None
        return UNKNOWN if self._error is None else self._error.code

    def detach(self) -> None:
        if sys.exit == self._exit:
            sys.exit = self._sys_exit
        for name, original in self._builtins.items():
            if getattr(builtins, name, None) == self._exit:
                setattr(builtins, name, original)

    def _is_left(self) -> bool:
        """Whether an exception has left the first frame: it has not come to a return."""
        from opcode import opname  # noqa: PLC0415 - weight: needed at the end only

        last = self._first.f_code.co_code[self._first.f_lasti]
        return not opname[last].startswith("RETURN")

    def _exit(self, code: Any = None, /) -> NoReturn:
        error = SystemExit(code)
        if threading.current_thread() is threading.main_thread():
            self._error = error
        raise error
