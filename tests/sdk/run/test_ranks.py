"""The ranks of a launch are one task: that of rank 0, which the others of its machine join."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Final

import pytest

from elsewhere.core.choices import Status
from elsewhere.store.redis.store import RedisStore
from tests import torchrun
from tests.sdk.scripts import Ran
from tests.stores import find

HEAD: Final = """
import os, signal, subprocess, sys
from elsewhere import Task
rank = int(os.environ["RANK"])
"""


class Launches:
    """Launches of a script in `folder`, each to its end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "project"
        self.folder.mkdir()
        self._path = str(torchrun.write(folder / "packages"))

    def use_real_torch(self) -> None:
        """Launches by PyTorch itself; skips the test where it is not installed."""
        pytest.importorskip("torch")
        self._path = ""

    def run(self, script: str, *words: str, ranks: int = 2, head: str = HEAD) -> Ran:
        (self.folder / "train.py").write_text(head + textwrap.dedent(script))
        launcher = (sys.executable, "-m", "torch.distributed.run", f"--nproc_per_node={ranks}")
        ended = subprocess.run(
            [*launcher, *words, "train.py", "--lr", "3"],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": self._path, "TMPDIR": str(self.folder.parent)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Ran(ended.returncode, sorted(ended.stdout.splitlines()), ended.stderr)


@pytest.fixture
def launches(tmp_path: Path, store: RedisStore) -> Launches:
    return Launches(tmp_path)


def test_all_ranks_report_to_the_task_of_rank_0(launches: Launches, store: RedisStore) -> None:
    ran = launches.run(
        """
        import argparse
        parser = argparse.ArgumentParser()
        parser.add_argument("--lr", type=int)
        parser.add_argument("--rank", type=int, default=rank)
        args = parser.parse_args()
        task = Task.init("examples", "ranks")
        task.get_logger().report_scalar("loss", f"rank {rank}", 1, 1)
        print(f"{rank} {task.id}\\n", end="")
        """,
        ranks=3,
    )
    assert ran.status == 0, ran.errors
    (task_id,) = find(store)
    assert ran.lines == [f"{rank} {task_id}" for rank in range(3)]
    assert {one.series for one in store.series(task_id) if one.title == "loss"} == {
        f"rank {rank}" for rank in range(3)
    }
    record = store.read(task_id)
    assert record.parameters["Args/rank"].value == 0
    assert record.source.launcher == ("torch.distributed.run", "--nproc_per_node=3")
    assert (record.source.entry_point, record.source.argv) == ("train.py", ("--lr", "3"))
    assert store.state(task_id).status is Status.COMPLETED


def test_what_each_rank_writes_for_tensorboard_is_reported(
    launches: Launches, store: RedisStore
) -> None:
    ran = launches.run(
        """
        task = Task.init("examples", "ranks")
        sys.modules["torch"] = None  # the launcher's is of no use to tensorboardX
        from tensorboardX import SummaryWriter
        with SummaryWriter(f"logs/{rank}") as writer:
            writer.add_scalar(f"loss/{rank}", 1, 1)
        """
    )
    assert ran.status == 0, ran.errors
    (task_id,) = find(store)
    found = {one.series for one in store.series(task_id) if one.title == "loss"}
    assert found == {"0", "1"}


def test_what_a_rank_reports_after_the_end_of_rank_0_is_kept(
    launches: Launches, store: RedisStore
) -> None:
    ran = launches.run(
        """
        task = Task.init("examples", "slow")
        if rank:
            while os.path.exists("first"):  # until rank 0 is in its exit handlers
                pass
            for step in range(100):
                task.get_logger().report_scalar("loss", "late", step, step)
        else:
            import atexit
            atexit.register(os.remove, "first")
        """.replace("task =", "open('first', 'a').close()\n        task =", 1)
    )
    assert ran.status == 0, ran.errors
    (task_id,) = find(store)
    assert [one.count for one in store.series(task_id) if one.title == "loss"] == [100]


@pytest.mark.parametrize(
    "script",
    [
        'Task.init("examples", "all").execute_remotely("default")',
        """
        if rank == 0:
            Task.init("examples", "first alone").execute_remotely("default")
        signal.pause()
        """,
        """
        task = Task.init("examples", "first alone sends")
        if rank == 0:
            task.execute_remotely("default")
        signal.pause()
        """,
    ],
)
def test_all_ranks_end_where_the_task_goes_elsewhere(
    script: str, launches: Launches, store: RedisStore
) -> None:
    ran = launches.run(f"{textwrap.dedent(script)}\nprint('goes on', rank)")
    assert (ran.status, ran.lines) == (0, []), ran.errors
    assert "journal" not in ran.errors
    assert "Traceback" not in ran.errors
    (task_id,) = find(store)
    assert store.state(task_id).status is Status.QUEUED


def test_a_rank_without_the_sdk_is_stopped_and_named(launches: Launches, store: RedisStore) -> None:
    ran = launches.run(
        """
        import os, signal
        if os.environ["RANK"] == "0":
            from elsewhere import Task
            Task.init("examples", "first alone").execute_remotely("default")
        signal.pause()
        """,
        head="",
    )
    assert ran.status == 1
    assert "of the launch is stopped, since the launch goes on elsewhere" in ran.errors
    (task_id,) = find(store)
    assert store.state(task_id).status is Status.QUEUED


def test_a_task_that_cannot_be_sent_is_refused_in_every_rank(
    launches: Launches, store: RedisStore
) -> None:
    ran = launches.run(
        """
        task = Task.init("examples", "refused")
        try:
            task.execute_remotely("no such queue")
        except Exception as error:
            print(rank, str(error).partition(":")[0])
        """
    )
    assert ran.status == 0, ran.errors
    first, second = ran.lines
    assert first.partition(" ")[2] == second.partition(" ")[2]
    assert "no such queue" in first


def test_a_copy_that_is_sent_is_the_same_in_every_rank(
    launches: Launches, store: RedisStore
) -> None:
    ran = launches.run(
        """
        task = Task.init("examples", "both")
        copy = task.execute_remotely("default", clone=True, exit_process=False)
        draft = task.create_function_task(print, func_name="later")
        print(copy.id, draft.id)
        """
    )
    assert ran.status == 0, ran.errors
    assert len(set(ran.lines)) == 1
    assert set(ran.lines[0].split()) < set(find(store))
    assert len(find(store)) == 3


def test_ranks_of_another_machine_belong_to_no_task(launches: Launches, store: RedisStore) -> None:
    ran = launches.run(
        """
        task = Task.init("examples", "far away")
        task.get_logger().report_scalar("loss", "here", 1, 1)
        task.connect({"a": 1})
        print(rank, task.get_parameters())
        """,
        *("--nnodes", "2", "--node-rank", "1"),
    )
    assert ran.status == 0, ran.errors
    assert ran.lines == [f"{rank} {{'General/a': 1}}" for rank in (2, 3)]
    assert "rank 2 belongs to no task, and what it reports is kept nowhere" in ran.errors
    assert ran.errors.count("\n") == ran.errors.count("Elsewhere: rank")
    assert find(store) == []
    assert not list(launches.folder.parent.rglob("*.zip"))


@pytest.mark.parametrize("machine", ["0", "1"])
def test_a_launch_of_two_machines_cannot_travel(machine: str, launches: Launches) -> None:
    ran = launches.run(
        "Task.init('examples', 'two').execute_remotely('default')",
        *("--nnodes", "2", "--node-rank", machine),
    )
    assert ran.status == 1
    assert "This launch is of 2 machines" in ran.errors


def test_ranks_that_are_started_anew_are_the_same_task(
    launches: Launches, store: RedisStore
) -> None:
    ran = launches.run(
        """
        restart = int(os.environ["TORCHELASTIC_RESTART_COUNT"])
        task = Task.init("examples", "restarted")
        task.get_logger().report_scalar("loss", f"rank {rank}", restart, restart)
        if restart == 0:
            if rank:
                sys.exit("lost")
            signal.pause()
        print(f"{rank} {task.id}\\n", end="")
        """,
        *("--max-restarts", "1"),
    )
    assert ran.status == 0, ran.errors
    (task_id,) = find(store)
    assert ran.lines == [f"{rank} {task_id}" for rank in range(2)]
    assert store.state(task_id).status is Status.COMPLETED
    assert [one.count for one in store.series(task_id) if one.title == "loss"] == [2, 2]


def test_the_failure_of_a_rank_is_that_of_the_task(launches: Launches, store: RedisStore) -> None:
    ran = launches.run(
        """
        task = Task.init("examples", "failing")
        if rank:
            raise ValueError("too large")
        signal.pause()
        """
    )
    assert ran.status == 1
    (task_id,) = find(store)
    state = store.state(task_id)
    assert (state.status, state.message) == (Status.FAILED, "Rank 1: ValueError: too large")


def test_each_task_of_a_program_is_one_of_all_ranks(launches: Launches, store: RedisStore) -> None:
    ran = launches.run(
        """
        for number in range(3):
            task = Task.init("examples", f"number {number}")
            task.get_logger().report_scalar("loss", f"rank {rank}", 1, 1)
            print(number, task.name)
            task.close()
        """
    )
    assert ran.status == 0, ran.errors
    assert ran.lines == [f"{number} number {number}" for number in range(3) for _ in range(2)]
    for task_id in find(store):
        assert len([one for one in store.series(task_id) if one.title == "loss"]) == 2


def test_a_rank_that_comes_a_little_later_still_reports(
    launches: Launches, store: RedisStore
) -> None:
    ran = launches.run(
        """
        import time
        time.sleep(rank)
        task = Task.init("examples", "late")
        task.get_logger().report_scalar("loss", f"rank {rank}", 1, 1)
        task.close()
        """
    )
    assert ran.status == 0, ran.errors
    (task_id,) = find(store)
    assert len([one for one in store.series(task_id) if one.title == "loss"]) == 2


def test_a_profiler_around_the_script_is_left_out(launches: Launches, store: RedisStore) -> None:
    ran = launches.run(
        "Task.init('examples', 'profiled')", *("-m", "cProfile", "-o", os.devnull), ranks=1
    )
    assert ran.status == 0, ran.errors
    (task_id,) = find(store)
    source = store.read(task_id).source
    assert source.launcher == ("torch.distributed.run", "--nproc_per_node=1")
    assert (source.entry_point, source.argv) == ("train.py", ("--lr", "3"))


def test_what_a_rank_reports_to_a_task_that_is_over_is_lost_with_one_line(
    launches: Launches,
) -> None:
    ran = launches.run(
        """
        from pathlib import Path
        task = Task.init("examples", "over")
        folder = Path(os.environ["ELSEWHERE_LEADER"].split(":")[2])
        if rank == 0:
            while not os.path.exists("joined"):
                pass
            task.mark_failed()
        else:
            open("joined", "a").close()
            while folder.exists():
                pass
            task.get_logger().report_scalar("loss", "late", 1, 1)
        """
    )
    assert ran.status == 0, ran.errors
    assert "cannot be written" not in ran.errors
    assert ran.errors.count("is over: what this process reports is lost") == 1


def test_what_a_rank_starts_is_a_part_of_the_task(launches: Launches, store: RedisStore) -> None:
    ran = launches.run(
        """
        import multiprocessing

        def work(number):
            return number, Task.current_task().id

        if __name__ == "__main__":
            task = Task.init("examples", "with workers")
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                print(*pool.map(work, [rank]))
        """
    )
    assert ran.status == 0, ran.errors
    (task_id,) = find(store)
    assert ran.lines == [f"({rank}, '{task_id}')" for rank in range(2)]


def test_a_script_that_a_rank_without_a_task_starts_is_a_task_of_its_own(
    launches: Launches, store: RedisStore
) -> None:
    (launches.folder / "other.py").write_text(
        "from elsewhere import Task\nTask.init('examples', 'other', reuse_last_task_id=False)\n"
    )
    ran = launches.run("subprocess.run([sys.executable, 'other.py'], check=True)", head=HEAD)
    assert ran.status == 0, ran.errors
    assert len(find(store)) == 2
    assert {store.read(task_id).source.launcher for task_id in find(store)} == {()}


def test_pytorch_itself_launches_one_task(launches: Launches, store: RedisStore) -> None:
    launches.use_real_torch()
    code = """
        import torch.distributed
        torch.distributed.init_process_group("gloo")
        task = Task.init("examples", "real")
        torch.distributed.barrier()
        print(f"{rank} {task.id}\\n", end="")
        if rank == 0:
            task.execute_remotely("default")
        torch.distributed.barrier()
        print("goes on")
        """
    ran = launches.run(code)
    assert ran.status == 0, ran.errors
    (task_id,) = find(store)
    assert ran.lines == [f"{rank} {task_id}" for rank in range(2)]
    assert store.state(task_id).status is Status.QUEUED
