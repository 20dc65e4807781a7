"""`tf.summary` of TensorFlow 2: the operations below it, which Keras's callback uses as well.

Within a `tf.function`, where a tensor has no value yet, an operation that reports it stands before
the one that writes it.
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
            "write_summary": written.before(written.summary),
            "write_raw_proto_summary": written.before(written.raw),
            "write_graph_summary": written.before(written.graph),
        },
    )

    def detach() -> None:
        undo()
        written.summaries.close()

    return detach


class _Operations:
    """What replaces the operations. The handle of a writer is the first argument of each."""

    def __init__(self, run: OwnRun) -> None:
        self._run = run
        self.summaries = Summaries(run)

    def create(self, original: Callable[..., Any], *given: Any, **named: Any) -> Any:
        result = original(*given, **named)
        self.summaries.safely(lambda: self._note(**arguments_of(original, given, named)))
        return result

    def _note(self, writer: Any, logdir: Any, **_: Any) -> None:
        value = sys.modules["tensorflow"].get_static_value(logdir)
        setattr(writer, _LOGDIR, value.decode() if isinstance(value, bytes) else value.item().decode())
