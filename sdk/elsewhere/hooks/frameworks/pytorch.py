"""PyTorch: `torch.save`, `torch.load`, and those of `torch.jit`.

A `.pt` file may hold anything. A model is a module; a state, whose keys are dotted or end in
`weight` or `bias`; or what has one of these in it, such as a checkpoint. Tensors, data sets and the
state of an optimizer alone are none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from elsewhere.hooks.frameworks.files import Files, argument
from elsewhere.hooks.frameworks.parts import replace_parts

if TYPE_CHECKING:
    from elsewhere.report.recorder import OwnRun

#: the levels of a checkpoint, the items of each, and the names of a state that are looked at
_LEVELS: Final = 3
_ITEMS: Final = 32
_NAMES: Final = 1000


def attach(run: OwnRun, torch: ModuleType) -> Callable[[], None]:
    """Records what the program saves and loads with `torch`."""
    files = Files(run, "pytorch")
    first, second = argument("f", 0), argument("f", 1)

    def is_model(obj: Any, *_: Any, **__: Any) -> bool:
        return _has_model(obj, torch, _LEVELS)

    return replace_parts(
        torch,
        {
            "serialization.save": files.saving(second, is_model),
            "serialization.load": files.loading(first, is_model),
            "jit.save": files.saving(second),
            "jit.load": files.loading(first),
        },
    )


def _has_model(found: object, torch: ModuleType, levels: int) -> bool:
    if isinstance(found, torch.nn.Module):
        return True
    if isinstance(found, (torch.Tensor, torch.utils.data.Dataset)) or levels == 0:
        return False
    inside: Iterable[object] = getattr(found, "__dict__", {}).values()
    if isinstance(found, (list, tuple)):
        inside = found
    elif isinstance(found, Mapping):
        if _is_state(found, torch):
            return True
        inside = found.values()
    return any(_has_model(one, torch, levels - 1) for one in islice(inside, _ITEMS))


def _is_state(found: Mapping[Any, object], torch: ModuleType) -> bool:
    # `_metadata` is what `Module.state_dict` adds, also where the module has no weights.
    return hasattr(found, "_metadata") or any(
        isinstance(name, str) and ("." in name or name.endswith(("weight", "bias")))
        for name, value in islice(found.items(), _NAMES)
        if isinstance(value, torch.Tensor)
    )
