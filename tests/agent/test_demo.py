"""`agent demo` as a newcomer calls it, with a folder of wheels in place of the package index."""

from __future__ import annotations

import os
import signal
import subprocess
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from elsewhere_agent.demo import demo
from tests.waiting import wait_until
from tests.wheels import write_wheel

_AGENT: Final = Path(sysconfig.get_path("scripts"), "agent")
_TABULATE: Final = "def tabulate(rows, **_):\n    return str(list(rows))\n"
#: fails on the agent only
_BROKEN: Final = "import os\nos.environ.get('ELSEWHERE_RUN_FOLDER') and exit('no table today')\n"


@pytest.fixture
def folder(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the demo makes its folder; beside it lies the wheel that it installs."""
    write_wheel(short_path / "wheels", "tabulate", "0.9.0", {"tabulate.py": _TABULATE})
    (short_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(short_path / "tmp"))
    monkeypatch.setenv("UV_FIND_LINKS", str(short_path / "wheels"))
    monkeypatch.setenv("UV_CACHE_DIR", str(short_path / "cache"))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_OFFLINE", "1")
    return short_path / "tmp"


def test_the_demo_shows_that_all_is_as_it_should_be_and_leaves_nothing(folder: Path) -> None:
    with _demo() as demo:
        said, _ = demo.communicate(timeout=100)
    assert demo.returncode == 0, said
    assert "✓ The clone ran with lr 0.2 instead of 0.05." in said
    assert "✓ tabulate==0.9.0 was captured and installed." in said
    assert "✗" not in said
    assert "cold, " in said
    assert "warm, " in said
    _assert_nothing_is_left(folder)


@pytest.mark.parametrize(
    "line",
    [
        "1/8",
        "2/8",
        "3/8",
        "4/8",
        "5/8",
        "   │ [elsewhere] Environment",
        "   │ data:",
        "6/8",
        "7/8",
    ],
)
def test_ctrl_c_leaves_nothing_at_any_stage(folder: Path, line: str) -> None:
    with _demo() as demo:
        _read_until(demo, line)
        os.killpg(demo.pid, signal.SIGINT)
        said, _ = demo.communicate(timeout=60)
    assert demo.returncode == 130, said
    assert "Interrupted" in said
    assert "Traceback" not in said
    _assert_nothing_is_left(folder)


def test_ctrl_c_in_the_midst_of_printing_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(self: demo._Demo) -> list[str]:
        self._console.__enter__()  # as far as it came with a line
        os.kill(os.getpid(), signal.SIGINT)
        return []

    monkeypatch.setattr(demo._Demo, "run", interrupted)
    assert demo.demo() == 130
    assert "Interrupted: the demo ends." in capsys.readouterr().out
    assert not list(folder.iterdir())


def test_sigterm_leaves_nothing(folder: Path) -> None:
    with _demo() as demo:
        _read_until(demo, "   │ data:")
        demo.terminate()
        said, _ = demo.communicate(timeout=60)
    assert demo.returncode == 143, said
    _assert_nothing_is_left(folder)


def test_more_ctrl_c_do_not_disturb_the_cleaning_up(folder: Path) -> None:
    with _demo() as demo:
        _read_until(demo, "   │ data:")

        def is_over() -> bool:
            if demo.poll() is None:
                demo.send_signal(signal.SIGINT)
            return demo.poll() is not None

        wait_until(is_over, within_s=60)
        said, _ = demo.communicate()
    assert demo.returncode in (130, -signal.SIGINT), said  # the last one may come after the end
    _assert_nothing_is_left(folder)


def test_a_check_that_fails_is_named_and_the_folder_is_kept(folder: Path) -> None:
    wheels = folder.parent / "wheels"
    write_wheel(wheels, "tabulate", "0.9.1", {"tabulate.py": _BROKEN + _TABULATE})
    with _demo() as demo:
        said, _ = demo.communicate(timeout=100)
    assert demo.returncode == 1, said
    assert "Not as it should be: All three tasks have run and completed." in said
    assert "Traceback" not in said
    (kept,) = folder.iterdir()
    assert f"The folder is kept: {kept}" in said
    assert (kept / "agent.log").exists()
    assert not _processes(folder)


def test_a_package_that_cannot_be_had_is_a_sentence(folder: Path) -> None:
    (wheel,) = (folder.parent / "wheels").iterdir()
    wheel.unlink()
    with _demo() as demo:
        said, _ = demo.communicate(timeout=60)
    assert demo.returncode == 1, said
    assert "tabulate was not found" in said
    assert "Traceback" not in said
    assert not _processes(folder)


@contextmanager
def _demo() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [_AGENT, "demo"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        start_new_session=True,
    ) as demo:
        try:
            yield demo
        finally:
            if demo.poll() is None:
                demo.kill()


def _read_until(demo: subprocess.Popen[str], start: str) -> None:
    assert demo.stdout is not None
    said = ""
    for line in demo.stdout:
        said += line
        if line.startswith(start):
            return
    pytest.fail(f"The demo never said {start!r}, but:\n{said}")


def _assert_nothing_is_left(folder: Path) -> None:
    assert not list(folder.iterdir())
    assert not _processes(folder)


def _processes(folder: Path) -> list[str]:
    """Those whose environment names a home below the folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if f"ELSEWHERE_HOME={folder}/".encode() in (path / "environ").read_bytes():
                found.append((path / "cmdline").read_text().replace("\0", " "))
        except OSError:  # it has just ended, or is another user's
            continue
    return found
