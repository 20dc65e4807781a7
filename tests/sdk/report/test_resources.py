"""The monitor of resources: real values of real processes, and a prompt end."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from elsewhere.core.events import Event, Resources
from elsewhere.report.resources import MACHINE, Monitor, sample
from tests.waiting import wait_until

#: what every Linux machine tells; disks may be missing in a container
ALWAYS = {
    "cpu_usage",
    "memory_used_gb",
    "memory_free_gb",
    "disk_free_percent",
    "network_tx_mbs",
    "network_rx_mbs",
}
MAYBE = {"io_read_mbs", "io_write_mbs"}


def reported(events: list[Event]) -> list[Resources]:
    return [event for event in events if isinstance(event, Resources)]


@pytest.fixture
def eater() -> Iterator[subprocess.Popen[str]]:
    """A process whose child holds 64 MB."""
    grandchild = "b = bytearray(64 << 20); print('ready', flush=True); input()"
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {grandchild!r}])"
    process = subprocess.Popen(
        [sys.executable, "-c", child], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
        process.communicate("\n")


def test_the_memory_of_a_whole_tree_is_seen_once(eater: subprocess.Popen[str]) -> None:
    used = sample([eater.pid])["memory_used_gb"]
    assert 64 / 1024 <= used <= 0.3
    assert sample([eater.pid, eater.pid])["memory_used_gb"] == pytest.approx(used, rel=0.1)


def test_processes_that_have_gone_use_nothing() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert sample([process.pid])["memory_used_gb"] == 0
    assert sample([])["memory_used_gb"] == 0


def test_means_are_reported_again_and_again() -> None:
    events: list[Event] = []
    monitor = Monitor(events.append, interval_s=0.1, first_s=0.06)
    monitor.start()
    wait_until(lambda: len(events) >= 3)
    monitor.stop()
    found = reported(events)
    assert {event.title for event in found} == {MACHINE}
    for event in found[:-1]:  # the last may be too short for rates
        assert event.values.keys() - MAYBE == ALWAYS
        assert 0 <= event.values["cpu_usage"] <= 100
        assert 0 < event.values["memory_used_gb"] < event.values["memory_free_gb"] + 1000
        assert 0 <= event.values["disk_free_percent"] <= 100
        assert event.values["network_rx_mbs"] >= 0
    assert [event.elapsed_s for event in found] == sorted({event.elapsed_s for event in found})


def test_a_busy_processor_shows() -> None:
    events: list[Event] = []
    monitor = Monitor(events.append, interval_s=0.5, first_s=0.5)
    monitor.start()
    while not events:
        sum(range(10_000))
    monitor.stop()
    assert reported(events)[0].values["cpu_usage"] > 5


def test_a_stop_reports_what_there_is_and_ends_the_thread() -> None:
    events: list[Event] = []
    monitor = Monitor(events.append, interval_s=3600, first_s=3600)
    monitor.start()
    assert events == []
    monitor.stop()
    monitor.stop()
    [event] = reported(events)
    assert event.values["memory_used_gb"] > 0
    assert not [thread for thread in threading.enumerate() if thread.name == "elsewhere-resources"]


def test_a_sample_that_fails_ends_the_monitor_and_not_the_program(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def usage() -> dict[str, float]:
        raise ZeroDivisionError

    events: list[Event] = []
    monitor = Monitor(events.append, usage, interval_s=0.1)
    monitor.start()
    monitor.stop()
    assert "Resources are not monitored any more." in caplog.text
    assert events == []


def test_without_psutil_there_is_no_monitor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psutil", None)
    events: list[Event] = []
    monitor = Monitor(events.append, interval_s=0.01)
    monitor.start()
    assert not [thread for thread in threading.enumerate() if thread.name == "elsewhere-resources"]
    monitor.stop()
    assert events == []
