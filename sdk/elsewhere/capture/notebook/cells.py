"""The cells that have run in this process, in their order, and how far each came."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType

_recorded: Cells | None = None


class CodeSent(BaseException):
    """Ends a cell whose code goes on elsewhere, as SystemExit ends a script: no `except Exception`
    takes it."""

    def _render_traceback_(self) -> list[str]:
        """The lines that IPython shows in place of a traceback."""
        return [str(self)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One run of a cell. `number` is that of `In[number]`; `id` is the frontend's, if it gives one.

    `error` is the name of what it raised, in the line `failed_at` of the text that IPython has
    made of it: what stands above that line has run to its end. 0: it has run to its end.
    `was_sent`: it was ended by sending its code elsewhere.
    """

    number: int
    text: str
    id: str = ""
    error: str = ""
    failed_at: int = 0
    was_sent: bool = False


class Cells:
    """All runs of cells since the start of the kernel.

    Of those before the first `Task.init` only the texts are known, not their ids, and of those that
    failed not where.
    """

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        history = shell.history_manager.input_hist_raw
        errors = getattr(shell.history_manager, "exceptions", {})  # IPython >= 9
        self.runs = [
            Cell(number=number, text=text, **_failure(errors.get(number)))
            for number, text in enumerate(history)
            if text.strip()
        ]
        #: whether the last one goes on, such as the one that calls this
        self.is_running = bool(self.runs)
        if self.is_running:
            self._set_last(id=_id_of_request(shell))
        shell.events.register("pre_run_cell", self._begin)
        shell.events.register("post_run_cell", self._end)

    @classmethod
    def of(cls, shell: Any) -> Cells:
        """The cells of this process, recorded from the first call on."""
        global _recorded
        if _recorded is None:
            _recorded = cls(shell)
        return _recorded

    def _begin(self, info: Any) -> None:
        if info.store_history:  # else a frontend asks for something of its own
            number = len(self._shell.history_manager.input_hist_raw)  # it comes into it next
            name = getattr(info, "cell_id", None) or ""  # ipykernel >= 6.11
            self.runs.append(Cell(number=number, text=info.raw_cell, id=name))
            self.is_running = True

    def _end(self, result: Any) -> None:
        if not self.is_running:
            return
        self.is_running = False
        error = result.error_before_exec or result.error_in_exec
        if error is None or isinstance(error, KeyboardInterrupt):
            return  # who interrupts a cell has waited long enough; its code is not wrong
        line = 1 if result.error_before_exec else self._line(error.__traceback__)
        was_sent = isinstance(error, CodeSent)
        self._set_last(error=type(error).__name__, failed_at=line, was_sent=was_sent)

    def _set_last(self, **changes: Any) -> None:
        self.runs[-1] = replace(self.runs[-1], **changes)

    def _line(self, trace: TracebackType | None) -> int:
        """The line of the cell at which an exception has left it."""
        while trace is not None and trace.tb_frame.f_globals is not self._shell.user_ns:
            trace = trace.tb_next
        return trace.tb_lineno if trace is not None else 1


def _failure(error: Any) -> dict[str, Any]:
    name = error["ename"] if error else ""
    return {} if name in ("", "KeyboardInterrupt") else {"error": name, "failed_at": 1}


def _id_of_request(shell: Any) -> str:
    """The id of the cell that is running, from the frontend's request; empty without one."""
    try:
        return str(shell.get_parent()["metadata"].get("cellId") or "")
    except (AttributeError, KeyError, TypeError):  # a prompt; an older kernel
        return ""
