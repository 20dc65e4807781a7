"""A small repository with an uncommitted change, captured once by a real script."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from benchmarks.place import PACKAGES, QUEUES
from elsewhere.core.records import Environment
from elsewhere.task import stored

if TYPE_CHECKING:
    from benchmarks.place import Place
    from elsewhere.core.records import TaskRecord

#: files beside the scripts
_FILES: Final = 30
#: its first statement writes the time when it runs
_TINY: Final = """\
import time; open({mark!r}, "w").write(repr(time.time()))
import helper
from elsewhere import Task

Task.init("benchmark", "tiny").execute_remotely("nowhere")
"""


class Laptop:
    """`scripts`: name -> text of further scripts of the repository."""

    def __init__(self, place: Place, **scripts: str) -> None:
        self.repository = place.folder / "repository"
        self._place = place
        self._mark = place.folder / "mark"
        self._fill(scripts)
        self._captured = self._capture()

    def task(self, script: str = "tiny", *, packages: tuple[str, ...] = PACKAGES) -> str:
        """A draft that will run the script."""
        return stored.clone(
            self._place.store,
            self._captured.id,
            source=replace(self._captured.source, entry_point=f"{script}.py"),
            environment=Environment(packages=packages),
        )

    def seconds_to_first_line(self, task_id: str) -> float:
        """From the call of enqueue to the first statement of `tiny`, the task over."""
        self._mark.unlink(missing_ok=True)
        enqueued_at = time.time()
        self._place.queues.enqueue(task_id, QUEUES[0])
        self._place.ended(task_id)
        return float(self._mark.read_text()) - enqueued_at

    def seconds_of_floor(self) -> float:
        """The same script's first statement behind a bare `git worktree add`."""
        worktree = self._place.folder / "worktree"
        code = f"import time; open({str(self._mark)!r}, 'w').write(repr(time.time()))"
        started_at = time.time()
        self._git("worktree", "add", "--quiet", "--detach", str(worktree))
        self._place.run(sys.executable, "-c", code, folder=worktree)
        seconds = float(self._mark.read_text()) - started_at
        self._git("worktree", "remove", "--force", str(worktree))
        return seconds

    def _fill(self, scripts: dict[str, str]) -> None:
        remote, folder = self._place.folder / "remote.git", self.repository
        self._place.run("git", "init", "--quiet", "--bare", remote)
        folder.mkdir()
        self._git("init", "--quiet", "--initial-branch=main")
        self._git("remote", "add", "origin", str(remote))
        for name, text in {"tiny": _TINY.format(mark=str(self._mark)), **scripts}.items():
            (folder / f"{name}.py").write_text(text)
        for number in range(_FILES):
            (folder / f"file{number}.txt").write_text(f"line {number}\n" * 50)
        (folder / "helper.py").write_text("VALUE = 1\n")
        self._git("add", "--all")
        self._git("commit", "--quiet", "--message", "All")
        self._git("push", "--quiet", "origin", "main")
        (folder / "helper.py").write_text("VALUE = 2\n")

    def _capture(self) -> TaskRecord:
        store = self._place.store
        self._place.queues.create("nowhere")
        self._place.run(sys.executable, "tiny.py", folder=self.repository)
        (task_id,) = stored.search(store, project_name="benchmark")
        self._place.queues.dequeue(task_id)
        return store.read(task_id)

    def _git(self, *arguments: str) -> None:
        self._place.run("git", *arguments, folder=self.repository)
