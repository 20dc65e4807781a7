"""A script's monitor: begun by `Task.init`, ended with the task, and no burden to either."""

from __future__ import annotations

from pathlib import Path

import pytest

from elsewhere.report.resources import GPU, MACHINE
from elsewhere.store.redis.store import RedisStore
from tests.nvml import built, two_gpus
from tests.sdk.scripts import Scripts
from tests.stores import find

THREADS = """
import threading
task = Task.init("examples", "monitored", auto_resource_monitoring={choice})
during = {{thread.name for thread in threading.enumerate()}}
task.close()
after = {{thread.name for thread in threading.enumerate()}}
print("elsewhere-resources" in during, bool(after & {{"elsewhere-resources", "elsewhere-gpus"}}))
"""


@pytest.mark.parametrize("choice", [True, False])
def test_a_script_is_monitored_until_its_end(scripts: Scripts, choice: bool) -> None:
    ran = scripts.run(THREADS.format(choice=choice))
    assert ran.status == 0, ran.errors
    assert ran.lines == [f"{choice} False"]


def test_a_script_has_the_values_of_the_devices_that_it_chooses(
    scripts: Scripts, store: RedisStore, tmp_path: Path
) -> None:
    two_gpus(tmp_path / "machine")
    ran = scripts.run(
        """
        import time
        task = Task.init("examples", "on gpus", auto_resource_monitoring={"first_report_sec": 0.5})
        os.environ["CUDA_VISIBLE_DEVICES"] = "1"  # as many scripts do, behind it
        until = time.monotonic() + 30
        while ":monitor:gpu" not in task.get_reported_scalars() and time.monotonic() < until:
            time.sleep(0.05)
        """,
        FAKE_NVML=str(tmp_path / "machine"),
        LD_LIBRARY_PATH=str(built(tmp_path).parent),
    )
    assert ran.status == 0, ran.errors
    (task_id,) = find(store)
    names = {one.series for one in store.series(task_id) if one.title == GPU}
    assert "gpu_1_utilization" in names
    machine = store.machine(task_id)
    assert machine is not None
    assert machine.gpu_count == 1


def test_without_psutil_a_script_has_its_own_memory_and_is_told_so(
    scripts: Scripts, store: RedisStore
) -> None:
    ran = scripts.run(
        """
        sys.modules["psutil"] = None
        Task.init("examples", "without", auto_resource_monitoring={"first_report_sec": 0.1})
        """
    )
    assert ran.status == 0, ran.errors
    assert ran.errors.count("install elsewhere[resources]") == 1
    (task_id,) = find(store)
    found = {one.series for one in store.series(task_id) if one.title == MACHINE}
    assert found - {"cpu_usage", "cpu_usage_task"} == {"memory_used_gb"}
    assert store.machine(task_id) is not None


def test_a_script_that_forks_all_the_time_is_not_held_up(scripts: Scripts) -> None:
    ran = scripts.run(
        """
        import psutil
        task = Task.init("examples", "forks", auto_resource_monitoring={"first_report_sec": 0})
        for _ in range(100):
            if not (child := os.fork()):
                psutil.net_io_counters()
                psutil.disk_io_counters()
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
        """
    )
    assert ran.status == 0, ran.errors
