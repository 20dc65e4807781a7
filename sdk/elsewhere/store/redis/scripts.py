"""The Lua scripts: every change that reads before it writes runs as one of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from elsewhere.core.events import cleared
from elsewhere.core.kept import Cleared
from elsewhere.store.curves import BUCKET_POINTS, FEW_BUCKETS
from elsewhere.store.redis import keys
from elsewhere.store.redis.connection import redis_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from redis import Redis
    from redis.client import Pipeline

#: what an operation of a script is made of
Word: TypeAlias = str | bytes | int | float

_LUA: Final = Path(__file__).with_name("lua")
#: scripts that are about no single task
_ALONE: Final = ("search", "sweep")


class Scripts:
    """Loads a script of `lua/` at its first use."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._loaded: dict[str, Callable[..., Any]] = {}
        self._constants = _cleared() + _sizes()

    def on_task(self, name: str, task_id: str, *words: Word, within: Pipeline | None = None) -> Any:
        """Runs a script about one task; what it returns is written on top of it. `within` is a
        transaction that it is to be a part of."""
        return self._run(name, keys.TaskKeys(task_id).record, [task_id, *words], within)

    def on_model(self, name: str, model_id: str, *words: Word) -> Any:
        return self._run(name, keys.model(model_id), [model_id, *words])

    def on_blob(self, name: str, digest: str, *words: Word) -> Any:
        return self._run(name, keys.blob(digest), [digest, *words])

    def sweep(self, *words: Word) -> Any:
        return self._run("sweep", keys.SWEEP, list(words))

    def search(self, *words: Word) -> Any:
        return self._run("search", keys.UPDATED, list(words))

    def load(self, name: str) -> None:
        """Makes the server know a script, for those who may call it by its digest alone."""
        with redis_errors():
            self._redis.script_load(self._text(name))

    def _run(self, name: str, key: str, words: list[Word], within: Pipeline | None = None) -> Any:
        script = self._loaded.get(name)
        if script is None:
            script = self._loaded[name] = self._redis.register_script(self._text(name))
        with redis_errors():
            return script(keys=[key], args=words, client=within)

    def _text(self, name: str) -> str:
        prelude = "" if name in _ALONE else self._constants + (_LUA / "prelude.lua").read_text()
        return prelude + (_LUA / f"{name}.lua").read_text()


def flat(operations: Iterable[Sequence[Word]]) -> list[Word]:
    """The form that `run_operations` of the scripts reads: each behind its number of words."""
    words: list[Word] = []
    for operation in operations:
        words.append(len(operation))
        words.extend(operation)
    return words


def _cleared() -> str:
    """`core.events.cleared` as a table of Lua."""
    rows = []
    for when in Cleared:
        parts, fields = (",".join(map(repr, names)) for names in cleared(when))
        rows.append(f"{when.name} = {{parts = {{{parts}}}, fields = {{{fields}}}}}")
    return f"local CLEARED = {{{', '.join(rows)}}}\n"


def _sizes() -> str:
    """The sizes of what is kept of series."""
    buckets = ", ".join(map(str, BUCKET_POINTS))
    return (
        f"local CHUNK_POINTS, FEW_BUCKETS = {keys.CHUNK_POINTS}, {FEW_BUCKETS}\n"
        f"local BUCKET_POINTS = {{{buckets}}}\n"
    )
