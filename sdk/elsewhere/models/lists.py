"""The models of a task, as `task.models` gives them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, SupportsIndex, overload

from elsewhere.core.errors import NotFoundError, known_choices
from elsewhere.models.model import Model

if TYPE_CHECKING:
    from elsewhere.core.records import ModelUse
    from elsewhere.store.api import TaskStore


class ModelList(list[Model]):
    """Models in the order in which they were made; an index may be a name that the task uses."""

    def __init__(self, models: Iterable[tuple[str, Model]] = ()) -> None:
        pairs = list(models)
        super().__init__(model for _, model in pairs)
        self._names = [name for name, _ in pairs]

    @overload
    def __getitem__(self, index: SupportsIndex | str) -> Model: ...

    @overload
    def __getitem__(self, index: slice) -> list[Model]: ...

    def __getitem__(self, index: Any) -> Any:
        """The model or models. Raises NotFoundError for a name, IndexError for a number."""
        if not isinstance(index, str):
            return super().__getitem__(index)
        if index not in self._names:
            raise NotFoundError(
                f"The task has no such model {index!r}. {known_choices(index, self._names)}"
            )
        return super().__getitem__(self._names.index(index))

    def keys(self) -> list[str]:
        """The names that the task uses."""
        return list(self._names)

    def get(self, name: str, default: Any = None) -> Any:
        """The model called `name`, or `default`."""
        return self[name] if name in self._names else default


class TaskModels(dict[str, ModelList]):
    """The lists `input` and `output`, by key or as attributes."""

    @property
    def input(self) -> ModelList:
        """The models that the task began from."""
        return self["input"]

    @property
    def output(self) -> ModelList:
        """The models that the task made."""
        return self["output"]


def models_of(store: TaskStore, uses: Iterable[ModelUse]) -> TaskModels:
    """The models of `uses` that were not removed."""
    pairs: dict[str, list[tuple[str, Model]]] = {"input": [], "output": []}
    for use in uses:
        try:
            store.model(use.model)
        except NotFoundError:
            continue
        kind = "output" if use.is_output else "input"
        pairs[kind].append((use.name, Model._of(use.model, store)))
    return TaskModels({kind: ModelList(models) for kind, models in pairs.items()})
