"""What every installer must do, shown with a real virtual environment and real wheels."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from elsewhere_sandbox.errors import CommandError
from elsewhere_sandbox.installers import INSTALLERS
from elsewhere_sandbox.installers.api import Installer, installer_variables, plan
from tests.plain_setup import PlainSetup
from tests.sandbox.packages import inherited_variables
from tests.wheels import write_project, write_wheel


@pytest.fixture(params=sorted(INSTALLERS))
def installer(request: pytest.FixtureRequest) -> Installer:
    return INSTALLERS[request.param]()


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    folder = tmp_path / "wheels"
    write_wheel(folder, "outer", requires=["inner>=1"], scripts={"outer-tool": "outer:main"})
    write_wheel(folder, "inner", "1.0")
    write_wheel(folder, "inner", "2.0")
    return folder


@pytest.fixture
def variables(tmp_path: Path, wheels: Path) -> dict[str, str]:
    return installer_variables(inherited_variables(tmp_path, wheels))


@pytest.fixture
def environment(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty virtual environment with pip."""
    folder = tmp_path / "a path with spaces" / "environment"
    seed = tmp_path_factory.getbasetemp() / "seed"
    argv = [sys.executable, "-m", "virtualenv", "--quiet", "--no-periodic-update", "--app-data"]
    subprocess.run([*argv, str(seed), str(folder)], check=True)
    return folder


@pytest.fixture
def requirements(tmp_path: Path) -> Path:
    folder = tmp_path / "run folder"
    folder.mkdir()
    return folder / "requirements.txt"


def installed(environment: Path) -> set[str]:
    argv = [str(environment / "bin" / "python"), "-m", "pip", "list", "--format=freeze"]
    listed = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    return {line for line in listed.split() if not line.startswith(("pip=", "setuptools="))}


def install(installer: Installer, requirements: Path, environment: Path, **given: str) -> str:
    return PlainSetup().run(plan(installer, requirements, environment, given))


def test_it_is_available_and_knows_its_name(installer: Installer) -> None:
    assert installer.is_available()
    assert isinstance(INSTALLERS[installer.name](), type(installer))


def test_it_plans_and_runs_nothing(
    installer: Installer, requirements: Path, environment: Path, variables: dict[str, str]
) -> None:
    requirements.write_text("outer\n")
    command = plan(installer, requirements, environment, variables)
    assert command.folder == requirements.parent
    assert variables.items() <= command.environment.items()
    assert "outer" not in command.argv
    assert installed(environment) == set()


def test_it_installs_with_dependencies(
    installer: Installer, requirements: Path, environment: Path, variables: dict[str, str]
) -> None:
    requirements.write_text("inner==1.0\nouter\n")
    install(installer, requirements, environment, **variables)
    assert installed(environment) == {"inner==1.0", "outer==1.0"}
    assert (environment / "bin" / "outer-tool").is_file()


def test_it_installs_without_dependencies(
    installer: Installer,
    requirements: Path,
    environment: Path,
    variables: dict[str, str],
    tmp_path: Path,
) -> None:
    write_project(tmp_path / "pro ject", "mine")
    requirements.write_text(f"-e {(tmp_path / 'pro ject').as_uri()}\nouter\n")
    PlainSetup().run(plan(installer, requirements, environment, variables, "--no-deps"))
    assert installed(environment) == {"mine==1.0", "outer==1.0"}
    argv = [str(environment / "bin" / "python"), "-c", "import mine; print(mine.WHERE)"]
    where = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()
    assert Path(where) == tmp_path / "pro ject" / "src" / "mine" / "__init__.py"


def test_it_can_be_quiet_and_keeps_its_own_variables(
    installer: Installer, requirements: Path, environment: Path, variables: dict[str, str]
) -> None:
    requirements.write_text("outer\n")
    own = dict(installer.variables)
    others = variables | dict.fromkeys(own, "1")
    command = plan(installer, requirements, environment, others, "--quiet")
    assert own.items() <= command.environment.items()
    assert PlainSetup().run(command) == ""
    assert installed(environment) == {"inner==2.0", "outer==1.0"}


def test_it_fails_with_words_that_name_what_is_missing(
    installer: Installer, requirements: Path, environment: Path, variables: dict[str, str]
) -> None:
    requirements.write_text("no-such-package==1.0\n")
    with pytest.raises(CommandError) as raised:
        install(installer, requirements, environment, **variables)
    assert "no-such-package" in raised.value.tail


def test_its_variables_say_where_packages_come_from(
    installer: Installer, requirements: Path, environment: Path, variables: dict[str, str]
) -> None:
    requirements.write_text("outer\n")
    names = [name for name in variables if name.startswith(installer.prefix)]
    others = {name: value for name, value in variables.items() if "FIND_LINKS" not in name}
    assert f"{installer.prefix}FIND_LINKS" in names
    with pytest.raises(CommandError):
        install(installer, requirements, environment, **others)
