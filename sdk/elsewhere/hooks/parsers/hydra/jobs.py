"""A Hydra program as it is launched: its command line, then each job with its config.

`@hydra.main` calls one function of Hydra, for runs and multiruns. `launch` replaces it: it puts
the task's overrides into the command line and the program's function into a `_Job`, which overrides
and records the config. A job may run in another process, so it can be pickled.
"""

from __future__ import annotations

import functools
import inspect
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from elsewhere.core.errors import UsageError
from elsewhere.core.params import cast
from elsewhere.core.records import Parameter
from elsewhere.hooks.launch import LAUNCH, JobSent
from elsewhere.hooks.parsers.hydra.command_line import (
    SECTION,
    alone,
    effective,
    replaced,
    to_parameters,
)
from elsewhere.hooks.parsers.hydra.composed import overridden, to_configuration
from elsewhere.hooks.parsers.hydra.program import Program
from elsewhere.hooks.parsers.values import refuse

if TYPE_CHECKING:
    from elsewhere.hooks.parsers.hydra.launches import Launches
    from elsewhere.hooks.parsers.parse import Parse

logger = logging.getLogger(__name__)

#: the parameter that puts the configuration object in place of the overrides
_EDIT: Final = f"{SECTION}/_allow_omegaconf_edit_"
_NO_EDIT: Final = Parameter(
    value=False,
    type="bool",
    description="Whether a remote run takes the configuration OmegaConf in place of the overrides.",
)


def launch(launches: Launches, original: Callable[..., Any], *given: Any, **named: Any) -> Any:
    """Runs in place of `hydra._internal.utils._run_app`, the original."""
    call = inspect.signature(original).bind(*given, **named)
    program = Program(call.arguments["hydra"], call.arguments["config_name"])
    parse = launches.parse("hydra", Path(sys.argv[0]).name)
    edits = parse.edits()
    is_edit = _is_edit(edits)
    if edits and not is_edit:
        if not parse.is_command_line:
            edits = parse.unless_given(edits, _typed(call.arguments["overrides"]))
        _apply(call.arguments, program, edits)
    is_sweep = call.arguments["multirun"] or call.arguments["mode"] == RunMode.MULTIRUN
    is_part = is_sweep and launches.task is not None
    try:
        parse.take({_EDIT: _NO_EDIT, **to_parameters(call.arguments["overrides"])})
        if is_part:
            base = program.compose(call.arguments["overrides"], RunMode.MULTIRUN)
            launches.take_configuration(to_configuration(base))
    except (HydraException, OmegaConfBaseException):
        logger.debug("Hydra will refuse this command line.", exc_info=True)
    function = call.arguments["task_function"]
    job = _Job(function, launches, parse, is_edit=is_edit, is_sweep=is_sweep, is_part=is_part)
    call.arguments["task_function"] = job
    return original(*call.args, **call.kwargs)


class _Job:
    """The program's function. `is_part`: its sweep is one task, so the job records nothing."""

    def __init__(
        self,
        function: Callable[[Any], Any],
        launches: Launches,
        parse: Parse,
        *,
        is_edit: bool,
        is_sweep: bool,
        is_part: bool,
    ) -> None:
        functools.update_wrapper(self, function)
        self._function = function
        self._launches = launches
        self._parse = parse
        self._is_edit = is_edit
        self._is_sweep = is_sweep
        self._is_part = is_part

    def __call__(self, config: DictConfig) -> Any:
        if self._is_edit:
            config = self._overridden(config)
        if not self._is_part:
            self._record(config)
        before = self._launches.task
        LAUNCH.job = self._words() if self._is_sweep and not self._is_part else None
        try:
            result = self._function(config)
        except JobSent:
            result = None
        except Exception as error:  # the program's own, and raised again
            self._end(before, error)
            raise
        finally:
            LAUNCH.job = None
        self._end(before, None)
        return result

    def _words(self) -> tuple[str, ...]:
        """The command line that runs this job alone."""
        lines = OmegaConf.to_container(HydraConfig.get().overrides.task)
        assert isinstance(lines, list)
        return (*alone(sys.argv[1:]), *map(str, lines))

    def _overridden(self, config: DictConfig) -> DictConfig:
        configuration = self._launches.configuration()
        if configuration is None:
            return config
        try:
            return overridden(config, configuration.text)
        except UsageError as error:
            refuse(Path(sys.argv[0]).name, error)

    def _record(self, config: DictConfig) -> None:
        try:
            if self._is_sweep:
                lines = OmegaConf.to_container(HydraConfig.get().overrides.task)
                assert isinstance(lines, list)
                self._parse.take(to_parameters(lines))
            self._launches.take_configuration(to_configuration(config))
        except Exception:  # an outermost seam: the program goes on
            logger.warning("The config of this job is not recorded.", exc_info=True)

    def _end(self, before: Any, error: Exception | None) -> None:
        """Ends the task that this job of a sweep has begun; a remote one ends with its program."""
        is_own = self._launches.task not in (None, before)
        if self._is_sweep and is_own and self._launches.overrides() is None:
            self._launches.end(error)


def _typed(lines: Sequence[str]) -> set[str]:
    """Returns the names of the lines; none for a command line that Hydra will refuse."""
    try:
        return set(to_parameters(lines))
    except HydraException:
        return set()


def _is_edit(edits: Mapping[str, Parameter]) -> bool:
    try:
        return bool(cast(edits.get(_EDIT, _NO_EDIT), False, _EDIT))
    except UsageError as error:
        refuse(Path(sys.argv[0]).name, error)


def _apply(arguments: dict[str, Any], program: Program, overrides: Mapping[str, Parameter]) -> None:
    """Puts the overrides into the call. One that Hydra refuses ends the program."""
    lines = list(arguments["overrides"])
    try:
        overrides = effective(lines, {name: overrides[name] for name in overrides if name != _EDIT})
        if overrides:
            new_lines = replaced(lines, overrides, program.groups(lines))
            mode = program.mode(new_lines)
            is_sweep = arguments["multirun"] or mode == RunMode.MULTIRUN
            program.check(lines, overrides, RunMode.MULTIRUN if is_sweep else RunMode.RUN)
            arguments.update(overrides=new_lines, mode=mode)
    except HydraException:
        logger.debug("Hydra will refuse this command line.", exc_info=True)
    except UsageError as error:
        refuse(Path(sys.argv[0]).name, error)
