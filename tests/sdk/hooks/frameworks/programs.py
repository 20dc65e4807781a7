"""Programs that save and load models with a framework, run as tasks, and what those have then."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

from elsewhere import Task
from elsewhere.core.events import Plot, Sample
from elsewhere.core.records import ModelRecord
from elsewhere.storage import local_path
from elsewhere.store.redis.store import RedisStore
from tests.sdk.scripts import Ran, Scripts

_BEGIN = """
import time
task = Task.init("examples", "train net", auto_connect_frameworks={frameworks!r})
"""
_END = """
task.close()
print()
print(task.id)
"""

#: without GPUs, what TensorFlow writes of itself to stderr, and its part of transformers
_ENVIRONMENT = {
    "CUDA_VISIBLE_DEVICES": "",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "USE_TF": "0",
}


class Programs:
    """Runs scripts in the folder of `scripts`; `store` has their tasks."""

    def __init__(self, scripts: Scripts, store: RedisStore) -> None:
        scripts.timeout_s = 110.0  # some frameworks take half a minute to import
        self._scripts = scripts
        self._store = store
        self.folder = scripts.folder
        self.ran = Ran(0, [], "")

    def run(
        self, script: str, *, before: str = "", place: str = "", frameworks: object = True
    ) -> Programs:
        """Runs the `script` as a task, which begins after the code `before`; models are uploaded
        to `place`, if given."""
        parts = (before, _BEGIN.format(frameworks=frameworks), script, _END)
        whole = "\n".join(map(textwrap.dedent, parts))
        self.ran = self._scripts.run(whole, ELSEWHERE_OUTPUT_URI=place, **_ENVIRONMENT)
        assert self.ran.status == 0, self.ran.errors
        self.task_id = self.ran.lines[-1]
        return self

    @property
    def warnings(self) -> list[str]:
        """What was written to stderr, but for the lines that name the task and its seed."""
        usual = (f"task {self.task_id}", "Random seed")
        return [line for line in self.ran.errors.splitlines() if not any(map(line.count, usual))]

    @property
    def outputs(self) -> dict[str, ModelRecord]:
        """The models that the task has made, by its names for them."""
        return self._models(is_output=True)

    @property
    def inputs(self) -> dict[str, ModelRecord]:
        return self._models(is_output=False)

    def files(self) -> dict[str, Path]:
        """The files of the outputs, each of which is there."""
        found = {name: local_path(model.url) for name, model in self.outputs.items()}
        assert all(path.exists() for path in found.values()), found
        return found

    @property
    def task(self) -> Task:
        """The task as it is in the store."""
        found = Task.get_task(task_id=self.task_id)
        assert found is not None
        return found

    def plots(self) -> dict[tuple[str, str, int], dict[str, Any]]:
        """Title, series and iteration to the figures of plotly."""
        return {
            (plot["metric"], plot["variant"], plot["iter"]): json.loads(plot["plot_str"])
            for plot in self.task.get_reported_plots(max_iterations=100)
        }

    def samples(self, title: str, series: str) -> dict[int, Path]:
        """Iterations to the files of the samples."""
        found = self.task.get_debug_samples(title, series, 100)
        return {one.iteration: local_path(one.url) for one in found}

    def scalars(self) -> dict[tuple[str, str], list[tuple[int, float]]]:
        """Title and series to iterations and values; without those of the machine."""
        found = self.task.get_reported_scalars()
        return {
            (title, name): list(zip(one["x"], one["y"], strict=True))
            for title, series in found.items()
            for name, one in series.items()
            if not title.startswith(":")
        }

    def iterations(self, kind: type[Plot | Sample]) -> dict[tuple[str, str], list[int]]:
        """Title and series of the plots or samples, to their iterations."""
        return {
            (one.title, one.series): [
                item.iteration
                for item in self._store.history(self.task_id, kind, one.title, one.series)
            ]
            for one in self._store.histories(self.task_id, kind)
        }

    def _models(self, *, is_output: bool) -> dict[str, ModelRecord]:
        uses = self._store.task_models(self.task_id)
        return {
            use.name: self._store.model(use.model) for use in uses if use.is_output == is_output
        }
