"""The models that the frameworks of a program save and load, as its task has them.

    a save    within a moment the file is a model: under the name that it has then, since programs
              save under a temporary name and rename. The same path again is the same model.
    upload    where the task's models are uploaded a thread of ours copies the file; the program
              never waits for that. A file that is written to meanwhile is copied again.
    a load    the model whose weights lie there is an input model of the task

A checkpoint that the program has deleted gives its place to the next one of its series, which are
the paths that differ in numbers alone: as many models are there as the program keeps files. One
that was uploaded and has no successor stays; a path without a file is taken off at the end.
"""

from __future__ import annotations

import logging
import os
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from elsewhere.core.clock import monotonic_s
from elsewhere.core.current_task import current_task
from elsewhere.core.say import say
from elsewhere.models import weights_file_handler as callbacks
from elsewhere.models.framework_model import FrameworkModel, Save
from elsewhere.models.lineage import loaded
from elsewhere.models.saved_file import SavedFile, is_there
from elsewhere.models.weights_file_handler import CallbackType, ModelInfo
from elsewhere.report.task_access import TaskAccess

if TYPE_CHECKING:
    from elsewhere.report.recorder import OwnRun

logger = logging.getLogger(__name__)

#: seconds that a program has to rename what it has saved, and between two looks
_LATER_S: Final = 0.25
#: seconds that the end waits for a copy that has begun
_COPY_S: Final = 600.0
#: seconds after which it prints that
_SLOW_S: Final = 1.0
_NUMBER: Final = re.compile(r"\d+(?:[.]\d+)*(?:e[+-]?\d+)?")
#: names of `auto_connect_frameworks` to those of the record
_NAMES: Final = {
    "pytorch": "PyTorch",
    "tensorflow": "Keras",
    "scikit": "scikit-learn",
    "xgboost": "XGBoost",
    "lightgbm": "LightGBM",
    "catboost": "CatBoost",
    "megengine": "MegEngine",
}


