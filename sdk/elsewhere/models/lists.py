"""The models of a task, as `task.models` gives them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, SupportsIndex, overload

from elsewhere.core.errors import NotFoundError, known_choices
from elsewhere.models.model import Model

if TYPE_CHECKING:
    from elsewhere.core.records import ModelUse
    from elsewhere.store.api import TaskStore

__all__ = ["ModelList", "TaskModels", "models_of"]


class ModelList(list[Model]):
    """In the order in which they were made; an index may be the name that the task gives one."""

    def __init__(self, models: Iterable[tuple[str, Model]] = ()) -> None:
        pairs = list(models)
        super().__init__(model for _, model in pairs)
        self._names = [name for name, _ in pairs]

    @overload
    def __getitem__(self, index: SupportsIndex | str) -> Model: ...

    @overload
    def __getitem__(self, index: slice) -> list[Model]: ...

    def __getitem__(self, index: Any) -> Any:
        """Raises NotFoundError for an unknown name, IndexError for a number that is too high."""
        if not isinstance(index, str):
            return super().__getitem__(index)
        if index not in self._names:
            raise NotFoundError(
                f"The task has no such model {index!r}. {known_choices(index, self._names)}"
            )
        return super().__getitem__(self._names.index(index))

    def keys(self) -> list[str]:
        return list(self._names)

    def get(self, name: str, default: Any = None) -> Any:
        return self[name] if name in self._names else default


class TaskModels(dict[str, ModelList]):
    """`input` and `output`, by key or as an attribute."""

    @property
    def input(self) -> ModelList:
        return self["input"]

    @property
    def output(self) -> ModelList:
        return self["output"]


def models_of(store: TaskStore, uses: Iterable[ModelUse]) -> TaskModels:
    """Those that there still are."""
    pairs: dict[str, list[tuple[str, Model]]] = {"input": [], "output": []}
    for use in uses:
        try:
            store.model(use.model)
        except NotFoundError:
            continue
        kind = "output" if use.is_output else "input"
        pairs[kind].append((use.name, Model._of(use.model, store)))
    return TaskModels({kind: ModelList(models) for kind, models in pairs.items()})
