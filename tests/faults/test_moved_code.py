"""The code of an ended task lies in storage: its clone runs all the same."""

from __future__ import annotations

from pathlib import Path

from elsewhere.core.folders import RunFolder
from elsewhere.store.queues import DEFAULT_QUEUE, Queues
from elsewhere.store.redis import keys
from elsewhere.store.redis.store import RedisStore
from elsewhere.task import stored
from tests.faults.harness import PATIENCE_S, Machine, Probe, send
from tests.object_store import serving_s3
from tests.waiting import wait_until


def test_a_clone_of_a_task_whose_code_was_moved_runs(
    machine: Machine, store: RedisStore, tmp_path: Path
) -> None:
    with serving_s3() as s3:
        machine.variables |= {
            **s3.environment,
            "ELSEWHERE_AGENT_OUTPUT_URI": "s3://bucket/place",
            "ELSEWHERE_AGENT_CODE_MEMORY_BYTES": "0",
        }
        task = send(store, tmp_path, "counting.py", "0", "scalars")
        task.let_go()
        agent = machine.start()
        task.assert_completed(machine)
        agent.end()
        (digest,) = store.read(task.id).digests
        machine.start()
        wait_until(
            lambda: not store.redis.exists(keys.blob(digest)),
            within_s=PATIENCE_S,
            what="the code has left Redis",
        )
        assert store.blob_url(digest) == f"s3://bucket/place/blobs/{digest}"
        clone = stored.clone(store, task.id)
        Queues(store).enqueue(clone, DEFAULT_QUEUE)
        state = Probe(clone, task.folder, store).wait_until_ended()
        assert str(state.status) == "completed", state
        assert isinstance(machine.folder(clone), RunFolder)
        assert task.starts == [1, 1]
