"""Every key is in the table of `keys.py`, with its type and its lifetime; nothing else stays."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Final

import pytest

from elsewhere.core.choices import Reason, Status
from elsewhere.core.events import (
    ArtifactAdded,
    Configurations,
    Event,
    ModelSaved,
    ModelUsed,
    Parameters,
    Phase,
    Plot,
    Properties,
    Sample,
    Scalar,
    Tags,
    Text,
    kept_parts,
)
from elsewhere.core.kept import Kept, Recent, Tagged
from elsewhere.core.records import (
    Artifact,
    Configuration,
    Json,
    ModelUse,
    Outcome,
    Parameter,
    Source,
)
from elsewhere.store.agents import AgentRecord, note_seen, seen_agents
from elsewhere.store.curves import UNIT_SEPARATOR
from elsewhere.store.queues import Queues
from elsewhere.store.redis import keys
from elsewhere.store.redis.store import RedisStore
from elsewhere.store.relay import Relay, Request, Wanted, part_of
from elsewhere_worker.registration import Registration
from tests.stores import make_record, opened

#: RQ's own that stay: the names of its queues
RQ_STAYS: Final = {"rq:queues"}
PATCH: Final = b"patch"
#: a part that is kept in another way is a hash
KIND_OF_PART: Final[dict[type[Kept], str]] = {Recent: "list", Tagged: "set"}
EVENTS: Final[list[Event]] = [
    Scalar(title="loss", series="train", value=1.0, iteration=1, at=0.0),
    Parameters(values={"General/a": Parameter(value=1)}),
    Tags(added=("later",)),
    Properties(values={"owner": Parameter(value="Ada")}),
    Configurations(values={"net": Configuration(text="a: 1")}),
    Text(message="x", level=1, at=0.0),
    Phase(name="run", at=0.0, seconds=1.0),
    ArtifactAdded(artifact=Artifact(name="m", type="file")),
    Plot(title="t", series="s", iteration=1, at=0.0, figure="{}"),
    *(
        Sample(title="t", series="s", iteration=n, at=0.0, history=1, url=f"s3://b/{n}", digest="d")
        for n in range(2)
    ),
]


@pytest.fixture
def store(redis_url: str) -> Iterator[RedisStore]:
    with opened(redis_url) as store:
        yield store


def table() -> dict[str, tuple[str, str]]:
    """Pattern of a key -> type, lifetime; as the module's docstring has them."""
    assert keys.__doc__ is not None
    rows, lifetime = {}, ""
    for line in keys.__doc__.splitlines():
        if row := re.match(r"    (ew:\S+(?: US \S+)?)  +(\w+)  +.*?  +(\S.*)$", line):
            key, kind, said = row.groups()
            lifetime = lifetime if said.startswith('"') else said
            pattern = re.sub(r"<\w+>", ".+", key.replace(" US ", UNIT_SEPARATOR))
            rows[pattern] = (kind, lifetime)
    _, lifetime = rows.pop("ew:task:.+:.+")  # the row of all parts that events declare
    for part, way in kept_parts().items():
        rows[f"ew:task:.+:{part}"] = (KIND_OF_PART.get(type(way), "hash"), lifetime)
    return rows


def row_of(key: str) -> tuple[str, str]:
    """The most exact row: the longest pattern that matches."""
    found = [pattern for pattern in table() if re.fullmatch(pattern, key)]
    assert found, f"{key!r} is not in the table of keys.py"
    return table()[max(found, key=len)]


def live(store: RedisStore, task_id: str, queues: Queues) -> None:
    """A task from its creation to its end, through a queue."""
    digest = hashlib.sha256(PATCH).hexdigest()
    store.put_blob(digest, PATCH)
    source = Source(repository="r", patch=digest)
    store.create(make_record(id=task_id, tags=("first",), source=source))
    queues.create("gpu")
    queues.enqueue(task_id, "gpu")
    assert queues.take(["gpu"], "box") == ("gpu", task_id)
    claim = store.claim(task_id, worker="box", token="t", lease_s=60, allowed=(Status.QUEUED,))
    queues.settle(task_id, "box")
    store.sweep(sweep_s=0, hold_s=0)
    store.identity()
    store.apply(task_id, claim.attempt, "f", 0, 1, EVENTS)
    store.append_output(task_id, claim.attempt, 0, 9, b"x" * (2 << 20), "")
    store.finish(task_id, claim.attempt, Outcome(reason=Reason.COMPLETED))


