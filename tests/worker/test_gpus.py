"""GPUs that an agent may give out: by the real nvidia-ml-py over a library made for tests, and by
the files of AMD's driver."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from elsewhere.core.errors import ConfigurationError
from elsewhere_worker import gpus as module
from elsewhere_worker.gpus import Gpus
from tests.nvml import FakeMachine, two_gpus

MIB = 1 << 20


@pytest.fixture
def fake(library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeMachine:
    """Two idle devices of 80 GiB."""
    monkeypatch.setenv("FAKE_NVML", str(tmp_path / "machine"))
    fake = two_gpus(tmp_path / "machine")
    for number in (0, 1):
        fake.put_gpu(number, used=520)
    return fake


def divided(fake: FakeMachine) -> None:
    """Makes parts of device 1."""
    fake.put_gpu(1, mig=1, parts=7)
    for part in (0, 1):
        fake.put_gpu(f"1.{part}", uuid=f"MIG-bbbb-{part}", total=10240, used=13)


def test_all_are_given_out_with_their_memory(fake: FakeMachine) -> None:
    gpus = Gpus()
    assert gpus.devices == {"GPU-aaaa-1": 81920 * MIB, "GPU-bbbb-2": 81920 * MIB}
    assert gpus.busy() == set()


def test_parts_of_a_divided_device_are_given_out_in_its_place(fake: FakeMachine) -> None:
    divided(fake)
    assert list(Gpus().devices) == ["GPU-aaaa-1", "MIG-bbbb-0", "MIG-bbbb-1"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("none", []),
        ("1", ["MIG-bbbb-0", "MIG-bbbb-1"]),
        ("1:1, 0", ["MIG-bbbb-1", "GPU-aaaa-1"]),
        ("GPU-aaaa", ["GPU-aaaa-1"]),
        ("MIG-bbbb-1", ["MIG-bbbb-1"]),
    ],
)
def test_some_are_named_by_their_numbers_parts_or_ids(
    fake: FakeMachine, wanted: str, found: list[str]
) -> None:
    divided(fake)
    assert list(Gpus(wanted).devices) == found


@pytest.mark.parametrize("wanted", ["2", "0,GPU-cccc", "0:0", "G"])
def test_one_that_is_not_there_is_named(fake: FakeMachine, wanted: str) -> None:
    with pytest.raises(ConfigurationError, match=r"There is no GPU .* known: 0, 1"):
        Gpus(wanted)


@pytest.mark.parametrize(
    ("visible", "found"),
    [
        (None, ["GPU-aaaa-1", "GPU-bbbb-2"]),
        ("1", ["GPU-bbbb-2"]),
        ("GPU-bbbb-2,0", ["GPU-bbbb-2", "GPU-aaaa-1"]),
        ("0,-1,1", ["GPU-aaaa-1"]),
        ("", []),
        ("NoDevFiles", []),
    ],
)
def test_an_agent_that_may_see_some_gives_out_no_others(
    fake: FakeMachine, visible: str | None, found: list[str]
) -> None:
    assert list(Gpus(visible=visible).devices) == found


def test_those_that_others_compute_on_are_busy(fake: FakeMachine) -> None:
    gpus = Gpus()
    fake.put_gpu(1, processes=f"{os.getpid()}:300")
    assert gpus.busy() == {"GPU-bbbb-2"}
    fake.put_gpu(1, processes="")
    assert gpus.busy() == set()
    fake.put_gpu(0, used=1700)  # by a process in another container
    assert gpus.busy() == {"GPU-aaaa-1"}
    assert Gpus(shares_used=True).busy() == set()


def test_a_desktop_is_no_use(fake: FakeMachine) -> None:
    gpus = Gpus()
    fake.put_gpu(0, graphics="1:1500,77:400", processes="77:400", used=2300)
    assert gpus.busy() == set()
    fake.put_gpu(0, processes="77:400,78:10")
    assert gpus.busy() == {"GPU-aaaa-1"}


def test_a_lost_device_is_busy_and_a_driver_that_fails_makes_all_so(
    fake: FakeMachine, caplog: pytest.LogCaptureFixture
) -> None:
    gpus = Gpus()
    fake.put_gpu(0, lost=15)
    assert gpus.busy() == {"GPU-aaaa-1"}
    fake.put(**{"count!": 999})
    assert gpus.busy() == gpus.busy() == {"GPU-aaaa-1", "GPU-bbbb-2"}
    assert caplog.text.count("no GPU is given out: NVMLError_Unknown") == 1
    fake.put(**{"count!": None})
    fake.put_gpu(0, lost=None)
    assert gpus.busy() == set()


def test_a_driver_that_hangs_holds_nobody_up(
    fake: FakeMachine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    gpus = Gpus()
    monkeypatch.setattr(module, "_ANSWER_S", 0.05)
    fake.put(hang="count")
    assert gpus.busy() == gpus.busy() == {"GPU-aaaa-1", "GPU-bbbb-2"}
    assert caplog.text.count("has not answered") == 1
    fake.put(hang=None)
    monkeypatch.setattr(module, "_ANSWER_S", 20.0)
    assert gpus.busy() == set()


def test_a_machine_without_a_driver_has_none(tmp_path: Path) -> None:
    assert Gpus(top=tmp_path).devices == {}


def amd(top: Path, *devices: tuple[int, int]) -> Path:
    """The files of AMD's driver for a processor and `devices`: (gpu_id, unique id)."""
    (top / "dev").mkdir()
    (top / "dev/kfd").touch()
    for number, (gpu_id, unique) in enumerate([(0, 0), *devices]):
        node = top / f"sys/class/kfd/kfd/topology/nodes/{number}"
        for bank, (kind, size_bytes) in enumerate([(1, 64 << 30), (0, 512 << 30)]):
            (node / f"mem_banks/{bank}").mkdir(parents=True)
            text = f"heap_type {kind}\nsize_in_bytes {size_bytes}\nflags 0\n"
            (node / f"mem_banks/{bank}/properties").write_text(text)
        (node / "gpu_id").write_text(f"{gpu_id}\n")
        (node / "properties").write_text(f"cpu_cores_count 0\nunique_id {unique}\nsimd_count 304\n")
    return top


def test_amds_devices_are_found_where_there_are_none_of_nvidia(tmp_path: Path) -> None:
    gpus = Gpus(top=amd(tmp_path, (4711, 0x4B2C1A9F8D3E6F7A), (4712, 0)))
    assert gpus.devices == {"GPU-4b2c1a9f8d3e6f7a": 64 << 30, "1": 64 << 30}
    process = tmp_path / "sys/class/kfd/kfd/proc/77"
    process.mkdir(parents=True)
    (process / "vram_4711").write_text("4096\n")
    (process / "vram_4712").write_text(f"{300 * MIB}\n")
    assert gpus.busy() == {"1"}
