"""joblib, with which scikit-learn's models are saved: estimators, and dicts or lists that have one.

The caches of `joblib.Memory`, and what joblib writes for its workers, are no models.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from elsewhere.hooks.callers import calling_module
from elsewhere.hooks.frameworks.files import Files, argument
from elsewhere.hooks.frameworks.parts import replace_parts

if TYPE_CHECKING:
    from elsewhere.report.recorder import OwnRun

#: items of a dict or a list that are looked at
_ITEMS: Final = 32


def attach(run: OwnRun, joblib: ModuleType) -> Callable[[], None]:
    """Records what the program saves and loads with `joblib`."""
    files = Files(run, "scikit")
    return replace_parts(
        joblib,
        {
            "dump": files.saving(
                _unless_its_own(argument("filename", 1)),
                lambda value, *_, **__: _has_estimator(value),
            ),
            "load": files.loading(_unless_its_own(argument("filename", 0)), _has_estimator),
        },
    )


def _unless_its_own(target: Callable[..., object]) -> Callable[..., object]:
    def known(*given: object, **named: object) -> object:
        return None if calling_module().partition(".")[0] == "joblib" else target(*given, **named)

    return known


def _has_estimator(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_is_estimator, islice(value.values(), _ITEMS)))
    if isinstance(value, (list, tuple)):
        return any(map(_is_estimator, islice(value, _ITEMS)))
    return _is_estimator(value)


def _is_estimator(value: Any) -> bool:
    kind = type(value)
    return callable(getattr(kind, "predict", None)) or (
        callable(getattr(kind, "fit", None)) and callable(getattr(kind, "transform", None))
    )
