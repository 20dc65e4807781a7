"""The lock of an environment: what is in it, where each came from, and what travels as a wheel."""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import json
import os
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from elsewhere.capture.packages import CapturedPackages, capture_packages
from elsewhere.capture.wishes import Wishes
from elsewhere.core.codec import decode
from elsewhere.core.lock import Lock, Locked
from tests.wheels import install, write_project

DIGEST = "ab" * 32


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The packages of a virtual environment, and nothing else on the path."""
    folder = tmp_path / "venv" / "lib" / "site-packages"
    folder.mkdir(parents=True)
    monkeypatch.setattr(sys, "path", [str(folder)])
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    return folder


def capture(
    root: Path, source: str = "", modules: tuple[str, ...] = (), limit: int = 10**6, **wishes: Any
) -> CapturedPackages:
    (root / "train.py").write_text(source)
    return capture_packages(
        root / "train.py", root, wishes=Wishes(**wishes), modules=modules, limit_bytes=limit
    )


def locked(captured: CapturedPackages) -> dict[str, Locked]:
    lock = decode(Lock, captured.blobs[captured.lock])
    return {one.name: one for one in lock.distributions}


def from_folder(folder: str = "/home/ada/common") -> str:
    return json.dumps({"url": f"file://{folder}", "dir_info": {}})


def _listed(file: Path) -> str:
    digest = hashlib.sha256(file.read_bytes()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def test_all_that_is_installed_is_locked_and_what_is_imported_is_named(
    site: Path, root: Path
) -> None:
    install(site, "used")
    install(site, "Plug_In", "2.0")
    captured = capture(root, "import used")
    assert captured.packages == ("used==1.0",)
    assert {one.line for one in locked(captured).values()} == {"plug-in==2.0", "used==1.0"}
    assert captured.lock == hashlib.sha256(captured.blobs[captured.lock]).hexdigest()


def test_pip_is_locked_only_for_a_program_that_imports_it(site: Path, root: Path) -> None:
    install(site, "pip", "23.1")
    assert locked(capture(root)) == {}
    captured = capture(root, "import pip")
    assert captured.packages == ("pip==23.1",)
    assert set(locked(captured)) == {"pip"}


def test_one_environment_has_one_lock_whatever_the_script_imports(site: Path, root: Path) -> None:
    install(site, "one")
    install(site, "two")
    assert capture(root, "import one").lock == capture(root, "import two").lock
    install(site, "three")
    assert capture(root, "import one").lock != capture(root, "import two", ignored={"three"}).lock


def test_what_lies_outside_of_the_virtual_environment_is_shared(
    site: Path, root: Path, tmp_path: Path
) -> None:
    system = tmp_path / "usr" / "dist-packages"
    install(site, "own")
    install(system, "system")
    install(system, "own", "0.9")
    sys.path.append(str(system))
    found = locked(capture(root))
    assert {name: one.is_shared for name, one in found.items()} == {"own": False, "system": True}
    assert found["own"].version == "1.0"


def test_outside_of_an_environment_all_is_shared_until_it_is_chosen(
    site: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "base_prefix", sys.prefix)
    install(site, "one")
    assert locked(capture(root))["one"].is_shared
    assert not locked(capture(root, choice="environment"))["one"].is_shared
    assert not locked(capture(root, is_frozen=True))["one"].is_shared
    (Path(sys.prefix) / "conda-meta").mkdir()
    assert not locked(capture(root))["one"].is_shared
    assert locked(capture(root, choice="imports"))["one"].is_shared


def test_requirements_of_both_formats_are_read(site: Path, root: Path) -> None:
    info = install(site, "new")
    with (info / "METADATA").open("a") as file:
        file.write("Requires-Dist: a>=1 ; extra == 'x'\r\nRequires-Dist: b\n\nRequires-Dist: no\n")
    old = site / "old-1.0.egg-info"
    old.mkdir()
    (old / "PKG-INFO").write_text("Name: old\nVersion: 1.0\n\nlong text\n")
    (old / "requires.txt").write_text("c>2\n\n[extra]\nd\n")
    (site / "bare-3.0.egg-info").write_text("Name: bare\nVersion: 3.0\n")
    found = locked(capture(root))
    assert found["new"].requires == ("a>=1 ; extra == 'x'", "b")
    assert found["old"].requires == ("c>2",)
    assert found["bare"].line == "bare==3.0"


def test_what_is_no_distribution_is_passed_over(site: Path, root: Path) -> None:
    install(site, "used")
    install(site, "~sed", "0.9")
    (site / "broken-1.0.dist-info").mkdir()
    assert set(locked(capture(root))) == {"used"}


@pytest.mark.parametrize(
    ("direct_url", "line"),
    [
        (
            {"url": "https://ada:secret@example.org/used.whl", "archive_info": {}},
            "used @ https://example.org/used.whl",
        ),
        (
            {
                "url": "https://example.org/used.zip",
                "archive_info": {"hashes": {"sha256": DIGEST}},
                "subdirectory": "py",
            },
            f"used @ https://example.org/used.zip#sha256={DIGEST}&subdirectory=py",
        ),
        (
            {"url": "https://example.org/used.whl", "archive_info": {"hash": f"sha256={DIGEST}"}},
            f"used @ https://example.org/used.whl#sha256={DIGEST}",
        ),
        (
            {
                "url": "https://example.org/used.git",
                "vcs_info": {"vcs": "git", "commit_id": "0" * 40},
            },
            f"used @ git+https://example.org/used.git@{'0' * 40}",
        ),
    ],
)
def test_an_address_travels_as_it_was_given(
    site: Path, root: Path, direct_url: dict[str, Any], line: str
) -> None:
    install(site, "used", direct_url=json.dumps(direct_url))
    captured = capture(root, "import used")
    assert captured.packages == (line,)
    assert locked(captured)["used"].line == line
    assert captured.wheels == ()


@pytest.mark.parametrize(
    "direct_url",
    [
        {"url": "file:///home/ada/common", "dir_info": {}},
        {"url": "file:///home/ada/used-1.0-py3-none-any.whl", "archive_info": {}},
        {
            "url": "file:///home/ada/used",
            "vcs_info": {"vcs": "git", "commit_id": "0" * 40},
        },
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
    (info / "RECORD").write_text(f"used.py,sha256={_listed(info / 'RECORD')},1\n")
    captured = capture(root, "import used")
    assert (captured.packages, captured.wheels) == (("used==1.0",), ())


def test_a_package_that_was_edited_where_it_is_installed_travels_as_it_is(
    site: Path, root: Path
) -> None:
    info = install(site, "used", files={"used/__init__.py": "", "used/inner.py": "A = 1\n"})
    listed = _listed(site / "used" / "inner.py")
    (info / "RECORD").write_text(f"used/__init__.py,,\nused/inner.py,sha256={listed},6\n")
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
            f"{file},sha256={_listed(site / file)},{(site / file).stat().st_size}\n"
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
        listed = _listed(info / "METADATA")
        (info / "RECORD").write_text(f"{name}.py,sha256={listed},1\n")
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


def test_what_is_no_whole_package_is_named(site: Path, root: Path) -> None:
    info = install(site, "used")
    (info / "METADATA").unlink()
    (site / "by_hand.py").write_text("")
    captured = capture(root, "import used, by_hand")
    assert captured.problems == (
        f"The package used cannot travel: {info} does not give its version.",
    )
    assert "The module by_hand lies in" in captured.warnings[0]
    local = install(site, "local", direct_url=from_folder())
    (local / "RECORD").unlink()
    warned = capture(root, "import json")
    assert "The package local is installed from /home/ada/common, and" in warned.warnings[0]
    assert warned.problems == ()


def test_of_two_distributions_with_a_name_the_one_that_python_takes_counts(
    site: Path, root: Path
) -> None:
    for version in ("3.20", "3.10", "3.5"):
        install(site, "twice", version)
    assert locked(capture(root))["twice"].version == importlib.metadata.version("twice")


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


def test_what_the_program_has_loaded_counts_as_imported(site: Path, root: Path) -> None:
    install(site, "used")
    install(site, "lazy_one", "2.0", files={"lazy/__init__.py": ""})
    install(site, "elsewhere")
    captured = capture(
        root, "import used", modules=("used", "lazy", "lazy.inner", "os", "elsewhere.task", "gone")
    )
    assert captured.packages == ("used==1.0",)
    assert captured.loaded == ("lazy-one",)


def test_a_module_that_loads_at_its_first_use_is_not_loaded_by_the_capture(
    site: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Lazy(ModuleType):
        def __getattribute__(self, name: str) -> Any:
            raise AssertionError(f"{name} would load it")

    monkeypatch.setitem(sys.modules, "lazy", Lazy("lazy"))
    install(site, "lazy")
    assert capture(root, "", modules=("lazy",)).loaded == ("lazy",)


@pytest.mark.parametrize("folder", ["", "src"])
def test_modules_count_that_a_program_puts_on_the_path_by_itself(
    site: Path, root: Path, folder: str
) -> None:
    install(site, "deep")
    helper = root / folder / "inner" / "helper.py"
    helper.parent.mkdir(parents=True)
    helper.write_text("import deep\n")
    (root / "scripts").mkdir()
    (root / "scripts" / "train.py").write_text("import inner.helper\n")
    captured = capture_packages(
        root / "scripts" / "train.py", root, wishes=Wishes(), modules=(), limit_bytes=10**6
    )
    assert captured.packages == ("deep==1.0",)


def test_what_only_the_sdk_has_loaded_does_not_count(site: Path, root: Path) -> None:
    info = install(site, "elsewhere")
    with (info / "METADATA").open("a") as file:
        file.write("Requires-Dist: fsspec>=2023\n")
    install(site, "fsspec")
    assert capture(root, "", modules=("fsspec",)).loaded == ()
    assert capture(root, "import fsspec", modules=("fsspec",)).packages == ("fsspec==1.0",)


def test_an_ignored_package_is_not_in_the_lock(site: Path, root: Path) -> None:
    install(site, "used")
    install(site, "other", direct_url=from_folder())
    captured = capture(root, "import used, other", ignored=frozenset({"other"}))
    assert set(locked(captured)) == {"used"}
    assert (captured.packages, captured.wheels, captured.problems) == (("used==1.0",), (), ())


def test_a_folder_of_the_code_does_not_hide_the_package_of_its_name(site: Path, root: Path) -> None:
    install(site, "yaml_package", files={"yaml/__init__.py": ""})
    for name in ("src/yaml/__init__.py", "yaml/__init__.py", "only_here/__init__.py"):
        (root / name).parent.mkdir(parents=True)
        (root / name).write_text("")
    (root / "scripts").mkdir()
    (root / "scripts" / "train.py").write_text("import yaml, only_here")
    captured = capture_packages(root / "scripts" / "train.py", root)
    assert captured.packages == ("yaml-package==1.0",)

    sys.path.insert(0, str(root / "src"))
    assert capture_packages(root / "scripts" / "train.py", root).packages == ()


def test_requirements_and_lock_files_of_the_code_are_left_to_the_agent(
    site: Path, root: Path, tmp_path: Path
) -> None:
    install(site, "used")
    (root / "uv.lock").write_text("")
    (tmp_path / "uv.lock").write_text("")
    (tmp_path / "more.txt").write_text("a==1\n")
    missing = capture(root, "import used", choice="requirements")
    assert "and there is none in" in missing.problems[0]
    (root / "requirements.txt").write_text("a\n")
    found = capture(root, "import used", choice="requirements")
    assert (found.packages, found.problems) == (None, ())
    captured = capture(root, "import used", choice=str(root / "uv.lock"))
    assert (captured.packages, captured.lock_file, captured.lock) == (None, "uv.lock", "")
    assert capture(root, "import used", choice=str(tmp_path / "more.txt")).packages == ("a==1",)
    with pytest.raises(Exception, match="it is no file inside the code"):
        capture(root, "import used", choice=str(tmp_path / "uv.lock"))
