"""A wheel that was packed from what is installed installs the same again, with a real installer."""

from __future__ import annotations

import subprocess
import sys
import venv
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from elsewhere.capture.installed import Installed
from elsewhere.capture.wheel import pack
from elsewhere.core.errors import CaptureError
from elsewhere_sandbox.installers.uv import find_uv
from tests.wheels import install, write_wheel


def make(folder: Path) -> Path:
    venv.create(folder, symlinks=True, with_pip=False)
    return folder


def add(environment: Path, wheel: Path) -> None:
    options = ("--quiet", "--offline", "--no-config", "--no-cache")
    python = str(environment / "bin" / "python")
    subprocess.run(
        [find_uv(), "pip", "install", *options, "--python", python, str(wheel)], check=True
    )


def site(environment: Path) -> Path:
    (found,) = environment.glob("lib/python*/site-packages")
    return found


def test_scripts_data_and_commands_are_where_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {
        "tool/__init__.py": "def main(): print('the command')\n",
        "tool/table.csv": "1,2\n",
        "tool-1.0.data/scripts/by-hand": "#!python\nimport tool, sys\nprint(sys.prefix)\n",
        "tool-1.0.data/scripts/tool.sh": "#!/bin/sh\necho by hand\n",
        "tool-1.0.data/scripts/plug": "#!/bin/sh\necho a plug\n",
        "tool-1.0.data/data/share/tool/more.txt": "more",
        "tool-1.0.data/data/share/bin/run.dat": "data",
        "compiled.pyc": "no source",
        "tool-1.0.dist-info/entry_points.txt": "[console_scripts]\ntool = tool:main\n"
        "[plugs]\nplug = tool:main\n",
        "tool-1.0.data/headers/tool.h": "int x;\n",
    }
    wheel = write_wheel(tmp_path, "tool", files=files)
    first, second = make(tmp_path / "first"), make(tmp_path / "second")
    add(first, wheel)
    monkeypatch.setattr(sys, "prefix", str(first))
    packed = pack(Installed(site(first) / "tool-1.0.dist-info"), 10**6)
    assert packed == pack(Installed(site(first) / "tool-1.0.dist-info"), 10**6)
    assert packed.name == "tool-1.0-py3-none-any.whl"
    with zipfile.ZipFile(BytesIO(packed.content)) as archive:
        assert {one.date_time for one in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        scripts = {Path(one).name for one in archive.namelist() if "/scripts/" in one}
        assert scripts == {"by-hand", "tool.sh", "plug"}, "an installer makes the commands"
    (tmp_path / "packed").mkdir()
    (tmp_path / "packed" / packed.name).write_bytes(packed.content)
    add(second, tmp_path / "packed" / packed.name)

    def tree(environment: Path) -> set[str]:
        return {
            str(path.relative_to(environment))
            for path in environment.rglob("*")
            if path.is_file() and path.name not in ("uv_cache.json", "pyvenv.cfg", "RECORD")
        }

    assert tree(second) == tree(first)
    printed_by = {"tool": "the command", "by-hand": str(second), "tool.sh": "by hand"}
    for name, printed in (printed_by | {"plug": "a plug"}).items():
        ended = subprocess.run([second / "bin" / name], capture_output=True, text=True, check=True)
        assert ended.stdout.strip() == printed


def test_names_with_commas_and_quotes_are_kept(tmp_path: Path) -> None:
    names = ('odd, "name".txt', "ünï.txt")
    info = install(tmp_path / "site-packages", "odd", files=dict.fromkeys(names, "x"))
    (info / "RECORD").write_text('"odd, ""name"".txt",,\nünï.txt,,\n', encoding="utf-8")
    packed = pack(Installed(info), 10**6)
    environment = make(tmp_path / "venv")
    (tmp_path / packed.name).write_bytes(packed.content)
    add(environment, tmp_path / packed.name)
    assert {path.name for path in site(environment).glob("*.txt")} == set(names)


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda info: (info / "RECORD").write_text("../../../etc/passwd,,\n"), "outside of its"),
        (lambda info: (info / "WHEEL").write_text("Wheel-Version: 1.0\n"), "what systems"),
        (lambda info: (info / "WHEEL").unlink(), "cannot be read"),
        (lambda info: (info / "RECORD").write_text(""), "does not list its files"),
    ],
)
def test_what_is_not_whole_is_not_packed(tmp_path: Path, damage: object, why: str) -> None:
    info = install(tmp_path / "a" / "b" / "site-packages", "used")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "passwd").write_text("secret")
    assert callable(damage)
    damage(info)
    with pytest.raises(CaptureError, match=why):
        pack(Installed(info), 10**6)
