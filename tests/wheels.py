"""Tiny distributions made by the tests: wheels to install from a folder, and installed ones."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from importlib.metadata import distribution
from pathlib import Path


def write_wheel(
    folder: Path,
    name: str,
    version: str = "1.0",
    files: Mapping[str, str] | None = None,
    *,
    requires: Sequence[str] = (),
    scripts: Mapping[str, str] | None = None,
) -> Path:
    """A pure wheel; by default with one module that has a `VERSION`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for file, content in _contents(name, version, files, requires, scripts).items():
            wheel.writestr(file, content)
    return path


def pack(folder: Path, name: str) -> Path:
    """A wheel of what is installed here under this name, without its commands."""
    found = distribution(name)
    files = {str(file): file for file in found.files or () if ".." not in file.parts}
    inner = (file for file in files if file.endswith(".dist-info/WHEEL"))
    (wheel_file,) = (file for file in inner if file.count("/") == 1)  # setuptools has others within
    info = Path(wheel_file).parent.name
    lines = (found.read_text("WHEEL") or "").splitlines()
    tag = next(line.removeprefix("Tag: ") for line in lines if line.startswith("Tag: "))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{info.removesuffix('.dist-info')}-{tag}.whl"
    left_out = {
        f"{info}/{name}" for name in ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")
    }
    kept = [name for name in files if name not in left_out and not name.endswith((".pyc", ".pyo"))]
    with zipfile.ZipFile(path, "w") as wheel:
        for file in kept:
            wheel.write(files[file].locate(), file)
        record = f"{info}/RECORD"
        wheel.writestr(record, "".join(f"{file},,\n" for file in [*kept, record]))
    return path


def install(
    site: Path,
    name: str,
    version: str = "1.0",
    files: Mapping[str, str] | None = None,
    *,
    direct_url: str = "",
    top_level: str = "",
) -> Path:
    """Lays a distribution out as an installer does. Gives its `.dist-info`."""
    info = site / f"{name}-{version}.dist-info"
    contents = dict(_contents(name, version, files, (), None))
    if direct_url:
        contents[f"{info.name}/direct_url.json"] = direct_url
    if top_level:
        contents[f"{info.name}/top_level.txt"] = top_level
    for file, content in contents.items():
        (site / file).parent.mkdir(parents=True, exist_ok=True)
        (site / file).write_text(content)
    return info


def write_project(folder: Path, name: str, version: str = "1.0") -> None:
    """A project with a package in `src` and a build backend of its own, which needs no index."""
    (folder / "src" / name).mkdir(parents=True)
    (folder / "src" / name / "__init__.py").write_text("WHERE = __file__\n")
    (folder / "pyproject.toml").write_text(
        f'[project]\nname = "{name}"\nversion = "{version}"\n'
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    (folder / "backend.py").write_text(_BACKEND.format(name=name, version=version))


def write_sdist(folder: Path, name: str, version: str = "1.0", *, imports: str = "") -> Path:
    """An archive of sources with one module; to build it, a module of this name is imported."""
    root = f"{name}-{version}"
    project = (
        f'[project]\nname = "{name}"\nversion = "{version}"\n'
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    wheel, contents = f"{root}-py3-none-any.whl", _contents(name, version, None, (), None)
    backend = (
        f"import pathlib, zipfile{', ' + imports if imports else ''}\n"
        "def build_wheel(folder, config_settings=None, metadata_directory=None):\n"
        f"    with zipfile.ZipFile(pathlib.Path(folder, {wheel!r}), 'w') as archive:\n"
        f"        for file, content in {contents!r}.items():\n"
        "            archive.writestr(file, content)\n"
        f"    return {wheel!r}\n"
    )
    info = f"Metadata-Version: 2.2\nName: {name}\nVersion: {version}\n"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{root}.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for file, text in {
            "pyproject.toml": project,
            "backend.py": backend,
            "PKG-INFO": info,
        }.items():
            entry = tarfile.TarInfo(f"{root}/{file}")
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return path


def _contents(
    name: str,
    version: str,
    files: Mapping[str, str] | None,
    requires: Sequence[str],
    scripts: Mapping[str, str] | None,
) -> dict[str, str]:
    info = f"{name}-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {line}\n" for line in requires)
    contents = dict(files if files is not None else {f"{name}.py": f"VERSION = {version!r}\n"})
    contents |= {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if scripts:
        lines = "".join(f"{script} = {target}\n" for script, target in scripts.items())
        contents[f"{info}/entry_points.txt"] = f"[console_scripts]\n{lines}"
    record = f"{info}/RECORD"
    return contents | {record: "".join(f"{file},,\n" for file in [*contents, record])}


_BACKEND = """
import pathlib, zipfile

def build_editable(folder, config_settings=None, metadata_directory=None):
    info = "{name}-{version}.dist-info"
    files = {{
        "_{name}.pth": str(pathlib.Path("src").resolve()),
        info + "/METADATA": "Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n",
        info + "/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }}
    files[info + "/RECORD"] = "".join(file + ",,\\n" for file in [*files, info + "/RECORD"])
    wheel = "{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(folder, wheel), "w") as archive:
        for file, content in files.items():
            archive.writestr(file, content)
    return wheel

def get_requires_for_build_editable(config_settings=None):
    return []
"""
