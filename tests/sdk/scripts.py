"""Scripts that are tasks, as people start them: files in a folder, run by a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_INIT = """
import json, os, random, sys
from pathlib import Path
from elsewhere import Task
"""


@dataclass
class Ran:
    """How a script ended. `lines` are those that it printed itself."""

    status: int
    lines: list[str]
    errors: str

    @property
    def said(self) -> Any:
        """The JSON of its last line, when nothing went wrong."""
        assert self.status == 0, self.errors
        return json.loads(self.lines[-1])

    @property
    def last_error(self) -> str:
        return self.errors.strip().splitlines()[-1] if self.errors.strip() else ""


class Scripts:
    """Runs them in `folder`, outside git, against one store."""

    def __init__(self, folder: Path, redis_url: str) -> None:
        self.folder = folder
        self.timeout_s = 60.0
        # Unbuffered: what a script and those that it starts print has an order.
        own = {"ELSEWHERE_REDIS_URL": redis_url, "PYTHONUNBUFFERED": "1"}
        self._environment = {**os.environ, **own}

    def run(
        self, script: str, name: str = "train.py", argv: Sequence[str] = (), **environment: str
    ) -> Ran:
        (self.folder / name).write_text(_INIT + textwrap.dedent(script))
        ended = subprocess.run(
            [sys.executable, name, *argv],
            cwd=self.folder,
            env={**self._environment, **environment},
            capture_output=True,
            text=True,
            timeout=self.timeout_s,
            check=False,
            start_new_session=True,  # as the runner does
        )
        return Ran(ended.returncode, ended.stdout.splitlines(), ended.stderr)
