"""Wherever the code lies, and however it is started: the same code runs elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.world import Box, Ended, Laptop, Repository

_GO = """
from elsewhere import Task
task = Task.init({project!r}, "from here")
task.execute_remotely("default")
"""


def test_a_module_runs_by_its_name(laptop: Laptop, box: Box) -> None:
    project = laptop.repository(
        "project",
        {
            "src/pack/__init__.py": "",
            "src/pack/part.py": "SIZE = 3\n",
            "src/pack/train.py": "from .part import SIZE\n"
            + _GO.format(project="module")
            + "import sys\nprint(__name__, __package__, SIZE, sys.argv[1:])\n",
        },
    )
    task = laptop.send(project.folder / "src", "-m", "pack.train", "--lr", "1")
    ended = box.end(task)

    assert ended.status == "completed", ended
    assert "__main__ pack 3 ['--lr', '1']" in ended.output
    source = box.store.read(task.id).source
    assert (source.module, source.working_dir) == ("pack.train", "src")


def test_a_package_runs_by_its_name(laptop: Laptop, box: Box) -> None:
    project = laptop.repository(
        "project",
        {
            "pack/__init__.py": "",
            "pack/__main__.py": _GO.format(project="package") + "print('main of', __package__)\n",
        },
    )
    ended = box.end(laptop.send(project.folder, "-m", "pack"))
    assert ended.status == "completed", ended
    assert "main of pack" in ended.output


def _folder(laptop: Laptop, files: dict[str, str], *, is_in_git: bool) -> Path:
    if is_in_git:
        return laptop.repository("project", {**files}).folder
    loose = Repository(laptop.folder / "loose")
    loose.write({**files})
    return loose.folder


MAIN: str = (
    """
import sys
from pathlib import Path
from typing import Final
import beside
"""
    + _GO.format(project="links")
    + """
