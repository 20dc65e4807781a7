"""`agent build` makes the environment of a task a folder or an image, in which it then runs."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import docker
import pytest
from docker.errors import ImageNotFound

from elsewhere import Task
from tests.e2e.environments import write_project
from tests.e2e.world import Box, Laptop, Printed, World, agent
from tests.engine import PYTHON, SHELL, Dockerd

_PROGRAM: Final = """
import gauge
from elsewhere import Task
task = Task.init("built", "train", auto_connect_frameworks=False)
task.execute_remotely(None)
print("with", gauge.UNIT, gauge.__file__)
"""


@pytest.fixture
def task(laptop: Laptop) -> Task:
    """A draft that imports a package; another one, which it does not import, nobody has."""
    project = laptop.repository("project", {"train.py": _PROGRAM})
    return laptop.task(laptop.run(project.folder, "train.py"))


@pytest.fixture
def client(engine: Dockerd, task: Task) -> Iterator[docker.DockerClient]:
    with closing(engine.client()) as client:
        yield client
        left = client.containers.list(all=True, filters={"label": f"elsewhere.task={task.id}"})
        assert left == []


@pytest.fixture
def tag(client: docker.DockerClient, task: Task) -> Iterator[str]:
    """A name for an image of this test, which is removed."""
    name = f"elsewhere-tests/{task.id}"
    yield f"{name}:1"
    for image in client.images.list(name):
        for one in image.tags:
            client.images.remove(one)


def build(box: Box, task: Task, *words: str) -> Printed:
    return agent("build", "--id", task.id, *words, environ=box.environ)


def test_a_folder_has_what_a_run_would_have_and_runs_by_itself(
    task: Task, box: Box, tmp_path: Path
) -> None:
    target = tmp_path / "made" / "environment"
    built = build(box, task, "--venv", str(target))
    assert built.code == 0, built.errors
    assert b"Left out, since they cannot be had here and the program" in built.output
    assert b"Installed: accelerate 1.9, gauge 2.5, pip" in built.output
    python = str(target / "bin" / "python")
    assert f"Its Python is {python}." in built.output.decode()
    imports = "import elsewhere, gauge; print(gauge.UNIT)"
    for command in ([python, "-I", "-c", imports], [f"{target}/bin/pip", "--version"]):
        done = subprocess.run(command, env={}, capture_output=True, check=False)
        assert done.returncode == 0, done
    assert not list(Path(tempfile.gettempdir()).glob(f"elsewhere-*/{task.id}*")), (
        "nothing else is left"
    )


def test_a_project_of_the_code_is_in_the_folder_as_a_copy(
    laptop: Laptop, box: Box, tmp_path: Path
) -> None:
    project = laptop.repository("project", {"train.py": _PROGRAM})
    write_project(project.folder / "inside", "inside", "0.1", "of the code")
    task = laptop.task(laptop.run(project.folder, "train.py"))
    task.set_packages(["-e ./inside"])
    built = build(box, task, "--venv", str(tmp_path / "made"))
    assert built.code == 0, built.errors
    asks = [str(tmp_path / "made/bin/python"), "-c", "import inside; print(inside.VERSION)"]
    done = subprocess.run(asks, env={}, capture_output=True, check=True, cwd="/")
    assert done.stdout == b"of the code\n"


def test_a_folder_that_is_not_empty_is_left_alone(task: Task, box: Box, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("work")
    refused = build(box, task, "--venv", str(tmp_path))
    assert refused.code == 1
    assert f"{tmp_path} is there already" in refused.errors
    assert (tmp_path / "mine").read_text() == "work"


def test_what_cannot_be_installed_leaves_no_folder(task: Task, box: Box, tmp_path: Path) -> None:
    task.set_packages(["nothing-like-it==3.1"])
    refused = build(box, task, "--venv", str(tmp_path / "made"))
    assert refused.code == 1
    assert "Nothing was built" in refused.errors
    assert "nothing-like-it" in refused.errors
    assert "Traceback" not in refused.errors
    assert not (tmp_path / "made").exists()


def test_a_task_finds_all_its_packages_in_the_image_that_was_built_for_it(
    task: Task, ship: Box, client: docker.DockerClient, tag: str
) -> None:
    task.set_packages(["gauge[far]==2.5"])  # what no image has by its version alone
    built = build(ship, task, "--base", PYTHON, "--docker", tag)
    assert built.code == 0, built.errors
    image = client.images.get(tag)
    assert image.labels["elsewhere.built_for"] == task.id
    task.set_base_docker(tag)
    ended = ship.run(task, queue="ships")
    assert ended.status == "completed", ended
    assert "The image has all packages that the task asks for: none is installed." in ended.output
    assert "with furlong /elsewhere-" in ended.output


def test_other_tasks_and_other_users_find_them_by_their_versions(
    laptop: Laptop, task: Task, ship: Box, client: docker.DockerClient, tag: str
) -> None:
    task.set_base_docker(PYTHON)
    built = build(ship, task, "--docker", tag)
    assert built.code == 0, built.errors
    printed = client.containers.run(
        tag, ["python3", "-c", "import gauge; print(gauge.UNIT)"], user="1234", remove=True
    )
    assert printed == b"furlong\n"
    code = "import gauge, sys; print(gauge.__file__, sys.prefix)"
    project = laptop.repository("other", {"other.py": code})
    given = f"script='other.py', packages=['gauge>=2'], docker={tag!r}"
    make = f"from elsewhere import Task\nprint(Task.create('ships', 'other', {given}).id)"
    made = laptop.run(project.folder, "-c", make)
    assert made.code == 0, made
    other = Task(made.output.decode().split()[-1], ship.store)
    ended = ship.run(other, queue="ships")
    assert ended.status == "completed", ended
    assert "none is installed." in ended.output
    task.set_packages(["gauge>=3"])
    again = build(ship, task, "--base", tag, "--docker", tag)
    assert again.code == 1
    assert "gauge" in again.errors


def test_an_image_that_has_them_already_only_gets_the_name(
    task: Task, ship: Box, client: docker.DockerClient, tag: str
) -> None:
    assert build(ship, task, "--base", PYTHON, "--docker", tag).code == 0
    again = build(ship, task, "--base", tag, "--docker", f"{tag}.1")
    assert again.code == 0, again
    assert "has all packages" in again.errors
    first, second = (client.images.get(name) for name in (tag, f"{tag}.1"))
    assert first.attrs["Config"]["Env"] == second.attrs["Config"]["Env"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--docker", "Not A Name"), "cannot have the name 'Not A Name'"),
        ((), "nothing names an image"),
        (("--base", SHELL), "has no Python"),
        (("--base", "127.0.0.1:9/no/such:1"), "no/such:1 cannot be pulled"),
    ],
)
def test_what_cannot_be_an_image_is_one_sentence(
    task: Task,
    ship: Box,
    client: docker.DockerClient,
    tag: str,
    words: tuple[str, ...],
    sentence: str,
) -> None:
    refused = build(ship, task, *(() if "--docker" in words else ("--docker", tag)), *words)
    assert refused.code == 1, refused
    assert sentence in refused.errors
    assert "Traceback" not in refused.errors
    with pytest.raises(ImageNotFound):
        client.images.get(tag)


def test_an_engine_that_does_not_answer_is_named(task: Task, world: World, tmp_path: Path) -> None:
    where = {**world.box.environ, "DOCKER_HOST": f"unix://{tmp_path}/nobody.sock"}
    refused = agent("build", "--id", task.id, "--docker", "made:1", environ=where)
    assert refused.code == 1
    assert f"{tmp_path}/nobody.sock" in refused.errors


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "one of the arguments --venv --docker is required"),
        (("--venv", "a", "--docker", "b"), "not allowed with argument"),
        (("--venv", "a", "--base", "b"), "The option --base names the image that --docker adds to"),
    ],
)
def test_a_wrong_call_names_the_options(
    box: Box, task: Task, words: tuple[str, ...], sentence: str
) -> None:
    refused = build(box, task, *words)
    assert refused.code == 2
    assert sentence in refused.errors
