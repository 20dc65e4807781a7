"""The parts of a library that a hook replaces, as far as its version has them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from elsewhere.hooks.replacing import replace, replace_everywhere

logger = logging.getLogger(__name__)


def replace_parts(
    library: ModuleType, parts: Mapping[str, Callable[..., Any]]
) -> Callable[[], None]:
    """Replaces each of `parts`, a dotted name in the library, by a call of `by(original, ...)`;
    returns the undo. One warning names all that this version of the library lacks."""
    undo, missing = [], []
    for part, by in parts.items():
        above, _, name = part.rpartition(".")
        owner: Any = library
        for step in above.split(".") if above else ():
            owner = getattr(owner, step, None)
        if not callable(getattr(owner, name, None)):
            missing.append(part)
            continue
        put = replace_everywhere if isinstance(owner, ModuleType) else replace
        undo.append(put(owner, name, by))
    if missing:
        logger.warning(
            "%s %s has no %s: what a program does with it is not recorded.",
            library.__name__,
            getattr(library, "__version__", "of this version"),
            ", ".join(missing),
        )

    def undo_all() -> None:
        while undo:
            undo.pop()()

    return undo_all
