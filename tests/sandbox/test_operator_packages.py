"""Packages of the operator's, before and after those of each task, by the real installers."""

from __future__ import annotations

from pathlib import Path

import pytest

from elsewhere_sandbox.environments import environments
from elsewhere_sandbox.errors import SetupError
from elsewhere_sandbox.spec import PackagePolicy
from tests.sandbox.locks import Box, locked
from tests.wheels import write_sdist, write_wheel


@pytest.fixture
def box(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Box:
    return Box(tmp_path, tmp_path_factory.getbasetemp() / "seed")


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_a_build_finds_what_was_installed_before_it(box: Box, installer: str) -> None:
    write_wheel(box.wheels, "tool", requires=["below"])
    write_wheel(box.wheels, "below")
    write_sdist(box.wheels, "mine", imports="tool, below")
    write_sdist(box.wheels, "after", imports="mine")
    box.policy = PackagePolicy(
        installer=installer,
        options=("--no-build-isolation",),
        pre_packages=("tool",),
        post_packages=("after>=1",),
    )
    interpreter = box.prepare([locked("mine")], ["mine==1.0"])
    assert set(box.installed(interpreter)) == {"tool", "below", "mine", "after"}
    before, after = "before the task's own: tool.", "after the task's own: after>=1."
    assert box.lines.index(before) < box.lines.index(after)
    (built,) = environments(box.home)
    assert built.requirements == ("mine==1.0", "tool", "after>=1")


@pytest.mark.parametrize(
    "policy", [PackagePolicy(pre_packages=("tool",)), PackagePolicy(post_packages=("tool",))]
)
def test_they_make_another_environment(box: Box, policy: PackagePolicy) -> None:
    write_wheel(box.wheels, "mine")
    write_wheel(box.wheels, "tool")
    lock, asked = [locked("mine")], ["mine==1.0"]
    without = box.prepare(lock, asked)
    box.policy = policy
    with_it = box.prepare(lock, asked)
    assert with_it.digest != without.digest
    assert set(box.installed(with_it)) == {"mine", "tool"}
    assert box.prepare(lock, asked).was_cached


def test_the_version_of_the_task_wins_over_an_earlier_one_and_loses_to_a_later(box: Box) -> None:
    for version in ("1.0", "2.0"):
        write_wheel(box.wheels, "mine", version)
    lock, asked = [locked("mine", "2.0")], ["mine==2.0"]
    box.policy = PackagePolicy(pre_packages=("mine<2",))
    assert box.installed(box.prepare(lock, asked)) == {"mine": "2.0"}
    assert "captured" not in box.lines
    box.policy = PackagePolicy(post_packages=("mine<2",))
    assert box.installed(box.prepare(lock, asked)) == {"mine": "1.0"}
    assert "mine is 1.0 here, where 2.0 was captured." in box.lines


def test_what_they_break_is_named(box: Box) -> None:
    for version in ("1.0", "2.0"):
        write_wheel(box.wheels, "deep", version)
    write_wheel(box.wheels, "mine", requires=["deep>=2"])
    box.policy = PackagePolicy(post_packages=("deep<2",))
    box.prepare([locked("deep", "2.0"), locked("mine", "1.0", "deep>=2")], ["mine==1.0"])
    assert "mine 1.0 asks for deep>=2, and 1.0 is installed" in box.lines


def test_one_that_cannot_be_had_ends_the_set_up_of_every_task(box: Box) -> None:
    write_wheel(box.wheels, "mine")
    box.policy = PackagePolicy(post_packages=("nowhere",))
    with pytest.raises(SetupError, match="nowhere") as refused:
        box.prepare([locked("mine")], ["mine==1.0"])
    assert "The packages of this agent's setting post_packages cannot" in str(refused.value)
    assert "this task" not in str(refused.value)
    assert environments(box.home) == []
