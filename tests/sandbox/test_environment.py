"""With real virtual environments, uv, pip and wheels; the only index is a folder."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from elsewhere.core.folders import Home, RunFolder
from elsewhere.core.records import Environment
from elsewhere_sandbox.environment import Interpreter, prepare_environment
from elsewhere_sandbox.errors import SetupError, StopRequestedError
from elsewhere_sandbox.installers import INSTALLERS
from tests.plain_setup import PlainSetup
from tests.sandbox.packages import inherited_variables, warm_home
from tests.waiting import wait_until
from tests.wheels import write_project, write_wheel

ROOT = Path(__file__).parents[2]


class Runs:
    """Prepares runs, each in a folder of its own and with the same code."""

    def __init__(self, folder: Path, home: Home) -> None:
        self.home = home
        self.folder = folder
        self.code = folder / "code"
        self.code.mkdir()
        self.wheels = folder / "wheels"
        self.inherited = inherited_variables(folder, self.wheels)
        self.setup = PlainSetup()
        self._count = 0

    def run_folder(self) -> RunFolder:
        self._count += 1
        return self.home.run("0" * 32, self._count).create()

    def prepare(
        self, *packages: str, setup: PlainSetup | None = None, working_dir: str = "."
    ) -> Interpreter:
        """A fresh `self.setup` keeps what happened. No packages: those of the repository."""
        self.setup = setup or PlainSetup()
        interpreter = prepare_environment(
            Environment(packages=packages or None),
            self.code,
            self.run_folder(),
            self.home,
            self.setup,
            working_dir=working_dir,
            inherited=self.inherited,
        )
        os.close(interpreter.lock)  # as the end of its runner does
        return interpreter

    def shared(self, interpreter: Interpreter) -> Path:
        return self.home.environments / interpreter.digest


@pytest.fixture
def runs(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return make_runs(tmp_path, tmp_path_factory)


def make_runs(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    home = warm_home(folder / "home", tmp_path_factory.getbasetemp() / "seed")
    runs = Runs(folder, home)
    write_wheel(runs.wheels, "greeting", scripts={"greet": "greeting:greet"}, files=GREETING)
    write_wheel(runs.wheels, "own", "2.0")
    return runs


GREETING = {
    "greeting.py": "import sys\nVERSION = '1.0'\ndef greet(): print('hello from', sys.prefix)\n"
}


def call(interpreter: Interpreter, runs: Runs, *argv: str) -> str:
    """Runs a program as the task would: with its PATH, and the agent's pip settings."""
    path = os.pathsep.join([*map(str, interpreter.path), os.environ["PATH"]])
    ended = subprocess.run(
        argv,
        cwd=runs.folder,
        env=runs.inherited | {"PATH": path, "VIRTUAL_ENV": str(interpreter.python.parents[1])},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout
    return ended.stdout.strip()


def evaluate(interpreter: Interpreter, runs: Runs, code: str) -> str:
    return call(interpreter, runs, "python", "-c", code)


@contextmanager
def held(lock: Path) -> Iterator[None]:
    """As a run that builds holds it."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def test_packages_are_installed_and_the_second_run_starts_nothing(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = runs.prepare("greeting==1.0")
    assert not first.was_cached
    assert runs.setup.phases == ["python", "install", "link"]
    assert evaluate(first, runs, "import greeting; print(greeting.VERSION)") == "1.0"

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("A process was started.")

    with monkeypatch.context() as patch:
        patch.setattr(subprocess.Popen, "__init__", refuse)
        second = runs.prepare("greeting==1.0")
    assert second.was_cached
    assert second.digest == first.digest
    assert second.python != first.python
    assert runs.setup.commands == []
    assert any("s saved" in line for line in runs.setup.lines)
    assert evaluate(second, runs, "import greeting; print(greeting.VERSION)") == "1.0"


def test_the_marker_says_what_was_built_and_when_it_was_last_used(runs: Runs) -> None:
    runs.inherited["UV_EXTRA_INDEX_URL"] = "https://ada:hunter2@example.org/simple"
    marker = runs.shared(runs.prepare("greeting==1.0")) / "complete.json"
    facts = json.loads(marker.read_text())
    assert facts["requirements"] == ["greeting==1.0"]
    assert facts["installer"] == "uv"
    assert facts["size_bytes"] > 0
    assert facts["seconds"] > 0
    assert "UV_EXTRA_INDEX_URL" in facts["options"]
    assert "hunter2" not in marker.read_text()
    os.utime(marker, (1000, 1000))
    runs.prepare("greeting==1.0")
    assert marker.stat().st_mtime > 1000


def test_an_environment_is_another_one_when_anything_it_depends_on_changes(runs: Runs) -> None:
    first = runs.prepare("greeting==1.0")
    assert runs.prepare("own", "greeting==1.0").digest != first.digest
    runs.inherited["UV_PRERELEASE"] = "allow"
    assert runs.prepare("greeting==1.0").digest != first.digest
    runs.inherited["ELSEWHERE_WHATEVER"] = runs.inherited["LANG"] = "C"
    assert runs.prepare("greeting==1.0").was_cached


def test_racing_runs_build_it_once(runs: Runs, tmp_path: Path) -> None:
    digest = runs.prepare("greeting==1.0").digest
    shutil.rmtree(runs.home.environments / digest)
    started = []
    with held(runs.home.environments / f"{digest}.lock"):
        for number in range(2):
            output = tmp_path / f"output-{number}"
            started.append((racer(runs, output), output))
        for _, output in started:
            wait_until(lambda output=output: "waiting for it" in output.read_text())  # type: ignore[misc]
    for process, _ in started:
        assert process.wait(timeout=60) == 0
    outputs = [output.read_text() for _, output in started]
    assert sorted(text.splitlines()[-1] for text in outputs) == ["False", "True"]
    assert [text.count("waiting for it") for text in outputs] == [1, 1]


def racer(runs: Runs, output: Path) -> subprocess.Popen[bytes]:
    """A process that prepares a run of `greeting` and prints what it says, then `was_cached`."""
    code = (
        "from pathlib import Path\n"
        "from elsewhere.core.folders import Home\n"
        "from elsewhere.core.records import Environment\n"
        "from elsewhere_sandbox.environment import prepare_environment\n"
        "from tests.plain_setup import PlainSetup\n"
        "setup = PlainSetup()\n"
        "setup.say = lambda line: print(line, flush=True)\n"
        f"home = Home(Path({str(runs.home.path)!r}))\n"
        f"folder = home.run({output.name!r}, 1).create()\n"
        "print(prepare_environment(Environment(packages=('greeting==1.0',)),"
        f" Path({str(runs.code)!r}), folder, home, setup,"
        f" inherited={runs.inherited!r}).was_cached)\n"
    )
    paths = [ROOT, *(ROOT / name for name in ("sdk", "sandbox"))]
    with output.open("w") as file:
        return subprocess.Popen(
            [sys.executable, "-c", code],
            stdout=file,
            stderr=subprocess.STDOUT,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths))},
        )


def test_a_stop_ends_the_wait_for_another_builder(runs: Runs) -> None:
    digest = runs.prepare("greeting==1.0").digest
    shutil.rmtree(runs.home.environments / digest)
    setup = PlainSetup()
    setup.is_stopping = True
    with held(runs.home.environments / f"{digest}.lock"), pytest.raises(StopRequestedError):
        runs.prepare("greeting==1.0", setup=setup)
    assert any("waiting for it" in line for line in setup.lines)


def test_a_half_built_environment_is_built_again(runs: Runs) -> None:
    shared = runs.shared(runs.prepare("greeting==1.0"))
    (shared / "complete.json").unlink()
    (shared / "bin" / "python").unlink()
    (shared / "rubbish").touch()
    again = runs.prepare("greeting==1.0")
    assert not again.was_cached
    assert not (shared / "rubbish").exists()
    assert evaluate(again, runs, "import greeting; print(greeting.VERSION)") == "1.0"


@pytest.mark.parametrize("pip", [("pip",), ("python", "-m", "pip")])
def test_what_a_run_installs_stays_in_that_run(runs: Runs, pip: tuple[str, ...]) -> None:
    one, two = runs.prepare("greeting==1.0"), runs.prepare("greeting==1.0")
    shared = runs.shared(one)
    before = sorted(path.name for path in (shared / one_site()).iterdir())
    call(one, runs, *pip, "install", "own")
    assert evaluate(one, runs, "import own; print(own.VERSION)") == "2.0"
    assert (one.python.parents[1] / one_site() / "own.py").is_file()
    assert sorted(path.name for path in (shared / one_site()).iterdir()) == before
    assert evaluate(two, runs, "import importlib.util as u; print(u.find_spec('own'))") == "None"


def one_site() -> str:
    return f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"


def test_a_run_may_replace_a_shared_package_for_itself(runs: Runs) -> None:
    write_wheel(runs.wheels, "own", "3.0")
    one, two = runs.prepare("own==2.0"), runs.prepare("own==2.0")
    call(one, runs, "pip", "install", "own==3.0")
    assert evaluate(one, runs, "import own; print(own.VERSION)") == "3.0"
    assert evaluate(two, runs, "import own; print(own.VERSION)") == "2.0"


def test_the_sdk_is_lent_and_pip_does_not_see_it(runs: Runs) -> None:
    interpreter = runs.prepare("greeting==1.0")
    lent = "import elsewhere, redis, rq, fsspec; print(elsewhere.__file__)"
    assert str(runs.home.lent) in evaluate(interpreter, runs, lent)
    listed = call(interpreter, runs, "pip", "list", "--format=freeze").splitlines()
    assert {line.partition("==")[0] for line in listed} == {"greeting", "pip"}
    assert call(interpreter, runs, "pip", "freeze") == "greeting==1.0"


def test_a_package_that_the_task_pins_wins_over_the_lent_one(runs: Runs) -> None:
    write_wheel(runs.wheels, "redis", "0.0.1", {"redis/__init__.py": "VERSION = 'pinned'"})
    interpreter = runs.prepare("redis==0.0.1")
    assert evaluate(interpreter, runs, "import redis; print(redis.VERSION)") == "pinned"


def test_a_package_that_the_run_installs_wins_over_the_lent_one(runs: Runs) -> None:
    write_wheel(runs.wheels, "redis", "0.0.1", {"redis/__init__.py": "VERSION = 'own'"})
    interpreter = runs.prepare("greeting==1.0")
    call(interpreter, runs, "pip", "install", "redis")
    assert evaluate(interpreter, runs, "import redis; print(redis.VERSION)") == "own"


@pytest.fixture(params=sorted(INSTALLERS))
def only_installer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    for name in INSTALLERS.keys() - {request.param}:
        monkeypatch.delitem(INSTALLERS, name)
    return str(request.param)


def test_scripts_of_packages_run_in_the_run_s_own_layer(runs: Runs, only_installer: str) -> None:
    interpreter = runs.prepare("greeting==1.0")
    assert json.loads((runs.shared(interpreter) / "complete.json").read_text())["installer"] == (
        only_installer
    )
    assert call(interpreter, runs, "greet") == f"hello from {interpreter.python.parents[1]}"


def test_that_holds_where_paths_are_short_enough_for_a_plain_first_line(
    short_path: Path, tmp_path_factory: pytest.TempPathFactory, only_installer: str
) -> None:
    runs = make_runs(short_path, tmp_path_factory)
    interpreter = runs.prepare("greeting==1.0")
    assert call(interpreter, runs, "greet") == f"hello from {interpreter.python.parents[1]}"
    call(interpreter, runs, "pip", "install", "own")
    assert (interpreter.python.parents[1] / one_site() / "own.py").is_file()


def test_a_project_of_the_repository_is_installed_in_place(runs: Runs, only_installer: str) -> None:
    write_project(runs.code / "packages" / "mine", "mine", "1.5")
    interpreter = runs.prepare("greeting==1.0", "-e ./packages/mine")
    assert runs.setup.phases == ["python", "install", "link", "install"]
    where = evaluate(interpreter, runs, "import mine; print(mine.WHERE)")
    assert Path(where) == runs.code / "packages" / "mine" / "src" / "mine" / "__init__.py"
    version = "from importlib.metadata import version; print(version('mine'))"
    assert evaluate(interpreter, runs, version) == "1.5"
    without = runs.prepare("greeting==1.0")
    assert without.digest == interpreter.digest
    find = "import importlib.util as u; print(u.find_spec('mine'))"
    assert evaluate(without, runs, find) == "None"


def test_without_packages_the_repository_s_requirements_are_installed(runs: Runs) -> None:
    (runs.code / "experiments").mkdir()
    (runs.code / "requirements.txt").write_text("greeting==1.0  # says hello\n")
    interpreter = runs.prepare(working_dir="experiments")
    assert evaluate(interpreter, runs, "import greeting; print(greeting.VERSION)") == "1.0"


def test_an_unknown_package_fails_with_the_installer_s_words(
    runs: Runs, only_installer: str
) -> None:
    with pytest.raises(SetupError) as raised:
        runs.prepare("no-such-package==9.9")
    message = str(raised.value)
    assert "cannot be installed" in message
    assert "no-such-package" in message
    assert "Correct the task's packages" in message
    assert INSTALLERS[only_installer]().prefix in message
    assert runs.setup.phases == ["python", "install"]
    left = {path.suffix for path in runs.home.environments.iterdir() if path.name != "seed"}
    assert left == {".json", ".lock"}


def test_a_password_in_an_address_is_not_in_the_message(runs: Runs, only_installer: str) -> None:
    address = "http://ada:hunter2@127.0.0.1:1/nothing-1.0-py3-none-any.whl"
    runs.inherited |= {"UV_OFFLINE": "0", "UV_HTTP_RETRIES": "0", "PIP_RETRIES": "0"}
    with pytest.raises(SetupError) as raised:
        runs.prepare(f"nothing @ {address}")
    assert "nothing" in str(raised.value)
    assert "hunter2" not in str(raised.value)


def test_an_option_among_the_requirements_is_refused_before_anything_runs(runs: Runs) -> None:
    with pytest.raises(SetupError, match="is refused"):
        runs.prepare("greeting==1.0", "--index-url=https://evil.example.org")
    assert runs.setup.commands == []


def test_installers_do_not_see_the_agent_s_secrets(runs: Runs) -> None:
    runs.prepare("greeting==1.0")
    assert len(runs.setup.commands) == 3  # virtualenv, pip, the package
    for command in runs.setup.commands:
        assert "UV_FIND_LINKS" in command.environment
        assert not [name for name in command.environment if name.startswith("ELSEWHERE_")]


def test_another_python_than_there_is_ends_the_set_up(runs: Runs) -> None:
    with pytest.raises(SetupError, match=r"asks for Python 3\.98"):
        prepare_environment(
            Environment(python="3.98", packages=()),
            runs.code,
            runs.run_folder(),
            runs.home,
            runs.setup,
            inherited=runs.inherited,
        )
    assert runs.setup.phases == ["python"]
    assert runs.setup.commands == []


def test_all_runs_share_one_folder_of_lent_packages(runs: Runs) -> None:
    runs.prepare("greeting==1.0")
    runs.prepare("greeting==1.0")
    (folder,) = runs.home.lent.iterdir()
    assert {"elsewhere", "redis", "rq", "fsspec"} <= {path.name for path in folder.iterdir()}
    assert all(path.is_symlink() and path.exists() for path in folder.iterdir())
