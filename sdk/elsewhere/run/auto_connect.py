"""The `auto_connect_...` arguments of `Task.init`: what is recorded without a line of code."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from elsewhere.core.checks import is_number
from elsewhere.core.errors import UsageError, known_choices
from elsewhere.core.events import Parameters
from elsewhere.core.notes import MonitorNote
from elsewhere.hooks import registry
from elsewhere.hooks.launch import LAUNCH
from elsewhere.report.resources import FIRST_S
from elsewhere.run.ranks import Rank

if TYPE_CHECKING:
    from elsewhere.core.events import Event
    from elsewhere.core.records import Configuration, Parameter
    from elsewhere.report.recorder import OwnRun
    from elsewhere.run.run import Run

logger = logging.getLogger(__name__)

#: the names of `auto_connect_frameworks` (seed page, "Automatic Logging"), and `progress`, our own
FRAMEWORKS: Final = (
    *("matplotlib", "tensorflow", "tensorboard", "pytorch", "xgboost", "scikit", "fastai"),
    *("lightgbm", "hydra", "detect_repository", "tfdefines", "joblib", "megengine"),
    *("jsonargparse", "catboost", "gradio", "progress"),
)
#: hook -> the frameworks that switch it, each of which can switch it off
_SWITCHED_BY: Final = {
    "hydra": ("hydra",),
    "jsonargparse": ("jsonargparse",),
    "absl": ("tfdefines",),
    **dict.fromkeys(registry.FRAMEWORKS, ("pytorch",)),
    "fastai": ("fastai",),
    "keras": ("tensorflow",),
    "tensorflow": ("tensorflow",),
    "gradio": ("gradio",),
    "joblib": ("scikit", "joblib"),
    "xgboost": ("xgboost",),
    "lightgbm": ("lightgbm",),
    "catboost": ("catboost",),
    "megengine": ("megengine",),
    "matplotlib": ("matplotlib",),
    "progress": ("progress",),
    **dict.fromkeys((*registry.WRITERS, *registry.HPARAMS), ("tensorboard",)),
}
#: hooks of libraries that a program uses, which override nothing
_OF_LIBRARIES: Final = (*registry.FRAMEWORKS, *registry.WRITERS, *registry.HPARAMS)
#: hooks other than the parsers of a command line
_NO_PARSERS: Final = ("hydra", *_OF_LIBRARIES)
_STREAMS: Final = ("stdout", "stderr", "logging")
_SECONDS: Final = ("first_report_sec", "report_start_sec", "seconds_from_start")
#: they choose in ClearML between iterations and seconds as the axis of resources
_OF_AXIS: Final = (
    "wait_for_first_iteration_to_start_sec",
    "max_wait_for_first_iteration_to_start_sec",
)
_OF_MACHINE: Final = "report_global_mem_used"
_OF_TASK: Final = "report_mem_used_per_process"
_OF_RESOURCES: Final = (*_SECONDS, *_OF_AXIS, _OF_MACHINE, _OF_TASK)
_ALL: Final = "*"


class Connections:
    """The arguments, checked. Raises UsageError, with the closest known name for an unknown one."""

    def __init__(
        self,
        *,
        arg_parser: object = True,
        frameworks: object = True,
        resources: object = True,
        streams: object = True,
    ) -> None:
        self._arguments = _checked("auto_connect_arg_parser", arg_parser, None, _is_flag)
        self._frameworks = _checked("auto_connect_frameworks", frameworks, FRAMEWORKS, _is_wanted)
        of_streams = _checked("auto_connect_streams", streams, _STREAMS, _is_flag)
        of_resources = _checked("auto_resource_monitoring", resources, _OF_RESOURCES, _is_seconds)
        self.streams: tuple[str, ...] = ("stdout", "stderr")
        if of_streams is not None:
            self.streams = tuple(name for name in _STREAMS if of_streams.get(name))
        #: how resources are monitored
        self.monitor_note = _monitor_note(of_resources)
        given_s = ((of_resources or {}).get(name) for name in _SECONDS)
        #: seconds until the first report of resources
        self.first_report_s = next((float(one) for one in given_s if one is not None), FIRST_S)

    def is_on(self, framework: str) -> bool:
        """Whether `framework` is on: one that is not named is, unless all are off."""
        if self._frameworks is None:
            return True
        return bool(self._frameworks) and bool(self._frameworks.get(framework, True))

    @property
    def finds_repository(self) -> bool:
        """Whether git is used. Only its own name switches that off: code needs its commit."""
        return (self._frameworks or {}).get("detect_repository", True) is not False

    def attach(self, run: Run) -> Callable[[], None]:
        """Attaches the hooks that are wanted. Returns how to detach them.

        The others get a run that records nothing: without a run they would still override, on an
        agent, what is parsed before `Task.init`.
        """
        wanted = {name for name in registry.HOOKS if self._has(name)}
        if not _makes_models():
            wanted -= registry.FRAMEWORKS.keys()
        run.model_patterns = self._model_patterns
        detach = registry.attach(self._narrowed(run), wanted)
        others = registry.HOOKS.keys() - {*_OF_LIBRARIES} - wanted
        detach_others = registry.attach(cast("OwnRun", _Unwilling(run)), others)

        def detach_all() -> None:
            detach_others()
            detach()

        return detach_all

    def _has(self, hook: str) -> bool:
        is_parser = hook not in _NO_PARSERS
        if is_parser and self._arguments is not None and not self._arguments:
            return False
        if hook in registry.HPARAMS and not self._reports_hparams:
            return False
        return all(map(self.is_on, _SWITCHED_BY.get(hook, ())))

    @property
    def _reports_hparams(self) -> bool:
        of_tensorboard = (self._frameworks or {}).get("tensorboard")
        return not isinstance(of_tensorboard, Mapping) or of_tensorboard.get("report_hparams", True)

    @property
    def _model_patterns(self) -> dict[str, Sequence[str]]:
        """The wildcards of the paths of models, by framework."""
        return {
            "scikit" if name == "joblib" else name: (one,) if isinstance(one, str) else one
            for name, one in (self._frameworks or {}).items()
            if _is_wildcard(one)
        }

    def _narrowed(self, run: Run) -> OwnRun:
        arguments = self._arguments
        if not arguments:
            return run
        others = arguments.get(_ALL, True)
        narrowed = _Narrowed(run, lambda name: bool(arguments.get(name, others)))
        return cast("OwnRun", narrowed)


def _makes_models() -> bool:
    """Whether this process records models: not one that it starts as its copy, such as a worker,
    nor a rank beside the first."""
    rank = Rank.of_this_process()
    return LAUNCH.role() in ("task", "child") and (rank is None or rank.is_first)


class _Narrowed:
    """The run for a hook that may record and override those arguments only that `knows` takes."""

    def __init__(self, run: Run, knows: Callable[[str], bool]) -> None:
        self._run = run
        self._knows = knows
        overrides = run.overrides()
        self._overrides = None if overrides is None else self._known(overrides)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._run, name)

    def record(self, event: Event) -> None:
        if isinstance(event, Parameters):
            event = Parameters(values=self._known(event.values), removed=event.removed)
        self._run.record(event)

    def overrides(self) -> Mapping[str, Parameter] | None:
        return self._overrides

    def _known(self, values: Mapping[str, Parameter]) -> dict[str, Parameter]:
        return {name: one for name, one in values.items() if self._knows(name.partition("/")[2])}


class _Unwilling(_Narrowed):
    """The run for a hook that is off: nothing is recorded, and nothing is overridden."""

    def __init__(self, run: Run) -> None:
        super().__init__(run, lambda _name: False)

    def record(self, event: Event) -> None: ...

    def overrides(self) -> Mapping[str, Parameter] | None: ...

    def configurations(self) -> Mapping[str, Configuration] | None: ...


def _checked(
    what: str, given: object, known: tuple[str, ...] | None, is_right: Callable[[str, Any], bool]
) -> dict[str, Any] | None:
    """The argument `what` as a dict; None is all, an empty dict nothing. Raises UsageError."""
    if given is None or given is True:
        return None
    if given is False:
        return {}
    if not isinstance(given, Mapping):
        raise UsageError(f"{what} must be True, False or a dict, not {given!r:.80}.")
    for name, value in given.items():
        if not isinstance(name, str) or (known is not None and name not in known):
            choices = "" if known is None else f" {known_choices(str(name), known)}"
            raise UsageError(f"{what} has the unknown name {name!r:.80}.{choices}")
        if not is_right(name, value):
            raise UsageError(f"{what}[{name!r}] cannot be {value!r:.80}.")
    return dict(given)


def _monitor_note(given: dict[str, Any] | None) -> MonitorNote:
    if given is None:
        return MonitorNote()
    for name in _OF_AXIS:
        if given.get(name) is not None:
            logger.warning(
                "auto_resource_monitoring[%r] changes nothing: resources are reported over the"
                " seconds since the start, whatever iterations there are.",
                name,
            )
    of_machine, of_task = given.get(_OF_MACHINE), given.get(_OF_TASK)
    if of_machine is not None and of_machine is of_task:
        raise UsageError(
            f"auto_resource_monitoring has {_OF_MACHINE} and {_OF_TASK} both {of_machine}, and each"
            " is the opposite of the other: give one of them."
        )
    return MonitorNote(is_on=bool(given), is_of_machine=bool(of_machine) or of_task is False)


def _is_flag(_name: str, value: object) -> bool:
    return isinstance(value, bool)


def _is_wanted(name: str, value: object) -> bool:
    """True for a flag, for wildcards of the paths of models, for the options of tensorboard."""
    if name == "tensorboard" and isinstance(value, Mapping):
        return all(key == "report_hparams" and isinstance(on, bool) for key, on in value.items())
    return isinstance(value, bool) or _is_wildcard(value)


def _is_wildcard(value: object) -> bool:
    if isinstance(value, (list, tuple)):
        return all(isinstance(one, str) for one in value)
    return isinstance(value, str)


def _is_seconds(name: str, value: object) -> bool:
    if name.startswith("report_") and name not in _SECONDS:
        return isinstance(value, bool)
    return value is None or (is_number(value) and value >= 0)
