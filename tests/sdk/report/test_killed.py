"""Kill -9 in the middle of many reports: what was flushed is there, once, and in order."""

from __future__ import annotations

import os
import random
from itertools import pairwise

import pytest

from elsewhere.core.choices import Status
from elsewhere.store.redis.store import RedisStore
from tests.sdk.scripts import Scripts
from tests.stores import find

#: a storm has more of both: SCALAR_KILLS=20 SCALAR_SECONDS=30 reports millions of points
KILLS = int(os.environ.get("SCALAR_KILLS", "3"))
MOST_S = float(os.environ.get("SCALAR_SECONDS", "2"))


@pytest.mark.parametrize("number", range(KILLS))
def test_a_kill_loses_nothing_that_was_flushed_and_doubles_nothing(
    scripts: Scripts, store: RedisStore, number: int
) -> None:
    scripts.timeout_s += MOST_S
    ran = scripts.run(
        """
        import time
        task = Task.init("examples", "killed", auto_resource_monitoring=False)
        if os.fork() == 0:
            time.sleep(float(sys.argv[1]))
            os.kill(os.getppid(), 9)
            os._exit(0)
        for iteration in range(1, 1 << 40):
            task.get_logger().report_scalar("loss", "each", iteration / 2, iteration)
            if iteration % 3 == 0:
                task.get_logger().report_scalar("loss", "third", 0.5)
            if iteration % 10_000 == 0:
                task.get_logger().flush()
                print(iteration)
        """,
        argv=[str(random.Random(number).uniform(0.01, MOST_S))],
    )
    assert ran.status == -9, ran.errors
    flushed = int(ran.lines[-1]) if ran.lines else 0
    (killed,) = find(store)
    following = scripts.run(
        """
        import time
        Task.init("examples", "following")
        while Task.get_task(task_id=sys.argv[1]).get_status() == "in_progress":
            time.sleep(0.01)
        """,
        argv=[killed],
    )
    assert following.status == 0, following.errors
    assert store.state(killed).status is Status.FAILED
    each, third = store.curves([(killed, "loss", "each"), (killed, "loss", "third")])
    assert len(each) >= flushed
    assert list(each.iterations) == list(range(1, len(each) + 1))
    assert all(value == at / 2 for at, _, value in each)
    assert list(third.iterations) == list(range(len(third)))
    assert len(third) >= flushed // 3
    assert all(one <= two for one, two in pairwise(each.times))
    [summary] = [one for one in store.series(killed) if one.series == "each"]
    assert (summary.count, summary.iteration) == (len(each), len(each))
