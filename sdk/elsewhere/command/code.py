"""`elsewhere code`: the exact code of a task, in a folder here."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from elsewhere.artifacts.blobs import read_blob
from elsewhere.capture.restoring import restore
from elsewhere.command.arguments import add_id
from elsewhere.command.naming import find_task, title
from elsewhere.command.printing import clean, say
from elsewhere.core.errors import NotFoundError, UsageError
from elsewhere.core.folders import named_path
from elsewhere.core.wording import short

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from elsewhere.store.redis.store import RedisStore

#: hex digits of a commit that people see
_DIGITS = 12


def add_options(parser: ArgumentParser) -> None:
    add_id(parser)
    way = parser.add_mutually_exclusive_group(required=True)
    way.add_argument("--to", metavar="DIR", help="a new folder: commit, unpushed commits, changes")
    way.add_argument(
        "--patch", action="store_true", help="print the changes alone that were not committed"
    )


def run(store: RedisStore, given: Namespace) -> int:
    task_id = find_task(store, given.id)
    source, name = store.read(task_id).source, title(store, task_id)

    def read(digest: str) -> bytes:
        try:
            return read_blob(store, digest)
        except NotFoundError as error:
            raise NotFoundError(
                f"A part of the code of task {name} is not in the store any more: {digest}."
            ) from error

    if given.patch:
        inner = (one.patch for one in source.submodules)
        patches = [patch for patch in (source.patch, *inner) if patch]
        for patch in patches:
            sys.stdout.buffer.write(read(patch))
        if not patches:
            say(f"Task {name} has no changes beside its commit.")
        return 0
    folder = named_path(given.to).absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"--to {given.to} is there already: name a folder that is new.")
    if folder.exists():
        folder.rmdir()
    for sentence in restore(source, folder, read):
        say(sentence)
    what = f"at {source.commit[:_DIGITS]}" if source.commit else "without a repository"
    if source.repository and not source.commit:
        what = f"as {source.branch or 'its repository'} is now: no commit is named"
    tree = f", its tree is {source.tree}" if source.tree else ""
    say(f"The code of task {name} is in {folder}, {what}{tree}.")
    data = store.read(task_id).environment.data
    if data:
        names = ", ".join(clean(one.path) for one in data)
        say(f"Its data is not part of it: {names}. 'elsewhere show {short(task_id)}' has more.")
    print(folder)
    return 0
