"""A home that was there before, open to other users."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from elsewhere.core.choices import Status
from elsewhere.store.redis.connection import connect
from elsewhere.store.redis.store import RedisStore
from tests.agent.running import draft, enqueue, running_daemon
from tests.waiting import wait_until

SCRIPT = """
from elsewhere import Task
task = Task.init("examples", "open home")
task.upload_artifact("found", {"a": 1})
"""


def test_all_that_is_made_in_it_is_closed(
    elsewhere_home: Path, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ELSEWHERE_REDIS_URL", redis_url)
    elsewhere_home.chmod(0o755)
    store = RedisStore(connect(redis_url))
    task_id = draft(store, tmp_path, SCRIPT)
    enqueue(store, task_id)
    with running_daemon(tmp_path):
        wait_until(lambda: store.state(task_id).status is Status.COMPLETED, within_s=60)
    store.close()
    for is_offline in "01":
        monkeypatch.setenv("ELSEWHERE_OFFLINE_MODE", is_offline)
        subprocess.run([sys.executable, "-c", SCRIPT], check=True, capture_output=True)
    made = {path.name: path.stat().st_mode & 0o777 for path in elsewhere_home.iterdir()}
    assert set(made) >= {"agents", "environments", "last", "lent", "offline", "runs", "storage"}
    assert {name: mode for name, mode in made.items() if mode & 0o077} == {}
    assert elsewhere_home.stat().st_mode & 0o777 == 0o755, "it is the user's own"
