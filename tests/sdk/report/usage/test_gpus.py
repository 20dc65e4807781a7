"""GPUs, through the real nvidia-ml-py over a library made for tests: what a driver may do."""

from __future__ import annotations

import logging
import multiprocessing
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from ctypes import CDLL
from pathlib import Path

import pytest

from elsewhere.report.usage import gpus as module
from elsewhere.report.usage.gpus import GpuFacts, Gpus
from elsewhere.report.usage.nvml import Device, narrowed
from tests.nvml import FakeMachine, built, two_gpus
from tests.waiting import wait_until

ALL = (
    *("utilization", "mem_usage", "mem_free_gb", "mem_used_gb", "mem_used_gb_of_machine"),
    *("temperature", "power_draw"),
)


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library, loaded: nvidia-ml-py then finds it by its name, as it would NVIDIA's."""
    path = built(tmp_path_factory.mktemp("nvml"))
    CDLL(str(path))
    return path


@pytest.fixture
def fake(library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeMachine:
    monkeypatch.setenv("FAKE_NVML", str(tmp_path / "machine"))
    return two_gpus(tmp_path / "machine")


Start = Callable[..., Gpus]


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[Gpus] = []

    def start(visible: str | None = None) -> Gpus:
        started.append(Gpus(lambda: visible))
        return started[-1]

    yield start
    for gpus in started:
        gpus.close()


def sampled(gpus: Gpus, pids: tuple[int, ...] = (1,)) -> dict[str, float]:
    """What the thread has read for `pids`."""
    wait_until(lambda: gpus._asked_at is None)
    gpus.sample(pids)
    wait_until(lambda: gpus._asked_at is None)
    return gpus._found


def test_each_device_has_its_values_under_the_usual_names(fake: FakeMachine, start: Start) -> None:
    values = sampled(start())
    assert values.keys() == {f"gpu_{number}_{name}" for number in (0, 1) for name in ALL}
    assert values["gpu_1_utilization"] == 41
    assert values["gpu_1_mem_usage"] == pytest.approx(5.0)
    assert values["gpu_1_mem_used_gb_of_machine"] == pytest.approx(4.0)
    assert values["gpu_1_mem_free_gb"] == pytest.approx(76.0)
    assert values["gpu_1_temperature"] == 51
    assert values["gpu_1_power_draw"] == pytest.approx(101.5)


def test_a_sample_has_what_was_read_since_the_last_one_and_never_waits(
    fake: FakeMachine, start: Start
) -> None:
    gpus = start()
    wait_until(lambda: gpus._asked_at is None)
    assert gpus.sample([1]) == {}
    assert wait_until(lambda: gpus.sample([1]))["gpu_0_utilization"] == 40
    fake.put_gpu(0, utilization=90)
    wait_until(lambda: gpus.sample([1]).get("gpu_0_utilization") == 90)


def test_the_facts_name_the_devices_and_their_driver(fake: FakeMachine, start: Start) -> None:
    gpus = start()
    name = "NVIDIA A100-SXM4-80GB"
    whole = GpuFacts((name, name), (80.0, 80.0), driver_version="550.54.14", cuda_version="12.4")
    wait_until(lambda: gpus.facts == whole)


def test_what_a_device_does_not_support_is_left_out(
    fake: FakeMachine, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    fake.put_gpu(0, power=None, utilization=None, processes=None)
    fake.put_gpu(1, total=None)
    left_out = {"gpu_0_power_draw", "gpu_0_utilization"}
    left_out |= {f"gpu_1_{name}" for name in ALL if name.startswith("mem_")}
    values = sampled(start())
    assert values.keys() == {f"gpu_{n}_{name}" for n in (0, 1) for name in ALL} - left_out
    assert caplog.text == "", "a virtual device supports little, and that is nobody's fault"


@pytest.mark.parametrize(
    ("processes", "own_gb"),
    [
        ("{pid}:512,{other}:1024", 0.5),
        ("{other}:1024", 0.0),
        ("{pid}", 2.0),  # the driver does not tell how much
        ("4194303:1024", 2.0),  # a process outside of this container
        ("", 2.0),  # the driver lists none, as in many containers
    ],
)
def test_the_memory_is_that_of_the_tasks_processes_where_the_driver_tells_it(
    fake: FakeMachine, start: Start, processes: str, own_gb: float
) -> None:
    pid = os.getpid()
    fake.put_gpu(0, processes=processes.format(pid=pid, other=os.getppid()))
    values = sampled(start(), (pid, 1))
    assert values["gpu_0_mem_used_gb"] == pytest.approx(own_gb)
    assert values["gpu_0_mem_used_gb_of_machine"] == pytest.approx(2.0)


def test_a_process_that_computes_and_draws_is_counted_once(fake: FakeMachine, start: Start) -> None:
    fake.put_gpu(0, processes=f"{os.getpid()}:512", graphics=f"{os.getpid()}:512")
    assert sampled(start(), (os.getpid(),))["gpu_0_mem_used_gb"] == pytest.approx(0.5)


def test_the_parts_of_a_divided_device_have_values_of_their_own(
    fake: FakeMachine, start: Start
) -> None:
    fake.put_gpu(0, mig=1, parts=7, utilization=None)
    for part, used in ((0, 1024), (2, 3072)):
        fake.put_gpu(f"0.{part}", uuid=f"MIG-{part}", total=20480, used=used, processes="")
    fake.put_gpu("0.2", name="NVIDIA A100 MIG 2g.20gb")
    gpus = start()
    values = sampled(gpus)
    assert gpus.facts.types[:2] == ("unknown", "NVIDIA A100 MIG 2g.20gb")
    of_0 = {name: value for name, value in values.items() if name.startswith("gpu_0")}
    assert of_0.pop("gpu_0_temperature") == 50
    assert of_0.pop("gpu_0_power_draw") == pytest.approx(100.5)
    memories = [name for name in ALL if name.startswith("mem_")]
    assert of_0.keys() == {f"gpu_0_mig_{part}_{name}" for part in (0, 2) for name in memories}
    assert of_0["gpu_0_mig_2_mem_used_gb"] == pytest.approx(3.0)
    assert of_0["gpu_0_mig_2_mem_usage"] == pytest.approx(15.0)


DEVICES = [
    Device(0, "GPU-aa-1", None, None, "GPU-aa-1"),
    Device(1, "GPU-ab-2", None, None, "GPU-ab-2"),
    Device(2, "MIG-cc-1", None, None, "GPU-cc-3", 0),
    Device(2, "MIG-cc-2", None, None, "GPU-cc-3", 1),
]


@pytest.mark.parametrize(
    ("visible", "names"),
    [
        (None, ["gpu_0", "gpu_1", "gpu_2_mig_0", "gpu_2_mig_1"]),
        ("", []),
        ("-1", []),
        ("NoDevFiles", []),
        ("1", ["gpu_1"]),
        ("1, 0", ["gpu_1", "gpu_0"]),
        ("0,7,1", ["gpu_0"]),
        ("0,0", ["gpu_0"]),
        ("GPU-aa", ["gpu_0"]),
        ("GPU-ab-2,GPU-no", ["gpu_1"]),
        ("2", ["gpu_2_mig_0", "gpu_2_mig_1"]),
        ("GPU-cc-3", ["gpu_2_mig_0", "gpu_2_mig_1"]),
        ("MIG-cc-2", ["gpu_2_mig_1"]),
        ("²", []),
    ],
)
def test_devices_are_narrowed_as_cuda_narrows_them(visible: str | None, names: list[str]) -> None:
    assert [device.name for device in narrowed(DEVICES, visible)] == names


def test_a_narrowed_task_sees_its_devices_alone(fake: FakeMachine, start: Start) -> None:
    gpus = start("GPU-bbbb")
    assert {name[:5] for name in sampled(gpus)} == {"gpu_1"}
    assert gpus.facts.memories_gb == (80.0,)


def test_a_machine_without_a_driver_has_no_gpus_and_no_thread(
    library: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, start: Start
) -> None:
    monkeypatch.delenv("FAKE_NVML", raising=False)
    gpus = start()
    wait_until(lambda: not gpus._thread.is_alive())
    monkeypatch.setattr(module, "_HANGS_S", -1.0)
    assert (gpus.sample([1]), gpus.sample([1]), gpus.facts) == ({}, {}, GpuFacts())
    assert caplog.text == ""


def test_a_driver_that_does_not_start_is_named_once_and_tried_again(
    fake: FakeMachine, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    fake.put(init=18)
    gpus = start()
    assert sampled(gpus) == sampled(gpus) == {}
    assert [record.getMessage() for record in caplog.records] == [
        "Not all GPUs are monitored: RM has detected an NVML/RM version mismatch."
    ]
    fake.put(init=None)
    assert sampled(gpus)["gpu_0_utilization"] == 40


def test_a_driver_that_fails_later_is_named_once_and_is_read_again_when_it_is_back(
    fake: FakeMachine, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    gpus = start()
    assert sampled(gpus)
    fake.put(**{"count!": 999})
    sampled(gpus)
    sampled(gpus)
    assert len(caplog.records) == 1
    fake.put(**{"count!": None})
    assert sampled(gpus)["gpu_1_utilization"] == 41


def test_a_lost_device_is_named_once_and_the_others_are_read(
    fake: FakeMachine, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    gpus = start()
    assert "gpu_0_utilization" in sampled(gpus)
    fake.put_gpu(0, lost=15)
    for _ in range(2):
        assert {name[:5] for name in sampled(gpus)} == {"gpu_1"}
    assert [record.getMessage() for record in caplog.records] == [
        "Not all GPUs are monitored: device 0: GPU is lost."
    ]


def test_devices_may_come_and_go(fake: FakeMachine, start: Start) -> None:
    gpus = start()
    fake.put(count=1)
    wait_until(lambda: {name[:5] for name in sampled(gpus)} == {"gpu_0"})
    fake.put(count=2)
    assert "gpu_1_utilization" in sampled(gpus)
    assert len(gpus.facts.types) == 2


def test_a_call_that_hangs_costs_its_values_and_a_line(
    fake: FakeMachine,
    start: Start,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    gpus = start()
    assert sampled(gpus)
    fake.put(hang="power")
    gpus.sample([1])
    monkeypatch.setattr(module, "_HANGS_S", 0.1)
    wait_until(lambda: gpus._hangs)
    assert [gpus.sample([1]) for _ in range(3)] == [{}, {}, {}]
    assert [record.getMessage() for record in caplog.records] == [
        "Not all GPUs are monitored: their driver has not answered for 0 s."
    ]
    gpus.close()  # at once: it does not wait for the thread
    assert gpus._thread.is_alive()
    fake.put(hang=None)
    gpus._thread.join()


def test_nvidia_ml_py_that_is_not_installed_is_named(
    fake: FakeMachine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    gpus = Gpus(lambda: None)
    gpus._thread.join()
    assert "install elsewhere[resources]" in caplog.text


def test_a_machine_without_nvidia_loads_nothing_of_it() -> None:
    code = (
        "import sys\nfrom elsewhere.report.usage.gpus import Gpus\n"
        "gpus = Gpus(lambda: None)\ngpus._thread.join()\nprint('pynvml' in sys.modules)"
    )
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "False\n"


def test_a_failure_of_our_own_ends_the_thread_and_not_the_program(
    fake: FakeMachine, caplog: pytest.LogCaptureFixture
) -> None:
    def visible() -> str:
        raise ZeroDivisionError

    with caplog.at_level(logging.ERROR):
        gpus = Gpus(visible)
        gpus._thread.join()
    assert "GPUs are not monitored any more." in caplog.text
    assert gpus.sample([1]) == gpus.sample([1]) == {}
    gpus.close()


def count_in_child(answers: multiprocessing.SimpleQueue[int]) -> None:
    import pynvml

    pynvml.nvmlInit()
    answers.put(pynvml.nvmlDeviceGetCount())


def test_a_child_that_is_forked_meanwhile_can_use_the_library(
    fake: FakeMachine, start: Start
) -> None:
    gpus, is_over = start(), threading.Event()

    def sample() -> None:
        while not is_over.is_set():
            gpus.sample([1])

    sampler = threading.Thread(target=sample)
    sampler.start()
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    for _ in range(20):
        child = context.Process(target=count_in_child, args=(answers,))
        child.start()
        child.join(10)
        assert child.exitcode == 0, "it waits for a lock that nobody gives back"
        assert answers.get() == 2
    is_over.set()
    sampler.join()


def test_a_fork_waits_once_for_a_call_that_hangs(
    fake: FakeMachine, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_FORK_S", 0.05)
    gpus = start()
    assert sampled(gpus)
    fake.put(hang="power")
    gpus.sample([1])
    wait_until(lambda: not gpus._idle.is_set())
    for _ in range(2):
        pid = os.fork()
        if not pid:
            os._exit(0)
        os.waitpid(pid, 0)
        assert gpus._idle.is_set(), "the next fork does not wait"
    fake.put(hang=None)
