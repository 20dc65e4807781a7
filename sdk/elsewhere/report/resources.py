"""A task's use of its machine: means over short intervals, of its memory the highest."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final, Protocol

from elsewhere.core.clock import monotonic_s, now_at
from elsewhere.core.events import MONITOR, Resources
from elsewhere.core.notes import MonitorNote
from elsewhere.report.usage.host import RATES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from elsewhere.core.events import Event
    from elsewhere.core.machine_events import Machine

logger = logging.getLogger(__name__)

#: the titles under which the values of the machine and those of its GPUs are reported
MACHINE: Final = f"{MONITOR}machine"
GPU: Final = f"{MONITOR}gpu"
#: seconds until the first report: short runs have one, too
FIRST_S: Final = 2.0
#: samples of an interval: enough to see a peak of memory, few enough to cost nothing
_SAMPLES: Final = 5
#: an interval shorter than this has no meaningful rates
_SHORTEST_S: Final = 0.05
#: seconds that `stop` waits for the last sample
_STOP_S: Final = 2.0
#: what processors could have worked, and the percentages of it with what they have
_CAPACITY: Final = "cpu_total_s"
_PERCENTS: Final = {"cpu_usage": "cpu_busy_s", "cpu_usage_task": "cpu_task_s"}
#: ends the name of a memory that is that of all processes
_OF_MACHINE: Final = "_of_machine"


class Monitored(Protocol):
    """A task's processes: `report.usage.host.HostUse`, or a program in its runtime."""

    def usage(self) -> dict[str, float]:
        """Their use and that of their machine now, under the names of `HostUse.usage`."""

    def machine(self) -> Machine:
        """Their machine, as far as it is known by now."""


class Monitor:
    """Reports Resources events about every `interval_s`, the first after `first_s`, and the machine
    at once and when more of it is known. `options` gives what the program has chosen by now.

    The reports stand over the seconds since the start, whatever iterations there are: so two runs
    of any kind can be compared, and the time before the first iteration and between two is seen.
    """

    def __init__(
        self,
        record: Callable[[Event], None],
        monitored: Monitored,
        *,
        interval_s: float = 10.0,
        first_s: float = FIRST_S,
        options: Callable[[], MonitorNote] = MonitorNote,
    ) -> None:
        self._record = record
        self._monitored = monitored
        self._interval_s = interval_s
        self._first_s = first_s
        self._options = options
        self._machine: Machine | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="elsewhere-resources", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Reports the last interval and ends the thread. May be called twice."""
        self._stopping.set()
        self._thread.join(_STOP_S)

    def _run(self) -> None:
        try:
            began_at = monotonic_s()
            self._describe()
            length_s = min(self._first_s, self._interval_s)
            self._stopping.wait(min(self._first_s - length_s, threading.TIMEOUT_MAX))
            last = self._monitored.usage()
            is_over = False
            while not is_over:
                start_at = monotonic_s()
                samples = [last, *self._samples(length_s)]
                end_at = monotonic_s()
                if not self._options().is_on:
                    return
                self._describe()
                self._report(_means(samples, end_at - start_at), end_at - began_at)
                last = samples[-1]
                is_over = self._stopping.is_set()
                length_s = self._interval_s
        except Exception:  # the outermost seam of this thread: the program goes on
            logger.exception("Resources are not monitored any more.")

    def _samples(self, length_s: float) -> Iterator[dict[str, float]]:
        """Yields samples spread over one interval, a shorter one after `stop`."""
        for _ in range(_SAMPLES):
            is_last = self._stopping.wait(length_s / _SAMPLES)
            yield self._monitored.usage()
            if is_last:
                return

    def _describe(self) -> None:
        machine = self._monitored.machine()
        if machine != self._machine:
            self._machine = machine
            self._record(machine)

    def _report(self, values: dict[str, float], elapsed_s: float) -> None:
        is_of_machine, at = self._options().is_of_machine, now_at()
        for name in [name for name in values if name.endswith(_OF_MACHINE)]:
            value = values.pop(name)
            if is_of_machine:
                values[name.removesuffix(_OF_MACHINE)] = value
        gpus = {name: values.pop(name) for name in list(values) if name.startswith("gpu_")}
        for title, of_title in ((MACHINE, values), (GPU, gpus)):
            if of_title:
                self._record(Resources(title=title, values=of_title, at=at, elapsed_s=elapsed_s))


def _means(samples: list[dict[str, float]], seconds: float) -> dict[str, float]:
    """The mean of each value, of a memory that is used the highest, of a counter the rate."""
    values = {}
    for name in dict.fromkeys(name for sample in samples for name in sample):
        known = [sample[name] for sample in samples if name in sample]
        if "_used_gb" in name:
            values[name] = max(known)
        elif name not in (*RATES, _CAPACITY, *_PERCENTS.values()):
            values[name] = sum(known) / len(known)
    if seconds >= _SHORTEST_S:
        capacity_s = _growth(samples, _CAPACITY)
        for name, counter in _PERCENTS.items():
            busy_s = _growth(samples, counter)
            if busy_s is not None and capacity_s:
                values[name] = min(100.0, 100.0 * busy_s / capacity_s)
        for name in RATES:
            if (growth := _growth(samples, name)) is not None:
                values[name] = growth / seconds
    return {name: round(value, 3) for name, value in values.items()}


def _growth(samples: list[dict[str, float]], counter: str) -> float | None:
    """The growth of a counter, 0 for one that is less than before: a card or a disk has gone."""
    first, last = samples[0].get(counter), samples[-1].get(counter)
    return None if first is None or last is None else max(0.0, last - first)
