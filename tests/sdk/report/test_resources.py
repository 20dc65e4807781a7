"""The monitor of resources: what it makes of the samples, when it reports, and a prompt end."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from elsewhere.core.events import Event, Machine, Resources
from elsewhere.core.notes import MonitorNote
from elsewhere.report.resources import GPU, MACHINE, Monitor
from elsewhere.report.usage.host import HostUse
from tests.stores import make_machine
from tests.waiting import wait_until

A_MACHINE = make_machine()


class Played:
    """A program whose samples are given; the last one stays."""

    def __init__(self, *samples: dict[str, float]) -> None:
        self._samples = list(samples)
        self.of = A_MACHINE

    def usage(self) -> dict[str, float]:
        return self._samples.pop(0) if len(self._samples) > 1 else dict(self._samples[0])

    def machine(self) -> Machine:
        return self.of


def reported(events: list[Event], title: str = MACHINE) -> list[Resources]:
    return [event for event in events if isinstance(event, Resources) and event.title == title]


def monitored(*samples: dict[str, float], **fields: object) -> list[Event]:
    """What one interval with these samples is reported as."""
    events: list[Event] = []
    note = MonitorNote(**fields)  # type: ignore[arg-type] # flags
    monitor = Monitor(events.append, Played(*samples), first_s=0.1, options=lambda: note)
    monitor.start()
    wait_until(lambda: reported(events) or reported(events, GPU))
    monitor.stop()
    return events


def first(*samples: dict[str, float], title: str = MACHINE, **fields: object) -> dict[str, float]:
    return reported(monitored(*samples, **fields), title)[0].values


@pytest.fixture
def this_process() -> Iterator[HostUse]:
    use = HostUse(os.getpid(), lambda: None)
    yield use
    use.close()


def test_this_process_is_reported_again_and_again(this_process: HostUse) -> None:
    events: list[Event] = []
    monitor = Monitor(events.append, this_process, interval_s=0.1, first_s=0.06)
    monitor.start()
    wait_until(lambda: len(reported(events)) >= 3)
    monitor.stop()
    found = reported(events)
    always = {
        *("cpu_usage", "cpu_usage_task", "memory_used_gb", "memory_free_gb", "disk_free_percent"),
        *("network_tx_mbs", "network_rx_mbs"),
    }
    maybe = {"io_read_mbs", "io_write_mbs", "cpu_temperature"}
    for event in found[:-1]:  # the last may be too short for rates
        assert event.values.keys() - maybe == always
        assert 0 <= event.values["cpu_usage"] <= 100
        assert event.values["memory_used_gb"] > 0
        assert event.values["network_rx_mbs"] >= 0
    assert [event.elapsed_s for event in found] == sorted({event.elapsed_s for event in found})


def test_a_busy_processor_shows(this_process: HostUse) -> None:
    events: list[Event] = []
    monitor = Monitor(events.append, this_process, interval_s=0.5, first_s=0.5)
    monitor.start()
    while not reported(events):
        sum(range(10_000))
    monitor.stop()
    values = reported(events)[0].values
    assert values["cpu_usage"] > 5
    assert values["cpu_usage_task"] > 5


def test_values_are_means_of_memory_the_highest_and_of_counters_the_rate() -> None:
    samples = [
        {"memory_used_gb": used, "disk_free_percent": free, "cpu_temperature": 50.0}
        for used, free in ((1.0, 10.0), (5.0, 20.0), (2.0, 30.0))
    ]
    values = first(*samples, *[samples[-1]] * 3)
    assert values["memory_used_gb"] == 5.0
    assert values["disk_free_percent"] == pytest.approx(25.0)
    assert values["cpu_temperature"] == 50.0
    counted = first(
        {"cpu_total_s": 100.0, "cpu_busy_s": 10.0, "cpu_task_s": 5.0, "io_read_mbs": 7.0},
        {"cpu_total_s": 110.0, "cpu_busy_s": 15.0, "cpu_task_s": 6.0, "io_read_mbs": 8.0},
    )
    assert (counted["cpu_usage"], counted["cpu_usage_task"]) == (50.0, 10.0)
    assert 0 < counted["io_read_mbs"] <= 10.0
    assert counted.keys() == {"cpu_usage", "cpu_usage_task", "io_read_mbs"}


def test_counters_that_go_back_or_stand_still_are_no_rates() -> None:
    values = first(
        {"io_read_mbs": 7.0, "cpu_total_s": 5.0, "cpu_busy_s": 1.0}, {"io_read_mbs": 1.0}
    )
    assert values == {"io_read_mbs": 0.0}


def test_gpus_have_a_title_of_their_own() -> None:
    events = monitored({"memory_used_gb": 1.0, "gpu_0_utilization": 40.0})
    assert reported(events)[0].values == {"memory_used_gb": 1.0}
    assert reported(events, GPU)[0].values == {"gpu_0_utilization": 40.0}


def test_memory_is_the_tasks_or_the_machines() -> None:
    sample = {
        "memory_used_gb": 1.0,
        "memory_used_gb_of_machine": 9.0,
        "gpu_0_mem_used_gb": 2.0,
        "gpu_0_mem_used_gb_of_machine": 30.0,
    }
    assert first(sample) == {"memory_used_gb": 1.0}
    assert first(sample, title=GPU) == {"gpu_0_mem_used_gb": 2.0}
    assert first(sample, is_of_machine=True) == {"memory_used_gb": 9.0}
    assert first(sample, title=GPU, is_of_machine=True) == {"gpu_0_mem_used_gb": 30.0}


@pytest.mark.parametrize("first_s", [3600, float("inf")])
def test_a_first_report_that_shall_come_late_is_that_of_the_end(first_s: float) -> None:
    events: list[Event] = []
    played = Played({"memory_used_gb": 1.0})
    monitor = Monitor(events.append, played, interval_s=0.01, first_s=first_s)
    monitor.start()
    wait_until(lambda: events)
    monitor.stop()
    assert [event.values for event in reported(events)] == [{"memory_used_gb": 1.0}]


def test_the_machine_is_reported_at_once_and_when_more_of_it_is_known() -> None:
    events: list[Event] = []
    played = Played({"memory_used_gb": 1.0})
    monitor = Monitor(events.append, played, interval_s=0.01, first_s=0.01)
    monitor.start()
    wait_until(lambda: len(reported(events)) >= 3)
    assert [event for event in events if isinstance(event, Machine)] == [A_MACHINE]
    assert events[0] == A_MACHINE
    played.of = replace(A_MACHINE, gpu_count=2)
    wait_until(lambda: played.of in events)
    monitor.stop()


def test_a_program_that_wants_no_monitor_ends_it() -> None:
    events: list[Event] = []
    note = [MonitorNote()]
    monitor = Monitor(
        events.append,
        Played({"memory_used_gb": 1.0}),
        interval_s=0.01,
        first_s=0.01,
        options=lambda: note[0],
    )
    monitor.start()
    wait_until(lambda: reported(events))
    note[0] = MonitorNote(is_on=False)
    wait_until(lambda: not monitor._thread.is_alive())
    monitor.stop()


def test_a_stop_reports_what_there_is_and_ends_the_thread() -> None:
    events: list[Event] = []
    monitor = Monitor(events.append, Played({"memory_used_gb": 1.0}), interval_s=3600, first_s=3600)
    monitor.start()
    monitor.stop()
    monitor.stop()
    [event] = reported(events)
    assert event.values["memory_used_gb"] > 0
    assert not [thread for thread in threading.enumerate() if thread.name == "elsewhere-resources"]


def test_a_sample_that_fails_ends_the_monitor_and_not_the_program(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken(Played):
        def usage(self) -> dict[str, float]:
            raise ZeroDivisionError

    events: list[Event] = []
    monitor = Monitor(events.append, Broken({}), interval_s=0.1)
    monitor.start()
    monitor.stop()
    assert "Resources are not monitored any more." in caplog.text
    assert events == [A_MACHINE]
