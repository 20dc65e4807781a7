"""Models in Redis: their records, and which tasks made or used them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from elsewhere.core.errors import RecordError
from elsewhere.store.model_records import checked_id, place_of, record_of, unknown, uses_of
from elsewhere.store.redis import keys
from elsewhere.store.redis.connection import redis_errors
from elsewhere.store.redis.model_operations import of_fields

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from elsewhere.core.records import Json, ModelRecord, ModelUse
    from elsewhere.store.model_records import ModelFilter
    from elsewhere.store.redis.scripts import Scripts

#: models that are looked at in one round trip
_PIECE: Final = 500


class RedisModels:
    """The part of the Redis store that keeps models."""

    redis: Any
    _scripts: Scripts

    def save_model(self, model_id: str, fields: Mapping[str, Json]) -> None:
        for words in of_fields(model_id, fields):
            self._scripts.on_model("set_model", model_id, *words)

    def model(self, model_id: str) -> ModelRecord:
        with redis_errors():
            found = self.redis.hgetall(keys.model(model_id))
        if not found:
            raise unknown(model_id)
        return _record(model_id, found)

    def delete_model(self, model_id: str) -> None:
        self._scripts.on_model("delete_model", checked_id(model_id))

    def find_models(self, wanted: ModelFilter) -> list[ModelRecord]:
        found: list[ModelRecord] = []
        for record in self._models_of(self._found_in_sets(wanted)):
            if wanted.limit is not None and len(found) >= wanted.limit:
                break
            if wanted.holds(record):
                found.append(record)
        return found

    def task_models(self, task_id: str) -> list[ModelUse]:
        with redis_errors():
            found = self.redis.hgetall(keys.TaskKeys(task_id).models)
        return uses_of(
            (field.decode(), *use.decode().split(" ", 1)) for field, use in found.items()
        )

    def model_at(self, url: str, machine: str = "") -> str | None:
        place = place_of({"url": url, "machine": machine}) or ""
        with redis_errors():
            known = self.redis.hmget(keys.MODEL_URLS, place, url)
        found = next((one for one in known if one is not None), None)
        return found.decode() if found is not None else None

    def tasks_using(self, model_id: str) -> list[str]:
        with redis_errors():
            return sorted(one.decode() for one in self.redis.smembers(keys.model_tasks(model_id)))

    def _found_in_sets(self, wanted: ModelFilter) -> list[str]:
        """Ids of the models that the sets alone select, the last changed one first."""
        sets = [keys.model_project(wanted.project)] if wanted.project else []
        for clause in wanted.tags.clauses:
            if len(clause) == 1:  # one of several could lie in any of their sets
                sets += map(keys.model_tag, clause[0])
        with redis_errors():
            if not sets:
                return [one.decode() for one in self.redis.zrevrange(keys.MODELS, 0, -1)]
            found = self.redis.zinter([keys.MODELS, *sets], withscores=True)
        # Each set adds one second to all of the times: the order stays.
        return [one.decode() for one, _ in sorted(found, key=lambda pair: pair[::-1], reverse=True)]

    def _models_of(self, ids: list[str]) -> Iterator[ModelRecord]:
        for first in range(0, len(ids), _PIECE):
            piece = ids[first : first + _PIECE]
            with redis_errors(), self.redis.pipeline(transaction=False) as pipe:
                for model_id in piece:
                    pipe.hgetall(keys.model(model_id))
                answers = pipe.execute()
            for model_id, found in zip(piece, answers, strict=True):
                if found:  # deleted meanwhile
                    yield _record(model_id, found)


def _record(model_id: str, found: Mapping[bytes, bytes]) -> ModelRecord:
    try:
        plain = {
            name.decode(): json.loads(found[name]) for name in sorted(found) if name != b"place"
        }
    except (ValueError, RecursionError) as error:
        raise RecordError(f"The record of model {model_id} cannot be read: {error}.") from error
    return record_of(model_id, plain)
