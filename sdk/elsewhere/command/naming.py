"""Which task an argument names: a whole id, or the beginning of one."""

from __future__ import annotations

import re
from contextlib import suppress
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from elsewhere.command.printing import clean
from elsewhere.core.errors import NotFoundError
from elsewhere.core.wording import short
from elsewhere.store.filters import Filter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from elsewhere.store.api import SharedStore

_WHOLE: Final = 32
_SHORTEST: Final = 4
#: tasks that an error names
_SHOWN: Final = 5


def find_task(store: SharedStore, text: str) -> str:
    """Finds the id that `text` begins. Raises NotFoundError, which names the tasks it may mean."""
    wanted = text.strip().lower()
    is_id = re.fullmatch(rf"[0-9a-f]{{{_SHORTEST},{_WHOLE}}}", wanted) is not None
    if is_id and len(wanted) == _WHOLE:
        with suppress(NotFoundError):
            store.state(wanted)
            return wanted
    known = list(store.search(Filter()))
    fitting = [task_id for task_id in known if task_id.startswith(wanted)] if is_id else []
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise NotFoundError(
            f"The id {wanted} fits {len(fitting)} tasks: {_listed(store, fitting)}."
            " Write more of it."
        )
    if not is_id:
        raise NotFoundError(
            f"{text!r:.80} is no id of a task: write its {_WHOLE} hex digits or at least the first"
            f" {_SHORTEST} of them. 'elsewhere list' shows them."
        )
    beginnings = {task_id[: len(wanted)]: task_id for task_id in known}
    close = [beginnings[found] for found in get_close_matches(wanted, beginnings, n=3)]
    hint = f" Did you mean {_listed(store, close)}?" if close else ""
    raise NotFoundError(
        f"There is no task {wanted} in the store.{hint} 'elsewhere list' shows what there is."
    )


def title(store: SharedStore, task_id: str) -> str:
    """Names a task for a sentence: `1a2b3c4d (its name)`."""
    return f"{short(task_id)} ({clean(store.read(task_id).name)})"


def _listed(store: SharedStore, task_ids: Iterable[str]) -> str:
    several = list(task_ids)
    names = []
    for task_id in several[:_SHOWN]:
        with suppress(NotFoundError):  # deleted since it was found
            names.append(title(store, task_id))
    return ", ".join(names + ["..."] * (len(several) > _SHOWN))
