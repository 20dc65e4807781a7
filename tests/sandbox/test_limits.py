"""The limits of an attempt: what goes beyond one is ended, with a reason and how much it was."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace

import pytest

from elsewhere.core.choices import Reason
from elsewhere_sandbox.slot import Slot
from tests.sandbox.attempts import Attempts

MIB = 1 << 20

#: takes memory in a child until it is ended
HUNGRY = """
import subprocess, sys
child = "import time; x = bytearray(b'x') * (200 << 20); print('full', flush=True); time.sleep(600)"
print("begun", flush=True)
sys.exit(subprocess.call([sys.executable, "-c", child]))
"""


def test_what_all_processes_take_together_is_ended_beyond_the_limit_and_the_peak_is_named(
    attempts: Attempts,
) -> None:
    attempt = attempts.run(HUNGRY, slot=Slot(memory_bytes=120 * MIB))
    outcome = attempt.outcome
    assert outcome.reason is Reason.OUT_OF_MEMORY
    found = re.fullmatch(
        r"Its processes used (\d+\.\d) MiB of memory together, and its limit was 120\.0 MiB\.",
        outcome.message,
    )
    assert found is not None, outcome.message
    assert float(found[1]) > 120
    assert attempt.left() == []


def test_what_keeps_within_its_limits_runs_to_its_end(attempts: Attempts) -> None:
    program = "import time; x = bytearray(b'x') * (30 << 20); time.sleep(0.5); print('done')"
    slot = Slot(memory_bytes=400 * MIB, disk_bytes=400 * MIB)
    attempt = attempts.run(program, slot=slot, time_limit_s=600)
    assert (attempt.outcome.reason, attempt.printed) == (Reason.COMPLETED, b"done\n")


def test_a_run_folder_that_grows_beyond_its_limit_ends_the_run(attempts: Attempts) -> None:
    program = """
    import os, time
    for number in range(20):
        with open(f"part-{number}", "wb") as file:
            file.write(os.urandom(1 << 20))
    time.sleep(600)
    """
    attempt = attempts.run(program, slot=Slot(disk_bytes=8 * MIB), stop_grace_s=0.5)
    assert attempt.outcome.reason is Reason.OUT_OF_DISK
    assert re.fullmatch(
        r"Its run folder took \d+\.\d MiB of the disk, and its limit was 8\.0 MiB\.",
        attempt.outcome.message,
    )


@pytest.mark.parametrize(("of_task", "of_agent"), [(600.0, 0.5), (0.5, 600.0), (0.0, 0.5)])
def test_of_two_time_limits_the_smaller_one_counts(
    attempts: Attempts, of_task: float, of_agent: float
) -> None:
    attempt = attempts.make("import time; time.sleep(600)", time_limit_s=of_agent)
    record = replace(attempt.spec.record, time_limit_s=of_task)
    attempt.spec = replace(attempt.spec, record=record)
    assert attempt.run().reason is Reason.TIMED_OUT
    assert "time limit of 0.5 s" in attempt.outcome.message


def test_a_program_runs_on_the_cores_of_its_slot(attempts: Attempts) -> None:
    core = max(os.sched_getaffinity(0))
    program = "import os; print(sorted(os.sched_getaffinity(0)))"
    assert attempts.run(program, slot=Slot(cores=(core,))).printed == f"[{core}]\n".encode()
    everywhere = attempts.run(program, slot=Slot(cores=(4000,)))
    assert everywhere.printed.decode() == f"{sorted(os.sched_getaffinity(0))}\n"


@pytest.mark.parametrize(
    ("slot", "expected"),
    [
        (Slot(), {}),
        (
            Slot(devices=("GPU-aaaa-1", "MIG-bbbb-0")),
            {
                "CUDA_VISIBLE_DEVICES": "GPU-aaaa-1,MIG-bbbb-0",
                "NVIDIA_VISIBLE_DEVICES": "GPU-aaaa-1,MIG-bbbb-0",
            },
        ),
        (
            Slot(hides_devices=True),
            {
                "CUDA_VISIBLE_DEVICES": "",
                "NVIDIA_VISIBLE_DEVICES": "void",
                "ROCR_VISIBLE_DEVICES": "",
                "HIP_VISIBLE_DEVICES": "-1",
            },
        ),
        (
            Slot(devices=("GPU-4b2c1a9f8d3e6f7a", "1")),
            {"ROCR_VISIBLE_DEVICES": "GPU-4b2c1a9f8d3e6f7a,1", "HIP_VISIBLE_DEVICES": "0,1"},
        ),
        (
            Slot(devices=("GPU-aaaa-1",), share=0.25, device_bytes=20 << 30),
            {
                "CUDA_VISIBLE_DEVICES": "GPU-aaaa-1",
                "NVIDIA_VISIBLE_DEVICES": "GPU-aaaa-1",
                "CUDA_MPS_ACTIVE_THREAD_PERCENTAGE": "25",
                "CUDA_MPS_PINNED_DEVICE_MEM_LIMIT": "0=20480M",
                "XLA_PYTHON_CLIENT_MEM_FRACTION": "0.23",
                "TF_FORCE_GPU_ALLOW_GROWTH": "true",
            },
        ),
    ],
    ids=["nothing", "nvidia", "none", "amd", "share"],
)
def test_a_program_sees_the_devices_of_its_slot(
    attempts: Attempts, monkeypatch: pytest.MonkeyPatch, slot: Slot, expected: dict[str, str]
) -> None:
    families = ("CUDA_", "NVIDIA_", "ROCR_", "HIP_", "XLA_", "TF_FORCE")
    for name in os.environ:
        if name.startswith(families):
            monkeypatch.delenv(name)
    program = f"""
    import json, os
    print(json.dumps({{k: v for k, v in os.environ.items() if k.startswith({families})}}))
    """
    assert json.loads(attempts.run(program, slot=slot).printed) == expected
