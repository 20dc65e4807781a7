"""IPython's shell, where the cells of this process run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any


def find_shell() -> Any:
    """The shell of a notebook's kernel, or of IPython's prompt, if it runs the program; None for a
    file, also one that a cell starts by `%run`, and for Python's own prompt."""
    ipython, main = sys.modules.get("IPython"), sys.modules.get("__main__")
    if ipython is None or Path(getattr(main, "__file__", None) or "").is_file():
        return None
    get_shell = getattr(ipython, "get_ipython", None)  # not while another thread imports it
    return get_shell() if get_shell is not None else None


def is_kernel(shell: Any) -> bool:
    """Whether a notebook, or another frontend of Jupyter, shows what the `shell` runs."""
    return hasattr(shell, "kernel")
