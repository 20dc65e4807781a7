"""Settings of what tasks get of the machine: sizes as texts, queues with GPUs, slots to match."""

from __future__ import annotations

from pathlib import Path

import pytest

from elsewhere.core.errors import ConfigurationError, UsageError
from elsewhere.core.records import Needs
from elsewhere.core.settings import load
from elsewhere_agent.configuration import AgentSettings, load_agent, worker_settings
from elsewhere_worker.settings import WorkerSettings


def agent(
    home: Path, text: str = "", options: dict[str, object] | None = None, **environ: str
) -> AgentSettings:
    if text:
        (home / "config.toml").write_text(f"[agent]\n{text}\n")
    return load_agent(load({"ELSEWHERE_HOME": str(home)}), options=options, environ=environ)


def worker(home: Path, options: dict[str, object], gpus: int) -> WorkerSettings:
    settings = load({"ELSEWHERE_HOME": str(home)})
    return worker_settings(settings, agent(home, options=options), "redis://", gpus)


def test_a_size_is_a_number_or_a_text_wherever_it_stands(tmp_path: Path) -> None:
    of_variables = agent(
        tmp_path,
        ELSEWHERE_AGENT_MEMORY_BYTES="32GB",
        ELSEWHERE_AGENT_DISK_BYTES="1024",
        ELSEWHERE_AGENT_CPUS="2",
    )
    assert (of_variables.memory_bytes, of_variables.disk_bytes) == (32 << 30, 1024)
    of_options = agent(tmp_path, options={"memory_bytes": "1.5 g", "time_limit_s": 60.0})
    assert (of_options.memory_bytes, of_options.time_limit_s) == (3 << 29, 60)
    of_file = agent(tmp_path, 'memory_bytes = "64GB"\ndisk_bytes = 512')
    assert (of_file.memory_bytes, of_file.disk_bytes) == (64 << 30, 512)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('memory_bytes = "much"', "'much', but must be a number of bytes, or a text such as"),
        ("disk_bytes = -1", "-1, but must be a number of bytes"),
        ("memory_bytes = true", "True, but must be a number of bytes"),
        ('queues = ["big=many"]', "each maybe with a number of GPUs: big=4"),
        ('queues = ["big=1.5"]', "each maybe with a number of GPUs: big=4"),
        ('gpus = "0 1"', "all, none, or numbers or ids of some with commas between them"),
        ("cpus = -1", "a whole number from 0 up"),
    ],
)
def test_what_is_no_such_value_is_named(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        agent(tmp_path, text)
    assert named in str(caught.value)


def test_an_option_is_named_as_it_was_typed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="The option --memory is 'much', but must be"):
        agent(tmp_path, options={"memory_bytes": "much"})
    with pytest.raises(UsageError, match="The option --time-limit is -1"):
        agent(tmp_path, options={"time_limit_s": -1.0})


def test_queues_with_gpus_are_served_by_their_names(tmp_path: Path) -> None:
    found = worker(tmp_path, {"queues": ["big=4", "small=1", "any"], "cpus": 2}, 8)
    assert (found.queues, found.gpus) == (("big", "small", "any"), {"big": 4, "small": 1})
    assert found.limits == Needs(cpus=2)


@pytest.mark.parametrize(
    ("options", "gpus", "slots"),
    [
        ({}, 8, 1),
        ({"queues": ["big=4", "small=1"]}, 8, 8),
        ({"queues": ["big=4"]}, 8, 2),
        ({"queues": ["big=4"]}, 2, 1),
        ({"queues": ["big=4"], "slots": 3}, 8, 3),
        ({"queues": ["part=0.25"]}, 2, 2),
        ({"queues": ["part=0.25"], "share_gpus": True}, 2, 8),
        ({"queues": ["none=0"]}, 2, 1),
    ],
)
def test_there_are_as_many_slots_as_tasks_fit_on_the_gpus(
    tmp_path: Path, options: dict[str, object], gpus: int, slots: int
) -> None:
    assert worker(tmp_path, options, gpus).slots == slots