print("I am", Path(sys.argv[0]).name, Path(__file__).name, Path(sys.path[0]).name, beside.WORD)
"""
)


@pytest.mark.parametrize("is_in_git", [True, False])
@pytest.mark.parametrize(("link", "target"), [("train", "main.py"), ("bin/evaluate", "../main.py")])
def test_a_script_started_by_a_link_has_the_name_of_the_link(
    link: str, target: str, is_in_git: bool, laptop: Laptop, box: Box
) -> None:
    files = {"main.py": MAIN, "beside.py": "WORD = 'imported'\n", "bin/other.py": ""}
    folder = _folder(laptop, files, is_in_git=is_in_git)
    (folder / link).symlink_to(target)
    name = link.rpartition("/")[2]
    ended = box.end(laptop.send(folder, link))

    assert ended.status == "completed", ended
    assert f"I am {name} {name} " in ended.output
    assert " imported" in ended.output


def test_a_link_outside_of_the_code_with_another_name_is_refused(laptop: Laptop) -> None:
    project = laptop.repository("project", {"main.py": MAIN, "beside.py": "WORD = 1\n"})
    (laptop.folder / "train").symlink_to(project.folder / "main.py")
    ran = laptop.run(project.folder, "../train")
    assert ran.code == 1
    assert "was started through the link" in ran.errors
    assert "put the link into the code" in ran.errors


def test_a_script_outside_git_takes_its_local_modules_with_it(laptop: Laptop, box: Box) -> None:
    loose = laptop.folder / "loose"
    (loose / "inner").mkdir(parents=True)
    (loose / "near.py").write_text("from inner import deep\nWORD = deep.WORD\n")
    (loose / "inner" / "__init__.py").touch()
    (loose / "inner" / "deep.py").write_text("WORD = 'brought along'\n")
    (loose / "train.py").write_text(
        "import near\n" + _GO.format(project="loose") + "print('word:', near.WORD)\n"
    )
    task = laptop.send(loose, "train.py")
    ended = box.end(task)

    assert ended.status == "completed", ended
    assert "word: brought along" in ended.output
    assert not box.store.read(task.id).source.commit


def test_a_script_is_started_from_another_folder(laptop: Laptop, box: Box) -> None:
    """Paths are those of the folder that it was started in."""
    project = laptop.repository(
        "project",
        {
            "scripts/train.py": "import near\n"
            + _GO.format(project="folders")
            + "print('read', open('words.txt').read(), near.WORD)\n",
            "scripts/near.py": "WORD = 'near'\n",
            "data/words.txt": "here",
        },
    )
    ended = box.end(laptop.send(project.folder / "data", "../scripts/train.py"))
    assert ended.status == "completed", ended
    assert "read here near" in ended.output


@pytest.mark.parametrize("has_remote", [True, False])
def test_submodules_travel_with_their_changes(
    laptop: Laptop, box: Box, *, has_remote: bool
) -> None:
    origin = laptop.remote("library")
    laptop.repository("library", {"lib.py": "VALUE = 1\n", "kept.py": "KEPT = 1\n"}, remote=origin)
    project = laptop.repository(
        "project",
        {
            "train.py": "import sys\nsys.path.insert(0, 'vendor/library')\n"
            "import lib, kept, fresh, unpushed\n"
            + _GO.format(project="submodules")
            + "print(lib.VALUE, kept.KEPT, fresh.FRESH, unpushed.DEEP)\n"
        },
        remote=laptop.remote("origin") if has_remote else None,
    )
    library = project.clone(origin, "vendor/library")
    project.commit({"notes.txt": "with a submodule"})
    library.commit({"unpushed.py": "DEEP = 4\n"})
    library.write({"lib.py": "VALUE = 2\n", "fresh.py": "FRESH = 3\n"})

    ended = box.end(laptop.send(project.folder, "train.py"))

    assert ended.status == "completed", ended
    assert "2 1 3 4" in ended.output


def test_a_commit_that_nobody_has_travels(laptop: Laptop, box: Box) -> None:
    project = laptop.repository(
        "project", {"train.py": "VALUE = 'old'\n"}, remote=laptop.remote("origin")
    )
    project.git("checkout", "--quiet", "-b", "mine")
    project.commit({"train.py": _GO.format(project="unpushed") + "print('value: new')\n"})
    task = laptop.send(project.folder, "train.py")
    ended = box.end(task)

    assert ended.status == "completed", ended
    assert "value: new" in ended.output
    source = box.store.read(task.id).source
    assert source.branch == "mine"
    assert source.bundle
    assert not source.patch


def test_a_repository_that_is_only_here_travels(laptop: Laptop, box: Box) -> None:
    project = laptop.repository("project", {"words.txt": "first"})
    project.commit({"train.py": _GO.format(project="alone") + "print(open('words.txt').read())\n"})
    project.write({"words.txt": "second"})
    ended = box.end(laptop.send(project.folder, "train.py"))
    assert ended.status == "completed", ended
    assert "second" in ended.output


def test_a_repository_without_a_commit_travels(laptop: Laptop, box: Box) -> None:
    project = laptop.repository("project", {"README": "to be forgotten"})
    project.git("update-ref", "-d", "HEAD")
    project.write({"train.py": _GO.format(project="newborn") + "print('no commit yet')\n"})
    ended = box.end(laptop.send(project.folder, "train.py"))
    assert ended.status == "completed", ended
    assert "no commit yet" in ended.output


def test_what_git_does_not_keep_in_text_travels(laptop: Laptop, box: Box) -> None:
    """Modes, links, names that need quotes, staged and deleted files."""
    project = laptop.repository(
        "project",
        {
            "train.py": "",
            "tool.sh": "#!/bin/sh\necho tool runs\n",
            "gone.txt": "in the commit",
            "staged.txt": "old",
        },
        remote=laptop.remote("origin"),
    )
    project.write(
        {
            "train.py": _GO.format(project="modes") + "import os, subprocess\n"
            "subprocess.run(['./tool.sh'], check=True)\n"
            "print(os.path.exists('gone.txt'), open('staged.txt').read(), os.readlink('link'))\n"
            "print(open('größe \"1\".txt', encoding='utf-8').read())\n",
            "staged.txt": "new",
            'größe "1".txt': "quoted",
        }
    )
    (project.folder / "tool.sh").chmod(0o755)
    (project.folder / "gone.txt").unlink()
    (project.folder / "link").symlink_to("staged.txt")
    project.git("add", "staged.txt")

    ended = box.end(laptop.send(project.folder, "train.py"))

    assert ended.status == "completed", ended
    assert "tool runs" in ended.output
    assert "False new staged.txt" in ended.output
    assert "quoted" in ended.output


def test_an_ignored_file_stays_at_home(laptop: Laptop, box: Box) -> None:
    project = laptop.repository(
        "project",
        {
            ".gitignore": "*.secret\n",
            "train.py": _GO.format(project="ignored")
            + "import os\nprint('here:', sorted(os.listdir()))\n",
        },
    )
    project.write({"key.secret": "hush", "open.txt": ""})
    ended = box.end(laptop.send(project.folder, "train.py"))
    assert "here: ['.git', '.gitignore', 'open.txt', 'train.py']" in ended.output, ended


def test_many_tasks_share_one_environment(laptop: Laptop, box: Box) -> None:
    project = laptop.repository(
        "project",
        {"train.py": "import gauge\n" + _GO.format(project="shared") + "print(gauge.__file__)\n"},
    )
    ends: list[Ended] = [box.end(laptop.send(project.folder, "train.py")) for _ in range(2)]
    paths = {ended.output.split("/gauge.py")[0].splitlines()[-1] for ended in ends}
    assert len(paths) == 1, ends
    assert str(box.home / "environments") in paths.pop()
    assert "is there already" in ends[1].output


def _detached(project: Repository) -> Repository:
    project.git("checkout", "--quiet", "--detach")
    return project


def _linked(project: Repository) -> Repository:
    project.git("worktree", "add", "--quiet", "-b", "other", "../linked")
    return Repository(project.folder.parent / "linked")


def _shallow(project: Repository) -> Repository:
    project.push()
    url = project.git("remote", "get-url", "origin").strip()
    project.git("clone", "--quiet", "--depth=1", f"file://{url}", "../shallow")
    return Repository(project.folder.parent / "shallow")


@pytest.mark.parametrize("prepared", [_detached, _linked, _shallow])
def test_any_kind_of_checkout_travels(
    laptop: Laptop, box: Box, prepared: Callable[[Repository], Repository]
) -> None:
    project = laptop.repository("project", {"word.txt": "one"}, remote=laptop.remote("origin"))
    project.commit(
        {"train.py": _GO.format(project="checkouts") + "print('word', open('word.txt').read())\n"}
    )
    checkout = prepared(project)
    checkout.write({"word.txt": "two"})
    ended = box.end(laptop.send(checkout.folder, "train.py"))
    assert ended.status == "completed", ended
    assert "word two" in ended.output


def test_names_with_spaces_and_accents_travel(laptop: Laptop, box: Box) -> None:
    remote = laptop.remote("mein projekt é")
    project = laptop.repository("ein ordner é", {"readme": ""}, remote=remote)
    project.write(
        {
            "unter ordner/train it é.py": _GO.format(project="names é")
            + "import sys\nprint('given', sys.argv[1:], open('größe.txt').read())\n",
            "unter ordner/größe.txt": "42",
        }
    )
    task = laptop.send(project.folder / "unter ordner", "train it é.py", "a b", "é", "")
    ended = box.end(task)
    assert ended.status == "completed", ended
    assert "given ['a b', 'é', ''] 42" in ended.output


LIBRARIES: str = (
    """
