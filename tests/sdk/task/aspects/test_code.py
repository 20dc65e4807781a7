"""What code a task runs and in which environment, changed by hand: on drafts, in scripts, before
`Task.init`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from elsewhere import Task
from elsewhere.core.choices import Reason
from elsewhere.core.codec import to_plain
from elsewhere.core.errors import TransitionError, UsageError
from elsewhere.core.folders import Home, write_beside
from elsewhere.core.records import Environment, Outcome, Source, Submodule
from elsewhere.store.redis.store import RedisStore
from tests.sdk.scripts import Scripts
from tests.stores import begin, make_record

SOURCE = Source(
    repository="https://example.org/a.git",
    commit="abc",
    branch="main",
    patch="d" * 64,
    bundle="e" * 64,
    tree="f",
    submodules=(Submodule(path="x", repository="r", commit="c"),),
    entry_point="train.py",
    working_dir="src",
)


def draft(store: RedisStore, **fields: Any) -> Task:
    record = make_record(**{"source": SOURCE, **fields})
    store.create(record)
    return Task(record.id, store)


# the code


def test_another_commit_takes_with_it_what_belonged_to_the_old_one(store: RedisStore) -> None:
    task = draft(store)
    task.set_repo(commit="123", branch="dev")
    expected = replace(SOURCE, commit="123", branch="dev", bundle="", tree="", submodules=())
    assert store.read(task.id).source == expected, "the uncommitted changes stay"
    task.set_repo(repo="")
    assert store.read(task.id).source == replace(expected, repository="")


def test_what_is_not_given_stays(store: RedisStore) -> None:
    task = draft(store)
    task.set_repo()
    task.set_repo(repo=SOURCE.repository, branch="dev", commit="abc")
    task.set_script(entry_point="other.py", working_dir="", binary="/bin/sh")
    assert store.read(task.id).source == replace(
        SOURCE, branch="dev", entry_point="other.py", working_dir=".", binary="/bin/sh"
    )


def test_a_script_is_what_was_set(store: RedisStore) -> None:
    task = draft(store, source=Source(missing="Nobody captured it."))
    task.set_script(
        repository="https://example.org/b.git",
        branch="main",
        diff="diff --git a/a b/a\n",
        working_dir="src",
        entry_point="-m package.train",
        binary="python3.12",
    )
    assert task.get_script() == {
        "repository": "https://example.org/b.git",
        "branch": "main",
        "commit": "",
        "working_dir": "src",
        "entry_point": "-m package.train",
        "argv": "",
        "binary": "python3.12",
        "diff": "diff --git a/a b/a\n",
    }
    record = store.read(task.id)
    assert (record.source.missing, record.source.module) == ("", "package.train")
    assert record.environment.python == "3.12"
    task.set_script(diff="")
    assert task.get_script()["diff"] == ""


def test_a_diff_that_is_not_kept_any_more_is_empty(store: RedisStore) -> None:
    assert draft(store).get_script()["diff"] == ""


def test_files_outside_git_are_no_changes_of_a_repository(store: RedisStore) -> None:
    task = draft(store, source=Source(patch="d" * 64, tree="f", entry_point="train.py"))
    task.set_repo("https://example.org/b.git")
    assert store.read(task.id).source == Source(
        repository="https://example.org/b.git", entry_point="train.py"
    )


# the environment


def test_packages_are_set_and_read(store: RedisStore, tmp_path: Path) -> None:
    task = draft(store)
    assert task.get_requirements() == {}
    task.set_packages(["a==1", "b"])
    assert task.get_requirements() == {"pip": "a==1\nb"}
    (tmp_path / "needs.txt").write_text("c\nd>=2  # why\n")
    task.set_packages(tmp_path / "needs.txt")
    assert task.get_requirements() == {"pip": "c\nd>=2"}
    task.set_packages("")
    assert store.read(task.id).environment.packages == ()


def test_packages_that_people_set_are_all_there_is(store: RedisStore) -> None:
    digest = "d" * 64
    captured = Environment(
        python="3.11.7",
        packages=("a==1",),
        lock=digest,
        loaded=("b",),
        wheels=(digest,),
        missing="The package a cannot travel.",
        image="nvidia/cuda",
    )
    task = draft(store, environment=captured)
    task.set_packages(["a==2"])
    assert store.read(task.id).environment == Environment(
        python="3.11.7", packages=("a==2",), image="nvidia/cuda"
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"docker_cmd": "image -v a:b -e 'C=d e'"}, ("image", ("-v", "a:b", "-e", "C=d e"), ())),
        ({"docker_image": "new"}, ("new", ("--old",), ("echo",))),
        ({"docker_arguments": ["-v", "a b"]}, ("old", ("-v", "a b"), ("echo",))),
        ({"docker_arguments": ""}, ("old", (), ("echo",))),
        ({"docker_setup_bash_script": ["a", "b"]}, ("old", ("--old",), ("a\nb",))),
        ({"docker_setup_bash_script": ""}, ("old", ("--old",), ())),
        ({"docker_cmd": ""}, ("", (), ())),
        ({}, ("old", ("--old",), ("echo",))),
    ],
)
def test_an_image_is_set_in_parts(
    store: RedisStore, given: dict[str, Any], expected: tuple[str, tuple[str, ...], tuple[str, ...]]
) -> None:
    old = Environment(image="old", image_arguments=("--old",), setup=("echo",))
    task = draft(store, environment=old)
    task.set_base_docker(**given)
    found = store.read(task.id).environment
    if "docker_cmd" in given:  # the set-up script is none of the command
        expected = (*expected[:2], ("echo",))
    assert (found.image, found.image_arguments, found.setup) == expected
    assert task.get_base_docker().startswith(expected[0])


def test_the_image_is_read_as_it_was_written(store: RedisStore) -> None:
    task = draft(store)
    assert task.get_base_docker() == ""
    task.set_base_docker("image -v 'a b'")
    assert task.get_base_docker() == "image -v 'a b'"


# where it is refused


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (lambda task: task.set_repo(5), "The repository must be a text"),
        (lambda task: task.set_repo("https://me:word@example.org/a"), "password"),
        (lambda task: task.set_packages(5), "list of requirement lines"),
        (lambda task: task.set_packages("numpy"), "'numpy' cannot be read"),
        (lambda task: task.set_base_docker(docker_image="a b"), "not an image"),
        (lambda task: task.set_base_docker(docker_arguments="'"), "No closing quotation"),
    ],
)
def test_what_cannot_be_changes_nothing(store: RedisStore, call: Any, why: str) -> None:
    task = draft(store)
    before = store.read(task.id)
    with pytest.raises(UsageError, match=why):
        call(task)
    assert store.read(task.id) == before


def test_a_task_that_has_ended_is_not_changed(store: RedisStore) -> None:
    task_id = begin(store, source=SOURCE)
    store.finish(task_id, 1, Outcome(reason=Reason.COMPLETED))
    task, before = Task(task_id, store), store.read(task_id)
    calls: list[Callable[[], None]] = [
        lambda: task.set_repo(commit="1"),
        lambda: task.set_packages([]),
        lambda: task.set_base_docker("image"),
    ]
    for call in calls:
        with pytest.raises(TransitionError):
            call()
    assert store.read(task_id) == before


# in a script


def test_a_script_sets_what_its_task_needs_elsewhere(scripts: Scripts, store: RedisStore) -> None:
    """Though its code and packages are captured later than that."""
    ran = scripts.run(
        """
        import threading
        from elsewhere.run.capturing import Capturing
        is_awaited = threading.Event()
        capture, wait = Capturing._capture, Capturing.wait
        Capturing._capture = lambda self, located: is_awaited.wait(30) and capture(self, located)
        Capturing.wait = lambda self, *limit_s: is_awaited.set() or wait(self, *limit_s)
        task = Task.init("examples", "own")
        task.set_base_docker("image --arg")
        task.set_packages(["numpy"])
        print(task.get_base_docker(), task.get_requirements(), task.get_script()["entry_point"])
        copy = Task.clone(task)
        print(copy.get_base_docker(), copy.get_requirements())
        """
    )
    assert ran.lines == [
        "image --arg {'pip': 'numpy'} train.py",
        "image --arg {'pip': 'numpy'}",
    ], ran.errors


def test_code_that_is_described_by_hand_need_not_be_captured(
    scripts: Scripts, store: RedisStore
) -> None:
    (scripts.folder / "train.py").write_text("")
    ran = scripts.run(
        """
        import subprocess
        code = '''
        from elsewhere import Task
        task = Task.init("examples", "prompt")
        task.set_script(repository="https://example.org/a.git", commit="abc", entry_point="a.py")
        print(task.execute_remotely("default"))
        '''.replace("\\n        ", "\\n")
        print(subprocess.run([sys.executable, "-c", code]).returncode)
        """
    )
    assert ran.lines == ["0"], ran.errors
    (task_id,) = store.queued(older_than_s=0)
    assert store.read(task_id).source == Source(
        repository="https://example.org/a.git", commit="abc", entry_point="a.py"
    )


def test_on_an_agent_the_task_is_what_counts(
    scripts: Scripts, store: RedisStore, elsewhere_home: Path
) -> None:
    record = make_record(source=SOURCE, environment=Environment(packages=("a",), image="i"))
    folder = Home(elsewhere_home).run(record.id, 1).create()
    write_beside(folder.spec, {"record": to_plain(record)})
    ran = scripts.run(
        """
        task = Task.init("examples", "own")
        task.set_base_docker("other")
        task.set_packages([])
        task.set_repo(commit="other")
        print(task.get_base_docker(), task.get_requirements(), task.get_script()["commit"])
        """,
        ELSEWHERE_RUN_FOLDER=str(folder.path),
    )
    assert ran.lines == ["i {'pip': 'a'} abc"], ran.errors


# before `Task.init`


def test_wishes_come_before_init_and_are_too_late_after_it(
    scripts: Scripts, store: RedisStore
) -> None:
    ran = scripts.run(
        """
        import redis
        Task.add_requirements("anything", "1.5")
        Task.ignore_requirements("redis")
        task = Task.init("examples", "own")
        Task.add_requirements("late", "1")
        Task.ignore_requirements("anything")
        Task.force_requirements_env_freeze()
        print(task.get_requirements())
        """
    )
    assert ran.status == 0, ran.errors
    for name in ("add_requirements", "ignore_requirements", "force_requirements_env_freeze"):
        assert f"{name} changes nothing after Task.init" in ran.errors
    assert ran.lines == ["{'pip': 'anything==1.5'}"]
