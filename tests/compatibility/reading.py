"""All that can be read of a store through public names and commands, as plain data.

`make.py` reads so with the code of the commit before, the tests with that of today.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any, Final

from elsewhere import InputModel, Model, Task
from tests.compatibility.insides import command, texts_of

#: ends of the names of what tells when it was done
MOVING: Final = ("_at", "_until", "seconds", "timestamp", "in time")
#: and of what a run tells anew
RUN: Final = (*MOVING, "output", "phases", ":monitor:machine")

_SEARCHES: Final[dict[str, dict[str, Any]]] = {
    "all": {},
    "by project": {"project_name": "kept/all"},
    "by name": {"task_name": "waits"},
    "by tag": {"tags": ["kept"]},
    "by both tags": {"tags": ["__$and", "kept", "late"]},
    "by words": {"task_filter": {"search_text": "two lines"}},
    **{
        f"by status {status}": {"task_filter": {"status": [status]}}
        for status in ("created", "queued", "in_progress", "stopped", "completed", "failed")
    },
    "by status published": {"task_filter": {"status": ["published"]}},
    "by type": {"task_filter": {"type": ["data_processing"]}},
    "archived": {"task_filter": {"system_tags": ["archived"]}},
    "not archived": {"task_filter": {"system_tags": ["-archived"]}},
    "by metric": {"task_filter": {"last_metrics.loss.valid": [2, None]}},
    "by progress": {"task_filter": {"progress": [80, None]}},
}


def tasks() -> list[str]:
    """The ids of all, the first made one first."""
    found = Task.query_tasks(task_filter={"order_by": ["created", "name"]})
    return [str(one) for one in found]


def task(task_id: str) -> dict[str, Any]:
    """One task with all that it is, was given, said and made; without what it has not."""
    handle = Task.get_task(task_id=task_id)
    assert handle is not None
    shown = json.loads(command("show", "--json", task_id))
    diff = handle.get_script()["diff"]
    shown["state"].pop("is_unreachable")  # it is so as soon as nobody renews the lease
    shown["state"].pop("losses", None)  # an earlier version did not count them
    return _plain(
        {
            "exported": handle.export_task(),
            "shown": {name: shown[name] for name in ("attempts", "phases", "state")},
            "phase names": [f"{one['attempt']} {one['name']}" for one in shown["phases"]],
            "status": handle.get_status_message(),
            "last_iteration": handle.get_last_iteration(),
            "last_worker": handle.last_worker,
            "queue": handle.get_executed_queue(),
            "progress": handle.get_progress(),
            "system_tags": handle.get_system_tags(),
            "diff": hashlib.sha256(diff.encode()).hexdigest() if diff else None,
            "parameters": repr(handle.get_parameters_as_dict(cast=True)),
            "artifacts": {name: _artifact(one) for name, one in handle.artifacts.items()},
            "input models": handle.input_models_id,
            "output models": handle.output_models_id,
            "scalars": handle.get_all_reported_scalars(),
            "scalars in time": handle.get_all_reported_scalars(x_axis="timestamp"),
            "last scalars": handle.get_last_scalar_metrics(),
            "single values": handle.get_reported_single_values(),
            "texts": texts_of(os.environ["ELSEWHERE_REDIS_URL"], task_id),
            "output": "".join(handle.get_reported_console_output()),
        }
    )


def model(model_id: str) -> dict[str, Any]:
    one = InputModel(model_id)
    weights = one.get_local_copy() if one.url.startswith("file:") else None
    return _plain(
        {
            "name": one.name,
            "project": one.project,
            "comment": one.comment,
            "tags": one.tags,
            "system_tags": one.system_tags,
            "framework": one.framework,
            "url": one.url,
            "labels": one.labels,
            "design": one.config_text,
            "task": one.task,
            "parent": one.parent,
            "iteration": one.iteration,
            "size": one.size,
            "digest": one.digest,
            "is_package": one.is_package,
            "published": one.published,
            "archived": one.archived,
            "metadata": one.get_all_metadata(),
            "weights": repr(Path(weights).read_bytes()) if weights else None,
        }
    )


def searches() -> dict[str, Any]:
    """What is found, in the order in which it is."""
    found: dict[str, Any] = {name: Task.query_tasks(**asked) for name, asked in _SEARCHES.items()}
    fields = ["status", "parameters.General/rate", "last_metrics.loss.train", "started"]
    found["with fields"] = Task.query_tasks(task_name=" a", additional_return_fields=fields)
    found["listed"] = [one["id"] for one in json.loads(command("list", "--json", "--limit", "0"))]
    found["projects"] = [one.name for one in Task.get_projects()]
    found["models"] = [one.id for one in Model.query_models(include_archived=True)]
    found["models by tag"] = [one.id for one in Model.query_models(tags=["m"])]
    found["models by project"] = [one.id for one in Model.query_models(project_name="kept/all")]
    found["in the queue"] = Task.get_num_enqueued_tasks("default")
    return _plain(found)


def lasting(read: Any, moving: tuple[str, ...] = MOVING) -> Any:
    """What is the same each time that the same is done."""
    if isinstance(read, dict):
        return {
            name: lasting(item, moving) for name, item in read.items() if not name.endswith(moving)
        }
    return [lasting(item, moving) for item in read] if isinstance(read, list) else read


#: fields that records of older versions have not, or elsewhere
_LATER: Final = (
    *("has_marked_edits", "has_new_words", "is_edit", "is_explicit"),
    *("gpus", "cpus", "memory_bytes", "disk_bytes", "priority", "failures", "due_at"),
    *("count", "backoff_s", "avoids_host"),
)


def trimmed(value: Any) -> Any:
    """Without what is nothing, so that the rest is short."""
    if isinstance(value, dict):
        some = {name: trimmed(item) for name, item in value.items()}
        is_nothing = {
            name: item in (None, "", [], {}) or (name in _LATER and item in (False, 0))
            for name, item in some.items()
        }
        return {name: some[name] for name in some if name == "value" or not is_nothing[name]}
    return [trimmed(item) for item in value] if isinstance(value, list) else value


def _artifact(one: Any) -> dict[str, Any]:
    value = one.get() if one.digest else None
    return {
        "type": one.type,
        "url": one.url,
        "size": one.size,
        "hash": one.hash,
        "metadata": one.metadata,
        "preview": one.preview,
        "timestamp": one.timestamp.timestamp(),
        "value": value.read_text() if isinstance(value, Path) else value,
    }


def _plain(value: dict[str, Any]) -> dict[str, Any]:
    """As it comes back from JSON, where what is no number is a text: it equals itself then."""
    plain: dict[str, Any] = trimmed(json.loads(json.dumps(value), parse_constant=str))
    return plain
