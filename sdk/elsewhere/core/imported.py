"""Classes of libraries that the program has imported, and that nothing here imports."""

from __future__ import annotations

import sys


def is_instance(obj: object, module: str, name: str) -> bool:
    """Whether `obj` is an instance of the class `name` in `module`, which is not imported for it:
    a program with such an object has imported it."""
    found = getattr(sys.modules.get(module), name, None)
    return isinstance(found, type) and isinstance(obj, found)
