"""The use of this host: what every Linux machine tells, and what limits change in it."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from elsewhere.core.codec import to_plain
from elsewhere.report.usage.gpus import GpuFacts
from elsewhere.report.usage.host import HostUse
from tests.sdk.report.usage.groups import limited

#: disks and sensors may be missing in a container
ALWAYS = {
    *("memory_used_gb", "memory_free_gb", "memory_used_gb_of_machine", "disk_free_percent"),
    *("cpu_task_s", "cpu_busy_s", "cpu_total_s", "network_tx_mbs", "network_rx_mbs"),
}
MAYBE = {"io_read_mbs", "io_write_mbs", "cpu_temperature"}
GB = 1 << 30

Use = Callable[..., HostUse]


@pytest.fixture
def use() -> Iterator[Use]:
    made: list[HostUse] = []

    def use(**fields: Any) -> HostUse:
        made.append(HostUse(os.getpid(), lambda: None, **fields))
        return made[-1]

    yield use
    for one in made:
        one.close()


def test_a_look_has_the_task_and_its_machine(use: Use) -> None:
    values = use().usage()
    assert values.keys() - MAYBE == ALWAYS
    assert 0 < values["memory_used_gb"] < values["memory_used_gb_of_machine"] + 1
    assert 0 <= values["disk_free_percent"] <= 100
    assert 0 < values["cpu_busy_s"] < values["cpu_total_s"]


def test_a_look_takes_no_lock_that_a_fork_could_leave_in_a_child(use: Use) -> None:
    one, values = use(), list[dict[str, float]]()
    thread = threading.Thread(target=lambda: values.append(one.usage()), daemon=True)
    with psutil._common._wn.lock:  # type: ignore[attr-defined] # its stubs have no private names
        thread.start()
        thread.join(10)
        assert values


def test_the_memory_that_is_free_is_what_a_limit_leaves(use: Use, tmp_path: Path) -> None:
    limited(tmp_path, memory_mb=512, used_mb=128, cores=0.5, used_s=1.0)
    values = use(top=tmp_path).usage()
    assert values["memory_free_gb"] == pytest.approx(0.375)
    assert values["memory_used_gb_of_machine"] == pytest.approx(0.125)


def test_a_limit_above_what_the_machine_has_is_none(use: Use, tmp_path: Path) -> None:
    limited(tmp_path, memory_mb=1 << 30, used_mb=0, cores=4096.0, used_s=0.001)
    values = use(top=tmp_path).usage()
    free_gb = psutil.virtual_memory().available / GB
    assert values["memory_free_gb"] == pytest.approx(free_gb, rel=0.2)
    assert values["cpu_busy_s"] > 1.0


def test_processors_are_those_of_the_limit_which_may_change(
    use: Use, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    now = [100.0]
    monkeypatch.setattr("elsewhere.report.usage.host.monotonic_s", lambda: now[0])
    monkeypatch.setattr("os.cpu_count", lambda: 64)
    limits = {"memory_mb": 512, "used_mb": 1}
    limited(tmp_path, cores=1.5, used_s=20.0, **limits)
    one = use(top=tmp_path)
    first = one.usage()
    now[0] += 10
    limited(tmp_path, cores=1.5, used_s=26.0, **limits)
    second = one.usage()
    assert second["cpu_total_s"] - first["cpu_total_s"] == pytest.approx(15.0)
    assert second["cpu_busy_s"] - first["cpu_busy_s"] == pytest.approx(6.0)
    now[0] += 1
    limited(tmp_path, cores=3.0, used_s=26.0, **limits)
    assert one.usage()["cpu_total_s"] - second["cpu_total_s"] == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("sensors", "celsius"),
    [
        ({"coretemp": [41.0, 62.0], "nvme": [80.0]}, 62.0),
        ({"k10temp": [55.0]}, 55.0),
        ({"nvme": [80.0]}, None),
        ({}, None),
    ],
)
def test_the_temperature_is_that_of_the_hottest_processor(
    use: Use,
    monkeypatch: pytest.MonkeyPatch,
    sensors: dict[str, list[float]],
    celsius: float | None,
) -> None:
    found = {
        name: [SimpleNamespace(current=at) for at in all_of] for name, all_of in sensors.items()
    }
    monkeypatch.setattr(psutil, "sensors_temperatures", lambda: found)
    assert use().usage().get("cpu_temperature") == celsius


def test_without_psutil_there_is_the_task_alone_and_a_line_about_it(
    use: Use, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "psutil", None)
    one = use()
    values = one.usage()
    assert values.keys() == {"memory_used_gb", "cpu_task_s", "cpu_total_s"}
    assert values["memory_used_gb"] > 0
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "install elsewhere[resources]" in caplog.text
    assert one.machine().memory_gb > 0


def test_the_machine_is_described_with_its_limits(use: Use, tmp_path: Path) -> None:
    limited(tmp_path, memory_mb=1024, used_mb=1, cores=0.5, used_s=1.0)
    one = use(top=tmp_path).machine()
    assert one.hostname == os.uname().nodename
    assert one.platform.startswith("Linux-")
    assert one.os
    assert one.processor
    assert one.cpu_cores == os.cpu_count()
    assert (one.memory_limit_gb, one.cpu_limit_cores) == (1.0, 0.5)
    assert one.memory_gb == pytest.approx(psutil.virtual_memory().total / GB, abs=0.1)
    assert one.disk_gb > 0
    assert one.python_version == ".".join(map(str, sys.version_info[:3]))
    assert one.python_exec == sys.executable
    assert one.gpu_count == 0


def test_the_machine_has_its_gpus_and_another_python(use: Use) -> None:
    one = use(python_exec="/venv/bin/python", python_version="3.9.1")
    one._gpus.facts = GpuFacts(("A", "A", "B"), (80.0, 79.2, 24.0), "550.1", "12.4")
    wanted = {
        "gpu_count": 3,
        "gpu_type": "A, A, B",
        "gpu_memory": "80GB, 79.2GB, 24GB",
        "gpu_driver_version": "550.1",
        "cuda_version": "12.4",
        "python_version": "3.9.1",
        "python_exec": "/venv/bin/python",
    }
    assert wanted.items() <= to_plain(one.machine()).items()


def test_a_machine_that_tells_little_is_described_as_far_as_that_goes(
    use: Use, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    one = use(top=tmp_path)
    assert (one.machine().memory_limit_gb, one.machine().cpu_limit_cores) == (0.0, 0.0)
