"""A lock file of the repository is installed as it stands, by the real uv."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from elsewhere.core.records import Environment
from elsewhere_sandbox.environment import Interpreter, prepare_environment
from elsewhere_sandbox.errors import SetupError
from elsewhere_sandbox.installers.uv import find_uv
from elsewhere_sandbox.spec import PackagePolicy
from tests.sandbox.locks import Box
from tests.wheels import write_project, write_wheel


@pytest.fixture
def box(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Box:
    return Box(tmp_path, tmp_path_factory.getbasetemp() / "seed")


def prepare(box: Box, name: str, attempt: int = 1) -> Interpreter:
    interpreter = prepare_environment(
        Environment(lock_file=name),
        box.code,
        box.home.run("1" * 32, attempt).create(),
        box.home,
        box.setup,
        box.policy,
        inherited=box.inherited,
    )
    os.close(interpreter.lock)
    return interpreter


def found_by(interpreter: Interpreter, *modules: str) -> list[str]:
    """Those of the `modules` that the interpreter finds."""
    program = "import sys, importlib.util as u; print(*filter(u.find_spec, sys.argv[1:]))"
    ended = subprocess.run(
        [interpreter.python, "-c", program, *modules], capture_output=True, text=True, check=True
    )
    return ended.stdout.split()


def test_a_lock_of_uv_gives_its_versions(box: Box) -> None:
    write_wheel(box.wheels, "used", requires=["deep"])
    write_wheel(box.wheels, "deep", "2.5")
    (box.code / "pyproject.toml").write_text(
        '[project]\nname = "mine"\nversion = "1"\nrequires-python = ">=3.9"\n'
        'dependencies = ["used"]\n'
    )
    subprocess.run(
        [find_uv(), "lock", "--quiet"],
        cwd=box.code,
        env={**os.environ, **box.inherited},
        check=True,
    )
    write_wheel(box.wheels, "deep", "4.1")
    box.policy = PackagePolicy(index_url=_OTHER)
    assert box.installed(prepare(box, "uv.lock")) == {"used": "1.0", "deep": "2.5"}


#: an index that the agent has, and the laptop has not
_OTHER: Final = "http://127.0.0.1:8/simple"


def lock_of_uv(box: Box, digest: str) -> None:
    """Writes the lock of a laptop that has an index of its own, for a project that needs `used`."""
    (box.code / "pyproject.toml").write_text(
        '[project]\nname = "mine"\nversion = "1"\nrequires-python = ">=3.9"\n'
        'dependencies = ["used"]\n'
    )
    index = "http://127.0.0.1:9/simple"
    (box.code / "uv.lock").write_text(
        'version = 1\nrevision = 3\nrequires-python = ">=3.9"\n'
        '[[package]]\nname = "mine"\nversion = "1"\nsource = { virtual = "." }\n'
        'dependencies = [{ name = "used" }]\n'
        '[package.metadata]\nrequires-dist = [{ name = "used" }]\n'
        f'[[package]]\nname = "used"\nversion = "1.0"\nsource = {{ registry = "{index}" }}\n'
        f'wheels = [{{ url = "{index}/used-1.0-py3-none-any.whl", hash = "sha256:{digest}" }}]\n'
    )


def digest_of(wheel: Path) -> str:
    return hashlib.sha256(wheel.read_bytes()).hexdigest()


@pytest.mark.parametrize("own", [{}, {"index_url": _OTHER}, {"extra_index_urls": (_OTHER,)}])
@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_a_lock_made_with_another_index_is_taken_and_its_hashes_are_checked(
    box: Box, installer: str, own: dict[str, Any]
) -> None:
    box.policy = PackagePolicy(installer=installer, **own)
    lock_of_uv(box, digest_of(write_wheel(box.wheels, "used")))
    assert box.installed(prepare(box, "uv.lock")) == {"used": "1.0"}
    lock_of_uv(box, "0" * 64)
    with pytest.raises(SetupError, match=r"(?i)hash.*mismatch|do not match the hashes"):
        prepare(box, "uv.lock", 2)


def test_a_lock_is_taken_where_the_agent_has_a_uv_toml_with_an_index(box: Box) -> None:
    own = Path(box.inherited["HOME"]) / ".config/uv/uv.toml"
    own.parent.mkdir(parents=True)
    own.write_text(f'[[index]]\nurl = "{_OTHER}"\ndefault = true\n')
    del box.inherited["UV_NO_CONFIG"]
    lock_of_uv(box, digest_of(write_wheel(box.wheels, "used")))
    assert box.installed(prepare(box, "uv.lock")) == {"used": "1.0"}


@pytest.mark.parametrize(
    "now", ['["used", "more"]', '["used>=1"]', "[]"], ids=["another", "a bound", "none"]
)
def test_a_lock_that_its_project_has_left_behind_is_an_error(box: Box, now: str) -> None:
    lock_of_uv(box, digest_of(write_wheel(box.wheels, "used")))
    write_wheel(box.wheels, "more")
    project = box.code / "pyproject.toml"
    project.write_text(project.read_text().replace('["used"]', now))
    with pytest.raises(SetupError, match=r"^uv.lock cannot be read, or does not match the pyproj"):
        prepare(box, "uv.lock")


@pytest.mark.parametrize("kind", ["wheels", "sdist"])
def test_the_hashes_of_a_pylock_are_checked(box: Box, kind: str) -> None:
    digest = digest_of(write_wheel(box.wheels, "used"))

    def write(digest: str) -> None:
        file = f'{{url = "http://127.0.0.1:9/used", hashes = {{sha256 = "{digest}"}}}}'
        files = f"wheels = [{file}]" if kind == "wheels" else f"sdist = {file}"
        (box.code / "pylock.toml").write_text(
            f'lock-version = "1.0"\n[[packages]]\nname = "used"\nversion = "1.0"\n{files}\n'
        )

    write(digest)
    assert box.installed(prepare(box, "pylock.toml")) == {"used": "1.0"}
    write("0" * 64)
    with pytest.raises(SetupError, match=r"(?i)hash mismatch"):
        prepare(box, "pylock.toml", 2)


def pylock(box: Box, **digests: str) -> None:
    """Writes a lock of packages in version 1.0, each with the digest of its file, "" for none."""
    lines = ['lock-version = "1.0"']
    for name, digest in digests.items():
        lines += ["[[packages]]", f'name = "{name}"', 'version = "1.0"']
        file = f'{{url = "http://127.0.0.1:9/x", hashes = {{sha256 = "{digest}"}}}}'
        lines += [f"wheels = [{file}]"] * bool(digest)
    (box.code / "pylock.toml").write_text("\n".join(lines))


def test_a_build_of_torch_for_this_machine_has_hashes_of_its_own(box: Box) -> None:
    used = digest_of(write_wheel(box.wheels, "used"))
    write_wheel(box.wheels, "torch")
    named = "not checked, since the build for this machine has others: torch."
    pylock(box, torch="0" * 64, used=used)
    assert box.installed(prepare(box, "pylock.toml")) == {"torch": "1.0", "used": "1.0"}
    assert named in box.lines
    pylock(box, torch="0" * 64, used="0" * 64)
    with pytest.raises(SetupError, match=r"(?i)hash mismatch"):
        prepare(box, "pylock.toml", 2)
    box.policy = PackagePolicy(torch="as captured")
    box.setup.lines.clear()
    pylock(box, torch="0" * 64, used=used)
    with pytest.raises(SetupError, match=r"(?i)hash mismatch"):
        prepare(box, "pylock.toml", 3)
    assert named not in box.lines


def test_pip_checks_no_hashes_where_some_are_missing_and_says_so(box: Box) -> None:
    for name in ("used", "free"):
        write_wheel(box.wheels, name)
    pylock(box, used="0" * 64, free="")
    box.policy = PackagePolicy(installer="pip")
    assert box.installed(prepare(box, "pylock.toml")) == {"used": "1.0", "free": "1.0"}
    assert "pip checks those of all packages or none, and some have none: used." in box.lines


def test_projects_in_a_lock_of_uv_are_installed_in_place(box: Box) -> None:
    for name in ("app", "app/libs/plain"):
        write_project(box.code / name, name.rpartition("/")[2])
    project = box.code / "app" / "pyproject.toml"
    text = project.read_text().replace("[build-system]", 'dependencies = ["plain"]\n[build-system]')
    project.write_text(f'{text}[tool.uv.sources]\nplain = {{path = "libs/plain"}}\n')
    environ = {**os.environ, **box.inherited}
    subprocess.run([find_uv(), "lock", "--quiet"], cwd=box.code / "app", env=environ, check=True)
    interpreter = prepare(box, "app/uv.lock")
    program = "import app, plain; print(app.WHERE, plain.WHERE)"
    ended = subprocess.run(
        [interpreter.python, "-c", program], capture_output=True, text=True, check=True
    )
    where = [Path(word) for word in ended.stdout.split()]
    assert all(path.is_relative_to(box.code / "app") for path in where)


def test_a_pylock_gives_its_versions_where_its_markers_hold(box: Box) -> None:
    for version in ("1.0", "2.0"):
        write_wheel(box.wheels, "used", version)
    (box.code / "sub").mkdir()
    (box.code / "sub" / "pylock.toml").write_text(
        'lock-version = "1.0"\n[[packages]]\nname = "used"\nversion = "1.0"\n'
        '[[packages]]\nname = "never"\nversion = "1.0"\nmarker = "sys_platform == \'win32\'"\n'
    )
    assert box.installed(prepare(box, "sub/pylock.toml")) == {"used": "1.0"}


def test_a_project_in_a_pylock_is_seen_from_the_folder_of_the_file(box: Box) -> None:
    write_project(box.code / "app" / "my libs", "plain")
    (box.code / "app" / "pylock.toml").write_text(
        'packages = [{name = "plain", directory = {path = "my libs"}}]'
    )
    interpreter = prepare(box, "app/pylock.toml")
    program = "import plain; print(plain.WHERE)"
    ended = subprocess.run(
        [interpreter.python, "-c", program], capture_output=True, text=True, check=True
    )
    where = ended.stdout.strip()
    assert Path(where).is_relative_to(box.code / "app" / "my libs")


def test_a_project_whose_marker_does_not_hold_is_not_installed(box: Box) -> None:
    for name in ("here", "there"):
        write_project(box.code / name, name)
    (box.code / "pylock.toml").write_text(
        'packages = [{name = "here", directory = {path = "here"}, marker = "os_name == \'posix\'"},'
        ' {name = "there", directory = {path = "there"}, marker = "os_name == \'nt\'"}]'
    )
    assert found_by(prepare(box, "pylock.toml"), "here", "there") == ["here"]


def test_a_project_of_another_system_in_a_lock_of_uv_is_not_installed(box: Box) -> None:
    for name in ("app", "app/there"):
        write_project(box.code / name, name.rpartition("/")[2])
    project = box.code / "app" / "pyproject.toml"
    needs = "dependencies = [\"there; sys_platform == 'win32'\"]\n[build-system]"
    text = project.read_text().replace("[build-system]", needs)
    project.write_text(f'{text}[tool.uv.sources]\nthere = {{path = "there"}}\n')
    environ = {**os.environ, **box.inherited}
    subprocess.run([find_uv(), "lock", "--quiet"], cwd=box.code / "app", env=environ, check=True)
    assert found_by(prepare(box, "app/uv.lock"), "app", "there") == ["app"]


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("pylock.toml", None, "is not in its code"),
        ("../pylock.toml", "packages = []", "is not in its code"),
        ("pylock.toml", "packages = [", "cannot be read"),
        ("pylock.toml", "packages = [{}]", "cannot be read"),
        ("pylock.toml", 'packages = [{name = "a", version = "1 --pre"}]', "is refused"),
        ("pylock.toml", 'packages = [{name = "a", directory = {path = "../.."}}]', "is refused"),
        ("pylock.toml", 'packages = [{name = "a", directory = {path = "/etc"}}]', "is refused"),
        ("uv.lock", "no lock", "cannot be read"),
    ],
)
def test_a_lock_file_that_cannot_be_taken_ends_the_set_up(
    box: Box, name: str, content: str | None, why: str
) -> None:
    if content is not None:
        (box.code / name).write_text(content)
    with pytest.raises(SetupError, match=why):
        prepare(box, name)
