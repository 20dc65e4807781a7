"""`wait_on_upload` waits as long as the upload takes, where there is somebody to take it."""

from __future__ import annotations

from pathlib import Path

from elsewhere.storage import local_path
from elsewhere.store.redis.store import RedisStore
from tests.redis_server import RedisServer
from tests.sdk.scripts import Scripts

#: one flush waits for nothing
WAITING = """
from elsewhere.delivery import sessions
from elsewhere.run import run
run._FLUSH_S, run._END_S, sessions._RETRY_S = 0.0, 0.1, 0.05
task = Task.init("examples", "waiting")
"""


def test_an_upload_is_waited_for_however_often_a_flush_is_not_enough(
    tmp_path: Path, redis_url: str, store: RedisStore
) -> None:
    ran = Scripts(tmp_path, redis_url).run(
        WAITING
        + """
for number in range(20):
    print(task.upload_artifact(str(number), "x" * 1_000_000, wait_on_upload=True))
print(task.id)
"""
    )
    assert ran.status == 0, ran.errors
    assert ran.lines[:-1] == ["True"] * 20
    artifacts = store.artifacts(ran.lines[-1]).values()
    assert all(local_path(artifact.url).stat().st_size == 1_000_000 for artifact in artifacts)


def test_a_store_that_has_gone_is_not_waited_for(tmp_path: Path, short_path: Path) -> None:
    with RedisServer(short_path) as server:
        ran = Scripts(tmp_path, server.url).run(
            WAITING
            + """
import signal
os.kill(int(os.environ["SERVER"]), signal.SIGKILL)
print(task.upload_artifact("data", {"a": 1}, wait_on_upload=True))
""",
            SERVER=str(server.pid),
        )
        assert (ran.status, ran.lines) == (0, ["False"]), ran.errors
