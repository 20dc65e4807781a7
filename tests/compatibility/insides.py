"""All that these tests know of the modules inside: what is renamed there is renamed here.

The rest goes through public names, commands and variables of the environment.
"""

from __future__ import annotations

import io
from contextlib import redirect_stdout

from elsewhere.command.main import main
from elsewhere.core.process import machine_id
from tests.e2e.world import agent
from tests.stores import opened

__all__ = ["agent", "command", "machine_id", "texts_of"]


def command(*words: str) -> str:
    """What `elsewhere` prints, where it ends well."""
    printed = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    with redirect_stdout(printed):
        assert main(list(words)) == 0, words
    printed.seek(0)
    return printed.read()


def texts_of(url: str, task_id: str) -> list[list[object]]:
    """What a task reported as texts, which no public name reads: message and level of each."""
    with opened(url) as store:
        return [[text.message, text.level] for text in store.texts(task_id)]
