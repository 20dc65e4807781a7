"""What no index has travels as a wheel: what was installed from this machine, or edited here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from elsewhere.capture.packages import CapturedPackages
from tests.sdk.capture.environments import capture, from_folder, listed, locked
from tests.wheels import install, write_project


@pytest.mark.parametrize(
    "direct_url",
    [
        {"url": "file:///home/ada/common", "dir_info": {}},
        {"url": "file:///home/ada/used-1.0-py3-none-any.whl", "archive_info": {}},
        {
            "url": "file:///home/ada/used",
            "vcs_info": {"vcs": "git", "commit_id": "0" * 40},
        },
        # an agent installs from no such URL
        {
            "url": "git://example.org/used",
            "vcs_info": {"vcs": "git", "commit_id": "0" * 40},
        },
        {
            "url": "https://example.org/used",
            "vcs_info": {"vcs": "hg", "commit_id": "0" * 40},
        },
        {"url": "ftp://example.org/used-1.0.zip", "archive_info": {}},
    ],
)
def test_what_was_installed_from_this_machine_travels_as_a_wheel(
    site: Path, root: Path, direct_url: dict[str, Any]
) -> None:
    install(site, "used", direct_url=json.dumps(direct_url))
    captured = capture(root, "import used")
    (digest,) = captured.wheels
    one = locked(captured)["used"]
    assert (one.line, one.wheel, one.file) == (
        "used==1.0",
        digest,
        "used-1.0-py3-none-any.whl",
    )
    with zipfile.ZipFile(BytesIO(captured.blobs[digest])) as wheel:
        assert wheel.read("used.py") == (site / "used.py").read_bytes()
    assert capture(root, "import used").wheels == (digest,)


def test_a_build_folder_of_conda_is_no_place_of_this_machine(site: Path, root: Path) -> None:
    info = install(site, "used", direct_url=from_folder("/croot/used_1700000/work"))
    (info / "INSTALLER").write_text("conda\n")
    (info / "RECORD").write_text(f"used.py,sha256={listed(info / 'RECORD')},1\n")
    captured = capture(root, "import used")
    assert (captured.packages, captured.wheels) == (("used==1.0",), ())


def test_a_package_that_was_edited_where_it_is_installed_travels_as_it_is(
    site: Path, root: Path
) -> None:
    info = install(site, "used", files={"used/__init__.py": "", "used/inner.py": "A = 1\n"})
    digest = listed(site / "used" / "inner.py")
    (info / "RECORD").write_text(f"used/__init__.py,,\nused/inner.py,sha256={digest},6\n")
    assert capture(root, "import used").wheels == ()
    later = (info / "RECORD").stat().st_mtime + 60
    os.utime(site / "used" / "inner.py", (later, later))
    assert capture(root, "import used").wheels == ()  # touched, and not changed

    (site / "used" / "inner.py").write_text("A = 2\n")
    os.utime(site / "used" / "inner.py", (later, later))
    captured = capture(root, "import used")
    with zipfile.ZipFile(BytesIO(captured.blobs[captured.wheels[0]])) as wheel:
        assert wheel.read("used/inner.py") == b"A = 2\n"


def test_an_editable_package_outside_of_the_code_travels_as_python_finds_it(
    site: Path, root: Path, tmp_path: Path
) -> None:
    project = tmp_path / "other"
    write_project(project, "other")
    (project / "src" / "other" / "data.txt").write_text("data")
    direct_url = {"url": project.as_uri(), "dir_info": {"editable": True}}
    install(site, "other", files={"_other.pth": ""}, direct_url=json.dumps(direct_url))
    sys.path.append(str(project / "src"))
    captured = capture(root, "import other")
    with zipfile.ZipFile(BytesIO(captured.blobs[captured.wheels[0]])) as wheel:
        assert set(wheel.namelist()) == {
            "other/__init__.py",
            "other/data.txt",
            "other-1.0.dist-info/METADATA",
            "other-1.0.dist-info/WHEEL",
            "other-1.0.dist-info/RECORD",
        }


def editable(site: Path, project: Path, name: str, *pth: Path) -> Path:
    """The metadata of a project that is installed in place; Python has read its .pth file."""
    direct_url = {"url": project.as_uri(), "dir_info": {"editable": True}}
    (site / f"_{name}.pth").write_text("".join(f"{path}\n" for path in pth))
    info = install(site, name, files={}, direct_url=json.dumps(direct_url))
    (info / "RECORD").write_text(f"_{name}.pth,,\n")
    sys.path += map(str, pth)
    return info


def packed(captured: CapturedPackages) -> set[str]:
    (digest,) = captured.wheels
    with zipfile.ZipFile(BytesIO(captured.blobs[digest])) as wheel:
        return {name for name in wheel.namelist() if ".dist-info/" not in name}


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")


def test_a_project_in_place_may_hold_metadata_of_its_own(site: Path, root: Path) -> None:
    write(root, "src/ownp/__init__.py", "src/ownp.egg-info/PKG-INFO")
    (root / "src" / "ownp.egg-info" / "PKG-INFO").write_text("Name: ownp\nVersion: 1.0\n")
    editable(site, root, "ownp", root / "src")
    captured = capture(root, "import ownp")
    assert (captured.packages, captured.problems) == (("-e ./",), ())
    assert set(locked(captured)) == {"ownp"}


def test_a_project_in_place_travels_with_all_that_python_finds_of_it(
    site: Path, root: Path, tmp_path: Path
) -> None:
    project = tmp_path / "other"
    write(project, "python/other/__init__.py", "python/other/.hidden/data", "python/one.py")
    write(project, "python/spaced/inner/__init__.py", "python/__pycache__/one.cpython-311.pyc")
    editable(site, project, "other", project / "python")
    assert packed(capture(root, "import other")) == {
        "other/__init__.py",
        "other/.hidden/data",
        "one.py",
        "spaced/inner/__init__.py",
    }


def test_every_edit_of_what_is_installed_travels(site: Path, root: Path) -> None:
    def make(name: str) -> Path:
        info = install(site, name, files={f"{name}/__init__.py": "", f"{name}/data.pem": "a"})
        lines = (
            f"{file},sha256={listed(site / file)},{(site / file).stat().st_size}\n"
            for file in (f"{name}/__init__.py", f"{name}/data.pem")
        )
        (info / "RECORD").write_text("".join(lines))
        return info

    for name in ("plain", "data", "kept"):
        make(name)
    assert capture(root, "import plain").wheels == ()
    later = (site / "data-1.0.dist-info" / "RECORD").stat().st_mtime + 60
    (site / "data" / "data.pem").write_text("b")
    os.utime(site / "data" / "data.pem", (later, later))
    (site / "kept" / "__init__.py").write_text("# edited")
    os.utime(site / "kept" / "__init__.py", (1, 1))  # as rsync leaves it
    with (site / "plain-1.0.dist-info" / "METADATA").open("a") as file:
        file.write("Requires-Dist: data\n")
    found = locked(capture(root, "import plain, kept"))
    assert {name for name, one in found.items() if one.wheel} == {"data", "kept"}


def test_an_edit_counts_in_what_an_extra_brings_that_is_asked_for(
    site: Path, root: Path, tmp_path: Path
) -> None:
    system = tmp_path / "usr" / "dist-packages"
    needs = {"used": ["deep[all, fast]>=1"], "deep": [], "fast": [], "other": [], "slow": []}
    needs["deep"] = ['fast; extra == "Fast"', "other ; extra=='all'", 'slow; extra == "slow"']
    for name, lines in needs.items():
        info = install(system, name)
        content = (info / "METADATA").read_text()
        (info / "METADATA").write_text(content + "".join(f"Requires-Dist: {a}\n" for a in lines))
        digest = listed(info / "METADATA")
        (info / "RECORD").write_text(f"{name}.py,sha256={digest},1\n")
    sys.path.append(str(system))
    found = locked(capture(root, "import used"))
    assert {name for name, one in found.items() if one.wheel} == needs.keys() - {"slow"}


def test_a_module_of_another_place_is_not_packed_with_a_project(
    site: Path, root: Path, tmp_path: Path
) -> None:
    project = tmp_path / "other"
    write(project, "python/other/__init__.py", "python/one.py")
    write(site, "one.py")
    editable(site, project, "other", project / "python")
    assert packed(capture(root, "import other")) == {"other/__init__.py"}


def test_a_local_package_travels_when_another_one_needs_it(
    site: Path, root: Path, tmp_path: Path
) -> None:
    system = tmp_path / "usr" / "dist-packages"
    install(system, "fork", direct_url=from_folder())
    info = install(system, "uses")
    with (info / "METADATA").open("a") as file:
        file.write("Requires-Dist: Fork>=1\n")
    sys.path.append(str(system))
    assert capture(root, "import json").wheels == ()
    assert len(capture(root, "import uses").wheels) == 1


def test_a_checkout_with_changes_that_git_does_not_show_is_not_its_commit(
    site: Path, root: Path, tmp_path: Path
) -> None:
    project = tmp_path / "other"
    write(project, "other.py", ".gitignore")
    (project / ".gitignore").write_text("local.py\n__pycache__\n")
    editable(site, project, "other", project)

    def git(*words: str) -> None:
        subprocess.run(["git", *words], cwd=project, check=True, capture_output=True)

    git("init", "--quiet", "--initial-branch=main")
    git("add", ".")
    git("commit", "--quiet", "--message=first")
    git("remote", "add", "origin", "https://example.org/other.git")
    git("update-ref", "refs/remotes/origin/main", "HEAD")
    write(project, "__pycache__/other.cpython-311.pyc")
    assert locked(capture(root))["other"].line.startswith("other @ git+https")

    write(project, "local.py")
    assert packed(capture(root, "import other")) == {"other.py", "local.py"}
    (project / "local.py").unlink()
    git("config", "status.showUntrackedFiles", "no")
    write(project, "more.py")
    assert packed(capture(root, "import other")) == {"other.py", "more.py"}
    (project / "more.py").unlink()
    git("update-index", "--assume-unchanged", "other.py")
    assert packed(capture(root, "import other")) == {"other.py"}


def test_what_cannot_travel_is_a_problem_only_for_a_program_that_imports_it(
    site: Path, root: Path
) -> None:
    info = install(site, "used", direct_url=from_folder())
    (info / "RECORD").unlink()
    captured = capture(root, "import used")
    (problem,) = captured.problems
    assert "used is installed from /home/ada/common, and cannot travel: its metadata" in problem
    other = capture(root, "import json")
    assert other.problems == ()
    assert locked(other)["used"].problem == problem
    assert capture(root, "", modules=("used",)).problems == (problem,)


def test_wheels_have_a_limit_together(site: Path, root: Path) -> None:
    install(site, "large", files={"large.py": "#" * 5000}, direct_url=from_folder())
    assert len(capture(root, "import large").wheels) == 1
    captured = capture(root, "import large", limit=5000)
    assert captured.wheels == ()
    assert "more than the 0.0 MB that may travel (ELSEWHERE_CAPTURE_LIMIT" in captured.problems[0]
    install(site, "a_first", files={"a_first.py": "#" * 5000}, direct_url=from_folder())
    found = locked(capture(root, "import large", limit=8000))  # what is imported goes first
    assert {name for name, one in found.items() if one.wheel} == {"large"}


def test_a_shared_package_of_this_machine_travels_only_when_it_is_imported(
    site: Path, root: Path, tmp_path: Path
) -> None:
    system = tmp_path / "usr" / "dist-packages"
    install(system, "local", direct_url=from_folder())
    sys.path.append(str(system))
    assert capture(root).wheels == ()
    assert len(capture(root, "import local").wheels) == 1
