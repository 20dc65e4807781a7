from __future__ import annotations

import json
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from elsewhere.capture.imported_names import scan_imports
from elsewhere.capture.packages import CapturedPackages, capture_packages
from elsewhere.capture.wishes import Wishes
from elsewhere.core.errors import UsageError
from tests.wheels import install, write_project

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed packages, the first one on the path."""
    folder = tmp_path / "venv" / "site-packages"
    folder.mkdir(parents=True)
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    return folder


def write(root: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)


def capture(root: Path, source: str, **files: str) -> CapturedPackages:
    write(root, {"train.py": source, **{f"{name}.py": text for name, text in files.items()}})
    return capture_packages(root / "train.py", root)


def test_a_package_is_found_though_it_is_called_otherwise(site: Path, root: Path) -> None:
    install(site, "scikit_learn", "1.5.0+cu121", {"sklearn/__init__.py": ""})
    captured = capture(root, "import sklearn.linear_model")
    assert captured.packages == ("scikit-learn==1.5.0+cu121",)
    assert captured.python == platform.python_version()
    assert captured.warnings == ()


def test_a_compiled_module_belongs_to_its_package(site: Path, root: Path) -> None:
    install(site, "Fast.Maths", "2.0", {"fastm.cpython-311-x86_64-linux-gnu.so": ""})
    assert capture(root, "import fastm").packages == ("fast-maths==2.0",)


def test_only_what_is_imported_is_captured(site: Path, root: Path) -> None:
    for name in ("used", "unused", "elsewhere", "deep"):
        install(site, name)
    captured = capture(
        root, "import json, os.path, used, elsewhere, local, not_installed", local="import sys"
    )
    assert captured.packages == ("used==1.0",)


@pytest.mark.parametrize(
    "source",
    [
        "def late():\n    import used",
        "try:\n    from used import thing\nexcept ImportError:\n    pass",
        "import importlib\nimportlib.import_module('used.inner')",
        "__import__('used')",
        "if True:\n    from used import *",
    ],
)
def test_imports_count_wherever_they_stand(site: Path, root: Path, source: str) -> None:
    install(site, "used")
    assert capture(root, source).packages == ("used==1.0",)


def test_local_modules_are_followed(site: Path, root: Path) -> None:
    for name in ("one", "two", "three", "four"):
        install(site, name)
    write(
        root,
        {
            "train.py": "from lib.models import net\nimport tools.deep",
            "lib/__init__.py": "import one",
            "lib/models/__init__.py": "",
            "lib/models/net.py": "from ..shared import helper",
            "lib/shared.py": "import two\nfrom . import models",
            "tools/deep.py": "import three",  # a namespace package
            "unreached.py": "import four",
        },
    )
    captured = capture_packages(root / "train.py", root)
    assert captured.packages == ("one==1.0", "three==1.0", "two==1.0")


def test_a_folder_of_data_does_not_hide_the_package_of_its_name(site: Path, root: Path) -> None:
    install(site, "wandb")
    (root / "wandb" / "run-1").mkdir(parents=True)
    assert capture(root, "import wandb").packages == ("wandb==1.0",)


def test_a_module_that_cannot_be_parsed_is_passed_over(
    site: Path, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    install(site, "used")
    with caplog.at_level("DEBUG", logger="elsewhere"):
        captured = capture(root, "import broken, used", broken="def (:")
    assert captured.packages == ("used==1.0",)
    assert "broken.py are not captured" in caplog.text


def test_a_shared_namespace_is_distinguished_by_the_whole_path(site: Path, root: Path) -> None:
    install(site, "google_cloud_storage", files={"google/cloud/storage/__init__.py": ""})
    install(site, "google_cloud_bigquery", files={"google/cloud/bigquery/__init__.py": ""})
    install(site, "protobuf", files={"google/protobuf/__init__.py": ""})
    assert capture(root, "import google").packages == ()
    assert capture(root, "from google.cloud import storage").packages == (
        "google-cloud-storage==1.0",
    )
    assert capture(root, "import google.protobuf.message as m").packages == ("protobuf==1.0",)


def test_both_are_captured_when_two_packages_bring_one_module(site: Path, root: Path) -> None:
    install(site, "opencv_python", files={"cv2/__init__.py": ""})
    install(site, "opencv_python_headless", files={"cv2/__init__.py": ""})
    assert capture(root, "import cv2").packages == (
        "opencv-python-headless==1.0",
        "opencv-python==1.0",
    )


def test_a_package_from_git_keeps_its_commit_and_loses_its_credentials(
    site: Path, root: Path
) -> None:
    direct_url = {
        "url": "https://ada:hunter2@example.org/ada/used.git",
        "vcs_info": {"vcs": "git", "commit_id": COMMIT},
        "subdirectory": "python",
    }
    install(site, "used", direct_url=json.dumps(direct_url))
    assert capture(root, "import used").packages == (
        f"used @ git+https://example.org/ada/used.git@{COMMIT}#subdirectory=python",
    )


def test_the_user_of_an_ssh_address_stays(site: Path, root: Path) -> None:
    direct_url = {
        "url": "ssh://git@example.org/ada/used.git",
        "vcs_info": {"vcs": "git", "commit_id": COMMIT},
    }
    install(site, "used", direct_url=json.dumps(direct_url))
    assert capture(root, "import used").packages == (
        f"used @ git+ssh://git@example.org/ada/used.git@{COMMIT}",
    )


def test_a_local_wheel_is_pinned(site: Path, root: Path) -> None:
    direct_url = {"url": "file:///tmp/used-1.0-py3-none-any.whl", "archive_info": {}}
    install(site, "used", direct_url=json.dumps(direct_url))
    assert capture(root, "import used").packages == ("used==1.0",)


def install_editable(site: Path, project: Path, name: str) -> None:
    """As pip leaves it: a .pth file, which Python has read, and no list of modules."""
    write_project(project, name)
    direct_url = {"url": project.as_uri(), "dir_info": {"editable": True}}
    install(site, name, files={f"_{name}.pth": ""}, direct_url=json.dumps(direct_url))
    sys.path.append(str(project / "src"))


def test_an_editable_package_of_the_repository_travels_with_it(site: Path, root: Path) -> None:
    install(site, "used")
    install_editable(site, root / "packages" / "mine", "mine")
    write(root, {"packages/mine/src/mine/__init__.py": "import used"})
    assert capture(root, "import mine").packages == ("-e ./packages/mine", "used==1.0")
    assert capture(root, "import used").packages == ("used==1.0",)


def test_the_repository_itself_may_be_installed(site: Path, root: Path) -> None:
    install_editable(site, root, "mine")
    assert capture(root, "import mine").packages == ("-e ./",)


def git(folder: Path, *arguments: str) -> str:
    ended = subprocess.run(
        ["git", *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return ended.stdout.strip()


@pytest.mark.parametrize(
    ("remote", "line"),
    [
        (
            "https://ada:hunter2@example.org/ada/other.git",
            "other @ git+https://example.org/ada/other.git@{}#subdirectory=python",
        ),
        (
            "git@example.org:ada/other.git",
            "other @ git+ssh://git@example.org/ada/other.git@{}#subdirectory=python",
        ),
        ("git://example.org/ada/other.git", "other==1.0"),  # an agent installs from no such URL
    ],
)
def test_an_editable_package_elsewhere_is_taken_from_its_remote(
    site: Path, root: Path, tmp_path: Path, remote: str, line: str
) -> None:
    checkout = tmp_path / "other"
    install_editable(site, checkout / "python", "other")
    git(checkout, "init", "--quiet", "--initial-branch=main")
    git(checkout, "add", ".")
    git(checkout, "commit", "--quiet", "--message=first")
    git(checkout, "remote", "add", "origin", remote)
    assert capture(root, "import other").packages == ("other==1.0",)  # not pushed

    git(checkout, "update-ref", "refs/remotes/origin/main", "HEAD")
    commit = git(checkout, "rev-parse", "HEAD")
    pushed = capture(root, "import other")
    assert pushed.packages == (line.format(commit),)
    assert pushed.warnings == ()

    (checkout / "more.txt").write_text("not committed")
    assert capture(root, "import other").packages == ("other==1.0",)


def test_a_module_outside_the_repository_is_warned_about(
    site: Path, root: Path, tmp_path: Path
) -> None:
    write(tmp_path / "scripts", {"stray_module.py": ""})
    sys.path.append(str(tmp_path / "scripts"))
    captured = capture(root, "import stray_module")
    assert captured.packages == ()
    assert "stray_module" in captured.warnings[0]
    assert "outside the repository" in captured.warnings[0]


def test_a_module_run_by_name_imports_from_where_python_was_started(site: Path, root: Path) -> None:
    for name in ("one", "two"):
        install(site, name)
    write(
        root,
        {
            "work/pkg/__init__.py": "import one",
            "work/pkg/__main__.py": "from beside import x",
            "work/beside.py": "import two",
        },
    )
    captured = capture_packages(root / "work/pkg/__main__.py", root, start=root / "work")
    assert captured.packages == ("one==1.0", "two==1.0")


def test_metadata_without_a_list_of_files_is_read_by_its_names(site: Path, root: Path) -> None:
    for name, top_level in (("python_odd", "oddly\n_oddly"), ("plain", "")):
        info = install(site, name, top_level=top_level)
        (info / "RECORD").unlink()
    assert capture(root, "import oddly, plain").packages == ("plain==1.0", "python-odd==1.0")


def test_imports_of_a_script_are_named_with_their_whole_path(root: Path) -> None:
    write(
        root, {"train.py": "import a.b\nfrom c.d import e, f\nfrom .near import g", "near.py": ""}
    )
    imports = scan_imports(root / "train.py", [root])
    assert imports.names == {"a.b", "c.d.e", "c.d.f"}
    assert imports.files == {(root / "near.py").resolve()}


# what a script wishes beside what it imports


def wished(root: Path, source: str = "import used", **wishes: Any) -> tuple[str, ...]:
    write(root, {"train.py": source})
    packages = capture_packages(root / "train.py", root, wishes=Wishes(**wishes)).packages
    assert packages is not None
    return packages


@pytest.mark.parametrize(
    ("version", "line"),
    [
        (None, "more==2.0"),
        ("", "more"),
        (">=2", "more>=2"),
        ("== 1.0", "more== 1.0"),
        ("1.0", "more==1.0"),
        ("@ git+https://example.org/a", "more@ git+https://example.org/a"),
    ],
)
def test_a_package_is_added_in_a_version(
    site: Path, root: Path, version: str | None, line: str
) -> None:
    install(site, "used")
    install(site, "more", "2.0")
    assert wished(root, added=(("more", version),)) == tuple(sorted([line, "used==1.0"]))


def test_an_added_package_counts_before_an_imported_one(site: Path, root: Path) -> None:
    install(site, "used")
    assert wished(root, added=(("Used", ">=3"),)) == ("Used>=3",)
    assert wished(root, added=(("not_installed", None),)) == ("not_installed", "used==1.0")


def test_an_ignored_package_stays_away(site: Path, root: Path) -> None:
    install(site, "used")
    install(site, "Other.Name", files={"other.py": ""})
    assert wished(root, "import used, other", ignored=frozenset({"other_name"})) == ("used==1.0",)


def test_lines_of_a_file_are_added(site: Path, root: Path, tmp_path: Path) -> None:
    install(site, "used")
    (tmp_path / "more.txt").write_text("a==1\nused>=5\n")
    assert wished(root, added=((str(tmp_path / "more.txt"), None),)) == ("a==1", "used>=5")


def test_all_that_is_installed_is_frozen(
    site: Path, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [str(site)])
    for name in ("used", "unused", "pip", "elsewhere"):
        install(site, name)
    assert wished(root, is_frozen=True) == ("unused==1.0", "used==1.0")
    assert wished(root, is_frozen=True, ignored=frozenset({"used"})) == ("unused==1.0",)
    (tmp_path / "frozen.txt").write_text("a==1\n")
    assert wished(root, is_frozen=True, file=str(tmp_path / "frozen.txt")) == ("a==1",)
    with pytest.raises(UsageError, match="cannot be read"):
        wished(root, is_frozen=True, file="not_there.txt")
