"""The SummaryWriter of `torch.utils.tensorboard` and of `tensorboardX`, and the FileWriter of
TensorFlow 1."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from elsewhere.hooks.frameworks.parts import replace_parts
from elsewhere.hooks.frameworks.tensorboard.calls import arguments_of
from elsewhere.hooks.frameworks.tensorboard.names import Written
from elsewhere.hooks.frameworks.tensorboard.summaries import Summaries

if TYPE_CHECKING:
    from elsewhere.report.recorder import OwnRun


class _Event(NamedTuple):
    logdir: str
    event: Any
    step: int | None


class _Call(threading.local):
    #: what this thread writes within a call that is reported as a whole
    events: list[_Event] | None = None


def attach(run: OwnRun, library: ModuleType) -> Callable[[], None]:
    """Records what the program writes with the writers of `library`."""
    writers = _Writers(run)
    parts = {
        "FileWriter.add_event": writers.add_event,
        "SummaryWriter.add_scalars": writers.whole(writers.scalars),
        "SummaryWriter.add_figure": writers.whole(writers.figures),
        "SummaryWriter.add_hparams": writers.whole(writers.metrics),
        "SummaryWriter.add_embedding": writers.add_embedding,
    }
    if library.__name__.startswith("tensorflow."):
        parts = {"SummaryToEventTransformer._add_event": writers.add_event}
    undo = replace_parts(library, parts)

    def detach() -> None:
        undo()
        writers.summaries.close()

    return detach


class _Writers:
    """What replaces the calls of writers. All that these write goes through `add_event`."""

    def __init__(self, run: OwnRun) -> None:
        self._run = run
        self.summaries = Summaries(run)
        self._call = _Call()

    def add_event(self, original: Callable[..., Any], *given: Any, **named: Any) -> Any:
        result = original(*given, **named)
        if not self._run.is_over:
            self.summaries.safely(self._take, *given, **named)
        return result

    def _take(self, writer: Any, event: Any, step: object = None, *_: Any, **__: Any) -> None:
        is_counted = step is None and not event.step  # a default step is in the event only
        taken = _Event(str(writer.get_logdir()), event, None if is_counted else event.step)
        if self._call.events is None:
            self.summaries.event(*taken)
        else:
            self._call.events.append(taken)

    def whole(self, report: Callable[[dict[str, Any], list[_Event]], None]) -> Callable[..., Any]:
        """A replacement of a call whose events are reported by `report`, which gets the arguments
        of the call as well."""

        def call(original: Callable[..., Any], *given: Any, **named: Any) -> Any:
            events: list[_Event] = []
            self._call.events = events
            try:
                return original(*given, **named)
            finally:  # what is written before an error is there
                self._call.events = None
                if events:
                    self.summaries.safely(
                        lambda: report(arguments_of(original, given, named), events)
                    )

        return call

    def scalars(self, arguments: dict[str, Any], events: list[_Event]) -> None:
        """Reports several series of one title, each of which has a writer of its own."""
        logdir = _logdir(arguments)
        for series, (_, event, step) in zip(arguments["tag_scalar_dict"], events, strict=False):
            for value in event.summary.value:
                written = Written(logdir, value.tag, str(series))
                self.summaries.scalar(written, value.simple_value, step)

    def figures(self, arguments: dict[str, Any], events: list[_Event]) -> None:
        """Reports figures of matplotlib, of which the event has a picture."""
        figure = arguments["figure"]
        figures = figure if isinstance(figure, list) else [figure]
        for logdir, event, step in events:
            self.summaries.figure(logdir, event.summary.value[0].tag, figures, step)

    def metrics(self, arguments: dict[str, Any], events: list[_Event]) -> None:
        """Reports the metrics that go with hyperparameters: final values, or those of a step."""
        logdir = _logdir(arguments)
        for _, event, step in events:
            if step is not None:
                self.summaries.event(logdir, event, step)
                continue
            for value in event.summary.value:
                if value.WhichOneof("value") == "simple_value":
                    self.summaries.single(value.tag, value.simple_value)

    def add_embedding(self, original: Callable[..., Any], *given: Any, **named: Any) -> Any:
        result = original(*given, **named)
        if not self._run.is_over:
            self.summaries.safely(lambda: self._embedding(arguments_of(original, given, named)))
        return result

    def _embedding(self, arguments: dict[str, Any]) -> None:
        writer, tag, step = arguments["self"], arguments["tag"], arguments["global_step"]
        number = str(0 if step is None else step).zfill(5)
        folder = Path(_logdir(arguments), number, writer._encode(tag))
        if folder.is_dir():
            self._run.upload_artifact(f"embedding_{tag}", folder)
        else:
            self.summaries.leave_out("embeddings")


def _logdir(arguments: dict[str, Any]) -> str:
    """The log directory of the SummaryWriter that is called."""
    return str(arguments["self"]._get_file_writer().get_logdir())
