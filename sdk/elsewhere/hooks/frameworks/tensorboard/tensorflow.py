"""`tf.summary` of TensorFlow 2: the operations below it, which Keras's callback uses as well.

Within a `tf.function` a tensor has no value yet: there, before the operation that writes it, stands
one that reports it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from elsewhere.hooks.frameworks.parts import replace_parts
from elsewhere.hooks.frameworks.tensorboard.calls import arguments_of
from elsewhere.hooks.frameworks.tensorboard.summaries import Summaries

if TYPE_CHECKING:
    from elsewhere.report.recorder import OwnRun

#: where the log directory of a writer is noted, on the handle that all operations get
_LOGDIR: Final = "_elsewhere_logdir"


def attach(run: OwnRun, operations: ModuleType) -> Callable[[], None]:
    """Records what the program writes with TensorFlow's `operations` for summaries."""
    written = _Operations(run)
    undo = replace_parts(
        operations,
        {
            "create_summary_file_writer": written.create,
            "write_summary": written.reporting(written.tensor),
            "write_raw_proto_summary": written.reporting(written.raw),
            "write_graph_summary": written.reporting(written.graph),
        },
    )

    def detach() -> None:
        undo()
        written.summaries.close()

    return detach


class _Operations:
    """What replaces the operations."""

    def __init__(self, run: OwnRun) -> None:
        self._run = run
        self._unknown = 0
        self.summaries = Summaries(run)

    def create(self, original: Callable[..., Any], *given: Any, **named: Any) -> Any:
        result = original(*given, **named)
        self.summaries.safely(lambda: _note_logdir(**arguments_of(original, given, named)))
        return result

    def reporting(self, report: Callable[..., None]) -> Callable[..., Any]:
        """A replacement of an operation that writes; `report` gets the log directory, the step, the
        value as an array and the other arguments."""

        def call(original: Callable[..., Any], *given: Any, **named: Any) -> Any:
            tensorflow = sys.modules["tensorflow"]
            if tensorflow.executing_eagerly():
                result = original(*given, **named)
                self.summaries.safely(
                    lambda: self._report(report, **arguments_of(original, given, named))
                )
                return result
            before: list[Any] = []
            if "TPU" in type(tensorflow.distribute.get_strategy()).__name__:  # no Python there
                self.summaries.leave_out("results of functions on a TPU")
                return original(*given, **named)
            self.summaries.safely(
                lambda: before.append(
                    self._operation(report, **arguments_of(original, given, named))
                )
            )
            with tensorflow.control_dependencies(before):
                return original(*given, **named)

        return call

    def _operation(
        self, report: Callable[..., None], writer: Any, step: Any, tensor: Any, **others: Any
    ) -> Any:
        """An operation that reports. What it calls must not raise: that would end the training."""

        def call(step: Any, tensor: Any) -> None:
            self.summaries.safely(
                lambda: self._report(report, writer=writer, step=step, tensor=tensor, **others)
            )

        return sys.modules["tensorflow"].numpy_function(call, [step, tensor], [])

    def _report(
        self, report: Callable[..., None], writer: Any, step: Any, tensor: Any, **others: Any
    ) -> None:
        if self._run.is_over:
            return
        if not hasattr(writer, _LOGDIR):  # it was made before the task
            self._unknown += 1
            setattr(writer, _LOGDIR, f"writer {self._unknown}")
        report(getattr(writer, _LOGDIR), int(step), _array(tensor), **others)

    def tensor(
        self, logdir: str, step: int, array: Any, tag: Any, summary_metadata: Any, **_: Any
    ) -> None:
        metadata = sys.modules["tensorflow"].compat.v1.SummaryMetadata
        kind = metadata.FromString(_static(summary_metadata)).plugin_data.plugin_name
        self.summaries.tensor(logdir, _static(tag).decode(), kind, array, step)

    def raw(self, logdir: str, step: int, array: Any, **_: Any) -> None:
        summary = sys.modules["tensorflow"].compat.v1.Summary
        for one in array.reshape(-1):
            self.summaries.summary(logdir, summary.FromString(one), step)

    def graph(self, *_: Any, **__: Any) -> None:
        self.summaries.graph()


def _note_logdir(writer: Any, logdir: Any, **_: Any) -> None:
    setattr(writer, _LOGDIR, _static(logdir).decode())


def _static(value: Any) -> bytes:
    """A text that is known before the program runs, given as such or as a tensor."""
    if not isinstance(value, (str, bytes)):
        value = sys.modules["tensorflow"].get_static_value(value)
    return value.encode() if isinstance(value, str) else bytes(value)


def _array(tensor: Any) -> Any:
    import numpy  # noqa: ICN001, PLC0415 - the program has it: TensorFlow needs it

    value = tensor.numpy() if hasattr(tensor, "numpy") else tensor
    return numpy.array(value, object if isinstance(value, bytes) else None)
