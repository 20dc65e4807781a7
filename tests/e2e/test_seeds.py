"""The seed makes two runs the same; another one, or none, does not."""

from __future__ import annotations

import re

import pytest

from elsewhere import Task
from tests.e2e.world import Box, Laptop

_SCRIPT = """
import random
from elsewhere import Task
{before}
task = Task.init("seeds", "numbers")
{go}
print("drawn", random.random(), random.randint(0, 10**9), hash("a text"), hash(("b", 1.5)))
print("seed", Task.get_random_seed())
"""
_GO = 'task.execute_remotely("default")'


def _drawn(output: str) -> str:
    found = re.search(r"^drawn (.*)$", output, re.MULTILINE)
    assert found is not None, output
    return found[1]


def _sent(laptop: Laptop, before: str = "") -> Task:
    project = laptop.repository("project", {"draw.py": _SCRIPT.format(before=before, go=_GO)})
    return laptop.send(project.folder, "draw.py")


@pytest.mark.parametrize(("before", "seed"), [("", 1337), ("Task.set_random_seed(42)", 42)])
def test_two_runs_draw_the_same_numbers(laptop: Laptop, box: Box, before: str, seed: int) -> None:
    task = _sent(laptop, before)
    first = box.end(task)
    second = box.run(Task.clone(task))
    assert first.status == second.status == "completed", first
    assert f"seed {seed}" in first.output
    assert _drawn(first.output) == _drawn(second.output)
    assert box.store.read(task.id).seed == seed


def test_another_seed_draws_other_numbers(laptop: Laptop, box: Box) -> None:
    task = _sent(laptop)
    first = box.end(task)
    clone = Task.clone(task)
    box.store.edit(clone.id, seed=7)
    second = box.run(clone)
    assert "seed 7" in second.output, second
    drawn = [_drawn(ended.output).split() for ended in (first, second)]
    assert not set(drawn[0]) & set(drawn[1])


def test_without_a_seed_each_run_draws_its_own(laptop: Laptop, box: Box) -> None:
    task = _sent(laptop, "Task.set_random_seed(None)")
    first = box.end(task)
    second = box.run(Task.clone(task))
    assert "seed None" in first.output, first
    assert box.store.read(task.id).seed is None
    drawn = [_drawn(ended.output).split() for ended in (first, second)]
    assert not set(drawn[0]) & set(drawn[1])


def test_a_run_here_and_one_elsewhere_draw_the_same_numbers(laptop: Laptop, box: Box) -> None:
    """But for `hash`, which Python decides on before a script begins."""
    project = laptop.repository("local", {"draw.py": _SCRIPT.format(before="", go="")})
    printed = laptop.run(project.folder, "draw.py")
    assert "Random seed 1337" in printed.errors
    here = _drawn(printed.output.decode())
    there = _drawn(box.end(_sent(laptop)).output)
    assert here.split()[:2] == there.split()[:2]


def test_no_seed_is_not_announced(laptop: Laptop) -> None:
    script = _SCRIPT.format(before="Task.set_random_seed(None)", go="")
    project = laptop.repository("local", {"draw.py": script})
    first, second = (laptop.run(project.folder, "draw.py") for _ in range(2))
    assert "Random seed" not in first.errors
    assert _drawn(first.output.decode()) != _drawn(second.output.decode())
