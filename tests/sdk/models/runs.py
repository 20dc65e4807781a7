"""Scripts that make and use models: on this machine, and as an agent's runs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from elsewhere.artifacts import uploader
from elsewhere.core.codec import to_plain
from elsewhere.core.folders import Home, RunFolder, write_beside
from elsewhere.delivery.delivery import Delivery
from elsewhere.store.api import TaskStore
from tests.sdk.scripts import Ran, Scripts
from tests.stores import begin

_IMPORTS = "from elsewhere import InputModel, Model, OutputModel\n"


class Agents:
    """Runs scripts as their agent does, one attempt each; `place` is where it uploads to."""

    def __init__(self, scripts: Scripts, store: TaskStore, redis_url: str, place: Path) -> None:
        self._scripts = scripts
        self._store = store
        self._redis_url = redis_url
        self.place = place
        self.folder = RunFolder(Path())

    def run(
        self, script: str, *, lends: bool = True, knows_place: bool = True, **fields: Any
    ) -> str:
        """The id of the task, of which all is delivered."""
        return self.run_as(begin(self._store, **fields), script, lends, knows_place)

    def run_as(
        self, task_id: str, script: str, lends: bool = True, knows_place: bool = True
    ) -> str:
        self.folder = Home(Path(os.environ["ELSEWHERE_HOME"])).run(task_id, 1).create()
        place = str(self.place) if knows_place else ""
        record = to_plain(self._store.read(task_id))
        write_beside(self.folder.spec, {"record": record, "output_uri": place})
        if lends:
            write_beside(self.folder.store, {"url": self._redis_url})
        # An agent's child knows of no store but what it is lent.
        self.ran: Ran = self._scripts.run(
            _IMPORTS + script, ELSEWHERE_RUN_FOLDER=str(self.folder.path), ELSEWHERE_REDIS_URL=""
        )
        assert self.ran.status == 0, self.ran.errors
        self.deliver()
        return task_id

    def deliver(self) -> None:
        delivery = Delivery(self._store, self.folder, uploader(str(self.place)))
        while delivery.pump(is_over=True):
            pass
