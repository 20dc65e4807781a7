"""The file of the notebook: which one it is, and the order of its cells.

It is what was saved last, and so it may lack what has run since.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elsewhere.capture.notebook.sessions import served_notebook

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elsewhere.capture.notebook.cells import Cell

#: by which VS Code, and by which a Jupyter server, names the file to the kernel
_OF_VS_CODE = "__vsc_ipynb_file__"
_OF_SERVER = "JPY_SESSION_NAME"


@dataclass(frozen=True, slots=True)
class Document:
    """A notebook's file and its text; `cells` are the ids and texts of its code, from the top."""

    path: Path
    text: str
    cells: tuple[tuple[str, str], ...]

    @classmethod
    def find(cls, shell: Any) -> Document | None:
        """The file whose cells the kernel of the `shell` runs; None where that is not known."""
        named = shell.user_ns.get(_OF_VS_CODE) or os.environ.get(_OF_SERVER) or ""
        path = Path(shell.starting_dir, str(named))
        if path.suffix != ".ipynb" or not path.is_file():
            found = served_notebook(shell)
            if found is None:
                return None
            path = found
        try:
            text = path.read_text("utf-8")
            return cls(path, text, tuple(_code_of(json.loads(text))))
        except (OSError, ValueError, AttributeError, KeyError, TypeError):
            return None  # it is being written, or is no notebook

    def has(self, cell: Cell) -> bool:
        """Whether the file has the `cell` as it ran: it was saved since."""
        place = self.place(cell)
        return place is not None and self.cells[place][1].strip() == cell.text.strip()

    def place(self, cell: Cell) -> int | None:
        """The place of the `cell` among those of the file; None for one that is not in it."""
        for place, (name, _) in enumerate(self.cells):
            if cell.id and name == cell.id:
                return place
        texts = [text.strip() for _, text in self.cells]
        return texts.index(cell.text.strip()) if cell.text.strip() in texts else None


def written(cells: Sequence[Cell]) -> str:
    """The text of a notebook file with these `cells`, for a notebook whose file is not known."""
    document = {
        "cells": [
            {
                "cell_type": "code",
                "execution_count": cell.number,
                "id": f"cell-{cell.number}",
                "metadata": {},
                "outputs": [],
                "source": cell.text,
            }
            for cell in cells
        ],
        "metadata": {"language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(document, indent=1)


def _code_of(document: Any) -> list[tuple[str, str]]:
    code = (cell for cell in document["cells"] if cell["cell_type"] == "code")
    return [(str(cell.get("id", "")), "".join(cell["source"])) for cell in code]
