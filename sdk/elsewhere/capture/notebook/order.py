"""Which runs of cells make the program, and in which order.

Where the file of the notebook has the cell that ran last, each cell stands once, as it ran last, in
the order of the file: what "restart and run all" would run, down to the cell that is running. A
cell that is not in the file (deleted, or changed since) stands behind the one that it ran behind.

Else cells stand as they ran, which is all that is known; one that ran several times in a row, once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elsewhere.capture.notebook.cells import Cell
    from elsewhere.capture.notebook.document import Document


def in_order(
    runs: Sequence[Cell], document: Document | None, *, is_running: bool
) -> tuple[list[Cell], list[str]]:
    """Returns the cells of the program, and sentences on what a person may not expect of them.
    `is_running`: the last of the `runs` goes on."""
    if not runs or document is None or not document.has(runs[-1]):
        return _as_they_ran(runs, is_known=document is not None)
    last: dict[int | str, tuple[int, bool, int, Cell]] = {}
    latest = {cell.id: cell for cell in runs if cell.id}
    place = 0
    for number, cell in enumerate(runs):
        found = document.place(latest.get(cell.id, cell))  # an older text is not in the file
        place = place if found is None else found
        last[_key(cell) if found is None else found] = place, found is None, number, cell
    ordered = [(one[0], one[-1]) for one in sorted(last.values(), key=lambda one: one[:3])]
    end = place if is_running else len(document.cells)
    below = [cell for place, cell in ordered if place > end]
    above = sum(place not in last for place in range(end))
    sentences = []
    if below:
        sentences.append(f"What stands below this cell does not travel: {_numbers(below)}.")
    if above:
        sentences.append(f"{above} of the cells above this one did not run here, and stay here.")
    return [cell for place, cell in ordered if place <= end], sentences


def _as_they_ran(runs: Sequence[Cell], *, is_known: bool) -> tuple[list[Cell], list[str]]:
    pairs = zip(runs, [*runs[1:], None], strict=True)
    cells = [cell for cell, after in pairs if after is None or _key(cell) != _key(after)]
    keys = [_key(cell) for cell in cells]
    again = [cell for number, cell in enumerate(cells) if _key(cell) in keys[:number]]
    if not again:
        return cells, []
    why = "the file lacks this cell: save it" if is_known else "its file is not known"
    order = f"The cells run as they ran here, since the order of the notebook is not known ({why});"
    return cells, [f"{order} those that ran again will do so: {_numbers(again)}."]


def _key(cell: Cell) -> str:
    return cell.id or cell.text.strip()


def _numbers(cells: Sequence[Cell]) -> str:
    return ", ".join(f"[{cell.number}]" for cell in cells)
