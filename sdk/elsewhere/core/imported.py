"""What the program has imported, and what the SDK has imported for itself."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

#: the modules that came with imports of the SDK
_OURS: Final[set[str]] = set()


def modules() -> tuple[str, ...]:
    """Returns the names of the loaded modules, without those that came with the SDK's imports."""
    return tuple(name for name in tuple(sys.modules) if name not in _OURS)


@contextmanager
def for_itself() -> Iterator[None]:
    """Counts what is loaded meanwhile as imported by the SDK, and not by the program."""
    before = set(sys.modules)
    yield
    _OURS.update(sys.modules.keys() - before)


def is_instance(obj: object, module: str, name: str) -> bool:
    """Whether `obj` is an instance of the class `name` in `module`, which is not imported for it:
    a program with such an object has imported it."""
    found = getattr(sys.modules.get(module), name, None)
    return isinstance(found, type) and isinstance(obj, found)
