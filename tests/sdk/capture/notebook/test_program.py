"""The program of a notebook does, without IPython, what its cells did."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.sdk.kernels import Kernel, kernel

_HERE = "__import__('elsewhere.capture.notebook.{0}', fromlist=['_'])"
_RECORD = f"{_HERE.format('cells')}.Cells.of(get_ipython()).is_running"
_NOTEBOOK = f"{_HERE.format('notebook')}.Notebook.running()"


@dataclass(frozen=True)
class Row:
    """A cell; `printed` is what the program prints for it, and the notebook if `is_same`."""

    cell: str
    printed: str = ""
    is_same: bool = True


ROWS = (
    Row("from __future__ import annotations; import os, sys\nprint('a\u2028b', 1)", "a\u2028b 1\n"),
    Row("names = !pip install --quiet nothing-that-is --no-index"),
    Row("%matplotlib inline\n%load_ext autoreload\n%autoreload 2"),
    Row("name = 'x y'\nnumber = 3\n!echo {name} $number {number + 1} $$name", "x y 3 4\n"),
    Row(
        "!echo {name} $number $HOME | tr -d /", f"{{name}} {os.environ['HOME'].replace('/', '')}\n"
    ),
    Row("!echo one two | awk '{print $2}'", "two\n"),
    Row("lines = !printf 'a\\nb {number}\\n'\nprint(list(lines))", "['a', 'b 3']\n"),
    Row("if number:\n    kept = !echo inside\n    %time pass\nprint(kept[0])", "inside\n", False),
    Row("%env GIVEN=val $number", "", False),
    Row("print(os.environ['GIVEN'])", "val 3\n"),
    Row("for one in range(2):\n    !echo loop {one}", "loop 0\nloop 1\n"),
    Row("%%time\ntimed = 5\n!echo in a timed cell", "in a timed cell\n", False),
    Row("%time late = timed + 1\nprint(late)", "6\n", False),
    Row("%%capture kept_output\nseen = 7"),
    Row("print(seen, late)", "7 6\n"),
    Row("%%writefile made.py\nWORD = 'it is {name}'\n", "", False),
    Row("import made\nprint(made.WORD)", "it is {name}\n"),
    Row("%%bash\nfor i in 1 2; do echo bash $i; done", "bash 1\nbash 2\n"),
    Row("%mkdir -p inner\n%cd -q inner\nprint(os.path.basename(os.getcwd()))", "inner\n"),
    Row("cd ..", "", False),
    Row("%%writefile called.py\nimport sys\nRESULT = sys.argv[1:]\n", "", False),
    Row("%run called.py a {number}\nprint(RESULT)", "['a', '3']\n"),
    Row("sys?\n%timeit -n1 -r1 pass", "", False),
    Row("%%html\n<b>bold</b>"),
    Row("import asyncio\nasync def soon(value):\n    await asyncio.sleep(0)\n    return value"),
    Row("a = await soon(1); b = [await soon(n) for n in (2, 3)]\nprint(a, b)", "1 [2, 3]\n"),
    Row(
        """\
async def numbers():
    for n in range(3): yield n
total = 0
async for n in numbers():  # of a comment nothing is left
    total += n
job = asyncio.create_task(soon('job'))
print(total, n, await job)
text = '''
  indented'''
print(repr(text))""",
        "3 2 job\n'\\n  indented'\n",
    ),
    Row("get_ipython().run_line_magic('matplotlib', 'inline'); print('behind')", "behind\n"),
    Row("display(number, name)", "3\nx y\n", False),
    Row("print('__file__' in globals(), __name__)", "False __main__\n"),
)


def test_a_program_prints_what_the_cells_have_printed(tmp_path: Path) -> None:
    with kernel(tmp_path, {}) as cells:
        _begin(cells)
        for row in ROWS:
            ran = cells.run(row.cell)
            assert not ran.error, (row, ran.error)
            assert ran.text.replace("\r\n", "\n") == row.printed or not row.is_same, (row, ran)
        program, sentences = _program(cells)
    for made in ("made.py", "called.py"):
        (tmp_path / made).unlink()

    assert sentences == []
    assert _run(program, tmp_path) == "".join(row.printed for row in ROWS)


def test_what_of_a_cell_has_not_run_to_its_end_is_left_out_and_named(tmp_path: Path) -> None:
    with kernel(tmp_path, {}) as cells:
        cells.run("before = 1/0")
        cells.run("x = 1")
        _begin(cells)
        cells.run("print('kept', x)\nfor n in range(3):\n    print(1 / (1 - n))\nprint('not')")
        cells.run("y = 2 +")
        cells.run("from time import sleep\nprint('interrupted', flush=True)")
        asleep = cells.begin(
            "print('asleep', flush=True)\nif 'IPython' in __import__('sys').modules: sleep(60)"
        )
        cells.wait_for_text(asleep, "asleep")
        cells.interrupt()
        assert cells.collect(asleep).name_of_error == "KeyboardInterrupt"
        program, sentences = _program(cells)

    assert _run(program, tmp_path) == "kept 1\ninterrupted\nasleep\n"
    assert sentences == [
        "Cell [1] raised ZeroDivisionError: it does not travel.",
        "Cell [3] raised ZeroDivisionError: what stands behind its line 1 does not travel.",
        "Cell [4] raised SyntaxError: it does not travel.",
    ]


def test_what_only_a_notebook_has_is_left_out_and_named(tmp_path: Path) -> None:
    with kernel(tmp_path, {}) as cells:
        _begin(cells)
        cells.run("%pylab inline")
        cells.run("%%perl\nprint 1")
        cells.run("get_ipython().events.register('post_execute', print)\nprint('kept')")
        cells.run("41 + 1")
        cells.run("late = _ if False else Out\nprint(_4 if 'get_ipython' in globals() else 0)")
        program, sentences = _program(cells)

    assert "kept" in program
    assert "pylab inline" in program
    why = "which needs a notebook: that is left out."
    assert sentences == [
        f"Cell [1] has %pylab, {why}",
        f"Cell [2] has %%perl, {why}",
        f"Cell [3] has get_ipython().events.register, {why}",
        "The cells use Out, _4, which only a notebook has.",
    ]


def _begin(cells: Kernel) -> None:
    cells.value(_RECORD)


def _program(cells: Kernel) -> tuple[str, list[str]]:
    found = cells.value(f"[{_NOTEBOOK}.content.decode(), {_NOTEBOOK}.sentences]")
    return found[0], found[1]


def _run(program: str, folder: Path) -> str:
    """What a Python without any installed package prints for it."""
    (folder / "program.py").write_text(program)
    words = [sys.executable, "-S", "-u", "program.py"]
    ended = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, f"{ended.stderr}\n{program}"
    return ended.stdout
