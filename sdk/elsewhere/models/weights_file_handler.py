"""The callbacks of a program that see, rename or leave out what frameworks save and load."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeAlias

from elsewhere.core.errors import UsageError

if TYPE_CHECKING:
    from elsewhere.models.output_model import OutputModel

logger = logging.getLogger(__name__)


class CallbackType(str, Enum):
    """What the program does with the weights; equal to its name as a text."""

    save = "save"
    load = "load"


@dataclass(kw_only=True)
class ModelInfo:
    """The weights that a framework saves or loads, as a callback sees and changes them.

    `model` is the model that was recorded, for callbacks after it, and else None; of weights that
    were loaded it stays None. `upload_filename` is the name of the uploaded file,
    `local_model_path` the path of the file or folder, `framework` the name of the framework, and
    `task` the task. `local_model_id` and `weights_object` are the path and None.
    """

    model: OutputModel | None
    upload_filename: str
    local_model_path: str
    local_model_id: str
    framework: str
    task: Any
    weights_object: Any = None


_Callback: TypeAlias = Callable[[CallbackType, ModelInfo], "ModelInfo | None"]
_HANDLES: Final = itertools.count(1)


class WeightsFileHandler:
    """Callbacks around the recording of weights that frameworks save and load.

    A callback is given `CallbackType.save` or `CallbackType.load`, and a `ModelInfo`. Once there is
    one, a save is recorded before it returns, with the name that the file has then. What a callback
    raises is a warning, and the weights are recorded as if it were not there.
    """

    CallbackType: TypeAlias = CallbackType
    ModelInfo: TypeAlias = ModelInfo
    _before: ClassVar[dict[int, _Callback]] = {}
    _after: ClassVar[dict[int, _Callback]] = {}

    @classmethod
    def add_pre_callback(cls, callback_function: _Callback) -> int:
        """Calls `callback_function(type, info)` before weights are recorded; returns its handle.

        It returns the info, perhaps with another `upload_filename`, `local_model_path` or
        `framework`, or None for weights that shall not be recorded; they are saved and loaded all
        the same. Raises UsageError for what is not a function.
        """
        return _add(cls._before, callback_function)

    @classmethod
    def add_post_callback(cls, callback_function: _Callback) -> int:
        """Calls `callback_function(type, info)` after weights were recorded; returns its handle.
        Raises UsageError for what is not a function."""
        return _add(cls._after, callback_function)

    @classmethod
    def remove_pre_callback(cls, handle: int) -> bool:
        """Removes the callback that `add_pre_callback` gave this `handle`; whether there was
        one."""
        return cls._before.pop(handle, None) is not None

    @classmethod
    def remove_post_callback(cls, handle: int) -> bool:
        """Removes the callback that `add_post_callback` gave this `handle`; whether there was
        one."""
        return cls._after.pop(handle, None) is not None


def has_callbacks() -> bool:
    """Whether the program has any."""
    return bool(WeightsFileHandler._before or WeightsFileHandler._after)


def before(kind: CallbackType, info: ModelInfo) -> ModelInfo | None:
    """The info as the callbacks have changed it; None where one leaves the weights out."""
    for callback in list(WeightsFileHandler._before.values()):
        found = _called(callback, kind, info)
        if found is None:
            return None
        info = found
    return info


def after(kind: CallbackType, info: ModelInfo) -> None:
    """Calls the callbacks for weights that were recorded."""
    for callback in list(WeightsFileHandler._after.values()):
        info = _called(callback, kind, info) or info


def _add(callbacks: dict[int, _Callback], function: object) -> int:
    if not callable(function):
        raise UsageError(
            f"A callback must be a function of the type and the ModelInfo, not {function!r:.80}."
        )
    known = [handle for handle, one in callbacks.items() if one == function]
    handle = known[0] if known else next(_HANDLES)
    callbacks[handle] = function
    return handle


def _called(callback: _Callback, kind: CallbackType, info: ModelInfo) -> ModelInfo | None:
    """What the callback returns; the info as it is where it fails."""
    try:
        found = callback(kind, info)
        if found is not None and not isinstance(found, ModelInfo):
            raise UsageError(f"it returned {found!r:.80}: return the ModelInfo, or None")
    except Exception:  # the program's own code: its training goes on
        logger.warning(
            "The callback %r failed for %s: the weights are recorded as if it were not there.",
            callback,
            info.local_model_path,
            exc_info=True,
        )
        return info
    return found
