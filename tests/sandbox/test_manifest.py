"""What of a distribution counts in a manifest: its files, and not how it was installed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from elsewhere_sandbox.environment import Interpreter
from elsewhere_sandbox.manifest import packages_of


def install(folder: Path, record: str, *, version: str = "1.0", **notes: str) -> Interpreter:
    """Over whatever is in the folder already."""
    info = folder / f"My_Package-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "RECORD").write_text(record)
    for name, content in notes.items():
        (info / f"{name}.json").write_text(content)
    return Interpreter(python=folder / "python", path=(), packages=(folder,))


INFO = "My_Package-1.0.dist-info"
WHEEL = f"my/a.py,sha256=aaa,1\nmy/b.py,sha256=bbb,2\n{INFO}/METADATA,sha256=ccc,3\n"


def digest(tmp_path: Path, record: str) -> str:
    folder = tmp_path / f"{len(list(tmp_path.iterdir()))}"
    return packages_of(install(folder, record))["my-package"]["digest"]


@pytest.mark.parametrize(
    "record",
    [
        "".join(reversed(WHEEL.splitlines(keepends=True))),
        f"{WHEEL}my/__pycache__/a.cpython-311.pyc,,\n",
        f"{WHEEL}{INFO}/INSTALLER,sha256=ddd,4\n{INFO}/RECORD,,\n{INFO}/REQUESTED,sha256=e,0\n",
        f"../../../bin/my,sha256=fff,9\n{WHEEL}{INFO}/direct_url.json,sha256=g,1\n",
    ],
)
def test_the_same_wheel_has_the_same_digest_however_it_was_installed(
    tmp_path: Path, record: str
) -> None:
    assert digest(tmp_path, record) == digest(tmp_path, WHEEL)


def test_another_file_is_another_digest(tmp_path: Path) -> None:
    assert digest(tmp_path, WHEEL.replace("bbb", "bbc")) != digest(tmp_path, WHEEL)


def test_the_address_of_a_package_is_named_without_a_password(tmp_path: Path) -> None:
    url = '{"url": "https://me:word@example.org/my.git", "vcs_info": {}}'
    found = packages_of(install(tmp_path / "a", WHEEL, direct_url=url))
    assert found["my-package"]["url"] == "https://example.org/my.git"
    here = packages_of(install(tmp_path / "b", WHEEL, direct_url='{"url": "file:///run/code"}'))
    assert "url" not in here["my-package"], "a folder of this run is no address"


def test_what_a_run_installs_itself_counts_before_what_is_shared(tmp_path: Path) -> None:
    own, shared = tmp_path / "own", tmp_path / "shared"
    install(shared, WHEEL)
    install(own, "", version="2.0")
    interpreter = Interpreter(python=own, path=(), packages=(own, shared))
    assert packages_of(interpreter)["my-package"]["version"] == "2.0"


@pytest.mark.parametrize("name", ["RECORD", "direct_url.json"])
@pytest.mark.parametrize(
    "put",
    [
        lambda path: path.write_bytes(b"\xff\xfe"),
        lambda path: path.write_text("[" * 100_000),
        lambda path: path.write_text('{"url": 1}'),
        lambda path: path.write_text("[]"),
        lambda path: path.mkdir(),
        os.mkfifo,
    ],
    ids=["no text", "deep", "no url", "no dict", "a folder", "a pipe"],
)
def test_what_a_program_puts_there_ends_no_runner(
    tmp_path: Path, name: str, put: Callable[[Path], object]
) -> None:
    interpreter = install(tmp_path, WHEEL)
    (tmp_path / INFO / name).unlink(missing_ok=True)
    put(tmp_path / INFO / name)
    found = packages_of(interpreter)["my-package"]
    assert found["version"] == "1.0"
    assert "url" not in found


def test_packages_without_a_record_and_of_an_image_have_their_versions(tmp_path: Path) -> None:
    (tmp_path / "old-0.5.dist-info").mkdir()
    interpreter = Interpreter(
        python=tmp_path, path=(), packages=(tmp_path,), of_image={"torch": "2.9"}
    )
    assert packages_of(interpreter) == {"old": {"version": "0.5"}, "torch": {"version": "2.9"}}