def names(store: RedisStore) -> set[str]:
    return {key.decode() for key in store.redis.keys("*")}


def test_the_table_is_read() -> None:
    assert len(table()) > 20
    assert row_of("ew:task:1:state") == ("hash", "until the task is deleted")
    assert row_of("ew:queued")[1].startswith("while queued")


def test_every_key_of_a_life_is_in_the_table_with_its_type_and_lifetime(store: RedisStore) -> None:
    live(store, "1" * 32, Queues(store))
    for key in names(store) - RQ_STAYS:
        kind, lifetime = row_of(key)
        assert store.redis.type(key).decode() == kind, key
        is_timed = store.redis.ttl(key) > 0
        assert is_timed == bool(re.match(r"\d+ (s|minutes)", lifetime)), (key, lifetime)
        assert not lifetime.startswith(("while", "between")), f"{key} outlived its reason"


def test_after_a_task_is_deleted_only_permanent_and_timed_keys_are_left(store: RedisStore) -> None:
    live(store, "1" * 32, Queues(store))
    store.delete("1" * 32)
    for key in names(store) - RQ_STAYS:
        is_permanent = row_of(key)[1].startswith("permanent")
        assert is_permanent or store.redis.ttl(key) > 0, key


def test_ten_lives_leave_no_more_keys_than_one(store: RedisStore) -> None:
    queues, counts = Queues(store), []
    for n in range(10):
        live(store, f"{n:032x}", queues)
        store.delete(f"{n:032x}")
        counts.append(len(names(store)))
    assert counts == [counts[0]] * 10


def test_an_agent_that_is_gone_leaves_nothing_but_what_ends_by_itself(store: RedisStore) -> None:
    record = AgentRecord(
        name="box",
        machine="m",
        host="h",
        pid=1,
        home="/",
        version="1",
        queues=("gpu",),
        slots=1,
        started_at=0.0,
    )
    registration = Registration(store.redis, record)
    registration.begin()
    assert row_of(keys.agent("box"))[0] == "string"
    assert 0 < store.redis.ttl(keys.agent("box")) <= 60
    assert 0 < store.redis.ttl("rq:worker:box") <= 120
    registration.end()
    left = {key for key in names(store) if store.redis.ttl(key) < 0}
    assert left <= RQ_STAYS | {keys.SEEN}
    assert row_of(keys.SEEN) == ("zset", "permanent; 90 days each")


def test_an_agent_is_remembered_for_90_days(store: RedisStore) -> None:
    long_ago = store.now() - 91 * 86400
    store.redis.zadd(keys.SEEN, {keys.seen("old", "host"): long_ago})
    note_seen(store.redis, "box", "gpu-box")
    (seen,) = seen_agents(store.redis)
    assert (seen.agent, seen.host) == ("box", "gpu-box")
    assert store.now() - seen.at < 60


def test_what_a_reader_asks_for_and_what_it_gets_expires(store: RedisStore) -> None:
    relay, wanted = Relay(store.redis), Wanted(kind="file", name="x", task="1" * 32)
    first, second = (
        Request(transfer=letter * 32, wanted=wanted, offset=1 << 20) for letter in "ab"
    )
    relay.ask("box", [first, second], first.transfer, first.offset)
    (taken,) = relay.take("box", 1)
    assert Request.read(taken) == first
    relay.give([part_of(b"bytes", first)])
    for key in (keys.asked("box"), keys.part(first.transfer, first.offset)):
        assert row_of(key)[0] == store.redis.type(key).decode() == "list"
        assert 0 < store.redis.ttl(key) <= int(row_of(key)[1].partition(" ")[0])


def test_a_model_stays_when_its_task_goes_until_it_is_deleted_itself(store: RedisStore) -> None:
    live(store, "1" * 32, Queues(store))
    before, model = names(store), "a" * 32
    fields: dict[str, Json] = {
        "project": "examples",
        "tags": ["x"],
        "url": "s3://b/m",
        "digest": "d",
    }
    use = ModelUse(name="m", model=model, is_output=False)
    store.edit("1" * 32, ModelSaved(model=model, fields=fields), ModelUsed(use=use))
    for key in names(store) - before:
        assert store.redis.type(key).decode() == row_of(key)[0], key
    store.delete("1" * 32)
    left = {
        key for key in names(store) - RQ_STAYS if row_of(key)[1] == "until the model is deleted"
    }
    assert len(left) == 5
    store.delete_model(model)
    assert not left & names(store)
