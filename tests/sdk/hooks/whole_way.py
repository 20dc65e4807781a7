"""The whole way of a script's parameters: captured here, overridden there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

from elsewhere.core.codec import to_plain
from elsewhere.core.folders import Home, write_beside
from elsewhere.core.params import as_edit
from elsewhere.core.records import Configuration, Parameter, Source, TaskRecord
from tests.sdk.hooks.command_lines import record_of
from tests.sdk.scripts import Ran
from tests.stores import make_record, opened


class WholeWay:
    """One script in `folder`, which calls `Task.init` somewhere."""

    def __init__(self, script: str, folder: Path, redis_url: str) -> None:
        self._folder = folder
        self._redis_url = redis_url
        (folder / "train.py").write_text(textwrap.dedent(script))

    def here(self, *argv: str, stdin: str = "") -> tuple[Ran, dict[str, Parameter]]:
        """How it ran as a task of its own, and the parameters of that; `stdin` is its input."""
        ran, (record,) = self.tasks_here(*argv, stdin=stdin)
        return ran, dict(record.parameters)

    def tasks_here(self, *argv: str, stdin: str = "") -> tuple[Ran, list[TaskRecord]]:
        """How it ran, and the tasks that it was, one after the other."""
        ran = self._run(argv, stdin)
        with opened(self._redis_url) as store:
            ids = re.findall(r"task ([0-9a-f]{32})", ran.errors)
            return ran, [store.read(task_id) for task_id in ids]

    def there(
        self,
        *argv: str,
        recorded: Mapping[str, Parameter] | None = None,
        configurations: Mapping[str, Configuration] | None = None,
        changes: Mapping[str, object] | None = None,
        **changed: object,
    ) -> Ran:
        """How it ran in a sandbox, without input, with what was recorded but for the changes; those
        named here have `__` for `/`."""
        renamed = {name.replace("__", "/"): value for name, value in changed.items()}
        before = recorded or {}
        edits = record_of({**(changes or {}), **renamed})
        edits = {name: as_edit(edit, before.get(name)) for name, edit in edits.items()}
        parameters = {**before, **edits}
        record = make_record(
            parameters=parameters,
            configurations=dict(configurations or {}),
            has_marked_edits=True,
            source=Source(entry_point="train.py", argv=argv),
        )
        folder = Home(Path(os.environ["ELSEWHERE_HOME"])).run(record.id, 1).create()
        write_beside(folder.spec, {"record": to_plain(record)})
        return self._run(argv, "", ELSEWHERE_RUN_FOLDER=str(folder.path))

    def _run(self, argv: tuple[str, ...], stdin: str, **environment: str) -> Ran:
        ended = subprocess.run(
            [sys.executable, "train.py", *argv],
            cwd=self._folder,
            env={**os.environ, "ELSEWHERE_REDIS_URL": self._redis_url, **environment},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            start_new_session=True,  # as the runner does
        )
        return Ran(ended.returncode, ended.stdout.splitlines(), ended.stderr)
