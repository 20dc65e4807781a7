"""What Hydra has launched in this process, and the task that records it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from elsewhere.hooks.parsers.parsed import Parsed

if TYPE_CHECKING:
    from elsewhere.core.records import Configuration
    from elsewhere.report.recorder import Recorder

#: the name of the configuration object
CONFIGURATION: Final = "OmegaConf"

#: gives the configuration objects while no task is attached: None on a local run
ConfigurationsSource = Callable[[], "Mapping[str, Configuration] | None"]
#: ends the task that this process is: as completed, or as failed with the error
End = Callable[["Exception | None"], None]


class Launches(Parsed):
    """The parameters of the programs that Hydra has launched, and the config of the last one."""

    def __init__(self) -> None:
        super().__init__("hydra.main", "hydra.patching")
        self.configurations_source: ConfigurationsSource = lambda: None
        self.end: End = lambda _error: None
        self._configuration: Configuration | None = None

    def __reduce__(self) -> tuple[Callable[[], Launches], tuple[()]]:
        return _own, ()  # the process that loads a pickled one has its own

    @property
    def task(self) -> Recorder | None:
        """The recorder of the attached task, or None."""
        return self._recorder

    def attach(self, recorder: Recorder) -> Callable[[], None]:
        detach = super().attach(recorder)
        self._record_configuration()
        return detach

    def configuration(self) -> Configuration | None:
        """Returns the configuration that must replace the config; None without such an override."""
        recorder = self._recorder
        overrides = self.configurations_source() if recorder is None else recorder.configurations()
        return (overrides or {}).get(CONFIGURATION)

    def take_configuration(self, configuration: Configuration) -> None:
        """Remembers and records the configuration, also on a remote run: it is what really ran."""
        if configuration != self._configuration:
            self._configuration = configuration
            self._record_configuration()

    def _record_configuration(self) -> None:
        if self._recorder is None or self._configuration is None:
            return
        from elsewhere.core.events import Configurations  # noqa: PLC0415 - weight

        overrides = self._recorder.configurations() or {}
        if overrides.get(CONFIGURATION) != self._configuration:
            self._recorder.record(Configurations(values={CONFIGURATION: self._configuration}))

    def _stop(self) -> None:
        super()._stop()
        self._configuration = None
        self.configurations_source = lambda: None
        self.end = lambda _error: None


def _own() -> Launches:
    return LAUNCHES


#: one for the whole process: a program is launched before any task as often as after it
LAUNCHES: Final = Launches()
attach: Final = LAUNCHES.attach
