"""A target that values are connected to in tests: it remembers the events that it takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from elsewhere.core.events import Configurations, Event, Labels, Parameters
from elsewhere.core.params import to_parameter
from elsewhere.core.records import Configuration, Parameter


def record_of(values: Mapping[str, object]) -> dict[str, Parameter]:
    return {name: to_parameter(value) for name, value in values.items()}


class RecordingTarget:
    """A local run without overrides; with them, a remote one."""

    def __init__(
        self,
        overrides: Mapping[str, object] | None = None,
        configurations: Mapping[str, str] | None = None,
    ) -> None:
        is_remote = overrides is not None or configurations is not None
        self._overrides = record_of(overrides or {}) if is_remote else None
        texts = (configurations or {}).items()
        found = {name: Configuration(text=text) for name, text in texts}
        self._configurations = found if is_remote else None
        self._closers: list[Callable[[], None]] = []
        self.events: list[Event] = []

    def record(self, event: Event) -> None:
        self.events.append(event)

    def overrides(self) -> Mapping[str, Parameter] | None:
        return self._overrides

    def configurations(self) -> Mapping[str, Configuration] | None:
        return self._configurations

    def when_over(self, close: Callable[[], None]) -> None:
        self._closers.append(close)

    def end(self) -> None:
        while self._closers:
            self._closers.pop()()

    def parameters(self) -> dict[str, Parameter]:
        """Returns the parameters that were recorded since the last call."""
        events, self.events = self.events, []
        found: dict[str, Parameter] = {}
        for event in events:
            assert isinstance(event, Parameters)
            assert not event.is_whole
            found |= event.values
        return found

    def values(self) -> dict[str, object]:
        return {name: item.value for name, item in self.parameters().items()}

    def recorded_configurations(self) -> dict[str, Configuration]:
        """Returns the configurations likewise; parameters stay for `parameters`."""
        found: dict[str, Configuration] = {}
        for event in self.events:
            if isinstance(event, Configurations):
                found |= event.values
        self.events = [one for one in self.events if not isinstance(one, Configurations)]
        return found

    def labels(self) -> dict[str, int] | None:
        found = [event.values for event in self.events if isinstance(event, Labels)]
        self.events = [one for one in self.events if not isinstance(one, Labels)]
        return found[-1] if found else None
