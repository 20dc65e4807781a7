"""A notebook on the laptop sends its cells, and the box runs them as a program."""

from __future__ import annotations

from elsewhere import Task
from tests.e2e.world import Box, Laptop, World
from tests.sdk.kernels import Kernel, kernel, write_notebook

CELLS = {
    "imports": """
        from __future__ import annotations
        %matplotlib inline
        !pip install numpy
        import json, os, sys
        from mymodule import double
        from elsewhere import Task
    """,
    "begin": """
        task = Task.init("notebook", "numbers")
        given = task.connect({"steps": 3})
    """,
    "wrong": "numbers = [1, 2\nx = ",
    "shell": """
        kept = !echo {given["steps"]} from the shell
        !echo printed by a command
        %env KIND=remote
    """,
    "timed": """
        %%time
        numbers = [double(n) for n in range(given["steps"])]
    """,
    "later": """
        import asyncio
        async def later(): await asyncio.sleep(0); return len(numbers)
        many = await later()
    """,
    "bash": "%%bash\necho from bash: $KIND",
    "send": """
        task.execute_remotely("default")
        display({"numbers": numbers, "many": many, "kept": kept, "kind": os.environ["KIND"]})
        print(json.dumps({"argv": sys.argv[1:], "folder": os.path.basename(os.getcwd())}))
        print("rows:", open("data.csv").read().strip())
        task.upload_artifact("numbers", {"numbers": numbers})
    """,
}
#: what the box prints behind the line where the laptop stops
PRINTED = """\
{'numbers': [0, 2, 4], 'many': 3, 'kept': ['3 from the shell'], 'kind': 'remote'}
{"argv": [], "folder": "nb"}
rows: 1,2,3
"""


def test_the_cells_of_a_notebook_in_a_repository_run_on_the_box(
    laptop: Laptop, box: Box, world: World
) -> None:
    project = laptop.repository(
        "project",
        {"nb/mymodule.py": "def double(n): return n\n", "nb/data.csv": "1,2,3\n"},
        remote=laptop.remote("project"),
    )
    project.write({"nb/mymodule.py": "def double(n): return 2 * n\n"})
    notebook = write_notebook(project.folder / "nb/numbers.ipynb", CELLS)
    before = project.git("status", "--short")
    with kernel(project.folder / "nb", _environment(world), notebook=notebook) as cells:
        task, said = _send(cells, box)
    ended = box.end(task)

    assert ended.status == "completed", ended
    assert PRINTED in ended.output
    assert "printed by a command\nfrom bash: remote\n" in ended.output
    assert task.artifacts["numbers"].get() == {"numbers": [0, 2, 4]}
    assert set(task.artifacts) == {"notebook", "numbers", "run-manifest"}
    assert "Cell [3] raised SyntaxError: it does not travel" in said
    source = box.store.read(task.id).source
    assert (source.entry_point, source.working_dir) == ("numbers.ipynb.py", "nb")
    assert source.commit == project.git("rev-parse", "HEAD").strip()
    left = project.git("status", "--short").replace("?? nb/__pycache__/\n", "")
    assert left == before, "nothing is written into the repository but Python's own"


def test_a_notebook_outside_git_travels_with_what_it_imports_and_names_what_stays(
    laptop: Laptop, box: Box, world: World
) -> None:
    folder = laptop.folder / "loose"
    folder.mkdir()
    (folder / "mymodule.py").write_text("def double(n): return 2 * n\n")
    (folder / "data.csv").write_text("1,2,3\n")
    with kernel(folder, _environment(world)) as cells:
        task, said = _send(cells, box)
    ended = box.end(task)

    assert "These files do not travel" in said
    assert "data.csv" in said
    assert "mymodule.py" not in said
    assert (ended.status, ended.outcome.exit_code) == ("failed", 1)
    assert "No such file or directory: 'data.csv'" in ended.output
    assert PRINTED.splitlines()[0] in ended.output


def test_edits_of_parameters_reach_the_cells(laptop: Laptop, box: Box, world: World) -> None:
    folder = laptop.folder / "loose"
    folder.mkdir()
    with kernel(folder, _environment(world)) as cells:
        cells.run(
            """
            from argparse import ArgumentParser
            from elsewhere import Task
            task = Task.init("notebook", "edited")
            parser = ArgumentParser()
            parser.add_argument("--rate", type=float, default=0.1)
            args = parser.parse_args(args=[])
            given = task.connect({"steps": 3})
            """
        )
        cells.run("print('rate', args.rate, 'steps', given['steps'])\ntask.close()")
        task = Task(cells.value("task.id"), box.store)
    copy = Task.clone(task)
    copy.set_parameters({"Args/rate": 0.5, "General/steps": 7})
    ended = box.run(copy)

    assert ended.status == "completed", ended
    assert "rate 0.5 steps 7" in ended.output


def test_functions_of_a_notebook_run_on_the_box_and_spawn_there(
    laptop: Laptop, box: Box, world: World
) -> None:
    folder = laptop.folder / "loose"
    folder.mkdir()
    (folder / "part.py").write_text("def negative(n): return -n\n")
    with kernel(folder, _environment(world)) as cells:
        cells.run(
            """
            import multiprocessing
            from part import negative
            from elsewhere import Task
            task = Task.init("notebook", "functions")
            print("the cells ran once")
            """
        )
        cells.run(
            """
            def train(numbers=(1,)):
                with multiprocessing.get_context("spawn").Pool(2) as pool:
                    print("negative", pool.map(negative, numbers))
            """
        )
        cells.run("function = task.create_function_task(train, numbers=[1, 2])")
        cells.run("task.close()")
        function = Task(cells.value("function.id"), box.store)
    ended = box.run(function)

    assert ended.status == "completed", ended
    assert "negative [-1, -2]" in ended.output
    assert ended.output.count("the cells ran once") == 1


def _environment(world: World) -> dict[str, str]:
    return {"ELSEWHERE_REDIS_URL": world.url, "ELSEWHERE_LOCAL_REMOTES_ARE_SHARED": "yes"}


def _send(cells: Kernel, box: Box) -> tuple[Task, str]:
    """Runs all cells; returns the task, and what the last cell has printed."""
    for name, code in CELLS.items():
        if name != "send":
            cells.run(code, name)
    task = Task(cells.value("task.id"), box.store)
    sent = cells.run(CELLS["send"], "send")
    assert sent.name_of_error == "CodeSent", sent
    assert len(sent.error) == 1, sent.error
    assert f"task {task.id} waits in queue 'default'" in sent.text
    assert cells.value("numbers") == [0, 2, 4], "the kernel has what it had"
    assert cells.value("Task.current_task() is None")
    return task, sent.text
