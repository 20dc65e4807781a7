"""What a program connects to its task: dicts, objects, parsers, models, configurations."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TypeVar

from elsewhere.core.checks import checked_text
from elsewhere.core.errors import UsageError
from elsewhere.task.handle import Handle

if TYPE_CHECKING:
    from elsewhere.report.recorder import Target

T = TypeVar("T")


class ConnectAspect(Handle):
    """What is connected is recorded by a local run, and set to the task's values on an agent."""

    def connect(
        self, mutable: T, name: str | None = None, ignore_remote_overrides: bool = False
    ) -> T:
        """Records what `mutable` holds as parameters of the section `name` (default General).

        On an agent its values are first set to the task's parameters, cast to the types that they
        have here; what the task does not know is added to the task, and nothing to `mutable`. Kinds
        of `mutable`:

        a dict
            Nested ones are names with slashes. Use the returned dict: writes to it are recorded at
            once, nested ones too; those to the original at the task's end. A dict of another kind
            (OrderedDict, a DictConfig of OmegaConf, a ConfigDict of ml_collections, ...) is
            returned itself, and recorded again at the end.
        an object or a class
            Its public attributes: an instance's own, a class's inherited ones too. Their values at
            the end are recorded as well.
        TaskParameters
            Its declared parameters, with their descriptions; later writes too. Overrides must fit
            the declarations.
        an argparse.ArgumentParser
            Parsers are connected by themselves; this makes sure of it where
            `auto_connect_arg_parser` is off. The section is Args.
        an InputModel or OutputModel
            The task's model `name`.

        Values may be None, bool, int, float, str, Enum members, paths, scalars of numpy, and lists,
        tuples and dicts of these; dataclasses, objects of attrs and pydantic and Namespaces in them
        nest as dicts do, those in a list by their index (`stages/0/lr`). A warning names what
        cannot be recorded. What the program removes stays, with that in its description, since the
        run was given it. Texts under the names of secrets are recorded as `***`. With
        `ignore_remote_overrides` the values here count on an agent, too, unless the section's
        parameter `_ignore_remote_overrides_` is set to False there. On the handle of another task
        the values are written to it. Returns `mutable`, but for a dict. Raises UsageError for what
        cannot be connected, for two values of one name, for what contains itself and for an
        override that does not fit, such as an empty text for a number, and TransitionError unless
        another task is a draft or runs.
        """
        from elsewhere import connect  # noqa: PLC0415

        target = self._target("connect")
        models = sys.modules.get("elsewhere.models")
        if models is not None and isinstance(mutable, models.OutputModel):
            mutable.connect(self, name)
        elif models is not None and isinstance(mutable, models.InputModel):
            mutable.connect(self, name, ignore_remote_overrides=ignore_remote_overrides)
        elif connect.is_parser(mutable):
            self._connect_parsers(name, ignore_remote_overrides)
        else:
            section = connect.checked_section(name, "connect")
            connected: T = connect.connect(
                mutable, target, section, is_ignoring=ignore_remote_overrides
            )
            return connected
        return mutable

    def connect_configuration(
        self,
        configuration: T,
        name: str | None = None,
        description: str | None = None,
        ignore_remote_overrides: bool = False,
    ) -> T:
        """Records `configuration`, with `description`, as the text `name` (default General) of the
        task.

        On an agent the task's text counts instead; where it has none, this one is written to it.

        a dict
            Kept as JSON. Use the returned dict: writes to it are recorded, nested ones too. On an
            agent both are filled anew.
        a list
            Kept as JSON. On an agent it is filled anew. Its content at the end is recorded.
        the path of a file
            A str or a Path, which is returned. The text is kept to the byte; the suffix gives its
            type (yaml, json, ...). On an agent the returned path is that of a file of the same name
            with the task's text, which is deleted after the run.

        With `ignore_remote_overrides` this configuration counts on an agent, too, unless the
        parameter `<name>/_ignore_remote_overrides_config_` is set to False there. On the handle of
        another task it is written to that. Raises UsageError for what cannot be kept, and for a
        task's text that is not the JSON of a dict or a list where the program has one, and
        TransitionError unless another task is a draft or runs.
        """
        from elsewhere import connect  # noqa: PLC0415

        target = self._target("connect_configuration")
        if description is not None:
            checked_text("A description", description)
        begun = self.access.begun
        connected: T = connect.connect_configuration(
            configuration,
            target,
            connect.checked_section(name, "connect_configuration"),
            description or "",
            is_ignoring=ignore_remote_overrides,
            folder=None if begun is None else begun.folder.configurations,
        )
        return connected

    def connect_label_enumeration(
        self, enumeration: dict[str, int], ignore_remote_overrides: bool = False
    ) -> dict[str, int]:
        """Records `enumeration`, the classes that the task's models distinguish, name to number.

        On an agent the dict is filled with the task's instead, where it has any. Returns the dict.
        With `ignore_remote_overrides` this one counts there, too, unless the parameter
        `General/_ignore_remote_overrides_labels_` is set to False. Raises UsageError for anything
        else, and TransitionError unless another task is a draft or runs.
        """
        from elsewhere.connect import connect_labels  # noqa: PLC0415

        target = self._target("connect_label_enumeration")
        given = self.access.begun.task_record.labels if self.access.begun is not None else {}
        return connect_labels(enumeration, target, given, is_ignoring=ignore_remote_overrides)

    def _target(self, what: str) -> Target:
        """The run where this process is the task; else another task."""
        from elsewhere.connect import AnotherTask  # noqa: PLC0415

        if self.access.begun is None:
            return AnotherTask(self.access.record_input)
        return self.access.own_run(what)

    def _connect_parsers(self, name: str | None, is_ignoring: bool) -> None:
        from elsewhere.hooks import registry  # noqa: PLC0415

        if is_ignoring or name not in (None, "Args"):
            raise UsageError(
                "The arguments of a parser are the section Args, and an agent's run takes the"
                " task's: connect vars(parser.parse_args()) for another section or rule."
            )
        run = self.access.own_run("connect")
        run.when_over(registry.attach(run, {"argparse", "jsonargparse"}))