class FrameworkModels:
    """The models of one run. All threads may share them; a forked process records none."""

    def __init__(self, run: OwnRun, patterns: Mapping[str, Sequence[str]]) -> None:
        """`patterns`: name of a framework to the wildcards of the paths that are recorded of it, by
        default all."""
        self._run = run
        self._patterns = patterns
        self._owner = _Owner(run.task_record.id, None, run)
        self._pid = os.getpid()
        self._pending: dict[Path, Save] = {}
        self._models: dict[Path, FrameworkModel] = {}
        self._ids: set[str] = set()
        self._loaded: set[str] = set()
        self._said: set[str] = set()
        # Taken by the program's threads, too: nothing is copied under it. The other one is.
        self._lock, self._copying = threading.RLock(), threading.RLock()
        self._bell, self._end = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    def saved(self, path: Path, framework: str, begun_at: float, *, is_model: bool = True) -> None:
        """Records that the program has saved `path`, a file or folder; `begun_at` is the time at
        which it began to. Without `is_model` that counts only where wildcards ask for it."""
        if self._is_off(path, framework):
            return
        if not is_model and framework not in self._patterns:
            self._say_that_left_out(path, framework)
            return
        file = SavedFile(path, begun_at, is_held=self._is_uploaded)
        last = self._run.offset.last
        save = Save(file, _name_of(framework, path), last, monotonic_s())
        if callbacks.has_callbacks():
            self._record(save)
        else:
            self._wait(save)
        self._wake()

    def loaded(self, path: Path, framework: str, *, is_model: bool = True) -> None:
        """Records that the program has loaded `path`; `framework` and `is_model` as in `saved`."""
        is_asked_for = is_model or framework in self._patterns
        if self._is_off(path, framework) or not is_asked_for:
            return
        with self._lock:
            is_own = path in self._pending or path in self._models
        kind, info = CallbackType.load, self._info(path, _name_of(framework, path))
        given = None if is_own else callbacks.before(kind, info)
        if given is not None:
            self._loaded.add(given.local_model_path)
            loaded(given.local_model_path, self._run, given.framework)
            callbacks.after(kind, given)

    def settle(self, *, are_copied: bool = False) -> None:
        """Records at once all that was saved; with `are_copied`, also copies what is uploaded."""
        if os.getpid() != self._pid:
            return
        with self._lock:
            saves = list(self._pending.values())
            self._pending.clear()
        for save in saves:
            self._record(save)
        if are_copied:
            self._copy(is_last=True)

    def close(self) -> None:
        """Records and copies the rest."""
        self._end.set()
        self._bell.set()
        if self._thread is not None:
            slow = threading.Timer(_SLOW_S, say, ("copying weights that are uploaded",))
            slow.daemon = True
            slow.start()
            self._thread.join(_COPY_S)
            slow.cancel()
        self.settle(are_copied=True)
        with self._lock:
            self._follow()
            for model in self._models.values():
                if model.is_gone and model.is_path_only:
                    model.withdraw()

    @property
    def _is_uploaded(self) -> bool:
        run = self._run
        return bool(run.is_remote or run.is_offline or run.task_record.output_uri)

    def _is_off(self, path: Path, framework: str) -> bool:
        """Whether nothing is recorded of this path."""
        if os.getpid() != self._pid or self._end.is_set():
            return True
        wanted = self._patterns.get(framework, "*")
        return not any(
            fnmatchcase(str(path), one) for each in wanted for one in (each, f"*/{each}")
        )

    def _say_that_left_out(self, path: Path, framework: str) -> None:
        """Says once of each framework why a file is not recorded, which may be a model."""
        if framework not in self._said:
            self._said.add(framework)
            say(
                f"{path.name} seems to hold no model, and is not recorded as one. All files are"
                f" that a wildcard matches: auto_connect_frameworks={{{framework!r}: '*'}}."
            )

    def _wake(self) -> None:
        with self._lock:
            if self._thread is None:
                thread = threading.Thread(target=self._watch, name="elsewhere-models", daemon=True)
                try:
                    thread.start()
                except RuntimeError as error:  # too many threads: `settle` and `close` do it
                    logger.debug("No thread for models: %s", error)
                    return
                self._thread = thread
        self._bell.set()

    def _watch(self) -> None:
        while not self._end.is_set():
            self._bell.wait()
            self._bell.clear()
            is_done = False
            while not is_done and not self._end.wait(_LATER_S):
                is_done = self._look()

    def _look(self) -> bool:
        """Records what is old enough, and copies; whether nothing is left."""
        until_s = monotonic_s() - _LATER_S
        with self._lock:
            due = [path for path, save in self._pending.items() if save.saved_at_s <= until_s]
            saves = [self._pending.pop(path) for path in due]
        for save in saves:
            self._record(save)
        return self._copy(is_last=False) and not self._pending

    def _wait(self, save: Save) -> None:
        """Puts the save off. One before of the same path that was renamed meanwhile is recorded."""
        path = save.file.path
        with self._lock:
            earlier, self._pending[path] = self._pending.get(path), save
        if earlier is not None and earlier.file.follow() and earlier.file.path != path:
            self._record(earlier)

    def _copy(self, *, is_last: bool) -> bool:
        with self._copying:
            with self._lock:
                models = list(self._models.values())
            return all(list(map(partial(self._stage, is_last=is_last), models)))

    def _stage(self, model: FrameworkModel, *, is_last: bool) -> bool:
        try:
            return model.stage(is_last=is_last)
        except Exception:  # an outermost seam: the others are copied
            logger.warning("The model %s is not uploaded.", model.file.path, exc_info=True)
            return True

    def _record(self, save: Save) -> None:
        try:
            self._take(save)
        except Exception:  # an outermost seam: the program goes on
            logger.warning("The model %s is not recorded.", save.file.path, exc_info=True)

    def _take(self, save: Save) -> None:
        file = save.file
        if not file.follow() and not file.is_held:
            logger.debug("%s was deleted at once: it is not recorded as a model.", file.path)
            return
        if self._is_by_hand(file.path):
            return
        given = self._info(file.path, save.framework)
        info = callbacks.before(CallbackType.save, replace(given))
        if info is None:
            return
        file.path, save.framework = Path(info.local_model_path).absolute(), info.framework
        if info.upload_filename != given.upload_filename:
            save.upload_filename = info.upload_filename
        with self._lock:
            self._follow()
            model = self._model_of(file)
            self._give(model, save)
        callbacks.after(CallbackType.save, replace(info, model=model))

    def _info(self, path: Path, framework: str) -> ModelInfo:
        return ModelInfo(
            model=None,
            upload_filename=path.name,
            local_model_path=str(path),
            local_model_id=str(path),
            framework=framework,
            task=current_task(),
        )

    def _is_by_hand(self, path: Path) -> bool:
        """Whether the program itself makes a model of the file."""
        known = self._run.model_paths.get(str(path))
        return known is not None and known not in self._ids and str(path) not in self._loaded

    def _model_of(self, file: SavedFile) -> FrameworkModel:
        """The model of the path, else one that gives it its place, else a new one."""
        model = self._models.get(file.path) or self._gone_before(file.path)
        if model is None:
            model = FrameworkModel(self._owner, self._entry(file, ""), file)
            self._ids.add(model.id)
        self._models = {path: one for path, one in self._models.items() if one is not model}
        self._models[file.path] = model
        return model

    def _give(self, model: FrameworkModel, save: Save) -> None:
        model.take(save, self._entry(save.file, model.id), is_uploaded=self._is_uploaded)

    def _follow(self) -> None:
        """Finds the models whose files were renamed since."""
        for path, model in list(self._models.items()):
            if model.is_gone or is_there(path):
                continue
            model.is_gone = not model.file.follow()
            if not model.is_gone:
                del self._models[path]
                there = self._models.setdefault(model.file.path, model)
                if there is not model:  # the file has taken the place of that model's
                    model.withdraw()
                self._give(there, model.last)

    def _gone_before(self, path: Path) -> FrameworkModel | None:
        """The first model of the same series whose file the program has deleted."""
        series = _series(path)
        gone = (one for at, one in self._models.items() if one.is_gone and _series(at) == series)
        return next(gone, None)

    def _entry(self, file: SavedFile, model_id: str) -> str:
        """The file's name, behind as many folders as make it the only one of the task."""
        entry = file.path.name if file.is_folder else file.path.stem
        above = list(file.path.parent.parts)
        while self._run.output_names.get(entry, model_id) != model_id and above:
            entry = f"{above.pop()}/{entry}"
        return entry


class _Owner(TaskAccess["OwnRun"]):
    """The task of this process; the last models are recorded while it ends."""

    @property
    def run(self) -> OwnRun | None:
        return self.begun


def _series(path: Path) -> str:
    return _NUMBER.sub("#", str(path))


def _name_of(framework: str, path: Path) -> str:
    """The framework as the record of a model names it: TensorFlow's own models are folders."""
    if framework == "tensorflow" and path.is_dir():
        return "TensorFlow"
    return _NAMES.get(framework, framework)
