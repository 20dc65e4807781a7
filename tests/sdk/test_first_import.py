"""The first import of the SDK loads what every script needs, the rest comes with its first use."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

#: modules that come later, with the first use of what stands beside them
LATER = {
    "redis": "Task.get_task(task_id='0' * 32)",
    "elsewhere.core.secrets": "Task.get_task(task_id='0' * 32)",
    "logging": "Task.get_task(task_id='0' * 32)",
    "dataclasses": "Task.get_task(task_id='0' * 32)",
    "elsewhere.report.logger": "elsewhere.Logger",
    "elsewhere.capture.wishes": "Task.ignore_requirements('numpy')",
    "elsewhere.models": "elsewhere.Model",
}


@pytest.mark.parametrize("module", LATER)
def test_a_module_comes_with_its_first_use(module: str, redis_url: str) -> None:
    code = (
        "import sys, contextlib, elsewhere\n"
        "from elsewhere import Task\n"
        f"print({module!r} in sys.modules)\n"
        f"with contextlib.suppress(elsewhere.core.errors.NotFoundError): {LATER[module]}\n"
        f"print({module!r} in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"ELSEWHERE_REDIS_URL": redis_url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["False", "True"], done.stderr


def test_a_task_begins_and_ends_without_what_it_has_not_used(redis_url: str) -> None:
    unused = ("artifacts.handle", "artifacts.staging", "offline.importing", "store.filters")
    code = (
        "import sys; from elsewhere import Task\n"
        "Task.init('examples', 'light').close()\n"
        f"print([name for name in {unused} if 'elsewhere.' + name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "ELSEWHERE_REDIS_URL": redis_url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines()[-1:] == ["[]"], done.stderr
