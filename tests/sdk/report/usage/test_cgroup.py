"""The limits of containers and schedulers, from files such as those of both versions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from elsewhere.report.usage.cgroup import Cgroup, CpuLimit, MemoryLimit
from tests.sdk.report.usage.groups import MB, write_groups


@pytest.fixture(autouse=True)
def _large_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 64)


def group(top: Path, own: str, files: Mapping[str, object]) -> Cgroup:
    return Cgroup(write_groups(top, own, files))


def test_a_container_sees_its_limits_at_the_top(tmp_path: Path) -> None:
    found = group(
        tmp_path,
        "0::/",
        {
            "memory.max": 512 * MB,
            "memory.current": 300 * MB,
            "memory.stat": f"anon 5\ninactive_file {100 * MB}\nactive_file 9",
            "cpu.max": "250000 100000",
            "cpu.stat": "usage_usec 1500000\nuser_usec 1",
        },
    )
    assert found.memory() == MemoryLimit(512 * MB, 200 * MB)
    assert found.cpu() == CpuLimit(2.5, 1.5)


def test_of_several_limits_the_tightest_counts(tmp_path: Path) -> None:
    found = group(
        tmp_path,
        "0::/job/step",
        {
            "job/memory.max": 512 * MB,
            "job/memory.current": 500 * MB,
            "job/step/memory.max": 100 * MB,
            "job/step/memory.current": 50 * MB,
            "job/cpu.max": "100000 100000",
            "job/cpu.stat": "usage_usec 3000000",
            "job/step/cpu.max": "400000 100000",
            "job/step/cpu.stat": "usage_usec 1000000",
        },
    )
    assert found.memory() == MemoryLimit(512 * MB, 500 * MB), "12 MB are left there, 50 here"
    assert found.cpu() == CpuLimit(1.0, 3.0)


def test_version_1_has_its_own_files(tmp_path: Path) -> None:
    found = group(
        tmp_path,
        "5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/\n0::/",
        {
            "memory/docker/abc/memory.limit_in_bytes": 256 * MB,
            "memory/docker/abc/memory.usage_in_bytes": 64 * MB,
            "memory/docker/abc/memory.stat": f"inactive_file 1\ntotal_inactive_file {MB}",
            "cpu/docker/abc/cpu.cfs_quota_us": 50000,
            "cpu/docker/abc/cpu.cfs_period_us": 100000,
            "cpu/docker/abc/cpuacct.usage": 2000000000,
        },
    )
    assert found.memory() == MemoryLimit(256 * MB, 63 * MB)
    assert found.cpu() == CpuLimit(0.5, 2.0)


@pytest.mark.parametrize("own", ["5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc", "0::/../abc"])
def test_a_path_that_exists_on_the_host_alone_is_the_top(tmp_path: Path, own: str) -> None:
    files = {
        "memory/memory.limit_in_bytes": 256 * MB,
        "memory/memory.usage_in_bytes": 64 * MB,
        "memory.max": 256 * MB,
        "memory.current": 64 * MB,
    }
    assert group(tmp_path, own, files).memory() == MemoryLimit(256 * MB, 64 * MB)


@pytest.mark.parametrize(
    ("own", "files"),
    [
        (
            "0::/user.slice",
            {
                "user.slice/memory.max": "max",
                "user.slice/memory.current": 1000,
                "user.slice/cpu.max": "max 100000",
                "user.slice/cpu.stat": "usage_usec 5",
            },
        ),
        (
            "5:memory:/\n4:cpu,cpuacct:/",
            {
                "memory/memory.limit_in_bytes": 9223372036854771712,
                "memory/memory.usage_in_bytes": 1000,
                "cpu/cpu.cfs_quota_us": -1,
                "cpu/cpu.cfs_period_us": 100000,
            },
        ),
        ("0::/", {}),
        (
            "0::/",
            {
                "memory.max": 1 << 50,
                "memory.current": 1000,
                "cpu.max": "6400000 100000",
                "cpu.stat": "usage_usec 5",
            },
        ),
    ],
    ids=["version 2", "version 1", "a machine", "more than the machine has"],
)
def test_without_limits_there_are_none(
    tmp_path: Path, own: str, files: Mapping[str, object]
) -> None:
    found = group(tmp_path, own, files)
    assert (found.memory(), found.cpu()) == (None, None)


def test_a_system_without_control_groups_has_no_limits(tmp_path: Path) -> None:
    found = Cgroup(tmp_path / "no such folder")
    assert (found.memory(), found.cpu()) == (None, None)


@pytest.mark.parametrize("damaged", ["", "0 0", "a b", "-5 100000", "1 2 3", "²"])
def test_files_that_make_no_sense_are_no_limit(tmp_path: Path, damaged: str) -> None:
    files = {
        "memory.max": damaged,
        "memory.current": 5,
        "cpu.max": damaged,
        "cpu.stat": "usage_usec 5\nshort",
    }
    found = group(tmp_path, "nonsense\n0::/", files)
    assert (found.memory(), found.cpu()) == (None, None)


def test_the_groups_of_this_machine_can_be_read() -> None:
    limit = Cgroup().memory()
    assert limit is None or limit.used_bytes >= 0
