"""Callbacks on the import of a library by the program, which nothing here imports."""

from __future__ import annotations

import importlib
import sys
from threading import Lock
from typing import TYPE_CHECKING, Any

from elsewhere.core.late_logger import late_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

logger = late_logger(__name__)


def when_imported(name: str, callback: Callable[[ModuleType], None]) -> Callable[[], None]:
    """Calls `callback` once with the module `name`: now if it is there, else after its import.

    Returns the undo. What the callback raises is logged, never raised into the import. An
    import that another thread has begun is waited for.
    """
    awaited = _Finder(name, callback)
    sys.meta_path.insert(0, awaited)
    # Looked at after the finder stands: an import between the two is seen by one of them.
    if sys.modules.get(name) is not None:
        awaited.found(importlib.import_module(name))
    return awaited.forget


class _Finder:
    """Finds one module as the finders behind it do, with a loader that calls `found` at its end."""

    def __init__(self, name: str, callback: Callable[[ModuleType], None]) -> None:
        self._name = name
        self._callback: Callable[[ModuleType], None] | None = callback
        self._lock = Lock()

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        if fullname != self._name:
            return None
        finders = list(sys.meta_path)
        behind = finders[finders.index(self) + 1 :] if self in finders else []
        for finder in behind:
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                if hasattr(spec.loader, "exec_module"):
                    spec.loader = _Loader(spec.loader, self)  # type: ignore[assignment]
                return spec
        return None

    def found(self, module: ModuleType) -> None:
        callback = self._take()
        if callback is None:
            return
        try:
            callback(module)
        except Exception:  # an outermost seam: the program's import goes on
            logger.warning("A callback on the import of %s failed.", self._name, exc_info=True)

    def forget(self) -> None:
        self._take()

    def _take(self) -> Callable[[ModuleType], None] | None:
        """Returns the callback to the first caller, None to others, and ends the waiting."""
        # A new list: one that another thread walks just now would skip a finder if it shrank.
        sys.meta_path = [finder for finder in sys.meta_path if finder is not self]
        with self._lock:
            callback, self._callback = self._callback, None
        return callback


class _Loader:
    """The module's own loader, and a call of `found` after it. The module sees its own one."""

    def __init__(self, loader: Any, finder: _Finder) -> None:
        self._loader = loader
        self._finder = finder

    def exec_module(self, module: ModuleType) -> None:
        for owner, name in ((module.__spec__, "loader"), (module, "__loader__")):
            if getattr(owner, name, None) is self:
                setattr(owner, name, self._loader)
        self._loader.exec_module(module)
        self._finder.found(sys.modules.get(module.__name__, module))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def __reduce__(self) -> Any:
        return _itself, (self._loader,)


def _itself(loader: object) -> object:
    return loader
