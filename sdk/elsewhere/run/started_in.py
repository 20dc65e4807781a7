"""Where this process was when the SDK was imported: a program may go elsewhere before its init."""

from __future__ import annotations

import os

__all__ = ["FOLDER"]


def _folder() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109 - weight: pathlib
    except OSError:  # it was deleted
        return None


#: None where it is no more
FOLDER = _folder()
