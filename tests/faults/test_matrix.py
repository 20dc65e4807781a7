"""Each row of the fault matrix has a test."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.matrix import ROWS

_TESTS = Path(__file__).parents[1]


def _marked() -> Iterator[int]:
    """The numbers of all `pytest.mark.row(...)`."""
    for file in _TESTS.rglob("test_*.py"):
        if "mark.row(" not in (text := file.read_text()):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.row":
                yield from (ast.literal_eval(number) for number in node.args)


@pytest.mark.parametrize("row", ROWS, ids=[f"{row} {fault}" for row, fault in ROWS.items()])
def test_each_row_has_a_test(row: int) -> None:
    assert row in set(_marked())
