"""The notebook that this process runs: its program up to now, and its file."""

from __future__ import annotations

import ast
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from elsewhere.capture.notebook.cells import Cells
from elsewhere.capture.notebook.document import Document, written
from elsewhere.capture.notebook.order import in_order
from elsewhere.capture.notebook.program import Program
from elsewhere.capture.notebook.shell import find_shell

#: characters of a text that may be the name of a file
_LONGEST_NAME: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Notebook:
    """A notebook, or what was typed at IPython's prompt, up to the cell that runs now.

    Its program lies at `path` for whoever runs it: in the folder where the kernel was started, by a
    name that no import finds. `content` is its text, and `document` that of the notebook's file.
    `sentences` name what does not travel.
    """

    path: Path
    content: bytes
    document: str
    sentences: tuple[str, ...]

    def named_files(self) -> list[str]:
        """The files whose names stand in the program, as they stand there."""
        texts = {
            node.value
            for node in ast.walk(ast.parse(self.content))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        folder = self.path.parent
        names = (text for text in texts if 0 < len(text) < _LONGEST_NAME and text.isprintable())
        return sorted(name for name in names if os.path.isfile(folder / name))  # noqa: PTH113

    @classmethod
    def running(cls) -> Notebook | None:
        """The notebook whose cells run here; None for a program of another kind."""
        shell = find_shell()
        if shell is None:
            return None
        cells = Cells.of(shell)
        document = Document.find(shell)
        chosen, sentences = in_order(cells.runs, document, is_running=cells.is_running)
        program = Program(shell)
        for cell in chosen:
            program.add(cell, is_running=cells.is_running and cell is cells.runs[-1])
        folder = Path(os.path.realpath(shell.starting_dir))
        stem = document.path.stem if document is not None else "notebook"
        return cls(
            path=folder / f"{stem}.ipynb.py",
            content=program.text().encode("utf-8", "backslashreplace"),
            document=document.text if document is not None else written(chosen),
            sentences=(*sentences, *program.sentences),
        )
