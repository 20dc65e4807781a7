"""Interpreters of laptops: a virtual environment, one like conda's, and a system's Python, with the
same packages from an index, a folder, a wheel, a repository on a disk and on a server, in place,
and as a plug-in."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path
from typing import Final, Literal

import redis

import elsewhere
from elsewhere_sandbox.installers.uv import find_uv
from tests.wheels import write_wheel

Kind = Literal["venv", "conda", "system"]

#: name -> version of what a program can find; `newer` and `own` are on the index in other forms
VERSIONS: Final = {
    "alpha": "1.0",
    "beta": "2.5",
    "lazy": "1.0",
    "plug": "1.0",
    "common": "1.0",
    "forked": "1.0",
    "inside": "0.1",
    "outside": "1.0",
    "served": "1.0",
    "versioned": "1.0",
}
_BACKEND: Final = """
import pathlib, zipfile

def _wheel(folder, files):
    info = "{name}-{version}.dist-info"
    files[info + "/METADATA"] = "Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n"
    files[info + "/WHEEL"] = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    files[info + "/RECORD"] = "".join(file + ",,\\n" for file in [*files, info + "/RECORD"])
    with zipfile.ZipFile(pathlib.Path(folder, "{name}-{version}-py3-none-any.whl"), "w") as archive:
        for file, content in files.items():
            archive.writestr(file, content)
    return "{name}-{version}-py3-none-any.whl"

def build_wheel(folder, config_settings=None, metadata_directory=None):
    return _wheel(folder, {{"{name}.py": pathlib.Path("src/{name}.py").read_text()}})

def build_editable(folder, config_settings=None, metadata_directory=None):
    return _wheel(folder, {{"_{name}.pth": str(pathlib.Path("src").resolve())}})

def get_requires_for_build_editable(config_settings=None):
    return []

get_requires_for_build_wheel = get_requires_for_build_editable
"""


def write_index(folder: Path) -> None:
    """What a box can have. It lacks nothing by name, and of some only other contents."""
    write_wheel(folder, "alpha", requires=["beta"])
    for version in ("2.5", "4.1"):
        write_wheel(folder, "beta", version)
    write_wheel(folder, "lazy")
    plug = {
        "plug.py": "VERSION = '1.0'\n",
        "plug-1.0.dist-info/entry_points.txt": "[of.matrix]\nplug = plug:VERSION\n",
    }
    write_wheel(folder, "plug", files=plug)
    # the same name and version, and not the same
    for name in ("common", "forked", "outside", "served", "versioned"):
        write_wheel(folder, name, files={f"{name}.py": "VERSION = 'of the index'\n"})


def write_project(folder: Path, name: str, version: str, value: str) -> Path:
    """A project of one module, which needs no index to be built."""
    (folder / "src").mkdir(parents=True)
    (folder / "src" / f"{name}.py").write_text(f"VERSION = {value!r}\n")
    (folder / "pyproject.toml").write_text(
        f'[project]\nname = "{name}"\nversion = "{version}"\n'
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    (folder / "backend.py").write_text(_BACKEND.format(name=name, version=version))
    return folder


def make_python(folder: Path, kind: Kind) -> Path:
    """An interpreter of this kind, with the SDK and nothing else of its own."""
    if kind == "venv":
        venv.create(folder, symlinks=True, with_pip=False)
    else:
        _copy_base(folder)
        if kind == "conda":
            (folder / "conda-meta").mkdir()
    (site,) = folder.glob("lib/python*/site-packages")
    needs = dict.fromkeys(str(Path(item.__path__[0]).parent) for item in (elsewhere, redis))
    (site / "sdk.pth").write_text("".join(f"{path}\n" for path in needs))
    return folder / "bin" / "python"


def fill(python: Path, index: Path, folder: Path, inside: Path, remotes: str) -> None:
    """Installs everything of VERSIONS; `inside` is a project within somebody's repository, and
    `remotes` the URL of folder/remotes."""
    wheel = write_wheel(folder / "built", "forked", files={"forked.py": "VERSION = 'a fork'\n"})
    common = write_project(folder / "common", "common", "1.0", "of a folder")
    outside = write_project(folder / "outside", "outside", "1.0", "in place, outside")
    versioned = write_project(folder / "versioned", "versioned", "1.0", "of a commit")
    served = write_project(folder / "remotes" / "served", "served", "1.0", "of a server's commit")
    commit(versioned)
    commit(served)
    install(
        *(python, index, "alpha", "beta==2.5", "lazy", "plug", "torch", str(common), str(wheel)),
        *(f"versioned @ git+{versioned.as_uri()}", f"served @ git+{remotes}/served"),
        *("--editable", str(outside), "--editable", str(inside)),
    )
    for project in (versioned, served):
        (project / "src" / f"{project.name}.py").write_text("VERSION = 'of a later commit'\n")
        commit(project)


def install(python: Path, index: Path, *packages: str) -> None:
    """Installs `packages` from what is in the folder `index`, and from no other index."""
    options = ("--quiet", "--no-index", "--no-config", "--no-cache", "--break-system-packages")
    places = ("--find-links", str(index), "--python", str(python))
    subprocess.run([find_uv(), "pip", "install", *options, *places, *packages], check=True)


def commit(project: Path) -> None:
    """Commits all of a folder, which becomes a repository with that."""
    for words in (("init", "--quiet"), ("add", "."), ("commit", "--quiet", "--message=all")):
        subprocess.run(["git", *words], cwd=project, check=True)


def has_own_packages() -> bool:
    """Whether the base interpreter has a site-packages, as all but those of distributions have."""
    minor = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    return Path(sys.base_prefix, "lib", minor, "site-packages").is_dir()


def _copy_base(folder: Path) -> None:
    """Makes a prefix of its own out of the base interpreter: links, and an empty site-packages."""
    minor = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    base, library = Path(sys.base_prefix), folder / "lib" / minor
    library.mkdir(parents=True)
    (library / "site-packages").mkdir()
    for path in (base / "lib" / minor).iterdir():
        if path.name != "site-packages":
            (library / path.name).symlink_to(path)
    for path in (base / "lib").glob("libpython*"):
        (folder / "lib" / path.name).symlink_to(path)
    (folder / "bin").mkdir()
    (folder / "bin" / "python").write_bytes((base / "bin" / minor).read_bytes())
    (folder / "bin" / "python").chmod(0o755)
