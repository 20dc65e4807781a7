"""The seed: normalised, sown now and at imports; and the waiting for imports that it stands on."""

from __future__ import annotations

import random
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path
from typing import Any

import pytest

from elsewhere.core.errors import UsageError
from elsewhere.run import seed


class Index:
    """As numpy's integers are."""

    def __index__(self) -> int:
        return 7


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (None, None),
        (False, None),
        (True, 1337),
        (0, 0),
        (42, 42),
        (2**32 + 5, 5),
        (-1, 2**32 - 1),
        (Index(), 7),
    ],
)
def test_a_seed_is_32_bits_or_none(given: Any, wanted: int | None) -> None:
    normal = seed.normalise(given)
    assert normal == wanted
    assert type(normal) is type(wanted)


@pytest.mark.parametrize("given", ["42", 1.5, [1]])
def test_anything_but_a_whole_number_is_refused(given: Any) -> None:
    with pytest.raises(UsageError, match="The seed cannot be"):
        seed.normalise(given)


def test_random_draws_the_same_numbers_again() -> None:
    state = random.getstate()
    try:
        seed.fix(5)()
        first = random.random()
        seed.fix(5)()
        assert random.random() == first
        seed.fix(6)()
        assert random.random() != first
    finally:
        random.setstate(state)


def test_the_announcement_names_the_seed_and_how_to_change_it() -> None:
    line = seed.announcement(1337)
    assert "1337" in line
    assert "\n" not in line
    assert "Task.set_random_seed(None)" in line


NUMPY = "class random:\n    def seed(number): print('numpy', number)\n"
TORCH = """
def manual_seed(number): print('torch', number)
class cuda:
    def manual_seed_all(number): print('cuda', number)
"""
TENSORFLOW = "class random:\n    def set_seed(number): print('tensorflow', number)\n"


@pytest.fixture
def libraries(tmp_path: Path) -> Path:
    """A folder with libraries that print what they are seeded with."""
    (tmp_path / "numpy.py").write_text(NUMPY)
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text(TORCH)
    (tmp_path / "tensorflow.py").write_text(TENSORFLOW)
    (tmp_path / "broken.py").write_text("raise ValueError('broken')")
    with zipfile.ZipFile(tmp_path / "zipped.zip", "w") as archive:
        archive.writestr("zipped.py", "VALUE = 1")
    return tmp_path


def run(program: str, libraries: Path) -> list[str]:
    """The lines that a program of its own prints; what it says on stderr fails the test."""
    before = f"import sys; sys.path[:0] = [{str(libraries)!r}, {str(libraries / 'zipped.zip')!r}]\n"
    ran = subprocess.run(
        [sys.executable, "-c", before + textwrap.dedent(program)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout.splitlines()


def test_libraries_are_seeded_now_or_when_they_are_imported(libraries: Path) -> None:
    program = """
        import numpy
        from elsewhere.run import seed
        seed.fix(42)
        print("fixed")
        import torch
        import torch
        print("imported")
        import tensorflow
    """
    assert run(program, libraries) == [
        *("numpy 42", "fixed", "torch 42", "cuda 42", "imported", "tensorflow 42")
    ]


def test_nothing_is_seeded_any_more_after_the_undo(libraries: Path) -> None:
    program = """
        import sys
        from elsewhere.run import seed
        before = list(sys.meta_path)
        stop = seed.fix(42)
        stop()
        stop()
        import torch
        print(sys.meta_path == before)
    """
    assert run(program, libraries) == ["True"]


def test_a_library_that_cannot_be_seeded_is_imported_all_the_same(libraries: Path) -> None:
    (libraries / "numpy.py").write_text("VALUE = 1")
    program = """
        import logging
        logging.basicConfig(stream=__import__("sys").stdout, format="%(message)s")
        from elsewhere.run import seed
        seed.fix(42)
        import numpy
        print(numpy.VALUE)
    """
    lines = run(program, libraries)
    assert lines[0] == "A callback on the import of numpy failed."
    assert "AttributeError" in lines[-2]
    assert lines[-1] == "1"


def test_a_waited_for_module_is_like_any_other(libraries: Path) -> None:
    program = """
        import importlib, importlib.util, inspect, pickle, sys
        from elsewhere.core.when_imported import when_imported

        for name in ("torch", "zipped", "numpy"):
            when_imported(name, lambda module: print("found", module.__name__))

        spec = importlib.util.find_spec("torch")
        print(spec.name, spec.loader.is_package("torch"), "torch" in sys.modules)
        print(type(pickle.loads(pickle.dumps(spec.loader))).__name__)

        import numpy, torch, zipped
        print(type(torch.__spec__.loader).__name__, torch.__spec__.loader is torch.__loader__)
        print(type(zipped.__loader__).__name__, zipped.VALUE)
        print(inspect.getsource(torch).splitlines()[1])
        print(importlib.reload(torch) is torch)
    """
    assert run(program, libraries) == [
        "torch True False",
        "SourceFileLoader",
        "found numpy",
        "found torch",
        "found zipped",
        "SourceFileLoader True",
        "zipimporter 1",
        "def manual_seed(number): print('torch', number)",
        "True",
    ]


def test_an_import_that_failed_is_waited_for_again(libraries: Path) -> None:
    program = """
        import sys
        from elsewhere.core.when_imported import when_imported
        when_imported("broken", lambda module: print("found", module.VALUE))
        when_imported("missing", lambda module: print("never"))
        for name in ("broken", "missing"):
            try:
                __import__(name)
            except (ValueError, ImportError) as error:
                print(error)
        with open(sys.path[0] + "/broken.py", "w") as file:
            file.write("VALUE = 1  # and some more, so that the size differs")
        import broken
    """
    assert run(program, libraries) == ["broken", "No module named 'missing'", "found 1"]


def test_two_who_wait_for_one_module_both_see_it(libraries: Path) -> None:
    program = """
        from elsewhere.core.when_imported import when_imported
        when_imported("torch", lambda module: print("first"))
        when_imported("torch", lambda module: print("second"))
        import torch
        when_imported("torch", lambda module: print("late"))
        print(type(torch.__loader__).__name__)
    """
    lines = run(program, libraries)
    assert sorted(lines[:2]) == ["first", "second"]
    assert lines[2:] == ["late", "SourceFileLoader"]


def test_an_import_that_another_thread_has_begun_is_waited_for(libraries: Path) -> None:
    (libraries / "slow.py").write_text(
        "import __main__\n__main__.begun.set()\n__main__.go.wait(30)\nVALUE = 1\n"
    )
    program = """
        import threading
        from elsewhere.core.when_imported import when_imported
        begun, go = threading.Event(), threading.Event()
        thread = threading.Thread(target=__import__, args=("slow",))
        thread.start()
        begun.wait(30)
        threading.Timer(0.05, go.set).start()
        when_imported("slow", lambda module: print(module.VALUE))
        thread.join()
    """
    assert run(program, libraries) == ["1"]
