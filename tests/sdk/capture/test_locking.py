"""The lock of an environment: what is in it, and where each came from."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from elsewhere.capture.packages import capture_packages
from elsewhere.capture.wishes import Wishes
from tests.sdk.capture.environments import capture, from_folder, locked
from tests.wheels import install

DIGEST = "ab" * 32


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
