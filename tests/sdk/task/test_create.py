"""`Task.create`: a draft of whatever describes a task, with the code that only this disk has."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from elsewhere import Task
from elsewhere.core.choices import TaskType
from elsewhere.core.errors import CaptureError, NotFoundError, UsageError
from elsewhere.core.records import Environment, Parameter, Source
from elsewhere.store.filters import Filter
from elsewhere.store.redis.store import RedisStore
from tests.stores import make_record

URL = "https://example.org/team/code.git"


@pytest.fixture(autouse=True)
def folder(store: RedisStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this process works, outside git."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, check=True, text=True)
    return done.stdout.strip()


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """One pushed commit, one that is not, and a file that git does not know."""
    root = write(tmp_path / "repository", {"src/train.py": "import train_data\n"})
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message=one")
    git(root, "remote", "add", "origin", URL)
    git(root, "update-ref", "refs/remotes/origin/main", "HEAD")
    write(root, {"src/more.py": "x = 1\n"})
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message=two")
    write(root, {"src/untracked.py": "y = 2\n"})
    return root


def source(store: RedisStore, *arguments: Any, **named: Any) -> Source:
    return store.read(Task.create("examples", "made", *arguments, **named).id).source


# a repository far away


def test_data_of_code_that_is_not_here_is_refused(store: RedisStore) -> None:
    with pytest.raises(UsageError, match="the code of this draft is not on this machine"):
        Task.create("examples", "made", repo=URL, script="train.py", data="corpus.bin")
    assert list(store.search(Filter())) == []


def test_a_repository_by_its_url_is_only_named(store: RedisStore) -> None:
    task = Task.create(
        "examples",
        "made",
        "testing",
        URL,
        "main",
        "abcdef12",
        "train.py",
        "src",
        ["numpy>=2", " "],
        docker="python:3.11 --ipc=host",
        docker_bash_setup_script=["apt-get update", "apt-get install -y x"],
        argv=["--a"],
    )
    record = store.read(task.id)
    assert record.source == Source(
        repository=URL,
        branch="main",
        commit="abcdef12",
        entry_point="train.py",
        working_dir="src",
        argv=("--a",),
        needs_init=True,
    )
    assert record.environment == Environment(
        packages=("numpy>=2",),
        image="python:3.11",
        image_arguments=("--ipc=host",),
        setup=("apt-get update\napt-get install -y x",),
    )
    assert (record.type, record.seed, record.parameters) == (TaskType.TESTING, 1337, {})
    assert task.get_status() == "created"


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"script": "scripts/train.py"}, "train"),
        ({"module": "package.train"}, "package.train"),
        ({"script": "a.py"}, "draft a"),
    ],
)
def test_a_draft_is_called_after_what_it_runs(given: dict[str, Any], name: str) -> None:
    assert Task.create("examples", repo=URL, **given).name == name


@pytest.mark.parametrize(
    "line",
    [
        *(".", "./libs/x", "../x", "/opt/x", "~/x", "x-1.0-py3-none-any.whl", "dist/x.tar.gz"),
        *("file:///opt/x", "x @ file:///opt/x", "x @ ./libs/x"),
    ],
)
def test_a_package_of_this_machine_is_refused_where_it_is_written(line: str) -> None:
    with pytest.raises(UsageError, match=r"is a path of this machine.*Name a package of an index"):
        Task.create("examples", repo=URL, script="train.py", packages=["numpy", line])


@pytest.mark.parametrize(
    "line", ["x @ https://example.org/x-1.0.whl", "x.y>=1", "git+https://example.org/x", "-e ./x"]
)
def test_other_packages_are_taken(line: str, store: RedisStore) -> None:
    task = Task.create("examples", repo=URL, script="train.py", packages=[line])
    assert store.read(task.id).environment.packages == (line,)


def test_the_arguments_of_a_script_can_be_set(store: RedisStore) -> None:
    given = [("lr", 1), ("seed", 2)]
    task = Task.create("examples", repo=URL, script="train.py", argparse_args=given, argv=["--a"])
    assert task.get_script()["argv"] == "--a"
    task.set_script(argv="--lr 5 --name 'a b'")
    record = store.read(task.id)
    assert record.source.argv == ("--lr", "5", "--name", "a b")
    assert [name for name, one in record.parameters.items() if one.is_edit] == ["Args/seed"]
    task.set_script(argv=[])
    assert store.read(task.id).source.argv == ()


def test_arguments_are_parameters_with_their_types(store: RedisStore) -> None:
    given: list[Any] = [("lr", 0.1), ["--batch-size", 3], ("Args/name", "x")]
    task = Task.create("examples", repo=URL, script="train.py", argparse_args=given)
    assert store.read(task.id).parameters == {
        "Args/lr": Parameter(value=0.1, type="float", is_edit=True),
        "Args/batch_size": Parameter(value=3, type="int", is_edit=True),
        "Args/name": Parameter(value="x", type="str", is_edit=True),
    }
    other = Task.create("examples", repo=URL, script="train.py", argparse_args={"lr": 1})
    assert other.get_parameters() == {"Args/lr": 1}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"script": "run.sh"}, ("/bin/bash", "")),
        ({"script": "run.sh", "binary": "/bin/sh"}, ("/bin/sh", "")),
        ({"script": "run.py", "binary": "python3.10"}, ("", "3.10")),
        ({"script": "run.py", "binary": "/usr/bin/python3"}, ("", "")),
        ({"script": "run.py"}, ("", "")),
    ],
)
def test_a_binary_is_a_python_or_what_else_runs_the_script(
    store: RedisStore, given: dict[str, Any], expected: tuple[str, str]
) -> None:
    record = store.read(Task.create("examples", "made", repo=URL, **given).id)
    assert (record.source.binary, record.environment.python) == expected


# code on this disk


def test_a_local_repository_travels_as_it_is(store: RedisStore, repository: Path) -> None:
    made = source(store, repo=str(repository), working_directory="src", script="train.py")
    assert (made.repository, made.branch) == (URL, "main")
    assert made.commit == git(repository, "rev-parse", "HEAD")
    assert (made.working_dir, made.entry_point) == ("src", "train.py")
    assert (made.missing, made.needs_init) == ("", True)
    assert store.get_blob(made.bundle).startswith(b"# v2 git bundle")
    assert b"src/untracked.py" in store.get_blob(made.patch)


@pytest.mark.parametrize(
    ("script", "working_directory"),
    [
        ("src/train.py", None),
        ("src/train.py", "src"),
        ("train.py", "src"),
        ("../train.py", "src/a"),
    ],
)
def test_a_local_script_is_found_from_the_working_folder_or_the_root(
    store: RedisStore, repository: Path, script: str, working_directory: str | None
) -> None:
    (repository / "src" / "a").mkdir()
    made = source(store, repo=str(repository), script=script, working_directory=working_directory)
    path = repository / made.working_dir / made.entry_point
    assert path.resolve() == repository / "src" / "train.py"
    assert made.working_dir == (working_directory or ".")


def test_a_script_brings_the_repository_around_it(
    store: RedisStore, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repository / "src")
    made = source(store, script="train.py")
    assert (made.repository, made.working_dir, made.entry_point) == (URL, "src", "train.py")
    loose = source(store, script="train.py", detect_repository=False)
    assert (loose.repository, loose.commit, loose.working_dir) == ("", "", ".")
    by_path = source(store, script=str(repository / "src" / "train.py"))
    assert by_path.patch == made.patch


def test_a_script_outside_git_brings_what_it_imports(store: RedisStore, folder: Path) -> None:
    write(folder, {"train.py": "import beside\n", "beside.py": "", "other.py": ""})
    patch = store.get_blob(source(store, script="train.py").patch)
    assert (b"beside.py" in patch, b"other.py" in patch) == (True, False)
    alone = source(store, script="train.py", force_single_script_file=True)
    assert b"beside.py" not in store.get_blob(alone.patch)
    assert alone.entry_point == "train.py"
    assert alone.tree


def test_a_module_is_found_in_the_working_folder(store: RedisStore, folder: Path) -> None:
    write(folder, {"package/__init__.py": "", "package/train.py": "", "package/__main__.py": ""})
    for module in ("package.train", "package"):
        made = source(store, module=module)
        assert (made.module, made.entry_point, made.working_dir) == (module, "", ".")
        assert b"package/train.py" in store.get_blob(made.patch)


def test_a_bare_repository_is_as_one_far_away(store: RedisStore, folder: Path) -> None:
    git(folder, "init", "--quiet", "--bare", "shared.git")
    made = source(store, repo="./shared.git", script="train.py")
    assert (made.repository, made.patch) == ("./shared.git", "")


# packages


def packages(store: RedisStore, **given: Any) -> tuple[str, ...] | None:
    return store.read(Task.create("examples", "made", **given).id).environment.packages


def test_packages_are_lines_a_file_or_those_that_the_code_imports(
    store: RedisStore, folder: Path
) -> None:
    far: dict[str, Any] = {"repo": URL, "script": "train.py"}
    assert packages(store, **far) is None
    assert packages(store, packages=[], **far) == ()
    assert packages(store, packages="", **far) == ()
    (folder / "more.txt").write_text("b  # why\n\n-r inner.txt\n")
    (folder / "inner.txt").write_text("c==1\n")
    assert packages(store, packages="more.txt", **far) == ("b", "c==1")
    assert packages(store, requirements_file="more.txt", **far) == ("b", "c==1")
    write(folder, {"train.py": "import redis\n"})
    (found,) = packages(store, script="train.py", packages=True) or ()
    assert found.startswith("redis==")
    assert packages(store, script="train.py") == (found,)


def test_the_requirements_of_a_local_repository_count_where_it_has_some(
    store: RedisStore, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (repository / "src" / "train.py").write_text("import redis\n")
    near: dict[str, Any] = {"repo": str(repository), "script": "src/train.py"}
    captured = packages(store, **near)
    assert captured is not None
    assert captured[0].startswith("redis==")
    assert "the packages of the draft are those that it imports" in capsys.readouterr().err
    for name in ("src/requirements.txt", "requirements.txt"):  # beside the script, at the root
        (repository / name).write_text("numpy\n")
        assert packages(store, **near) is None
        assert f"are those of {name}" in capsys.readouterr().err


# a base, or nothing


def test_a_base_is_cloned_and_the_arguments_count_instead(store: RedisStore) -> None:
    base = make_record(
        source=Source(repository=URL, commit="abc", patch="d" * 64, tree="e", entry_point="a.py"),
        parameters={"Args/lr": Parameter(value=1.0, type="float"), "General/a": Parameter(value=1)},
        environment=Environment(packages=("numpy",), image="old"),
        tags=("x",),
        type=TaskType.QC,
    )
    store.create(base)
    same = store.read(Task.create(base_task_id=base.id).id)
    assert (same.name, same.project, same.parent) == ("Clone Of train", "examples", base.id)
    assert (same.source, same.environment, same.tags) == (base.source, base.environment, ("x",))
    assert same.type is TaskType.QC
    other = store.read(
        Task.create(
            "others",
            "other",
            base_task_id=base.id,
            script="b.py",
            docker="new",
            argparse_args=[("lr", 2.0)],
        ).id
    )
    assert (other.name, other.project) == ("other", "others")
    assert (other.source.entry_point, other.source.patch) == ("b.py", "d" * 64)
    assert (other.environment.image, other.environment.packages) == ("new", ("numpy",))
    assert {name: item.value for name, item in other.parameters.items()} == {
        "Args/lr": 2.0,
        "General/a": 1,
    }
    moved = store.read(Task.create(base_task_id=base.id, repo="https://example.org/b.git").id)
    assert moved.source == Source(repository="https://example.org/b.git", entry_point="a.py")


def test_nothing_at_all_is_a_template_that_setters_fill(store: RedisStore) -> None:
    task = Task.create("examples", "template")
    assert store.read(task.id).source == Source(needs_init=True)
    task.set_repo(URL, branch="main")
    task.set_script(entry_point="train.py")
    assert task.get_script()["entry_point"] == "train.py"


# what cannot be


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"script": "a.py", "module": "a"}, "not both"),
        ({"project_name": None, "script": "a.py", "repo": URL}, "needs a project"),
        ({"project_name": "ab", "script": "a.py", "repo": URL}, "2 characters"),
        ({"task_type": "trainin", "repo": URL, "script": "a.py"}, "Did you mean 'training'"),
        ({"script": "not_there.py"}, "There is no script 'not_there.py'"),
        ({"module": "not_there.inner"}, "There is no module 'not_there.inner'"),
        ({"script": "a.py", "working_directory": "not_there"}, "no working folder 'not_there'"),
        ({"repo": "./not_there", "script": "a.py"}, "There is no repository './not_there'"),
        ({"repo": URL}, "something to run"),
        ({"repo": "."}, "something to run"),
        ({"repo": URL, "script": "a.py", "packages": True}, "not on this machine"),
        ({"repo": URL, "script": "a.py", "packages": 5}, "list of requirement lines"),
        ({"repo": URL, "script": "a.py", "packages": "no.txt"}, "'no.txt' cannot be read"),
        ({"repo": URL, "script": "a.py", "requirements_file": "no.txt"}, "'no.txt' cannot be read"),
        ({"repo": URL, "script": "a.py", "packages": [], "requirements_file": "a"}, "not both"),
        ({"repo": "https://me:word@example.org/a.git", "script": "a.py"}, "password"),
        ({"repo": URL, "script": "a", "packages": ["a @ https://m:w@example.org/a"]}, "password"),
        ({"repo": URL, "script": "a.py", "argparse_args": ["lr=1"]}, "pairs of a name and a value"),
        ({"repo": URL, "script": "a.py", "argparse_args": [("a", object())]}, "A object cannot be"),
        ({"repo": URL, "script": "a.py", "docker_args": "'"}, "No closing quotation"),
        ({"repo": URL, "module": "a.b", "binary": "/bin/sh"}, "is run by Python"),
        ({"repo": URL, "script": 5}, "script must be a text"),
        ({"repo": ".", "script": "here.py", "detect_repository": False}, "without a repository"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_no_task(
    store: RedisStore, folder: Path, given: dict[str, Any], why: str
) -> None:
    write(folder, {"here.py": ""})
    before = store.redis.dbsize()
    with pytest.raises(UsageError, match=why):
        Task.create(**{"project_name": "examples", "task_name": "made", **given})
    assert store.redis.dbsize() == before


@pytest.mark.parametrize("other", [{"branch": "other"}, {"commit": "0123456"}])
def test_local_code_is_not_another_commit_of_it(repository: Path, other: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="captured as it is, at main"):
        Task.create("examples", repo=str(repository), script="src/train.py", **other)
    commit = git(repository, "rev-parse", "--short", "HEAD")
    Task.create(
        "examples", repo=str(repository), script="src/train.py", branch="main", commit=commit
    )


def test_an_unknown_base_and_code_that_cannot_travel_are_refused(repository: Path) -> None:
    with pytest.raises(NotFoundError):
        Task.create(base_task_id="no")
    (repository / ".gitignore").write_text("secret.py\n")
    write(repository, {"secret.py": ""})
    with pytest.raises(CaptureError, match="git ignores it"):
        Task.create("examples", repo=str(repository), script="secret.py")
