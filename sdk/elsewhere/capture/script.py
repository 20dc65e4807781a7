"""What this process runs: a file or a module, where, and with which arguments."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from elsewhere.capture.launcher import Launcher
from elsewhere.core.errors import CaptureError, UsageError
from elsewhere.core.folders import named_path
from elsewhere.core.frozen import dataclass

if TYPE_CHECKING:
    from elsewhere.capture.notebook.notebook import Notebook


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A program as it was started. `path` is real (links resolved); `module` is for `python -m`.
    `link` is the link that it was started by: its name and folder are those that the program sees.
    `python_path` are the real folders of PYTHONPATH. `launcher` has started it as one of several
    ranks, maybe by the `shell` script: then `argv` are the words behind the launcher's own.
    Of a `notebook` there is no file at `path`, but what its program would be.
    """

    path: Path
    folder: Path
    module: str = ""
    argv: tuple[str, ...] = ()
    link: Path | None = None
    python_path: tuple[Path, ...] = ()
    launcher: Launcher | None = None
    shell: Path | None = None
    notebook: Notebook | None = None

    @classmethod
    def running(cls, folder: Path | None = None) -> Script:
        """Returns this process's program, started in `folder`: by default the working folder.

        Raises CaptureError if it runs neither a file nor cells: `python -c`, Python's own prompt.
        """
        if "IPython" in sys.modules and (found := _notebook()) is not None:
            start = found.path.parent
            return cls(
                path=found.path, folder=start, python_path=python_path(start), notebook=found
            )
        folder = Path(os.path.realpath(folder or Path.cwd()))
        argv, shell, launcher = tuple(sys.argv[1:]), None, Launcher.of_this_process()
        if launcher is not None and launcher.program:
            name, *words = launcher.program
            argv = tuple(words)
            shell = None if launcher.child == os.getpid() else _file(str(folder / name))
        main = sys.modules["__main__"]
        started = _file(getattr(main, "__file__", None))
        named = _file(sys.argv[0] if sys.argv else None)
        if started and named and _is_installed(started) and not _is_installed(named):
            # `python -m cProfile train.py`, a debugger: the program is the file that they run
            if launcher is not None:
                launcher = launcher.for_script()
            return cls(
                path=named,
                folder=folder,
                argv=tuple(sys.argv[1:]),
                link=link_to(named, sys.argv[0]),
                python_path=python_path(folder),
                launcher=launcher,
                shell=shell,
            )
        if started is None:
            raise CaptureError(
                "The code cannot run elsewhere, since no file of it is running here: this is a "
                "prompt or `python -c`. Save it as a .py file and start that, or name the file to "
                "run with Task.create(script=...). Notebooks and IPython's prompt travel."
            )
        spec = getattr(main, "__spec__", None)
        module = "" if spec is None or spec.name == "__main__" else str(spec.name)
        return cls(
            path=started,
            folder=folder,
            module=module.removesuffix(".__main__"),
            argv=argv,
            link=None if module else link_to(started, getattr(main, "__file__", "")),
            python_path=python_path(folder),
            launcher=launcher,
            shell=shell,
        )

    def entry_below(self, root: Path) -> Path:
        """The file to start, below `root`: the link, or the real one. Raises CaptureError for a
        link outside of `root` with another name, since the program may look at its name."""
        if self.link is None or self.shell is not None:
            return self.shell or self.path
        for parent in self.link.parents:
            if Path(os.path.realpath(parent)) == root:
                return root / self.link.relative_to(parent)
        if self.link.name != self.path.name:
            raise CaptureError(
                f"{self.path} was started through the link {self.link}, which is not part of the"
                f" code in {root}, and would have another name elsewhere. Start it by its own name,"
                " or put the link into the code."
            )
        return self.path

    @property
    def is_installed(self) -> bool:
        """Whether the program came with a package or with Python, as in `python -m pytest`."""
        return _is_installed(self.path)

    @property
    def base(self) -> Path:
        """The folder where Python looks first for the modules that the program imports."""
        if not self.module:
            return self.path.parent
        if self.is_installed:
            return self.folder
        depth = self.module.count(".") + (self.path.name == "__main__.py")
        return self.path.parents[depth]


def _notebook() -> Notebook | None:
    from elsewhere.capture.notebook.notebook import Notebook  # noqa: PLC0415 - in notebooks only

    try:
        return Notebook.running()
    except Exception as error:  # the outermost seam of what IPython and its extensions run for us
        raise CaptureError(f"The notebook could not be captured: {error!r}.") from error


def link_to(path: Path, started: str) -> Path | None:
    """The absolute path of `started` where that is not the real `path` itself."""
    absolute = Path(os.path.abspath(started))  # noqa: PTH100 - links are not resolved
    return None if absolute == path else absolute


def python_path(folder: Path) -> tuple[Path, ...]:
    """The real folders of PYTHONPATH, as a program that is started in `folder` sees them."""
    entries = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return tuple(Path(os.path.realpath(folder / entry)) for entry in entries if entry)


def module_file(module: str, folder: Path) -> Path:
    """The file that `python -m` runs in `folder`, or a file of the package that contains it. Raises
    UsageError without a `module` of that name."""
    path = named_path(folder.joinpath(*module.split(".")))
    for file in (path.with_name(f"{path.name}.py"), path / "__main__.py"):
        if file.is_file():
            return file
    try:
        spec = importlib.util.find_spec(module.partition(".")[0])
    except (ImportError, ValueError):
        spec = None
    if spec is None or not spec.origin or not Path(spec.origin).is_file():
        raise UsageError(
            f"There is no module {module!r} in {folder}, nor is one installed here: give its folder"
            " as working_directory, or the repository that it is in, as repo."
        )
    return Path(spec.origin).resolve()


def _file(name: str | None) -> Path | None:
    return Path(os.path.realpath(name)) if name and Path(name).is_file() else None


def _is_installed(path: Path) -> bool:
    return (
        not {"site-packages", "dist-packages"}.isdisjoint(path.parts)
        or Path(os.path.realpath(os.__file__)).parent in path.parents
        or path.parent == Path(os.path.realpath(sys.prefix), "bin")
    )
