"""tqdm: its bars of any kind, where they are drawn, some times a second at most.

A bar that is disabled counts nothing, and one that counts bytes is of a transfer.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from elsewhere.hooks.frameworks.parts import replace_parts
from elsewhere.hooks.progress.loops import Loop, is_of_others

if TYPE_CHECKING:
    from elsewhere.hooks.progress.loops import Loops


def attach(loops: Loops, std: ModuleType) -> Callable[[], None]:
    """Follows the bars of the module `tqdm.std`."""
    known: WeakKeyDictionary[Any, Loop] = WeakKeyDictionary()

    def look(bar: Any) -> None:
        if not bar.total:
            return
        loop = known.get(bar)
        if loop is None and _counts(bar):
            loop = loops.begin(bar.n, bar.total)
            if loop is not None:
                known[bar] = loop
        loops.move(loop, bar.n, bar.total)

    def look_last(bar: Any) -> None:
        look(bar)
        loops.end(known.get(bar))

    def refresh(original: Callable[..., Any], bar: Any, *given: Any, **named: Any) -> Any:
        result = original(bar, *given, **named)
        if not bar.disable:
            loops.safely(look, bar)
        return result

    def close(original: Callable[..., Any], bar: Any, *given: Any, **named: Any) -> Any:
        if not getattr(bar, "disable", True):  # its beginning may have failed
            loops.safely(look_last, bar)
        return original(bar, *given, **named)

    return replace_parts(std, {"tqdm.refresh": refresh, "tqdm.close": close})


def _counts(bar: Any) -> bool:
    is_of_rich = hasattr(bar, "_prog")  # which draws it, and is followed as well
    return not (is_of_rich or is_of_others(bar) or bar.unit in ("B", "iB"))
