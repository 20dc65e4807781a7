"""The cells of a notebook as one program, which runs without IPython."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from elsewhere.capture.notebook.awaiting import LOOP, without_await
from elsewhere.capture.notebook.magics import Translation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elsewhere.capture.notebook.cells import Cell
    from elsewhere.capture.notebook.document import Document

#: As in a notebook: modules come from the current folder, and the main module is no file, so that a
#: process that is spawned does not run the cells again.
_AS_IN_NOTEBOOK: Final = 'import sys; sys.path[0] = ""; del __file__'
#: what IPython puts into a notebook, for those that use it
_BUILTINS: Final = {
    "display": 'def display(*shown, **_): print(*shown, sep="\\n")',
    "get_ipython": "def get_ipython(): return None",
}
#: names of a notebook's history
_HISTORY: Final = re.compile(r"In|Out|_i?\d+|_i{1,3}|_oh|_ih|_dh")


@dataclass(frozen=True, slots=True)
class Program:
    """The text of the program; `cells` are those that it has, from the top. `sentences` name what
    of the notebook it has not."""

    text: str
    cells: tuple[Cell, ...]
    sentences: tuple[str, ...]


def assemble(
    runs: Sequence[Cell], document: Document | None, shell: Any, running: int = 0
) -> Program:
    """Returns the program of these `runs` of cells, up to the one that is `running`.

    Where the file of the notebook has that cell, each cell stands once, as it ran last, in the
    order of the file, from the top to that cell. Else they stand in the order in which they ran,
    and those that ran several times in a row once.
    """
    sentences: list[str] = []
    cells = _in_order(runs, document, running, sentences)
    writer = _Writer(shell, sentences)
    parts = [writer.part(cell, is_running=cell.number == running) for cell in cells]
    text = "\n\n".join([*writer.head(), *filter(None, parts)])
    return Program(f"{text}\n", tuple(cells), tuple(sentences))


def _in_order(
    runs: Sequence[Cell], document: Document | None, running: int, sentences: list[str]
) -> list[Cell]:
    last = {cell.number: document.place(cell) if document else None for cell in runs}
    now = next((cell for cell in runs if cell.number == running), runs[-1] if runs else None)
    if document is None or now is None or last[now.number] is None or not _is_saved(document, now):
        return _as_ran(runs, document, sentences)
    placed: dict[object, tuple[int, Cell]] = {}
    above = 0
    for cell in runs:
        place = last[cell.number]
        above = above if place is None else place
        key: object = cell.id or cell.text if place is None else place
        placed[key] = (above, cell)
    end = last[now.number] if running else len(document.cells)
    assert end is not None
    chosen = sorted(placed.values(), key=lambda pair: (pair[0], pair[1].number))
    below = [cell for place, cell in chosen if place > end]
    if below:
        sentences.append(f"{_named(below)} below this one in the notebook and {_do(below)} travel.")
    return [cell for place, cell in chosen if place <= end]


def _is_saved(document: Document, cell: Cell) -> bool:
    """Whether the file has the cell as it ran: it was saved since."""
    place = document.place(cell)
    return place is not None and document.cells[place][1].strip() == cell.text.strip()


def _as_ran(runs: Sequence[Cell], document: Document | None, sentences: list[str]) -> list[Cell]:
    cells: list[Cell] = []
    for cell in runs:
        if cells and _key(cells[-1]) == _key(cell):
            cells.pop()
        cells.append(cell)
    keys = [_key(cell) for cell in cells]
    again = [cell for number, cell in enumerate(cells) if _key(cell) in keys[:number]]
    if again:
        why = "its file is not known" if document is None else "its file was not saved since"
        sentences.append(
            f"The order of the notebook's cells is not known, since {why}: they run as they ran"
            f" here, and some again: {', '.join(f'[{cell.number}]' for cell in again)}."
        )
    return cells


def _key(cell: Cell) -> str:
    return cell.id or cell.text.strip()


@dataclass
class _Writer:
    """Writes cells as plain Python, and what they need at the head of the program."""

    shell: Any
    sentences: list[str]
    modules: set[str] = field(default_factory=set)
    loaded: set[str] = field(default_factory=set)
    stored: set[str] = field(default_factory=set)
    is_awaiting: bool = False

    def part(self, cell: Cell, *, is_running: bool) -> str:
        """The text of one cell; empty for one of which nothing ran."""
        name = f"Cell [{cell.number}]"
        try:
            source = self.shell.transform_cell(cell.text)
            if cell.failed_at and not is_running:
                source = self._until(source, cell, name)
            translation = Translation(self.shell.user_ns, self.shell.transform_cell)
            source = translation.plain(source)
            plain = without_await(source)
            self._note_names(ast.parse(source), name)
        except (SyntaxError, ValueError, RecursionError):
            self.sentences.append(f"{name} is not Python, and does not travel.")
            return ""
        if translation.lost:
            lost = ", ".join(sorted(set(translation.lost)))
            self.sentences.append(f"{name} has {lost}, which only a notebook has: it is left out.")
        self.modules |= translation.modules
        self.is_awaiting |= plain is not None
        text = (source if plain is None else plain).strip("\n")
        return f"# [{cell.number}]\n{text}" if text else ""

    def head(self) -> list[str]:
        """The lines before the first cell."""
        needed = self.loaded - self.stored
        lines = [
            f"import {', '.join(sorted(self.modules))}" if self.modules else "",
            *(text for name, text in _BUILTINS.items() if name in needed),
            LOOP if self.is_awaiting else "",
        ]
        if history := sorted(name for name in needed if _HISTORY.fullmatch(name)):
            names = ", ".join(history)
            self.sentences.append(f"The cells use {names}, which only a notebook has.")
        return ["\n".join([_AS_IN_NOTEBOOK, *filter(None, lines)])]

    def _until(self, source: str, cell: Cell, name: str) -> str:
        """What of the cell has run to its end."""
        body = ast.parse(source).body if cell.failed_at > 1 else []
        ends = [one.end_lineno or 0 for one in body if (one.end_lineno or 0) < cell.failed_at]
        end = max(ends, default=0)
        if cell.error != "CodeSent":
            left = "does not travel" if not end else f"travels up to line {end}"
            self.sentences.append(f"{name} raised {cell.error}: it {left}.")
        return "\n".join(source.splitlines()[:end])

    def _note_names(self, tree: ast.AST, name: str) -> None:
        for node in ast.walk(tree):
            if isinstance(node, ast.Name):
                (self.loaded if isinstance(node.ctx, ast.Load) else self.stored).add(node.id)
            elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                self.stored.add(node.name)
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                self.stored |= {one.asname or one.name.partition(".")[0] for one in node.names}


def _named(cells: Sequence[Cell]) -> str:
    names = ", ".join(f"[{cell.number}]" for cell in cells)
    return f"Cell {names} lies" if len(cells) == 1 else f"Cells {names} lie"


def _do(cells: Sequence[Cell]) -> str:
    return "does not" if len(cells) == 1 else "do not"
