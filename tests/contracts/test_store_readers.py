"""Readers of the store: they read all of it, change nothing, and see no other keys."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pytest
import redis

from elsewhere.core.choices import Reason, Status
from elsewhere.core.errors import AccessError, StoreUnavailableError
from elsewhere.core.events import ArtifactAdded, Phase, Plot, Properties, Scalar, Tags, Text
from elsewhere.core.records import Artifact, Outcome, Parameter, Source
from elsewhere.store.agents import AgentRecord, agents_named, seen_agents
from elsewhere.store.api import SharedStore, TaskStore
from elsewhere.store.filters import parse
from elsewhere.store.model_records import ModelFilter
from elsewhere.store.queues import Queues
from elsewhere.store.redis import keys
from elsewhere.store.redis.readers import Readers
from elsewhere.store.redis.store import RedisStore
from elsewhere.store.relay import Relay, Request, Wanted, part_of
from elsewhere_worker.registration import Registration
from tests.redis_server import RedisServer, valkey_binary
from tests.stores import find, make_machine, make_record, opened

PATCH: Final = b"patch"
DIGEST: Final = hashlib.sha256(PATCH).hexdigest()
TASK: Final = "1" * 32
MODEL: Final = "2" * 32
RUNNING: Final = "4" * 32
AGENT: Final = "box"
ENDED: Final = Outcome(reason=Reason.COMPLETED)
#: method of a store -> what it reads
READS: Final[dict[str, Callable[[RedisStore], object]]] = {
    "identity": lambda store: store.identity(),
    "read": lambda store: store.read(TASK),
    "state": lambda store: store.state(TASK).status,
    "journal_offset": lambda store: store.journal_offset(TASK, 1, "f"),
    "output_offset": lambda store: store.output_offset(TASK, 1),
    "output": lambda store: store.output(TASK, limit_bytes=1 << 22),
    "output_length": lambda store: store.output_length(TASK),
    "artifacts": lambda store: store.artifacts(TASK),
    "series": lambda store: store.series(TASK),
    "points": lambda store: store.points(TASK, "loss", "train"),
    "curves": lambda store: store.curves([(TASK, "loss", "train")], 100),
    "kept": lambda store: store.kept(TASK, Properties),
    "histories": lambda store: store.histories(TASK, Plot),
    "history": lambda store: store.history(TASK, Plot, "t", "s"),
    "newest": lambda store: store.newest(TASK, Plot, 1),
    "item": lambda store: store.item(TASK, Plot, "t", "s", 1),
    "held": lambda store: store.held(TASK),
    "dropped": lambda store: store.dropped(TASK),
    "texts": lambda store: store.texts(TASK),
    "phases": lambda store: store.phases(TASK),
    "attempts": lambda store: store.attempts(TASK),
    "machine": lambda store: store.machine(TASK),
    "model": lambda store: store.model(MODEL).name,
    "find_models": lambda store: [
        store.find_models(ModelFilter()),
        store.find_models(ModelFilter(project="examples")),
    ],
    "task_models": lambda store: store.task_models(TASK),
    "model_at": lambda store: store.model_at("s3://b/m"),
    "tasks_using": lambda store: store.tasks_using(MODEL),
    "get_blob": lambda store: store.get_blob(DIGEST),
    "blob_url": lambda store: store.blob_url(DIGEST),
    "search": lambda store: [
        find(store),
        find(store, project_name="examples", task_name="train", tags=["first"]),
        find(store, {"status": ["completed"], "type": ["training"], "system_tags": ["-archived"]}),
    ],
    "look_up": lambda store: store.look_up([TASK], ["name", "last_metrics.loss.train", "tags"]),
    "projects": lambda store: store.projects(),
    "now": lambda store: round(store.now() / 1000),
}
#: method of a store -> what of it is not for a reader
CHANGES: Final[dict[str, Callable[[RedisStore], object]]] = {
    "create": lambda store: store.create(make_record()),
    "edit": lambda store: store.edit(TASK, name="another"),
    "delete": lambda store: store.delete(TASK),
    "move": lambda store: store.move(TASK, Status.FAILED, allowed=(Status.COMPLETED,)),
    "reset": lambda store: store.reset(TASK, allowed=(Status.COMPLETED,)),
    "claim": lambda store: store.claim(
        TASK, worker=AGENT, token="u", lease_s=60, allowed=(Status.COMPLETED,)
    ),
    "take_back": lambda store: store.take_back(TASK, 7, worker=AGENT, token="u", lease_s=60),
    "renew": lambda store: store.renew(RUNNING, 1, worker=AGENT, lease_s=60),
    "finish": lambda store: store.finish(RUNNING, 1, ENDED),
    "request_stop": lambda store: store.request_stop(RUNNING),
    "apply": lambda store: store.apply(TASK, 1, "g", 0, 1, ()),
    "append_output": lambda store: store.append_output(TASK, 1, 9, 10, b"y", ""),
    "forget_dropped": lambda store: store.forget_dropped(TASK, ["s3://b/1"]),
    "save_model": lambda store: store.save_model(MODEL, {"name": "another"}),
    "delete_model": lambda store: store.delete_model(MODEL),
    "has_blob": lambda store: store.has_blob("0" * 64),
    "put_blob": lambda store: store.put_blob("0" * 64, b""),
    "sweep": lambda store: store.sweep(sweep_s=0, hold_s=0),
    "reap": lambda store: store.reap(TASK, lost_after_s=0, outcome=ENDED),
    "lose": lambda store: store.lose(TASK, 1, ENDED, is_harmless=True),
    "leased_to": lambda store: store.leased_to(AGENT),
    "listen": lambda store: store.listen(keys.WAKE),
}
#: what else a program may try with its connection
ATTEMPTS: Final = (
    *("KEYS *", "SCAN 0", "RANDOMKEY", "DBSIZE", "FLUSHALL", "CONFIG GET *", "CLIENT LIST"),
    *("ACL LIST", "ACL SETUSER ada on", "MONITOR", "INFO all", "SELECT 1", "PSUBSCRIBE *"),
    *("PUBLISH ew:wake default", "SUBSCRIBE ew:wake", "SCRIPT LOAD return", "EVAL return 0"),
    *(f"GET {keys.mode(AGENT)}", f"LRANGE {keys.taken(AGENT)} 0 -1", f"GET {keys.rq_job(TASK)}"),
    *(f"LRANGE {keys.asked(AGENT)} 0 -1", f"LRANGE {keys.part('t', 0)} 0 -1", "GET other"),
    *(f"RPUSH {keys.rq_queue('default')} {TASK}", f"RPUSH {keys.TaskKeys(TASK).record} x"),
    *(f"DEL {keys.asked(AGENT)}", f"DEL {keys.TaskKeys(TASK).record}", f"DEL {keys.STORE}"),
    *(f"EXPIRE {keys.TaskKeys(TASK).record} 1", f"RPUSH {keys.part('t', 0)} x"),
    *("FUNCTION FLUSH", "FCALL f 0", "SCRIPT FLUSH", "SCRIPT KILL", "FLUSHDB"),
    *("CONFIG SET maxmemory 1", "ACL WHOAMI", "ACL LOG", "CLIENT KILL TYPE normal", "SHUTDOWN"),
    *("SLOWLOG GET", "SAVE", "REPLICAOF NO ONE", "SWAPDB 0 1", "SPUBLISH a b"),
    *(f"{word} {keys.STORE}" for word in ("GETDEL", "DUMP", "TYPE", "OBJECT ENCODING", "SORT")),
    *(f"SORT {keys.UPDATED} STORE ew:x", f"ZRANGESTORE ew:x {keys.UPDATED} 0 -1", "COPY a b"),
    *(f"RENAME {keys.STORE} ew:task:x", f"SET {keys.STORE} x", f"GETEX {keys.STORE} EX 1"),
)
#: words for the script of queries that would let it go on and on
LOOPS: Final = (
    *(("-inf", "inf", "1e15"), ("-inf", "inf", "0", "1", "-2")),
    *(("-inf", "inf", "nan"), ("-inf", "inf", "0.5", "x"), ("-inf", "inf", "0", "1e15")),
)


@pytest.fixture(scope="module", params=["redis", "valkey"])
def server(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    """One that answers nobody without a password."""
    binary = valkey_binary() if request.param == "valkey" else None
    with (
        TemporaryDirectory(prefix="ew-", dir="/tmp") as folder,
        RedisServer(Path(folder), binary=binary, password="secret") as server,
    ):
        yield server


@pytest.fixture
def store(server: RedisServer) -> Iterator[RedisStore]:
    """With a task that has something of everything."""
    server.flush()
    with opened(server.url) as store:
        store.put_blob(DIGEST, PATCH)
        source = Source(repository="r", patch=DIGEST)
        store.create(make_record(id=TASK, tags=("first",), source=source))
        queues = Queues(store)
        queues.create("gpu")
        queues.enqueue(TASK, "gpu")
        assert queues.take(["gpu"], AGENT) == ("gpu", TASK)
        allowed = (Status.QUEUED,)
        claim = store.claim(TASK, worker=AGENT, token="t", lease_s=60, allowed=allowed)
        queues.settle(TASK, AGENT)
        points = [
            Scalar(title="loss", series="train", value=n / 2, iteration=n, at=0.0)
            for n in range(500)
        ]
        store.apply(
            *(TASK, claim.attempt, "f", 0, 1),
            [
                *points,
                Tags(added=("later",)),
                Properties(values={"owner": Parameter(value="Ada")}),
                Text(message="x", level=1, at=0.0),
                Phase(name="run", at=0.0, seconds=1.0),
                ArtifactAdded(artifact=Artifact(name="m", type="file")),
                Plot(title="t", series="s", iteration=1, at=0.0, figure="{}"),
                make_machine(),
            ],
        )
        store.append_output(TASK, claim.attempt, 0, 9, b"x" * (2 << 20), "")
        store.save_model(MODEL, {"name": "net", "project": "examples", "url": "s3://b/m"})
        store.finish(TASK, claim.attempt, ENDED)
        store.create(make_record(id=RUNNING))
        store.claim(RUNNING, worker=AGENT, token="t", lease_s=60, allowed=(Status.CREATED,))
        store.identity()
        yield store


@pytest.fixture
def readers(server: RedisServer, store: RedisStore) -> Iterator[Readers]:
    readers = Readers(store.redis, server.url, store.identity())
    yield readers
    for name in readers.runs():
        readers.dismiss(name)


@pytest.fixture
def reader(readers: Readers) -> Iterator[RedisStore]:
    name = readers.name(AGENT, f"{TASK}.1")
    readers.admit(name, "its own")
    with opened(readers.url(name, "its own")) as reader:
        yield reader


def test_each_method_of_a_store_is_either_read_or_refused() -> None:
    methods = {
        name
        for protocol in (TaskStore, SharedStore)
        for name, _ in inspect.getmembers(protocol, inspect.isfunction)
        if not name.startswith("_")
    }
    assert methods - {"close", "listen_to", "behind"} == READS.keys() | CHANGES.keys()


@pytest.mark.parametrize("method", READS)
def test_a_reader_reads_what_the_agent_does(
    store: RedisStore, reader: RedisStore, method: str
) -> None:
    there = READS[method](store)
    assert READS[method](reader) == there
    assert there or method in ("held", "dropped", "blob_url", "task_models", "tasks_using")


@pytest.mark.parametrize("is_loaded", [True, False])
@pytest.mark.parametrize("method", CHANGES)
def test_a_reader_changes_nothing(
    store: RedisStore, readers: Readers, reader: RedisStore, method: str, is_loaded: bool
) -> None:
    if is_loaded:
        for path in Path(inspect.getfile(RedisStore)).parent.glob("lua/*.lua"):
            if path.stem != "prelude":
                store._scripts.load(path.stem)
    else:
        store.redis.script_flush()
    before = _dump(store.redis)
    with pytest.raises(AccessError, match="setting store_access is 'read'"):
        CHANGES[method](reader)
    assert _dump(store.redis) == before


def _dump(client: Any) -> dict[bytes, object]:
    def value(key: bytes) -> object:
        is_hash = client.type(key) == b"hash"  # whose fields a dump has in any order
        return client.hgetall(key) if is_hash else client.dump(key)

    return {key: value(key) for key in client.keys("*")}


@pytest.mark.parametrize("words", ATTEMPTS)
def test_a_reader_s_connection_can_do_nothing_else(
    store: RedisStore, reader: RedisStore, words: str
) -> None:
    name, _, rest = words.partition(" ")
    given = [rest, "0"] if name == "EVAL" else rest.split()
    with pytest.raises(redis.exceptions.NoPermissionError):
        reader.redis.execute_command(name, *given)


def test_a_script_of_its_own_can_be_no_loop(store: RedisStore, reader: RedisStore) -> None:
    with pytest.raises(redis.exceptions.NoPermissionError):
        reader.redis.register_script("while true do end")()
    assert store.redis.ping()


@pytest.mark.parametrize("words", LOOPS)
def test_nor_is_one_of_ours(store: RedisStore, reader: RedisStore, words: tuple[str, ...]) -> None:
    digest = hashlib.sha1(store._scripts._text("search").encode()).hexdigest()
    with pytest.raises(redis.exceptions.ResponseError, match="user_script"):
        reader.redis.evalsha(digest, 1, keys.UPDATED, *words)
    assert store.redis.ping()


def test_a_server_that_knows_no_rights_for_some_keys_alone_lends_no_far_files(
    store: RedisStore, readers: Readers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("elsewhere.store.redis.readers._OF_RELAY", ("?as Redis 6.2 has it",))
    name = readers.name(AGENT, f"{TASK}.1")
    readers.admit(name, "its own")
    request = Request(transfer="a" * 32, wanted=Wanted(kind="artifact", task=TASK, name="m"))
    with opened(readers.url(name, "its own")) as reader:
        assert reader.read(TASK) == store.read(TASK)
        with pytest.raises(AccessError):
            Relay(reader.redis).ask(AGENT, [request], request.transfer, 0)


def test_every_key_is_either_open_to_readers_or_closed_on_purpose() -> None:
    closed = (
        *(keys.taken(AGENT), keys.mode(AGENT), keys.asked(AGENT), keys.part("t", 0)),
        *(keys.QUEUED, keys.LEASES, keys.DELETED, keys.SWEEP, keys.BLOBS, keys.BLOBS_LEFT),
        *(keys.BLOBS_MOVING, keys.BLOBS_NAMED),
    )
    assert keys.__doc__ is not None
    tops = {line.split()[0] for line in keys.__doc__.splitlines() if line.startswith("    ew:")}
    known = {_top(key) for key in (*keys.READABLE, *closed)}
    assert {_top(key) for key in tops} == known
    assert not {_top(key) for key in keys.READABLE} & {_top(key) for key in closed}


def _top(key: str) -> str:
    return ":".join(key.split(":")[:2])


def test_a_reader_hears_what_happens_to_a_task(store: RedisStore, reader: RedisStore) -> None:
    with closing(reader.listen_to(TASK)) as listener:
        store.edit(TASK, name="another")
        assert listener.wait(5.0) == [f"ew:changed:{TASK} event"]


def test_a_reader_gets_files_of_other_machines(store: RedisStore, reader: RedisStore) -> None:
    record = AgentRecord(
        name=AGENT, machine="m", host="h", pid=1, home="/", version="1", queues=("q",), slots=1,
        started_at=0.0,
    )  # fmt: skip
    Registration(store.redis, record).begin()
    assert [one.name for one in agents_named(reader.redis, [AGENT])] == [AGENT]
    assert [one.host for one in seen_agents(reader.redis)] == ["h"]
    request = Request(transfer="a" * 32, wanted=Wanted(kind="artifact", task=TASK, name="m"))
    Relay(store.redis).give([part_of(b"bytes", request, size_bytes=5)])
    answer = Relay(reader.redis).ask(AGENT, [request], request.transfer, 0)
    assert answer is not None
    assert answer[1] == b"bytes"
    assert Relay(store.redis).take(AGENT, 1) == [request.encoded()]
    Relay(reader.redis).take_back(AGENT, [request])


def test_a_reader_of_another_database_reads_that(server: RedisServer, store: RedisStore) -> None:
    url = f"{server.url}?db=3"
    with opened(url) as third:
        third.create(make_record(id="3" * 32))
        readers = Readers(third.redis, url, third.identity())
        name = readers.name(AGENT, "run.1")
        readers.admit(name, "its own")
        with opened(readers.url(name, "its own")) as reader:
            assert list(reader.search(parse(None))) == ["3" * 32]
            with pytest.raises(redis.exceptions.NoPermissionError):
                reader.redis.execute_command("SELECT", 1)
        readers.dismiss(name)


def test_a_dismissed_reader_is_gone_and_its_connection_too(
    readers: Readers, reader: RedisStore
) -> None:
    name = readers.name(AGENT, f"{TASK}.1")
    assert readers.runs() == {name: (AGENT, f"{TASK}.1")}
    readers.dismiss(name)
    assert readers.runs() == {}
    with pytest.raises(StoreUnavailableError):
        reader.read(TASK)
    with pytest.raises(StoreUnavailableError, match="refuses the user or the password"):
        reader.read(TASK)


def test_the_readers_of_another_store_are_left_alone(
    server: RedisServer, store: RedisStore, readers: Readers, reader: RedisStore
) -> None:
    assert Readers(store.redis, server.url, "another").runs() == {}
    assert len(readers.runs()) == 1


def test_the_reader_of_a_check_is_no_run(readers: Readers) -> None:
    name = readers.name(AGENT, "trial")
    readers.admit(name, "its own")
    assert readers.runs() == {}
    readers.dismiss(name)


def test_admitted_again_a_reader_keeps_its_connection(
    store: RedisStore, readers: Readers, reader: RedisStore
) -> None:
    with closing(reader.listen_to(TASK)) as listener:
        readers.admit(readers.name(AGENT, f"{TASK}.1"), "its own")
        store.edit(TASK, name="another")
        assert listener.wait(5.0) == [f"ew:changed:{TASK} event"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://ada:old@host:1/2", "redis://n%3A1:p@host:1/2"),
        ("rediss://host?ssl_ca_certs=/a%20b", "rediss://n%3A1:p@host?ssl_ca_certs=%2Fa+b"),
        ("unix:///run/r.sock?password=old&db=2", "unix://n%3A1:p@/run/r.sock?db=2"),
        ("redis://host:1?username=ada&password=old", "redis://n%3A1:p@host:1"),
    ],
)
def test_the_url_of_a_reader_has_nothing_of_the_agent_s_password(url: str, expected: str) -> None:
    readers = Readers(redis.Redis(), url, "store")
    assert readers.url("n:1", "p") == expected
