"""Hyperparameters that are written for TensorBoard, as parameters of the section `TB_hparams`.

Taken are the arguments of what makes the summaries, which SummaryWriter, Lightning and Keras call:
in the summaries each number is a float.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from elsewhere.core.checks import plain
from elsewhere.core.events import Parameters
from elsewhere.core.records import Parameter
from elsewhere.hooks.frameworks.parts import replace_parts
from elsewhere.hooks.frameworks.tensorboard.calls import arguments_of
from elsewhere.hooks.parsers.values import shown

if TYPE_CHECKING:
    from elsewhere.report.recorder import OwnRun

logger = logging.getLogger(__name__)

_SECTION: Final = "TB_hparams"
_AGAIN: Final = (
    "Hyperparameters are written for TensorBoard more than once with other values: the last ones"
    " count."
)
_LOST: Final = "Hyperparameters that are written for TensorBoard are not recorded."


def attach(run: OwnRun, library: ModuleType) -> Callable[[], None]:
    """Records the hyperparameters of `library`."""
    known: dict[str, Parameter] = {}
    warnings: set[str] = set()

    def is_new(sentence: str) -> bool:
        found = sentence not in warnings
        warnings.add(sentence)
        return found

    def record(given: Mapping[Any, object]) -> None:
        values = {}
        for key, value in given.items():
            name = f"{_SECTION}/{getattr(key, 'name', key)}"  # of an HParam, or a text
            values[name] = shown(name, plain(value))
        is_changed = any(known.get(name, one) != one for name, one in values.items())
        if is_changed and is_new(_AGAIN):
            logger.warning(_AGAIN)
        known.update(values)
        run.record(Parameters(values=values))

    def make(original: Callable[..., Any], *given: Any, **named: Any) -> Any:
        result = original(*given, **named)
        try:
            if not run.is_over:
                record(next(iter(arguments_of(original, given, named).values())))
        except Exception:  # an outermost seam: the program goes on
            if is_new(_LOST):
                logger.warning(_LOST, exc_info=True)
        return result

    is_of_tensorboard = library.__name__.startswith("tensorboard.")
    return replace_parts(library, {"hparams_pb" if is_of_tensorboard else "hparams": make})
