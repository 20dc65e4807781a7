"""Packages of programs in containers: those of the image, or an environment beside it."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import pytest

from elsewhere.core.choices import Reason
from tests.engine import PYTHON, Dockerd
from tests.sandbox.attempts import Attempts
from tests.sandbox.contained import Contained
from tests.wheels import write_wheel

ASKS = "import gauge, sys; print(gauge.UNIT, gauge.__file__, sys.prefix)"


@pytest.fixture
def contained(attempts: Attempts, engine: Dockerd) -> Contained:
    return Contained(attempts, engine)


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_wheel(tmp_path / "wheels", "gauge", "2.5", {"gauge.py": "UNIT = 'furlong'\n"})
    for name in ("UV_FIND_LINKS", "PIP_FIND_LINKS"):
        monkeypatch.setenv(name, str(tmp_path / "wheels"))
    for name in ("UV_OFFLINE", "PIP_NO_INDEX"):
        monkeypatch.setenv(name, "1")
    return tmp_path / "wheels"


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_packages_are_installed_once_for_an_image(
    contained: Contained, wheels: Path, installer: str
) -> None:
    asked: Any = {"packages": ("gauge==2.5",), "installer": installer}
    first, second = (contained.run(ASKS, **asked) for _ in range(2))
    for attempt in (first, second):
        assert attempt.outcome.reason is Reason.COMPLETED, attempt.log
        unit, file, prefix = attempt.printed.split()[-3:]
        assert unit == b"furlong"
        assert prefix.decode() == str(attempt.folder.venv)
        assert file.decode().startswith(f"{attempt.spec.home}/environments/")
    assert b"is built" in first.output
    assert b"is there already" in second.output
    host = contained.run(ASKS, runtime="host", **asked)
    assert b"is built" in host.output


def test_a_package_that_the_index_lacks_fails_the_set_up(
    contained: Contained, wheels: Path
) -> None:
    outcome = contained.run(ASKS, packages=("gauge==9",)).outcome
    assert (outcome.reason, outcome.phase) == (Reason.SETUP_FAILED, "install")
    assert "gauge" in outcome.message


def test_a_program_cannot_write_the_environments_of_others(
    contained: Contained, wheels: Path
) -> None:
    program = (
        "import gauge\ntry:\n open(gauge.__file__, 'a')\nexcept OSError as e: print(e.strerror)"
    )
    attempt = contained.run(program, packages=("gauge==2.5",))
    assert attempt.printed.endswith(b"Read-only file system\n")


def test_an_image_that_has_all_packages_is_used_as_it_is(contained: Contained) -> None:
    image = with_packages(contained.engine, gauge="2.5")
    asked: Any = {"image": image, "packages": ("gauge>=2",), "needs_init": True}
    attempt = contained.run("import gauge, elsewhere; print(gauge.__file__)", **asked)
    assert attempt.printed == b"/usr/local/lib/python3.11/dist-packages/gauge.py\n"
    assert (
        b"The image has all packages that the task asks for: none is installed." in attempt.output
    )
    of_lock = contained.run(ASKS, image=image, packages=(f"gauge==2.5 --hash=sha256:{'0' * 64}",))
    assert b"none is installed." in of_lock.output
    for line in ("gauge>=3", "other", "gauge[extra]"):
        outcome = contained.run("", image=image, packages=(line,)).outcome
        assert (outcome.reason, outcome.phase) == (Reason.SETUP_FAILED, "install")
    outcome = contained.run("", **asked, pre_packages=("not-there",)).outcome
    assert (outcome.reason, outcome.phase) == (Reason.SETUP_FAILED, "install")


def with_packages(engine: Dockerd, **versions: str) -> str:
    """An image that has these packages besides."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for name, version in versions.items():
            for path, text in (
                (f"{name}.py", ""),
                (f"{name}-{version}.dist-info/METADATA", f"Name: {name}\nVersion: {version}\n"),
            ):
                member = tarfile.TarInfo(path)
                member.size = len(text)
                tar.addfile(member, io.BytesIO(text.encode()))
    client = engine.client()
    container = client.containers.create(PYTHON, "true")
    container.put_archive("/usr/local/lib/python3.11/dist-packages", content.getvalue())
    container.commit("elsewhere-tests/packages", "1")
    container.remove()
    client.close()
    return "elsewhere-tests/packages:1"


def test_another_version_of_python_is_said(contained: Contained) -> None:
    attempt = contained.run("import sys; print(sys.version_info[:2])", python="3.10.4")
    assert b"of the image runs this task, which was captured with 3.10.4" in attempt.output
    assert attempt.outcome.reason is Reason.COMPLETED
