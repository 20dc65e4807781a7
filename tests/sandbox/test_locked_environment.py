"""An environment made from a lock, with real virtual environments, uv and wheels."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from elsewhere.core.lock import Locked
from elsewhere_sandbox import order
from elsewhere_sandbox.environments import collect, environments
from elsewhere_sandbox.errors import SetupError
from elsewhere_sandbox.spec import PackagePolicy
from tests.e2e.environments import commit, write_project
from tests.sandbox.locks import Box, locked
from tests.served_git import serving_git
from tests.wheels import write_wheel


@pytest.fixture
def box(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Box:
    return Box(tmp_path, tmp_path_factory.getbasetemp() / "seed")


def have(box: Box, *names: str, version: str = "1.0", requires: tuple[str, ...] = ()) -> None:
    for name in names:
        write_wheel(box.wheels, name, version, requires=requires)


def test_all_of_a_virtual_environment_is_installed_imported_or_not(box: Box) -> None:
    have(box, "used", "plugin", "deep")
    lock = [locked("deep"), locked("plugin", "1.0", "deep"), locked("used")]
    interpreter = box.prepare(lock, ["used==1.0"])
    assert box.installed(interpreter) == {"used": "1.0", "plugin": "1.0", "deep": "1.0"}
    assert "Packages: 1 that the program imports, and 2 beside them." in box.lines


def test_the_versions_are_those_of_the_lock_one_level_down_too(box: Box) -> None:
    have(box, "used", requires=("deep",))
    have(box, "deep", version="2.5")
    have(box, "deep", version="4.1")
    lock = [locked("deep", "2.5"), locked("used", "1.0", "deep")]
    assert box.installed(box.prepare(lock, ["used==1.0"])) == {"used": "1.0", "deep": "2.5"}


def test_of_a_shared_python_only_what_is_needed_is_installed(box: Box) -> None:
    have(box, "used", "deep", "loaded", "extra", "windows", "other")
    lock = [
        locked("used", "1.0", "deep[fast]>=1", "windows; sys_platform == 'win32'", shared=True),
        locked("deep", "1.0", "extra; extra == 'fast'", "other; extra == 'slow'", shared=True),
        *(locked(name, shared=True) for name in ("extra", "other", "windows", "loaded", "unused")),
    ]
    interpreter = box.prepare(lock, ["used==1.0"], loaded=["loaded"])
    assert set(box.installed(interpreter)) == {"used", "deep", "extra", "loaded"}


def test_a_program_that_imports_pip_has_the_pip_that_was_captured(box: Box) -> None:
    have(box, "pip")
    interpreter = box.prepare([locked("pip")], ["pip==1.0"])
    environment = box.home.environments / interpreter.digest
    (found,) = environment.glob("lib/python*/site-packages/pip-*.dist-info")
    assert found.name == "pip-1.0.dist-info"


def test_what_only_the_sdk_has_brought_stays_away(box: Box) -> None:
    have(box, "brought", "both", "mine", "named")
    lock = [
        locked("elsewhere", "0.1", "brought", "both", "named", "tool; extra == 'dev'"),
        *(locked("brought"), locked("both"), locked("tool")),
        replace(locked("named"), is_requested=True),
        locked("mine", "1.0", "both"),
    ]
    assert set(box.installed(box.prepare(lock))) == {"mine", "both", "named"}
    have(box, "tool")
    assert "tool" in box.installed(box.prepare(lock, ["tool==1.0"]))


def test_pins_that_contradict_each_other_are_installed_and_named(box: Box) -> None:
    have(box, "requests", requires=("urllib3<1.27", "absent"))
    have(box, "urllib3", version="2.2")
    lock = [locked("requests", "1.0", "urllib3<1.27", "absent"), locked("urllib3", "2.2")]
    interpreter = box.prepare(lock, ["requests==1.0"])
    assert box.installed(interpreter) == {"requests": "1.0", "urllib3": "2.2"}
    told = "requests 1.0 asks for urllib3<1.27, and 2.2 is installed"
    assert f"As it was captured: {told}; requests 1.0 asks for absent, and it is not" in box.lines
    box.prepare(lock, ["requests==1.0"])
    assert told in box.lines  # of an environment that was there already, too


def test_what_nobody_imports_and_cannot_be_had_is_left_out_with_one_line(box: Box) -> None:
    names = [f"have{at}" for at in range(9)]
    have(box, *names)
    gone = ["conda", "async-timeout", "have"]
    lock = [locked(name) for name in (*names, *gone)]
    interpreter = box.prepare(lock, ["have3==1.0"])
    assert set(box.installed(interpreter)) == set(names)
    (line,) = [line for line in box.setup.lines if line.startswith("Left out")]
    assert sorted(line.rpartition(": ")[2].strip(".").split(", ")) == [
        "async-timeout 1.0",
        "conda 1.0",
        "have 1.0",
    ]


@pytest.mark.parametrize("system", [sys.platform, "darwin"])
def test_what_is_left_out_is_told_once_though_another_package_needs_it(
    box: Box, system: str
) -> None:
    have(box, "used", requires=("gone",))
    lock = [locked("gone"), locked("used", "1.0", "gone")]
    assert box.installed(box.prepare(lock, ["used==1.0"], system=system)) == {"used": "1.0"}
    assert box.lines.count("gone 1.0") == 1
    assert "asks for gone" not in box.lines


def test_a_version_before_its_release_is_what_was_captured(box: Box) -> None:
    have(box, "used", requires=("deep>=1",))
    have(box, "deep", version="2.0rc1")
    lock = [locked("deep", "2.0rc1"), locked("used", "1.0", "deep>=1")]
    assert box.installed(box.prepare(lock, ["used==1.0"]))["deep"] == "2.0rc1"
    assert "asks for deep" not in box.lines


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_an_index_that_does_not_answer_leaves_nothing_out(
    box: Box, installer: Literal["uv", "pip"]
) -> None:
    have(box, "other")
    lock = [locked("gone"), locked("other")]
    box.prepare(lock, ["other==1.0"])
    assert "gone 1.0" in box.lines
    collect(box.home, 0)
    for name in ("UV_OFFLINE", "PIP_NO_INDEX"):
        del box.inherited[name]
    box.inherited |= {"UV_HTTP_RETRIES": "0", "PIP_RETRIES": "1"}
    box.policy = PackagePolicy(index_url="http://127.0.0.1:1/simple", installer=installer)
    with pytest.raises(SetupError, match="cannot be installed"):
        box.prepare(lock, ["other==1.0"])
    assert environments(box.home) == []


def test_commands_and_data_of_packages_lie_where_python_looks_for_them(box: Box) -> None:
    files = {
        "tool.py": "def main(): print('the command')\n",
        "tool-1.0.data/data/share/tool/data.txt": "data",
        "tool-1.0.data/data/etc/tool.conf": "a = 1",
    }
    write_wheel(box.wheels, "tool", files=files, scripts={"tool": "tool:main"})
    interpreter = box.prepare([locked("tool")], ["tool==1.0"])
    program = (
        "import os, subprocess, sys, sysconfig\n"
        "for folder in (os.path.dirname(sys.executable), sysconfig.get_path('scripts')):\n"
        "    print(subprocess.check_output([folder + '/tool'], text=True).strip())\n"
        "print(open(sys.prefix + '/share/tool/data.txt').read(), os.listdir(sys.prefix + '/etc'))\n"
        "open(sys.prefix + '/share/tool/own.txt', 'w').close()\n"
    )
    path = os.pathsep.join([*map(str, interpreter.path), os.environ["PATH"]])
    ended = subprocess.run(
        [interpreter.python, "-c", program],
        env={**box.inherited, "PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout.splitlines() == ["the command", "the command", "data ['tool.conf']"]
    shared = box.home.environments / interpreter.digest
    assert [path.name for path in (shared / "share" / "tool").iterdir()] == ["data.txt"]


def test_what_is_imported_and_cannot_be_had_ends_the_set_up(box: Box) -> None:
    have(box, "other")
    lock = [locked("used"), locked("other")]
    with pytest.raises(SetupError, match=r"cannot be installed(.|\n)*used"):
        box.prepare(lock, ["used==1.0"])
    with pytest.raises(SetupError, match="cannot be installed"):
        box.prepare(lock, loaded=["used"])
    assert environments(box.home) == []


def test_an_environment_without_a_package_does_not_serve_a_program_that_imports_it(
    box: Box,
) -> None:
    have(box, "other")
    lock = [locked("used"), locked("other")]
    first = box.prepare(lock, ["other==1.0"])
    with pytest.raises(SetupError, match="cannot be installed"):
        box.prepare(lock, ["used==1.0"])
    have(box, "used")
    second = box.prepare(lock, ["used==1.0"])
    assert set(box.installed(second)) == {"other", "used"}
    assert box.prepare(lock, ["other==1.0"]).digest == first.digest
    assert box.prepare(lock, ["used==1.0"]).was_cached


def test_a_line_that_people_changed_wins_over_the_lock(box: Box) -> None:
    have(box, "used", version="2.0", requires=("fresh",))
    have(box, "fresh", "other")
    lock = [locked("used"), locked("other")]
    interpreter = box.prepare(lock, ["used==2.0"])
    assert "Left out" not in box.lines  # the earlier version is not asked for at all
    assert box.installed(interpreter) == {"used": "2.0", "fresh": "1.0", "other": "1.0"}


def test_a_wheel_of_the_laptop_wins_over_the_index(box: Box, tmp_path: Path) -> None:
    have(box, "fork")
    wheel = write_wheel(tmp_path, "fork", files={"fork.py": "VERSION = 'mine'\n"})
    content = wheel.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    lock = [replace(locked("fork"), wheel=digest, file=wheel.name)]
    interpreter = box.prepare(lock, ["fork==1.0"], blobs={digest: content})
    shared = box.home.environments / interpreter.digest
    assert "mine" in next(shared.rglob("fork.py")).read_text()
    assert interpreter.digest != box.prepare([locked("fork")], ["fork==1.0"]).digest
    assert box.prepare(lock, ["fork==1.0"], blobs={digest: content}).was_cached


def test_torch_comes_in_the_build_that_is_here(box: Box) -> None:
    write_wheel(box.wheels, "torch", "2.1+cpu", requires=("helper",))
    have(box, "helper", "used")
    lock = [
        locked("helper"),
        *(locked("nvidia-cublas-cu12"), locked("triton"), locked("used")),
        locked("torch", "2.1+cu121", "helper", "nvidia-cublas-cu12", "triton"),
    ]
    interpreter = box.prepare(lock, ["torch==2.1+cu121", "used==1.0"])
    assert box.installed(interpreter) == {"torch": "2.1+cpu", "helper": "1.0", "used": "1.0"}
    assert "torch is 2.1+cpu here, where 2.1+cu121 was captured." in box.lines
    assert "Left out" not in box.lines


@pytest.mark.parametrize(
    ("policy", "build"),
    [
        (PackagePolicy(), "chosen by uv, for NVIDIA's driver 550.54.14"),
        (PackagePolicy(torch="cu128"), "cu128, as the setting torch has it"),
        (PackagePolicy(torch="as captured"), "the one that was captured, as the setting"),
        (PackagePolicy(installer="pip"), "the usual one of the index, since pip cannot choose"),
    ],
)
def test_which_build_of_torch_is_asked_for_is_said_before_it_is_installed(
    box: Box, policy: PackagePolicy, build: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = box.wheels / "version"
    driver.write_text("550.54.14\n")
    monkeypatch.setattr(order, "_DRIVER", driver)
    box.policy = policy
    with pytest.raises(SetupError):  # there is none
        box.prepare([locked("torch", "2.1")], ["torch==2.1"])
    assert f"The build of torch is {build}" in box.lines
    driver.unlink()
    box.policy = PackagePolicy()
    have(box, "used")
    box.prepare([locked("used")], ["used==1.0"])
    assert "The build of torch" not in box.lines
    write_wheel(box.wheels, "torch", "2.1")
    box.prepare([locked("torch", "2.1")], ["torch==2.1"])
    assert "chosen by uv, for a machine without NVIDIA's driver." in box.lines


def test_what_the_build_that_is_here_asks_for_is_installed_with_it(box: Box) -> None:
    write_wheel(box.wheels, "torch", "2.1", requires=("nvidia-cublas-cu13",))
    have(box, "nvidia_cublas_cu13")
    lock = [locked("nvidia-cublas-cu12"), locked("torch", "2.1+cu121", "nvidia-cublas-cu12")]
    interpreter = box.prepare(lock, ["torch==2.1+cu121"])
    assert set(box.installed(interpreter)) == {"torch", "nvidia_cublas_cu13"}


def test_an_operator_may_have_torch_as_it_was_captured(box: Box) -> None:
    write_wheel(box.wheels, "torch", "2.1+cpu")
    box.policy = PackagePolicy(torch="as captured")
    with pytest.raises(SetupError, match=r"torch==2\.1\+cu121"):
        box.prepare([locked("torch", "2.1+cu121")], ["torch==2.1+cu121"])
    write_wheel(box.wheels, "torch", "2.1+cu121")
    interpreter = box.prepare([locked("torch", "2.1+cu121")], ["torch==2.1+cu121"])
    assert box.installed(interpreter) == {"torch": "2.1+cu121"}


def test_a_fork_of_torch_stays_what_it_is(box: Box, tmp_path: Path) -> None:
    write_wheel(box.wheels, "torch", "2.1")
    wheel = write_wheel(tmp_path, "torch", "2.1", files={"torch.py": "VERSION = 'a fork'\n"})
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    lock = [replace(locked("torch", "2.1"), wheel=digest, file=wheel.name)]
    interpreter = box.prepare(lock, ["torch==2.1"], blobs={digest: wheel.read_bytes()})
    shared = box.home.environments / interpreter.digest
    assert "a fork" in next(shared.rglob("torch.py")).read_text()
    line = "torch @ git+https://127.0.0.1:1/torch.git@" + "0" * 40
    with pytest.raises(SetupError, match=r"git\+https://127.0.0.1"):
        box.prepare([replace(locked("torch", "2.1"), line=line)], [line])


def test_torch_that_nobody_imports_and_cannot_be_had_is_left_out(box: Box) -> None:
    have(box, "used")
    interpreter = box.prepare([locked("torch", "2.1"), locked("used")], ["used==1.0"])
    assert set(box.installed(interpreter)) == {"used"}
    assert "Left out" in box.lines


def test_another_kind_of_machine_gets_what_it_needs_beside_the_lock(box: Box) -> None:
    have(box, "used", requires=("linux_only; sys_platform == 'linux'", "not_locked"))
    have(box, "linux_only", "not_locked")
    requires = ("linux_only; sys_platform == 'linux'", "not_locked")
    lock = [locked("used", "1.0", *requires), locked("appnope")]
    interpreter = box.prepare(lock, ["used==1.0"], system="darwin")
    assert set(box.installed(interpreter)) == {"used", "linux_only", "not_locked"}
    assert "captured on another kind of machine (darwin" in box.lines
    assert "Left out" in box.lines
    assert set(box.installed(box.prepare(lock[:1], ["used==1.0"]))) == {"used"}


def test_pip_installs_a_lock_as_uv_does(box: Box) -> None:
    have(box, "used", requires=("deep<1",))
    have(box, "deep")
    write_wheel(box.wheels, "torch", "2.1+cpu")
    box.policy = PackagePolicy(installer="pip")
    lock = [locked("used"), locked("deep"), locked("gone"), locked("torch", "2.1+cu121")]
    interpreter = box.prepare(lock, ["used==1.0", "torch==2.1+cu121"])
    assert set(box.installed(interpreter)) == {"used", "deep", "torch"}
    assert "gone 1.0" in box.lines
    box.policy = PackagePolicy(installer="pip", torch="cu128")
    with pytest.raises(SetupError, match="pip cannot choose"):
        box.prepare(lock, ["used==1.0", "torch==2.1+cu121"])


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_a_package_of_a_git_server_is_that_of_its_commit(
    box: Box, tmp_path: Path, installer: Literal["uv", "pip"]
) -> None:
    project = write_project(tmp_path / "served", "served", "1.0", "of the commit")
    commit(project)
    words = ("git", "rev-parse", "HEAD")
    wanted = subprocess.check_output(words, cwd=project, text=True).strip()
    (project / "src" / "served.py").write_text("VERSION = 'of a later commit'\n")
    commit(project)
    box.policy = PackagePolicy(installer=installer)
    box.inherited["UV_OFFLINE"] = "0"
    with serving_git(tmp_path) as remotes:
        line = f"served @ git+{remotes}/served@{wanted}"
        interpreter = box.prepare([replace(locked("served"), line=line)], [line])
    (module,) = (box.home.environments / interpreter.digest).rglob("served.py")
    assert "of the commit" in module.read_text()


def test_indexes_and_options_of_the_operator_are_used(box: Box, tmp_path: Path) -> None:
    write_wheel(tmp_path / "more", "used")
    lock = [locked("used")]
    with pytest.raises(SetupError):
        box.prepare(lock, ["used==1.0"])
    box.policy = PackagePolicy(find_links=(str(tmp_path / "more"),), options=("--no-cache",))
    assert box.installed(box.prepare(lock, ["used==1.0"])) == {"used": "1.0"}
    (command,) = [one for one in box.setup.commands if "requirements.txt" in one.argv[-1]]
    assert "--no-cache" in command.argv
    box.policy = PackagePolicy(index_url="https://ada:secret@example.org/simple")
    with pytest.raises(SetupError) as refused:
        box.prepare([locked("other")], ["other==1.0"])
    assert "secret" not in str(refused.value)
    assert all("secret" not in word for one in box.setup.commands for word in one.argv)


@pytest.mark.parametrize(
    "one",
    [
        locked("../evil"),
        replace(locked("used"), line="other==1.0"),
        replace(locked("used"), line="used @ file:///etc/passwd"),
        replace(locked("used"), line="--index-url=https://example.org"),
        replace(locked("used"), version="1.0 --pre"),
        replace(locked("used"), wheel="0" * 64, file="used-1.0-py3-none-any.whl"),
        replace(locked("used"), file="../../used-1.0-py3-none-any.whl"),
        replace(locked("used"), line="-e ../outside"),
    ],
)
def test_a_forged_lock_is_refused(box: Box, one: Locked) -> None:
    have(box, "used", "other")
    with pytest.raises(SetupError, match="refused"):
        box.prepare([one])
    assert box.setup.commands == []


@pytest.mark.parametrize("content", [b"[]", b"\xff", b'{"distributions": 3}', b"{}"])
def test_a_damaged_lock_is_refused(box: Box, content: bytes) -> None:
    with pytest.raises(SetupError, match="cannot be read"):
        box.prepare([], lock_bytes=content)


def test_over_the_budget_the_environment_that_was_unused_for_longest_goes(box: Box) -> None:
    have(box, "one", "two", "three")
    digests = [box.prepare([locked(name)], [f"{name}==1.0"]).digest for name in ("one", "two")]
    for at, digest in enumerate(digests):
        os.utime(box.home.environments / digest / "complete.json", (at + 1.0, at + 1.0))
    found = environments(box.home)
    assert [one.path.name for one in found] == digests[::-1]
    assert found[0].requirements == ("two==1.0",)
    box.policy = PackagePolicy(environments_bytes=found[0].size_bytes * 5 // 2)
    third = box.prepare([locked("three")], ["three==1.0"]).digest
    assert {one.path.name for one in environments(box.home)} == {digests[1], third}


def test_an_environment_that_is_in_use_is_not_removed(box: Box) -> None:
    have(box, "one")
    digest = box.prepare([locked("one")], ["one==1.0"]).digest
    with (box.home.environments / f"{digest}.lock").open() as used:
        fcntl.flock(used, fcntl.LOCK_SH)
        assert [one.is_in_use for one in environments(box.home)] == [True]
        assert collect(box.home, 0) == []
    assert [one.path.name for one in collect(box.home, 0)] == [digest]
    assert environments(box.home) == []
    assert not box.prepare([locked("one")], ["one==1.0"]).was_cached
