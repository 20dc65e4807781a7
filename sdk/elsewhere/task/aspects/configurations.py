"""A task's configuration objects and labels: what it was given beside its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from elsewhere.core.checks import checked_labels, checked_text
from elsewhere.core.errors import UsageError, known_choices
from elsewhere.core.late_logger import late_logger
from elsewhere.task.handle import Handle

if TYPE_CHECKING:
    from collections.abc import Sequence

logger = late_logger(__name__)

_NAME: Final = "The name of a configuration"


class ConfigurationsAspect(Handle):
    """Configuration objects are texts, kept to the byte, under names whose case counts."""

    def set_configuration_object(
        self,
        name: str,
        config_text: str | None = None,
        description: str | None = None,
        config_type: str | None = None,
        config_dict: Mapping[str, Any] | Sequence[Any] | None = None,
        *,
        force: bool = False,
    ) -> None:
        """Sets the configuration object `name` to the text `config_text`, or to `config_dict`, a
        dict or a list, which is kept as JSON. `config_type` is the format of the text: json, yaml,
        ... It and `description` stay as they are for None. `force` allows any status. Raises
        UsageError for a wrong argument, and TransitionError unless the task is a draft or runs."""
        from elsewhere.connect import configurations  # noqa: PLC0415
        from elsewhere.core.events import Configurations  # noqa: PLC0415

        checked_text(_NAME, name, is_needed=True)
        given = {"config_text": config_text, "description": description, "config_type": config_type}
        for what, text in given.items():
            if text is not None:
                checked_text(what, text)
        if (config_text is None) == (config_dict is None):
            raise UsageError(
                f"The configuration {name!r} is set by config_text or by config_dict, one of them;"
                " delete_configuration_object takes it away."
            )
        old = self.access.record.configurations.get(name)
        kind = old.type if old is not None else ""
        if config_dict is not None:
            config_text, kind = _rendered(name, config_dict), configurations.DICTIONARY
        elif kind == configurations.DICTIONARY and config_type is None:
            kind = ""
        if description is None:
            description = old.description if old is not None else ""
        assert config_text is not None
        new = configurations.to_configuration(name, config_text, config_type or kind, description)
        self.access.record_input(Configurations(values={name: new}), force=force)

    def get_configuration_object(self, name: str) -> str | None:
        """The text of the configuration object `name`, or None. Raises UsageError."""
        checked_text(_NAME, name, is_needed=True)
        found = self.access.record.configurations.get(name)
        return None if found is None else found.text

    def get_configuration_object_as_dict(self, name: str) -> dict[str, Any] | list[Any] | None:
        """The content of the configuration object `name`, read as JSON or, where PyYAML is
        installed, as YAML, or None if there is none. Raises UsageError for a text that is not a
        dictionary or a list."""
        from elsewhere.connect.configurations import loaded  # noqa: PLC0415

        checked_text(_NAME, name, is_needed=True)
        found = self.access.record.configurations.get(name)
        return None if found is None else loaded(name, found)

    def get_configuration_objects(self) -> dict[str, str]:
        """All configuration objects, name to text, sorted by name."""
        return {name: item.text for name, item in sorted(self.access.record.configurations.items())}

    def delete_configuration_object(self, name: str, force: bool = False) -> bool:
        """Deletes the configuration object `name`; returns False, with a warning, if there is none.
        `force` allows any status. Raises UsageError for a wrong name, and TransitionError unless
        the task is a draft or runs."""
        from elsewhere.core.events import Configurations  # noqa: PLC0415

        checked_text(_NAME, name, is_needed=True)
        known = self.access.record.configurations
        if name not in known:
            choices = known_choices(name, known)
            logger.warning("Task %s has no configuration %r. %s", self.id, name, choices)
            return False
        self.access.record_input(Configurations(removed=(name,)), force=force)
        return True

    def set_model_label_enumeration(self, enumeration: Mapping[str, int]) -> None:
        """Replaces the labels by `enumeration`: the classes that the task's models distinguish,
        name to number. Raises UsageError for anything else, and TransitionError unless the task is
        a draft or runs."""
        from elsewhere.core.events import Labels  # noqa: PLC0415

        self.access.record_input(Labels(values=checked_labels(enumeration)))

    def get_labels_enumeration(self) -> dict[str, int]:
        """The classes that the task's models distinguish, name to number."""
        return dict(self.access.record.labels)


def _rendered(name: str, content: Mapping[str, Any] | Sequence[Any]) -> str:
    from elsewhere.connect.configurations import rendered  # noqa: PLC0415

    if not isinstance(content, (Mapping, list, tuple)):
        raise UsageError(f"config_dict must be a dict or a list, not {content!r:.80}.")
    try:
        return rendered(content)
    except UsageError as error:
        raise UsageError(f"The configuration {name!r} is not set. {error}") from error
