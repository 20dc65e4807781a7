"""The walks of ARCHITECTURE.md: how many files a thing enters on its way; no import goes round; a
file between processes has one reader and one writer."""

from __future__ import annotations

import ast
import inspect
import re
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
from elsewhere.report.offset import Offset
from elsewhere.report.reporter import Reporter
from elsewhere.store.api import TaskStore
from tests.stores import begin, opened

ROOT = Path(__file__).parents[1]
PACKAGES = [
    *("sdk/elsewhere", "sandbox/elsewhere_sandbox", "worker/elsewhere_worker"),
    *("agent/elsewhere_agent", "server/elsewhere_server"),
]
#: what a call does with the file that it is given
CALLS = {
    "read_json": "reads",
    "read_record": "reads",
    "write_beside": "writes",
    "reserve": "reserves",
    "release": "reserves",
}
#: what anybody may do with such a file
HARMLESS = {"exists", "stat", "unlink"}
#: the JSON files of a `RunFolder` between processes: the functions that read and write each
NOTES = "elsewhere.core.notes"
RUNNERS = "elsewhere_sandbox.spec.RunSpec"  # the runner's part of spec.json and secrets.json
READERS_AND_WRITERS: dict[str, tuple[set[str], set[str]]] = {
    "spec": (
        {f"{NOTES}.SessionSpec.read", f"{RUNNERS}.take"},
        {f"{NOTES}.SessionSpec.write", f"{RUNNERS}.write"},
    ),
    "secrets": ({f"{RUNNERS}.take"}, {f"{RUNNERS}.write"}),
    "store": ({f"{NOTES}.Lent.read"}, {f"{NOTES}.Lent.write"}),
    "runner": ({f"{NOTES}.read_runner"}, {f"{NOTES}.write_runner"}),
    "exit": ({f"{NOTES}.read_outcome"}, {f"{NOTES}.write_outcome"}),
    "stop": ({f"{NOTES}.Stop.read"}, {f"{NOTES}.Stop.write"}),
    "owner": ({"elsewhere_worker.owner.Owner.of"}, {"elsewhere_worker.owner.Owner.take"}),
    "child": (set(), {"elsewhere_sandbox.runner.Runner._run_program"}),
    "abort": ({f"{NOTES}.AbortNote.read"}, {f"{NOTES}.AbortNote.write"}),
    "monitor": ({f"{NOTES}.MonitorNote.read"}, {f"{NOTES}.MonitorNote.write"}),
}
#: files that a scalar enters from the script's call to the store's command
MOST_OF_A_SCALAR = 23


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


def uses(tree: ast.AST, of: str) -> Iterator[tuple[str, str, str]]:
    """All uses of such files of a run folder in `tree`: the name, the use, the function.

    The use is `reads`, `writes`, `looks`, or the code of any other.
    """
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield from uses(node, f"{of}.{node.name}")
            continue
        if isinstance(node, ast.Attribute) and is_of_a_run_folder(node):
            yield node.attr, use(node, tree), of
        yield from uses(node, of)


def is_of_a_run_folder(node: ast.Attribute) -> bool:
    """True for an attribute of a name that holds a `RunFolder`: `self._folder`, `session.run`."""
    holder = ast.unparse(node.value).removesuffix(".create()").rpartition(".")[2]
    is_folder = holder.endswith("folder") or (holder == "run" and node.attr != "store")
    return is_folder and node.attr in READERS_AND_WRITERS


def use(node: ast.Attribute, parent: ast.AST) -> str:
    """How the code `parent` uses the path `node`."""
    is_looked_at = isinstance(parent, ast.Attribute) and parent.attr in HARMLESS
    if is_looked_at or isinstance(parent, ast.FormattedValue):
        return "looks"
    name = ast.unparse(parent.func).rpartition(".")[2] if isinstance(parent, ast.Call) else ""
    return CALLS.get(name, ast.unparse(parent))


def all_uses(found: dict[str, ast.Module]) -> set[tuple[str, str, str]]:
    return {one for name, tree in found.items() for one in uses(tree, name)}


@pytest.mark.parametrize("file", READERS_AND_WRITERS)
def test_a_file_between_processes_has_one_reader_and_one_writer_for_each_record(file: str) -> None:
    found = {one[1:] for one in all_uses(modules()) if one[0] == file}
    readers, writers = READERS_AND_WRITERS[file]
    assert {of for what, of in found if what == "reads"} == readers
    assert {of for what, of in found if what == "writes"} == writers
    assert {what for what, _ in found} <= {"reads", "writes", "reserves", "looks"}


def test_every_json_file_of_a_run_folder_is_in_the_table() -> None:
    tree = ast.parse(inspect.getsource(RunFolder))
    names = re.findall(r"(\w+) = _At\(.\w+\.json.\)", ast.unparse(tree))
    assert {*names, "stop"} == READERS_AND_WRITERS.keys()


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("def f(folder):\n    read_json(folder.exit)", ("exit", "reads", "a.f")),
        ("class A:\n    x = read_record(Lent, self._folder.store)", ("store", "reads", "a.A")),
        ("write_beside(run.folder.spec, {})", ("spec", "writes", "a")),
        ("session.run.stop.exists()", ("stop", "looks", "a")),
        ("path = folder.exit", ("exit", "path = folder.exit", "a")),
        ("folder.exit.read_text()", ("exit", "folder.exit.read_text", "a")),
    ],
)
def test_a_use_of_a_file_is_seen(code: str, found: tuple[str, str, str]) -> None:
    assert all_uses({"a": ast.parse(code)}) == {found}


def test_a_store_of_a_run_is_not_taken_for_a_file() -> None:
    assert not all_uses({"a": ast.parse("read_json(run.store)")})


class Walk:
    """The files of ours that are entered while it is open, in all threads that begin meanwhile; not
    the one that stands for Python's own dataclasses."""

    def __init__(self) -> None:
        self.files: set[str] = set()

    def _see(self, frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and "/sdk/elsewhere/" in (name := frame.f_code.co_filename):
            self.files |= {name.partition("/sdk/elsewhere/")[2]} - {"core/frozen.py"}

    def __enter__(self) -> Self:
        threading.setprofile(self._see)
        sys.setprofile(self._see)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)
        threading.setprofile(None)


@pytest.fixture
def store(redis_url: str) -> Iterator[TaskStore]:
    with opened(redis_url) as opened_store:
        yield opened_store


def test_a_scalar_enters_few_files_from_the_script_to_the_store(
    store: TaskStore, tmp_path: Path
) -> None:
    task_id = begin(store)
    folder = RunFolder(tmp_path / f"{task_id}.1").create()
    delivery = Delivery(store, folder, lambda *_: pytest.fail("nothing is uploaded"))
    reporter = Reporter(folder.journal)
    logger = Logger(
        reporter.record,
        flush=lambda _wait: None,
        columns=reporter.columns,
        offset=Offset(),
        files=folder.files,
    )
    with Walk() as walk:
        logger.report_scalar("loss", "train", 0.5, 1)
        reporter.close()
        delivery.pump(is_over=True)
    assert store.points(task_id, "loss", "train")[0][0] == 1
    assert len(walk.files) <= MOST_OF_A_SCALAR, sorted(walk.files)
