"""The working folder at the import of the SDK: a program may change it before Task.init."""

from __future__ import annotations

import os


def _folder() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109 - weight: pathlib
    except OSError:  # it was deleted
        return None


#: None for a folder that is gone
FOLDER = _folder()
