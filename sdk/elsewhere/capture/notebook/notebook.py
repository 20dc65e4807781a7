"""The notebook that this process runs: its program up to now, and its file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from elsewhere.capture.notebook.cells import Cells
from elsewhere.capture.notebook.document import Document, written
from elsewhere.capture.notebook.program import assemble
from elsewhere.capture.notebook.shell import find_shell


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

    @classmethod
    def running(cls) -> Notebook | None:
        """The notebook whose cells run here; None for a program of another kind."""
        shell = find_shell()
        if shell is None:
            return None
        cells = Cells.of(shell)
        document = Document.find(shell)
        program = assemble(cells.runs, document, shell, cells.running)
        folder = Path(os.path.realpath(shell.starting_dir))
        stem = document.path.stem if document is not None else "notebook"
        return cls(
            path=folder / f"{stem}.ipynb.py",
            content=program.text.encode("utf-8", "backslashreplace"),
            document=document.text if document is not None else written(program.cells),
            sentences=program.sentences,
        )
