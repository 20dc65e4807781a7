"""Hydra: the overrides are parameters, the composed config is a configuration object, and on a
remote run both are what the program gets.

`Hydra/lr` = 0.1 is what `lr=0.1` says on the command line: a text stands for what is typed behind
the `=`, other values keep their types. With `Hydra/_allow_omegaconf_edit_` True the task's
configuration object OmegaConf is the config, and the parameters are not looked at.

In a multirun a task that was there before is the whole sweep's, with the sweep's parameters. A task
that a job begins is the job's own: it has that job's parameters and ends with it. Compose API calls
are nobody's business here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from elsewhere.hooks.parsed import Listener, Parsed, Pending
from elsewhere.hooks.replacing import replace

if TYPE_CHECKING:
    from elsewhere.hooks.api import Recorder
    from elsewhere.records import Configuration

__all__ = ["CONFIGURATION", "Launches", "attach", "watch"]

#: the name of the configuration object
CONFIGURATION: Final = "OmegaConf"

#: gives the configuration objects while no task is attached: None on a local run
PendingConfigurations = Callable[[], "Mapping[str, Configuration] | None"]
#: ends the task that this process is: as completed, or as failed with the error
End = Callable[["Exception | None"], None]


class Launches(Parsed):
    """What Hydra has launched in this process: its parameters, and the config of the last one."""

    def __init__(self, module: str, patch: Callable[[Listener], Callable[[], None]]) -> None:
        super().__init__(module, patch)
        self.pending_configurations: PendingConfigurations = lambda: None
        self.end: End = lambda _error: None
        self._configuration: Configuration | None = None

    def __reduce__(self) -> str:
        """Jobs that run in other processes take their own process's."""
        return "_launches"

    @property
    def task(self) -> Recorder | None:
        """Who is attached."""
        return self._recorder

    def attach(self, recorder: Recorder) -> Callable[[], None]:
        detach = super().attach(recorder)
        self._record_configuration()
        return detach

    def configuration(self) -> Configuration | None:
        """What the config must be, as far as a remote run has one."""
        recorder = self._recorder
        given = self.pending_configurations() if recorder is None else recorder.configurations()
        return (given or {}).get(CONFIGURATION)

    def take_configuration(self, configuration: Configuration) -> None:
        """Remembers and records it, also on a remote run: it is what really ran."""
        if configuration != self._configuration:
            self._configuration = configuration
            self._record_configuration()

    def _record_configuration(self) -> None:
        if self._recorder is None or self._configuration is None:
            return
        from elsewhere.events import Configurations  # noqa: PLC0415 - weight

        known = self._recorder.configurations() or {}
        if known.get(CONFIGURATION) != self._configuration:
            self._recorder.record(Configurations(values={CONFIGURATION: self._configuration}))

    def _stop(self) -> None:
        super()._stop()
        self._configuration = None
        self.pending_configurations = lambda: None
        self.end = lambda _error: None


def watch(
    pending: Pending,
    pending_configurations: PendingConfigurations = lambda: None,
    end: End = lambda _error: None,
) -> Callable[[], None]:
    """Watches what Hydra launches from now on. Returns how to stop that."""
    _launches.pending_configurations = pending_configurations
    _launches.end = end
    return _launches.watch(pending)


def _patch(_listener: Listener) -> Callable[[], None]:
    from hydra._internal import utils  # noqa: PLC0415 - weight: the program has imported it

    def launch(*given: Any, **named: Any) -> Any:
        from elsewhere.hooks import launching  # noqa: PLC0415 - it needs the whole of hydra

        return launching.launch(_launches, *given, **named)

    return replace(utils, "_run_app", launch)


#: the process's: a program is launched before any task as often as after it
_launches: Final = Launches("hydra.main", _patch)

attach: Final = _launches.attach
