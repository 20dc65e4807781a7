"""The walks of ARCHITECTURE.md: how many files a thing enters on its way; no import goes round."""

from __future__ import annotations

import ast
import sys
import threading
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from types import FrameType

import pytest
from typing_extensions import Self

from elsewhere.core.folders import RunFolder
from elsewhere.delivery.delivery import Delivery
from elsewhere.report.logger import Logger
from elsewhere.report.reporter import Reporter
from elsewhere.store.api import Store
from tests.stores import begin, opened

ROOT = Path(__file__).parents[1]
PACKAGES = [
    *("sdk/elsewhere", "sandbox/elsewhere_sandbox", "worker/elsewhere_worker"),
    *("agent/elsewhere_agent", "server/elsewhere_server"),
]
#: files that a scalar enters from the script's call to the store's command
MOST_OF_A_SCALAR = 13


def modules() -> dict[str, ast.Module]:
    """Dotted name to syntax tree, of all modules of the packages."""
    found = {}
    for package in PACKAGES:
        top = (ROOT / package).parent
        for file in (ROOT / package).rglob("*.py"):
            name = ".".join(file.relative_to(top).with_suffix("").parts)
            found[name.removesuffix(".__init__")] = ast.parse(file.read_text())
    return found


def imports(tree: ast.Module, known: dict[str, ast.Module]) -> Iterator[str]:
    """The modules that one imports anywhere: in functions and under TYPE_CHECKING, too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module in known:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in known else node.module


def circle(found: dict[str, ast.Module]) -> list[str]:
    """The modules of an import circle; none for a tree without one."""
    graph = {name: {*imports(tree, found)} - {name} for name, tree in found.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_import_goes_round_in_a_circle_wherever_it_stands() -> None:
    assert circle(modules()) == []


@pytest.mark.parametrize(
    "code",
    ["import b", "def f():\n    from b import x", "if TYPE_CHECKING:\n    from b import x"],
    ids=["plain", "in a function", "for types alone"],
)
def test_a_circle_is_seen(code: str) -> None:
    assert circle({"a": ast.parse(code), "b": ast.parse("import a")})


class Walk:
    """The files of ours that are entered while it is open, in all threads that begin meanwhile."""

    def __init__(self) -> None:
        self.files: set[str] = set()

    def _see(self, frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and "/sdk/elsewhere/" in (name := frame.f_code.co_filename):
            self.files.add(name.partition("/sdk/elsewhere/")[2])

    def __enter__(self) -> Self:
        threading.setprofile(self._see)
        sys.setprofile(self._see)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)
        threading.setprofile(None)


@pytest.fixture
def store(redis_url: str) -> Iterator[Store]:
    with opened(redis_url) as opened_store:
        yield opened_store


def test_a_scalar_enters_few_files_from_the_script_to_the_store(
    store: Store, tmp_path: Path
) -> None:
    task_id = begin(store)
    folder = RunFolder(tmp_path / f"{task_id}.1").create()
    delivery = Delivery(store, folder, lambda *_: pytest.fail("nothing is uploaded"))
    reporter = Reporter(folder.journal)
    logger = Logger(reporter.record, flush=lambda _wait: None)
    with Walk() as walk:
        logger.report_scalar("loss", "train", 0.5, 1)
        reporter.close()
        delivery.pump(is_over=True)
    assert store.points(task_id, "loss", "train")[0][0] == 1
    assert len(walk.files) <= MOST_OF_A_SCALAR, sorted(walk.files)
