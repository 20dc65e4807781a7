"""The progress of tasks whose programs show bars with tqdm or rich."""

from __future__ import annotations

import textwrap

import pytest

from tests.sdk.hooks.frameworks.programs import Programs

#: looks at each drawing, so that no test waits for a second
AT_ONCE = """
from elsewhere.hooks.progress import loops
loops._LOOK_S = 0
"""
TQDM = f"""
from tqdm import tqdm, trange
from functools import partial
seen = []
tqdm, trange = (partial(one, mininterval=0, miniters=1) for one in (tqdm, trange))
{AT_ONCE}
"""


#: the progress that has arrived: at its end a task that completes has 100
LOOK = """
task.flush(wait_for_uploads=True)
from elsewhere.core.settings import load
from elsewhere.store import open_store
print("at", open_store(load()).state(task.id).progress or 0)
"""


def progress(
    programs: Programs, script: str, *, before: str = TQDM, frameworks: object = True
) -> float:
    """The progress of a task at the end of its `script`."""
    programs.run(f"{textwrap.dedent(script)}\n{LOOK}", before=before, frameworks=frameworks)
    return seen(programs)[-1]


def seen(programs: Programs) -> list[float]:
    """What the program has printed of its progress."""
    lines = [line for line in programs.ran.lines if line.startswith("at ")]
    return [float(line.removeprefix("at ")) for line in lines]


LOOPS = {
    "trange": "for _ in trange(4): look()",
    "auto": "from tqdm.auto import tqdm as auto\nfor _ in auto(range(4), **often): look()",
    "a subclass": """
class Mine(std.tqdm):
    pass
for _ in Mine(range(4), **often): look()
""",
    "by hand": """
with tqdm(total=4) as bar:
    for _ in range(4):
        look()
        bar.update()
""",
    "a total that is known later": """
bar = tqdm()
bar.total = 4
for _ in range(4):
    look()
    bar.update()
bar.close()
""",
    "threads": """
from tqdm.contrib.concurrent import thread_map
look(*thread_map(lambda n: n, range(4), mininterval=0, miniters=1))
look()
look()
look()
""",
    "rich": "from rich.progress import track\nfor _ in track(range(4)): look()",
    "rich by hand": """
from rich.progress import Progress
with Progress() as display:
    number = display.add_task("loop", total=4)
    for _ in range(4):
        look()
        display.advance(number)
""",
}


@pytest.mark.parametrize("loop", LOOPS)
def test_a_loop_ends_at_100(programs: Programs, loop: str) -> None:
    often = "from tqdm import std\noften = {'mininterval': 0, 'miniters': 1}"
    script = f"def look(*_): print('at', task.get_progress())\n{LOOPS[loop]}"
    assert progress(programs, script, before=f"{TQDM}\n{often}") == 100
    assert len(seen(programs)) == 5
    assert seen(programs) == sorted(seen(programs))
    assert "Traceback" not in programs.ran.errors


def test_epochs_are_refined_by_their_batches(programs: Programs) -> None:
    script = """
    for epoch in trange(2, desc="epochs"):
        for batch in tqdm(range(2), leave=False, position=1):
            print("at", task.get_progress())
    """
    assert progress(programs, script) == 100
    assert seen(programs) == [0, 25, 50, 75, 100]


def test_a_loop_that_breaks_stays_where_it_was(programs: Programs) -> None:
    script = """
    for number in tqdm(range(2, 10), initial=2, total=10):
        if number == 5:
            break
    """
    assert progress(programs, script) == 50


NO_LOOPS = {
    "disabled": "for _ in trange(3, disable=True): pass",
    "without an end": "for _ in tqdm(iter(range(3))): pass",
    "bytes": "for _ in trange(3, unit='B'): pass",
    "empty": "for _ in trange(0): pass",
    "a thread": """
import threading
thread = threading.Thread(target=lambda: list(trange(3)))
thread.start()
thread.join()
""",
    "a fork": """
if not (pid := os.fork()):
    list(trange(3))
    os._exit(0)
os.waitpid(pid, 0)
""",
    "a fork that goes on with a bar": """
bar = tqdm(total=2)
if not (pid := os.fork()):
    bar.update()
    os._exit(0)
os.waitpid(pid, 0)
""",
    "a program that it starts": """
import subprocess
program = "from elsewhere import Task; Task.init(); from tqdm import trange; list(trange(3))"
subprocess.run([sys.executable, "-c", program], check=True)
""",
    "bytes of rich": """
from rich.progress import DownloadColumn, Progress
with Progress(DownloadColumn()) as display:
    display.advance(display.add_task("file", total=1))
""",
}


@pytest.mark.parametrize("loop", NO_LOOPS)
def test_what_is_no_loop_of_the_program_does_not_count(programs: Programs, loop: str) -> None:
    assert progress(programs, NO_LOOPS[loop]) == 0


def test_what_the_script_sets_counts_for_good(programs: Programs) -> None:
    script = """
    for number in trange(3):
        if number == 1:
            task.set_progress(7)
    """
    assert progress(programs, script) == 7


def test_a_wrong_progress_is_not_one_of_the_script(programs: Programs) -> None:
    assert progress(programs, "task.set_progress(101)\nfor _ in trange(3): pass") == 100


@pytest.mark.parametrize("frameworks", [False, {"progress": False}])
def test_it_is_switched_by_its_name(programs: Programs, frameworks: object) -> None:
    assert progress(programs, "for _ in trange(3): pass", frameworks=frameworks) == 0


def test_a_program_without_bars_imports_nothing_for_them(programs: Programs) -> None:
    programs.run("assert not {'tqdm', 'rich.progress', 'keras', 'lightning'} & set(sys.modules)")


RICH = ", ".join(
    f"Progress.{name}" for name in ("add_task", "update", "advance", "reset", "remove_task", "stop")
)

KERAS = "Model.fit, " + ", ".join(
    f"callbacks.CallbackList.{name}"
    for name in ("on_epoch_begin", "on_train_batch_end", "on_epoch_end")
)


@pytest.mark.parametrize(
    ("library", "missing"),
    [
        ("tqdm.std", "tqdm.refresh, tqdm.close"),
        ("rich.progress", RICH),
        (
            "pytorch_lightning.loops.fit_loop",
            "_FitLoop.run, _FitLoop.advance, _TrainingEpochLoop.advance",
        ),
        ("keras", KERAS),
    ],
)
def test_what_a_version_lacks_is_one_warning(
    programs: Programs, library: str, missing: str
) -> None:
    file = programs.folder.joinpath(*library.split(".")).with_suffix(".py")
    file.parent.mkdir(parents=True, exist_ok=True)
    for folder in file.relative_to(programs.folder).parents[:-1]:
        (programs.folder / folder / "__init__.py").touch()
    file.write_text("__version__ = '99'\n")
    bars_only = {"tensorflow": False}
    programs.run(f"import {library}", before="Task.set_random_seed(None)", frameworks=bars_only)
    (warning,) = programs.warnings
    assert warning.startswith(f"{library} 99 has no {missing}: what a program does"), warning
