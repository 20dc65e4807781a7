"""What a running task reports of its models.

`core/events.py` passes them on.
"""

from __future__ import annotations

from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from elsewhere.core import kept
from elsewhere.core.frozen import dataclass
from elsewhere.core.kept import Event, declare
from elsewhere.core.plot_events import Plot
from elsewhere.core.records import Json, ModelUse
from elsewhere.core.scalars import Scalars
from elsewhere.core.uploads import FileEvent, Placed, Upload

if TYPE_CHECKING:
    from elsewhere.core.known_secrets import KnownSecrets


@declare("model", kept.OfModels())
@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSaved(Event, FileEvent):
    """Fields of a `ModelRecord` of the task, or of a new one; the others stay. `metadata/<key>` is
    one of its metadata, None where it goes. `file`: where its bytes lie in the run folder when they
    are not at its URL yet, and `output_uri` below which place they shall; empty for the task's."""

    model: str
    fields: dict[str, Json] = field(default_factory=dict)
    file: str = ""
    output_uri: str = ""

    def upload(self) -> Upload | None:
        if not self.file:
            return None
        return Upload(file=Path(self.file), place=self.output_uri, kind="model", name=self.model)

    def placed(self, placed: Placed | None) -> ModelSaved:
        if placed is None:
            return self
        fields = {**self.fields, "url": placed.url, "machine": placed.machine}
        if placed.problem:
            fields["preview"] = placed.problem
        return ModelSaved(model=self.model, fields=fields)


@declare("model_used", kept.OfModels())
@dataclass(frozen=True, slots=True, kw_only=True)
class ModelUsed(Event):
    """The task made this model, or began from it.

    `found` is what a program knows of weights that it loaded without asking the store whose they
    are, a `url` first: the model that lies there is used, else this one is made of these fields.
    """

    use: ModelUse
    found: dict[str, Json] = field(default_factory=dict)


@declare("models_unused", kept.OfModels())
@dataclass(frozen=True, slots=True, kw_only=True)
class ModelsUnused(Event):
    """Models that the task did not begin from after all, by the names that it gave them; with
    `are_output`, that it does not call its own any more."""

    names: tuple[str, ...]
    are_output: bool = False


@declare("model_report", kept.OfModels())
@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReported(Event, FileEvent):
    """Points or a plot of a model that the task made; they are kept with the model, by the ways of
    `scalars` and `plot`."""

    model: str
    scalars: Scalars | None = None
    plot: Plot | None = None

    def hidden(self, known: KnownSecrets) -> ModelReported:
        return replace(self, plot=cast("Plot | None", self.plot and self.plot.hidden(known)))

    def upload(self) -> Upload | None:
        return None if self.plot is None else self.plot.upload()

    def placed(self, placed: Placed | None) -> ModelReported:
        return self if self.plot is None else replace(self, plot=self.plot.placed(placed))