import sys
import inner, deep.part
"""
    + _GO.format(project="python path")
    + """
print("imported", inner.WORD, deep.part.WORD, sys.argv[1:])
"""
)


@pytest.mark.parametrize("is_in_git", [True, False])
def test_folders_of_the_code_in_pythonpath_travel_and_others_are_named(
    is_in_git: bool, laptop: Laptop, box: Box
) -> None:
    files = {
        "-train.py": LIBRARIES,
        "libs/inner.py": "WORD = 'near'\n",
        "other libs/deep/__init__.py": "",
        "other libs/deep/part.py": "WORD = 'far'\n",
    }
    folder = _folder(laptop, files, is_in_git=is_in_git)
    outside = laptop.folder / "outside"
    outside.mkdir()
    path = f"libs:{folder / 'other libs'}:{outside}"
    printed = laptop.run(folder, "./-train.py", "-x", PYTHONPATH=path)
    assert printed.code == 0, printed
    assert f"PYTHONPATH names {outside}, outside of the code in {folder}" in printed.errors
    ended = box.end(laptop.task(printed))
    assert ended.status == "completed", ended
    assert "imported near far ['-x']" in ended.output


READER: Final = """
from elsewhere import Task
task = Task.init("sources", "reader")
task.execute_remotely("default")
print("reads", open("configs/x.yaml").read(), __file__[-16:])
"""


def test_a_script_of_a_submodule_takes_the_repository_around_it_with_it(
    laptop: Laptop, box: Box
) -> None:
    remote = laptop.remote("library")
    laptop.repository("library", {"jobs/train.py": READER}, remote=remote)
    project = laptop.repository("project", {"configs/x.yaml": "of the project"})
    submodule = project.clone(remote, "lib")
    project.commit({"notes.txt": "with a submodule"})
    submodule.write({"jobs/train.py": f"{READER}print('edited')\n"})
    ended = box.end(laptop.send(project.folder, "lib/jobs/train.py"))
    assert ended.status == "completed", ended.output
    assert "reads of the project" in ended.output
    assert "edited" in ended.output
    (submodule.folder / ".gitignore").write_text("new.py\n")
    submodule.write({"new.py": READER})
    printed = laptop.run(project.folder, "lib/new.py")
    assert "lib/new.py cannot run elsewhere, since git ignores it" in printed.errors


def test_a_script_of_another_repository_than_its_working_folder_is_refused(laptop: Laptop) -> None:
    project = laptop.repository("project", {"configs/x.yaml": "of the project"})
    tools = laptop.repository("tools", {"train.py": READER})
    printed = laptop.run(project.folder, "../tools/train.py")
    assert printed.code == 1
    why = f"The program was started in {project.folder}, which is in the repository"
    assert why in printed.errors
    assert f"its code is in {tools.folder}: only one of them travels" in printed.errors


def test_a_script_that_is_started_outside_of_its_code_is_sent_with_a_sentence(
    laptop: Laptop, box: Box
) -> None:
    code = READER.replace('open("configs/x.yaml").read()', "0")
    laptop.repository("project", {"train.py": code})
    printed = laptop.run(laptop.folder, "project/train.py")
    assert printed.code == 0, printed
    assert f"The program was started in {laptop.folder}, outside of the code" in printed.errors
    assert box.end(laptop.task(printed)).status == "completed"


def test_commits_that_a_forced_push_has_taken_away_travel(laptop: Laptop, box: Box) -> None:
    code = _GO.format(project="lost") + "print('it is', open('word.txt').read())\n"
    origin = laptop.remote("origin")
    project = laptop.repository("project", {"train.py": code, "word.txt": "old"}, remote=origin)
    project.commit({"word.txt": "lost"})
    project.push()
    laptop_git = Repository(laptop.folder)
    laptop_git.git("clone", "--quiet", origin, "other")
    other = Repository(laptop.folder / "other")
    other.git("reset", "--quiet", "--hard", "HEAD^")
    other.commit({"word.txt": "another"})
    other.git("push", "--quiet", "--force", "origin", "main")
    bare = Repository(origin)
    bare.git("reflog", "expire", "--expire=now", "--all")
    bare.git("gc", "--quiet", "--prune=now")
    head, status = project.git("rev-parse", "HEAD"), project.git("status", "--branch", "--short")
    printed = laptop.run(project.folder, "train.py", ELSEWHERE_LOCAL_REMOTES_ARE_SHARED="yes")
    assert printed.code == 0, printed
    assert "A forced push has taken commits of" in printed.errors
    ended = box.end(laptop.task(printed))
    assert ended.status == "completed", ended.output
    assert "it is lost" in ended.output
    assert project.git("rev-parse", "HEAD") == head
    assert project.git("status", "--branch", "--short") == status


def test_a_remote_that_has_moved_on_costs_nothing(laptop: Laptop, box: Box) -> None:
    origin = laptop.remote("origin")
    code = _GO.format(project="moved")
    project = laptop.repository("project", {"train.py": code}, remote=origin)
    Repository(laptop.folder).git("clone", "--quiet", origin, "other")
    other = Repository(laptop.folder / "other")
    other.commit({"word.txt": "newer"})
    other.git("push", "--quiet", "origin", "main")
    task = laptop.send(project.folder, "train.py")
    assert box.end(task).status == "completed"
    assert box.store.read(task.id).source.bundle == ""
