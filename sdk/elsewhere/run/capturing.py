"""Capturing beside the script: what runs is known at once, its bytes and packages a bit later."""

from __future__ import annotations

import contextlib
import logging
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from elsewhere.artifacts import DEFAULT_PLACE
from elsewhere.capture.wishes import NO_WISHES
from elsewhere.core.errors import CaptureError, ElsewhereError
from elsewhere.core.imported import modules as loaded_modules
from elsewhere.core.records import Environment, Source
from elsewhere.core.secrets import hide_arguments

if TYPE_CHECKING:
    from collections.abc import Callable

    from elsewhere.capture.repository import Located
    from elsewhere.capture.wishes import Wishes
    from elsewhere.core.settings import Settings
    from elsewhere.store.api import TaskStore

logger = logging.getLogger(__name__)

#: seconds that the capture may take before it is needed
_CAPTURE_S: Final = 600.0


class Capturing(threading.Thread):
    """Completes the source and the environment of a task in the store.

    `located` is an error where nothing can be captured at all, as at a prompt. `modules` are those
    that the program has loaded. `locate` finds a notebook anew, of which more has run since.
    """

    def __init__(
        self,
        settings: Settings,
        store: TaskStore,
        task_id: str,
        located: Located | CaptureError,
        wishes: Wishes = NO_WISHES,
        modules: tuple[str, ...] = (),
        locate: Callable[[], Located | CaptureError] | None = None,
    ) -> None:
        super().__init__(name="elsewhere-capture", daemon=True)
        self._settings = settings
        self._store = store
        self._task_id = task_id
        self._located = located
        self._wishes = wishes
        self._modules = modules
        self._locate = locate
        self._error: ElsewhereError | None = None
        self._captured: tuple[Source, Environment] | None = None
        #: of what the store has of the source: it is written under the lock
        self._source: Source | None = None
        self._writing = threading.Lock()
        self._hiding: threading.Thread | None = None
        #: nothing is to be asked any more: a remote was, or the code is described by hand
        self._is_settled = False
        self._is_described = False
        self.warnings: tuple[str, ...] = ()

    def run(self) -> None:
        self._run(lambda: self._located)

    def _run(self, locate: Callable[[], Located | CaptureError]) -> None:
        try:
            self._located = locate()
            if isinstance(self._located, CaptureError):
                raise self._located
            self._captured = self._capture(self._located)
        except ElsewhereError as error:
            self._give_up(error)
        except Exception as error:  # the outermost seam of this thread: the script goes on
            logger.exception("The capture failed.")
            self._give_up(CaptureError(f"The code could not be captured: {error!r}."))

    def _give_up(self, error: ElsewhereError) -> None:
        self._error = error
        logger.debug("the code is not captured: %s", error)
        with contextlib.suppress(ElsewhereError):
            source = Source() if isinstance(self._located, CaptureError) else self._located.source
            self._write(replace(source, missing=str(error)))

    def _write(self, source: Source, **more: Any) -> Source:
        """Writes the `source`, without the secrets of its command line, and `more` fields."""
        with self._writing:
            while self._source != (hidden := with_hidden_words(source)):  # it may parse meanwhile
                self._source = hidden
                self._store.edit(self._task_id, source=hidden, **more)
            return hidden

    def hide_words(self) -> None:
        """Hides words of the command line that are known as secrets since the source was written;
        at once, on a thread."""
        source = self._source
        if source is not None and with_hidden_words(source) != source:
            self._hiding = threading.Thread(target=self._hide, name="elsewhere-hide", daemon=True)
            self._hiding.start()

    def _hide(self) -> None:
        try:
            if self._source is not None:
                self._source = self._write(self._source)
        except ElsewhereError as error:
            logger.warning("A secret of the command line is still recorded: %s", error)

    def describe(self, source: Source, environment: Environment) -> None:
        """Replaces what was captured, or the error of that, by a description by hand."""
        self._error, self._captured, self._is_settled = None, (source, environment), True
        self._is_described = True

    def wait(self, within_s: float = _CAPTURE_S) -> None:
        self.join(timeout=within_s)
        if self._hiding is not None:
            self._hiding.join(timeout=within_s)

    def renew(self) -> None:
        """Captures a notebook again, as it is now, instead of what was captured before."""
        if self._locate is None or self._is_described:
            return
        self.wait()
        self._error, self._is_settled, self._modules = None, False, loaded_modules()
        self._run(self._locate)

    def result(self, within_s: float = _CAPTURE_S) -> tuple[Source, Environment]:
        """Waits for the capture. Raises its error, or CaptureError after `within_s` seconds."""
        self.wait(within_s)
        if self._error is not None:
            raise self._error
        if self._captured is None:
            raise CaptureError(
                f"The code could not be captured within {within_s:.0f} s: the repository is large"
                " or its disk is slow. Ignore what need not travel in .gitignore, then try again."
            )
        return self._captured

    def take_lost(self) -> None:
        """Adds the commits to the task that its remotes have lost, once it is to run elsewhere:
        each remote is asked. Raises CaptureError and TooLargeError."""
        from elsewhere.capture.repository import with_lost  # noqa: PLC0415 - weight

        located = self._located
        if isinstance(located, CaptureError) or self._captured is None or self._is_settled:
            return
        self._is_settled = True
        source, environment = self._captured
        found = with_lost(located, source, self._settings.capture_limit_bytes)
        if found is None:
            return
        for digest, data in found.blobs.items():
            self._store.put_blob(digest, data)
        self._captured = self._write(found.source), environment
        lost = f"A forced push has taken commits of {located.root} from {source.repository}"
        self.warnings = (*self.warnings, f"{lost}: they travel with the task.")

    def send_data(self) -> None:
        """Sends the data that the task names, once it is to run elsewhere and unless that was done
        before. Raises CaptureError, TooLargeError and StorageError."""
        from elsewhere.capture.data import send  # noqa: PLC0415 - weight

        located, captured = self._located, self._captured
        if isinstance(located, CaptureError) or captured is None:
            return
        source, environment = captured
        if all(one.digest for one in environment.data):
            return
        uri = self._store.read(self._task_id).output_uri
        place = self._settings.output_uri if uri in ("", DEFAULT_PLACE) else uri
        sent = tuple(
            send(one, located.root, self._store, place, self._settings) for one in environment.data
        )
        self._captured = source, replace(environment, data=sent)
        self._store.edit(self._task_id, environment=self._captured[1])

    def _capture(self, located: Located) -> tuple[Source, Environment]:
        from elsewhere.capture.packages import capture_packages  # noqa: PLC0415 - weight
        from elsewhere.capture.repository import (  # noqa: PLC0415
            check_started,
            complete,
            left_behind,
        )

        check_started(located)
        left_out = [one.path for one in self._wishes.environment.data]
        captured = complete(located, self._settings.capture_limit_bytes, left_out)
        script = located.script
        packages = capture_packages(
            script.path,
            located.root,
            start=script.base,
            wishes=self._wishes._replace(choice=self._wishes.choice or self._settings.packages),
            modules=self._modules,
            launcher=located.source.launcher,
            limit_bytes=self._settings.capture_limit_bytes,
            content=script.notebook.content if script.notebook is not None else None,
        )
        self.warnings = (*packages.warnings, *captured.warnings, *left_behind(located))
        for digest, data in (captured.blobs | packages.blobs).items():
            self._store.put_blob(digest, data)
        environment = packages.into(self._wishes.environment)
        source = self._write(captured.source, environment=environment)
        if environment.missing:
            self._error = CaptureError(environment.missing)
        return source, environment


def with_hidden_words(source: Source) -> Source:
    """The `source` without the secrets of its command line."""
    return replace(
        source, argv=hide_arguments(source.argv), launcher=hide_arguments(source.launcher)
    )
