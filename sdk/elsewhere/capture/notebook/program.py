"""The cells of a notebook as one program, which runs without IPython."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from elsewhere.capture.notebook.awaiting import LOOP, without_await
from elsewhere.capture.notebook.magics import Translation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from elsewhere.capture.notebook.cells import Cell

#: As in a notebook: modules come from the current folder, and the main module is no file, so that a
#: process that is spawned does not run the cells again.
_AS_IN_NOTEBOOK: Final = 'import sys; sys.path[0] = ""; del __file__'
#: what IPython puts into a notebook, for the programs that use it
_BUILTINS: Final = {
    "display": 'def display(*shown, **_): print(*shown, sep="\\n")',
    "get_ipython": "def get_ipython(): return None",
}
#: names of a notebook's history
_HISTORY: Final = re.compile(r"In|Out|_i?\d+|_i{1,3}|_oh|_ih|_dh")


@dataclass
class Program:
    """Makes the program, a cell at a time. `sentences` name what it has not of them."""

    shell: Any
    sentences: list[str] = field(default_factory=list)
    _parts: list[str] = field(default_factory=list)
    _modules: set[str] = field(default_factory=set)
    _loaded: set[str] = field(default_factory=set)
    _stored: set[str] = field(default_factory=set)
    _futures: set[str] = field(default_factory=set)
    _is_awaiting: bool = False

    def add(self, cell: Cell, *, is_running: bool) -> None:
        """Adds what of the `cell` has run to its end; all of the one that `is_running`."""
        try:
            source = self.shell.transform_cell(cell.text)
            if cell.failed_at and not is_running:
                source = self._completed(source, cell)
            translation = Translation(self.shell.user_ns, self.shell.transform_cell)
            source = translation.plain(source)
            plain = without_await(source)
        except Exception:  # noqa: BLE001 - no Python; transformers of extensions run here, too
            self.sentences.append(f"Cell [{cell.number}] is not Python, and does not travel.")
            return
        if translation.lost:
            lost = ", ".join(sorted(set(translation.lost)))
            self.sentences.append(
                f"Cell [{cell.number}] has {lost}, which needs a notebook: that is left out."
            )
        self._note_names(ast.parse(source))
        self._modules |= translation.modules
        self._futures |= translation.futures
        self._is_awaiting |= plain is not None
        if text := (source if plain is None else plain).strip("\n"):
            self._parts.append(f"# [{cell.number}]\n{text}")

    def text(self) -> str:
        """The whole program."""
        needed = self._loaded - self._stored
        if history := sorted(filter(_HISTORY.fullmatch, needed)):
            names = ", ".join(history)
            self.sentences.append(f"The cells use {names}, which only a notebook has.")
        head = [
            f"from __future__ import {', '.join(sorted(self._futures))}" if self._futures else "",
            _AS_IN_NOTEBOOK,
            f"import {', '.join(sorted(self._modules))}" if self._modules else "",
            *(text for name, text in _BUILTINS.items() if name in needed),
            LOOP if self._is_awaiting else "",
        ]
        return "\n\n".join(["\n".join(filter(None, head)), *self._parts]) + "\n"

    def _completed(self, source: str, cell: Cell) -> str:
        """The statements of a cell above the one that it has failed in."""
        ends: Iterable[int] = ()
        if cell.failed_at > 1:
            ends = (one.end_lineno or 0 for one in ast.parse(source).body)
        end = max((end for end in ends if end < cell.failed_at), default=0)
        if not cell.was_sent:
            left = f"what stands behind its line {end} does" if end else "it does"
            self.sentences.append(f"Cell [{cell.number}] raised {cell.error}: {left} not travel.")
        return "\n".join(source.split("\n")[:end])

    def _note_names(self, tree: ast.AST) -> None:
        for node in ast.walk(tree):
            if isinstance(node, ast.Name):
                (self._loaded if isinstance(node.ctx, ast.Load) else self._stored).add(node.id)
            elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                self._stored.add(node.name)
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                self._stored |= {one.asname or one.name.partition(".")[0] for one in node.names}
