"""What a run leaves: the files that its program wrote, those of them that are kept, a manifest."""

from __future__ import annotations

import io
import json
import os
import socket
from typing import TYPE_CHECKING, Any, Final

from elsewhere.core.errors import RecordError
from elsewhere.core.events import FilesWritten
from elsewhere.core.wording import counted, size
from elsewhere_sandbox.keeping import add, keep, matching
from elsewhere_sandbox.manifest import NAME
from elsewhere_sandbox.written import written

if TYPE_CHECKING:
    from collections.abc import Callable

    from elsewhere.core.events import Event
    from elsewhere.core.folders import RunFolder
    from elsewhere_sandbox.spec import RunSpec

#: files of the program that the output lists, and that the task keeps
_SHOWN_FILES: Final = 20
_KEPT_FILES: Final = 200


class Results:
    """Those of one run: `note` records an event, and `say` writes a line of the output."""

    def __init__(
        self,
        folder: RunFolder,
        spec: RunSpec,
        note: Callable[[Event], None],
        say: Callable[[str], None],
    ) -> None:
        self._folder = folder
        self._patterns = (*spec.policy.keep, *spec.record.environment.keep)
        self._note = note
        self._say = say

    def list_written(self) -> None:
        """Names the files that the program wrote below its code folder: they stay for a while."""
        found = [(path, one.st_size) for path, one in written(self._folder)]
        if not found:
            return
        total = sum(count_bytes for _, count_bytes in found)
        folder, machine = str(self._folder.code), socket.gethostname()
        count = counted(len(found), "file")
        are = "was" if len(found) == 1 else "were"
        self._say(f"{count} of {size(total)} {are} written to {folder}:")
        for path, count_bytes in found[:_SHOWN_FILES]:
            self._say(f"  {path}  {size(count_bytes)}")
        if len(found) > _SHOWN_FILES:
            self._say(f"  and {len(found) - _SHOWN_FILES} more")
        files = {os.fsencode(p).decode(errors="replace"): n for p, n in found[:_KEPT_FILES]}
        self._note(
            FilesWritten(
                files=files, count=len(found), total_bytes=total, machine=machine, folder=folder
            )
        )
        self._keep([path for path, _ in found])

    def _keep(self, paths: list[str]) -> None:
        """Makes artifacts of those files that the agent's settings and the task name."""
        wanted = matching(paths, self._patterns)
        for path in wanted[:_KEPT_FILES]:
            try:
                self._note(keep(self._folder, path))
            except (OSError, RecordError) as error:
                self._say(f"{path} does not become an artifact: {error}")
        if len(wanted) > _KEPT_FILES:
            left = len(wanted) - _KEPT_FILES
            self._say(f"{left} more files do not become artifacts: {_KEPT_FILES} may.")

    def add_manifest(self, manifest: dict[str, Any]) -> None:
        """Makes an artifact of the run's `manifest`."""
        content = io.BytesIO(json.dumps(manifest, indent=1).encode())
        try:
            self._note(add(self._folder, content, NAME, f"{NAME}.json", "dict"))
        except OSError as error:
            self._say(f"The run has no manifest: {error}")
