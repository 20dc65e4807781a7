"""`elsewhere images`: the images and other media that a task has reported, listed or brought here.

<DIR>/<title>/<series>/<iteration>.<extension>
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from elsewhere.artifacts.places import file_name
from elsewhere.artifacts.sample import SampleHandle
from elsewhere.command.arguments import add_id
from elsewhere.command.fetching import (
    Item,
    add_force,
    as_part,
    bring_all,
    checked_folder,
    print_list,
)
from elsewhere.command.naming import find_task, title
from elsewhere.command.printing import say
from elsewhere.core.errors import NotFoundError, known_choices
from elsewhere.core.events import Sample

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from pathlib import Path

    from elsewhere.store.redis.store import RedisStore


def add_options(parser: ArgumentParser) -> None:
    add_id(parser)
    parser.add_argument(
        "title", nargs="?", metavar="TITLE", help="only those with this title (default: all)"
    )
    parser.add_argument("--out", metavar="DIR", help="the folder (default: list what there is)")
    add_force(parser)


def run(store: RedisStore, given: Namespace) -> int:
    """Brings the samples of the title, or of all, or lists them; 1 if one cannot be brought."""
    task_id = find_task(store, given.id)
    root = checked_folder(given.out, "--out")
    series = store.histories(task_id, Sample)
    titles = {one.title for one in series}
    if given.title is not None and given.title not in titles:
        known = known_choices(given.title, titles)
        name = title(store, task_id)
        raise NotFoundError(f"Task {name} has reported no image {given.title!r}. {known}")
    wanted = (one for one in series if given.title in (None, one.title))
    items = [
        _item(store, task_id, sample, given.settings.home.cache)
        for one in wanted
        for sample in store.history(task_id, Sample, one.title, one.series)
    ]
    if not items:
        say(f"Task {title(store, task_id)} has reported no images.")
    if root is None:
        print_list(items, "--out")
        return 0
    return bring_all(items, root, is_forced=given.force)


def _item(store: RedisStore, task_id: str, sample: Sample, cache: Path) -> Item:
    suffix = PurePosixPath(file_name(sample.url)).suffix
    name = as_part(f"{sample.iteration}{suffix}")
    path = f"{as_part(sample.title)}/{as_part(sample.series)}/{name}"
    return Item(sample.name, path, sample.size_bytes, SampleHandle(store, task_id, sample, cache))
