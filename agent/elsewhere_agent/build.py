"""The environment of a task, built here to be kept."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from elsewhere.command.naming import find_task
from elsewhere.command.printing import safe_for_terminal
from elsewhere.core.errors import UsageError
from elsewhere.core.folders import named_path
from elsewhere.store import store_url
from elsewhere.store.redis.connection import connect
from elsewhere.store.redis.store import RedisStore
from elsewhere_agent.configuration import worker_settings
from elsewhere_agent.errors import AgentError
from elsewhere_agent.scratch import scratch_of
from elsewhere_sandbox.building import build_folder, build_image
from elsewhere_sandbox.errors import SandboxError
from elsewhere_sandbox.spec import RunSpec
from elsewhere_worker.boundary import checked

if TYPE_CHECKING:
    from elsewhere.core.settings import Settings
    from elsewhere_agent.configuration import AgentSettings


def build(
    settings: Settings, agent: AgentSettings, wanted: str, *, venv: str, tag: str, base: str
) -> None:
    """Builds the environment of a task as a folder, `venv`, or as an image, `tag`, of the image
    `base`, if that is not the task's own; its progress is shown on stderr. `wanted` is the task's
    id, or how it begins.

    Raises NotFoundError, UsageError, and AgentError where it cannot be built.
    """
    if base and not tag:
        raise UsageError("The option --base names the image that --docker adds to: give both.")
    settings.home.ensure()
    url = store_url(settings)
    store = RedisStore(connect(url))
    task_id = find_task(store, wanted)
    record, queue = checked(store.read(task_id)), store.state(task_id).queue
    if base:
        record = replace(record, environment=replace(record.environment, image=base))
    config = worker_settings(settings, agent, url)
    spec = RunSpec(
        record=record,
        home=str(settings.home.path),
        policy=config.policy,
        agent=config.name,
        queue=queue,
    )
    with scratch_of(store, record) as folder:
        try:
            if tag:
                made_of = build_image(spec, folder, tag, _show)
                print(f"The image {tag} is {made_of} with the packages of task {task_id}.")
                print(f'Tasks run in it by task.set_base_docker("{tag}").')
                return
            target = named_path(venv).absolute()
            contents = build_folder(spec, folder, target, _show)
        except SandboxError as error:
            raise AgentError(f"Nothing was built for task {task_id}. {error}") from error
    for note in contents.notes:
        print(note)
    print(f"Installed: {', '.join(contents.packages) or 'no packages'}.")
    print(f"Its Python is {target / 'bin' / 'python'}.")


def _show(text: str) -> None:
    sys.stderr.write(safe_for_terminal(text))
    sys.stderr.flush()
