"""Summaries, the protocol buffers of TensorBoard and what is in them, as reports of a task.

Most scalars are numbers of 32 bits: recorded is the short decimal that is the same one, if any.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from elsewhere.hooks.callers import calling_modules
from elsewhere.hooks.frameworks.tensorboard.histograms import Histograms
from elsewhere.hooks.frameworks.tensorboard.names import Names, Written
from elsewhere.hooks.frameworks.tensorboard.tensors import array_of

if TYPE_CHECKING:
    from elsewhere.report.recorder import OwnRun

logger = logging.getLogger(__name__)

_SINGLE: Final = struct.Struct("<f")
#: how the files of images begin
_IMAGES: Final = {b"GIF8": ".gif", b"\x89PNG": ".png", b"\xff\xd8": ".jpg", b"RIFF": ".webp"}
#: what a summary of text has behind the tag that the program gave
_OF_TEXT: Final = "/text_summary"
#: kinds that are not recorded here: hyperparameters are, by their own hook
_ELSEWHERE: Final = "hparams"
#: it writes a graph of each training, unless it is told not to
_KERAS: Final = "keras.src.callbacks.tensorboard"
_LOST: Final = "Something that is written for TensorBoard is not recorded."


class Summaries:
    """Reports what the writers of one library write; what cannot be reported is one warning."""

    def __init__(self, run: OwnRun) -> None:
        self._run = run
        self._names = Names()
        self._histograms = Histograms(run)
        #: the last iteration of what is not a scalar
        self._last: dict[tuple[str, str], int] = {}
        #: the kinds of tensors: TensorFlow names them with the first of a tag only
        self._kinds: dict[tuple[str, str], str] = {}
        self._warnings: set[str] = set()

    def close(self) -> None:
        """Reports what has waited."""
        self.safely(self._histograms.close)

    def safely(self, report: Callable[..., None], *given: Any, **named: Any) -> None:
        """Calls `report`; nothing is raised."""
        try:
            report(*given, **named)
        except Exception:  # an outermost seam: the program goes on
            if self._is_new(_LOST):
                logger.warning(_LOST, exc_info=True)

    def event(self, logdir: str, event: Any, step: int | None) -> None:
        """Reports an event of a writer with this `logdir`; without a `step` it counts on."""
        what = event.WhichOneof("what")
        if what == "summary":
            self.summary(logdir, event.summary, step)
        elif what == "graph_def":
            self.graph()
        elif what == "session_log" and event.step:
            self._warn(
                f"The points from step {event.step} on, which a writer purges for TensorBoard, stay"
                " recorded."
            )

    def summary(self, logdir: str, summary: Any, step: int | None) -> None:
        """Reports each value of a summary."""
        for value in summary.value:
            what = value.WhichOneof("value")
            if what == "simple_value":
                self.scalar(Written(logdir, value.tag), value.simple_value, step)
            elif what == "tensor":
                kind = value.metadata.plugin_data.plugin_name
                self.tensor(logdir, value.tag, kind, array_of(value.tensor), step)
            elif what == "image":
                self._media(Written(logdir, value.tag), [value.image.encoded_image_string], step)
            elif what == "audio":
                sounds = [value.audio.encoded_audio_string]
                self._media(Written(logdir, value.tag), sounds, step, ".wav")
            elif what == "histo":
                histo = value.histo
                edges = [histo.min, *histo.bucket_limit[:-1], histo.max]
                self._histogram(Written(logdir, value.tag), edges, histo.bucket, step)

    def scalar(self, written: Written, value: float, step: int | None) -> None:
        """Reports a number of 32 bits."""
        self._run.logger.report_scalar(*self._names.of(written), _shortest(value), step)

    def single(self, tag: str, value: float) -> None:
        """Reports a number of 32 bits without iterations."""
        self._run.logger.report_single_value(tag, _shortest(value))

    def tensor(self, logdir: str, tag: str, kind: str, array: Any, step: int | None) -> None:
        """Reports an array of numbers, or of bytes, that TensorBoard's plugin `kind` shows."""
        kind = self._kinds.setdefault((logdir, tag), kind or "tensors")
        written = Written(logdir, tag)
        if kind == "scalars" and array.size == 1 and array.dtype.itemsize == 4:
            self.scalar(written, array.item(), step)
        elif kind == "scalars" and array.size == 1:
            self._run.logger.report_scalar(*self._names.of(written), array.item(), step)
        elif kind == "histograms" and array.ndim == 2:
            edges = [*array[:, 0], *array[-1:, 1]]
            self._histogram(written, edges, array[:, 2], step)
        elif kind == "images" and array.ndim == 1:
            self._media(written, array[2:].tolist(), step)  # behind width and height
        elif kind == "audio":
            self._media(written, array.reshape(-1, 2)[:, 0].tolist(), step, ".wav")
        elif kind == "text":
            text = b"\n".join(array.reshape(-1).tolist())
            self._media(Written(logdir, tag.removesuffix(_OF_TEXT)), [text], step, ".txt")
        elif kind == "pr_curves" and array.ndim == 2:
            self._pr_curve(written, array, step)
        elif kind.startswith("graph_"):
            self.graph()
        elif kind != _ELSEWHERE:
            self.leave_out(kind)

    def graph(self) -> None:
        """Notes that a graph is not recorded, unless Keras's callback has written it unasked."""
        if _KERAS not in calling_modules():
            self.leave_out("graphs")

    def figure(self, logdir: str, tag: str, figures: Sequence[Any], step: int | None) -> None:
        """Reports figures of matplotlib."""
        title, series, at = self._placed(Written(logdir, tag), step)
        for name, figure in _numbered(series, figures):
            self._run.logger.report_matplotlib_figure(title, name, figure, at)

    def leave_out(self, kind: str) -> None:
        """Notes that something of this `kind` is not recorded."""
        self._warn(
            f"What TensorBoard shows as {kind} is not recorded by the task. It is in the log"
            " directory of the writer only."
        )

    def _histogram(self, written: Written, edges: Any, counts: Any, step: int | None) -> None:
        title, series, at = self._placed(written, step)
        self._histograms.add((title, series), at, edges, counts)

    def _media(
        self, written: Written, contents: list[bytes], step: int | None, extension: str = ""
    ) -> None:
        title, series, at = self._placed(written, step)
        for name, content in _numbered(series, contents):
            found = (end for begin, end in _IMAGES.items() if content.startswith(begin))
            self._run.logger.report_media(
                *(title, name, at), stream=content, file_extension=extension or next(found, ".bin")
            )

    def _pr_curve(self, written: Written, array: Any, step: int | None) -> None:
        title, series, at = self._placed(written, step)
        *_, precision, recall = array.tolist()
        most = max(1, len(recall) - 1)
        self._run.logger.report_scatter2d(
            *(title, series, list(zip(recall, precision, strict=True)), at),
            xaxis="recall",
            yaxis="precision",
            labels=[f"threshold {number / most:.3g}" for number in range(len(recall))],
            mode="lines+markers",
        )

    def _placed(self, written: Written, step: int | None) -> tuple[str, str, int]:
        """Title, series and iteration of what is not a scalar."""
        names = self._names.of(written)
        at = self._last.get(names, -1) + 1 if step is None else step
        self._last[names] = at
        return *names, at

    def _warn(self, sentence: str) -> None:
        if self._is_new(sentence):
            logger.warning("%s", sentence)

    def _is_new(self, sentence: str) -> bool:
        is_new = sentence not in self._warnings
        self._warnings.add(sentence)
        return is_new


def _numbered(series: str, items: Sequence[Any]) -> list[tuple[str, Any]]:
    """The name of each item: that of the series, with a number where there are several."""
    if len(items) == 1:
        return [(series, items[0])]
    return [(f"{series}/{number}", item) for number, item in enumerate(items)]


def _shortest(value: float) -> float:
    """0.1 for 0.10000000149011612, which is the same in 32 bits."""
    short = float(f"{value:.7g}")
    return short if _SINGLE.pack(short) == _SINGLE.pack(value) else value
