"""The models of a task: those that it makes, and those that it begins from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from elsewhere.core.errors import UsageError, known_choices
from elsewhere.task.handle import Handle

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from elsewhere.core.records import ModelUse
    from elsewhere.models import TaskModels


class ModelsAspect(Handle):
    """The task knows each model by a name; another model under that name replaces it."""

    @property
    def models(self) -> TaskModels:
        """The task's models, {"input": [...], "output": [...]}, also as attributes; the lists by
        index, in the order of their making, or by name. Raises NotFoundError for a deleted task."""
        from elsewhere.models import models_of  # noqa: PLC0415

        return models_of(self.access.store, self._uses)

    @property
    def input_models_id(self) -> dict[str, str]:
        """The ids of the models that the task begins from, by name."""
        return {use.name: use.model for use in self._uses if not use.is_output}

    @property
    def output_models_id(self) -> dict[str, str]:
        """The ids of the models that the task has made, by name."""
        return {use.name: use.model for use in self._uses if use.is_output}

    def update_output_model(
        self,
        model_path: str | Path,
        name: str | None = None,
        comment: str | None = None,
        tags: Sequence[str] | None = None,
        model_name: str | None = None,
        iteration: int | None = None,
        auto_delete_file: bool = True,
    ) -> str:
        """Makes an output model of the weights in `model_path`, a file, or a folder, as a package.

        The weights are always uploaded: to the task's output_uri, else to the default storage; then
        the originals are deleted, unless `auto_delete_file` is False. `name` is the task's name for
        the model, by default the file's name without its extension; a model of that name is
        replaced. The model itself is called `model_name`, by default `<task> - <file>`, and has
        `comment`, `tags` (a list of texts) and `iteration`, the one at which it was made.

        Returns the URL; it is empty where only the agent knows its storage. Raises UsageError for a
        wrong argument, and StorageError for weights that cannot be kept.
        """
        from elsewhere.models.output_model import made_by  # noqa: PLC0415

        return made_by(
            self,
            model_path,
            name=model_name,
            entry=name,
            comment=comment,
            tags=tags,
            iteration=iteration,
            is_deleted=auto_delete_file,
        )

    def set_input_model(
        self,
        model_id: str | None = None,
        model_name: str | None = None,
        update_task_design: bool = True,
        update_task_labels: bool = True,
        name: str | None = None,
    ) -> None:
        """Makes the task begin from a model: `model_id`, or the last changed one called
        `model_name`.

        `name` is the task's name for it. By default it replaces the task's only input model; where
        there is none, it has its own name. The model's design becomes the configuration `design`
        with `update_task_design`, its labels the task's with `update_task_labels`. Raises
        NotFoundError for an unknown model, UsageError for a wrong argument, and TransitionError
        unless the task is a draft or runs.
        """
        from elsewhere.models import checks, input_model  # noqa: PLC0415
        from elsewhere.store.model_records import ModelFilter  # noqa: PLC0415

        if (model_id is None) == (model_name is None):
            raise UsageError("set_input_model takes model_id or model_name: give one of them.")
        if model_id is not None:
            record = self.access.store.model(checks.checked_id("model_id", model_id))
        else:
            text = checks.checked_text("model_name", model_name, is_needed=True)
            record = input_model.named(self.access.store, ModelFilter(name=text, limit=1))
        events = input_model.given_with(
            record,
            checks.checked_text("name", name) or self._only_input() or record.name or record.id,
            self.access.record,
            has_design=update_task_design,
            has_labels=update_task_labels,
            is_new=True,
        )
        for event in events:
            self.access.record_input(event)

    def remove_input_models(self, models_to_remove: Sequence[Any] | Any) -> None:
        """Removes `models_to_remove` from the task's input models: models, or their ids or names,
        one or several. Raises UsageError for one that it does not begin from, and TransitionError
        unless the task is a draft or runs."""
        from elsewhere.core.events import ModelsUnused  # noqa: PLC0415

        known = self.input_models_id
        is_one = isinstance(models_to_remove, str) or not isinstance(models_to_remove, Iterable)
        names = []
        for given in [models_to_remove] if is_one else models_to_remove:
            wanted = getattr(given, "id", given)
            found = [name for name, model_id in known.items() if wanted in (name, model_id)]
            if not found:
                raise UsageError(
                    f"Task {self.id} has no input model {wanted!r:.80}."
                    f" {known_choices(str(wanted), known)}"
                )
            names += found
        self.access.record_input(ModelsUnused(names=tuple(names)))

    @property
    def _uses(self) -> list[ModelUse]:
        self.reload()
        return self.access.store.task_models(self.id)

    def _only_input(self) -> str:
        """The name of the only input model; empty for none. Raises UsageError for several."""
        known = self.input_models_id
        if len(known) > 1:
            raise UsageError(
                f"Task {self.id} begins from several models: give as name the one that this"
                f" replaces. Known: {', '.join(sorted(known))}."
            )
        return next(iter(known), "")
