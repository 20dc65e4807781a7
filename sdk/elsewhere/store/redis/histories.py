"""Histories in Redis. What a key has is in `keys.py`, what adds an item in `lua/prelude.lua`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from elsewhere.core.codec import compact, decode, encode
from elsewhere.core.events import whole
from elsewhere.core.kept import History, history_parts
from elsewhere.store.histories import Head, Histories, name_of, rank_of
from elsewhere.store.redis import keys
from elsewhere.store.redis.connection import redis_errors

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from elsewhere.core.kept import HistoryEvent
    from elsewhere.store.redis.scripts import Word


class RedisHistories(Histories):
    """The part of the Redis store that keeps histories."""

    redis: Any

    def held(self, task_id: str) -> dict[str, str]:
        task = keys.TaskKeys(task_id)
        with redis_errors():
            heads = [
                head for part in history_parts() for head in self.redis.hvals(task.heads(part))
            ]
        found = (head.split(b"\n") for head in heads)
        return {json.loads(url): json.loads(machine) for _, url, machine in found if url}

    def dropped(self, task_id: str) -> dict[str, str]:
        with redis_errors():
            found = self.redis.hgetall(keys.TaskKeys(task_id).dropped)
        return {json.loads(url): json.loads(machine) for url, machine in found.items()}

    def forget_dropped(self, task_id: str, urls: Collection[str]) -> None:
        if urls:
            with redis_errors():
                self.redis.hdel(keys.TaskKeys(task_id).dropped, *map(encode, urls))

    def _series(self, task_id: str, part: str) -> dict[str, tuple[int, float]]:
        with redis_errors():
            found = self.redis.hgetall(keys.TaskKeys(task_id).part(part))
        pairs = ((name.decode(), value.split()) for name, value in found.items())
        return {name: (int(count), float(at)) for name, (count, at) in pairs}

    def _heads(self, task_id: str, part: str, series: Iterable[str], last: int) -> list[Head]:
        task, names = keys.TaskKeys(task_id), list(series)
        with redis_errors(), self.redis.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.zrevrangebylex(task.order(part), f"({name}:", f"[{name}", 0, last)
            orders = pipe.execute()
            items = [
                (name, int(member.rpartition(b" ")[2]))
                for name, order in zip(names, orders, strict=True)
                for member in reversed(order)
            ]
            fields = [_field(name, iteration) for name, iteration in items]
            heads = self.redis.hmget(task.heads(part), fields) if fields else []
        pairs = zip(items, heads, strict=True)
        return [Head(*item, float(head.split()[1])) for item, head in pairs if head is not None]

    def _items(self, task_id: str, part: str, heads: list[Head]) -> list[object]:
        fields = [_field(head.series, head.iteration) for head in heads]
        with redis_errors():
            found = self.redis.hmget(keys.TaskKeys(task_id).items(part), fields)
        return [None if text is None else decode(object, text) for text in found]


def of_item(event: HistoryEvent) -> list[list[Word]]:
    """The command that adds an item."""
    way = event.way
    assert isinstance(way, History)
    url, machine = event.bytes_at
    place = (encode(url), encode(machine)) if url else ("", "")
    name, last, iteration = (
        name_of(event.title, event.series),
        way.last(event),
        whole(event.iteration),
    )
    words = (name, last, iteration, repr(event.at), rank_of(event.at), *place)
    return [["ITEM", way.part, *words, encode(compact(event))]]


def _field(name: str, iteration: int) -> str:
    return f"{name}{iteration}"
