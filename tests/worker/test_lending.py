"""Lending: what a run has of the store, while it runs and afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from elsewhere.core.choices import Reason
from elsewhere.core.errors import ConfigurationError, StoreUnavailableError
from elsewhere.core.folders import Home, RunFolder
from elsewhere.core.notes import Lent
from elsewhere.core.records import Outcome
from elsewhere.store.redis.connection import connect
from elsewhere.store.redis.store import RedisStore
from elsewhere_worker.lending import Lending, check, sweep
from elsewhere_worker.settings import WorkerSettings
from tests.redis_server import RedisServer
from tests.stores import begin, opened


@pytest.fixture
def server(short_path: Path) -> Iterator[RedisServer]:
    with RedisServer(short_path, password="secret") as server:
        yield server


@pytest.fixture
def store(server: RedisServer) -> Iterator[RedisStore]:
    with opened(server.url) as store:
        yield store


@pytest.fixture
def settings(elsewhere_home: Path, server: RedisServer) -> WorkerSettings:
    home = Home(elsewhere_home)
    return WorkerSettings(name="box", queues=("q",), home=home, url=server.url, store_access="read")


@pytest.fixture
def folder(settings: WorkerSettings, store: RedisStore) -> RunFolder:
    return settings.home.run(begin(store), 1).create()


@pytest.fixture
def lending(folder: RunFolder, settings: WorkerSettings, store: RedisStore) -> Lending:
    return Lending(folder, settings, store)


def _users(store: RedisStore) -> list[str]:
    return [user for user in store.redis.acl_users() if user != "default"]


def test_a_run_is_lent_nothing_the_whole_store_or_a_user_that_reads(
    folder: RunFolder, settings: WorkerSettings, store: RedisStore, lending: Lending
) -> None:
    nothing = Lending(folder, replace(settings, store_access="none"), store)
    assert nothing.begin() == ""
    assert Lent.read(folder) is None
    whole = Lending(folder, replace(settings, store_access="full"), store)
    assert whole.begin() == settings.url
    assert Lent.read(folder) == Lent(url=settings.url)
    url = lending.begin()
    assert Lent.read(folder) == Lent(url=url)
    assert "secret" not in url
    assert folder.store.stat().st_mode & 0o777 == 0o600
    with connect(url) as client:
        (user,) = _users(store)
        assert user.endswith(f":box:{folder.path.name}")
        assert client.hgetall(f"ew:task:{folder.task_id}")


def test_a_lost_user_is_made_again_with_its_password_by_the_next_agent_too(
    folder: RunFolder, settings: WorkerSettings, store: RedisStore, lending: Lending
) -> None:
    url = lending.begin()
    for access in ("read", "full"):
        store.redis.acl_deluser(*_users(store))
        Lending(folder, replace(settings, store_access=access), store).renew()
        with connect(url) as client:
            assert client.ping()


@pytest.mark.parametrize(
    "written",
    ['{"url": "redis://default:x@host"}', '{"url": "unix://[:x@/y"}', "{", "", None],
    ids=["another user", "no URL", "damaged", "empty", "removed"],
)
def test_what_a_program_writes_makes_no_other_user(
    folder: RunFolder, store: RedisStore, lending: Lending, written: str | None
) -> None:
    url = lending.begin()
    folder.store.unlink()
    if written is not None:
        folder.store.write_text(written)
    before = store.redis.acl_list()
    lending.renew()
    assert store.redis.acl_list() == before
    lending.end()
    assert _users(store) == []
    with pytest.raises(StoreUnavailableError):
        connect(url)


def test_the_end_removes_the_user_also_once_the_setting_is_another(
    folder: RunFolder, settings: WorkerSettings, store: RedisStore, lending: Lending
) -> None:
    lending.begin()
    later = Lending(folder, replace(settings, store_access="full"), store)
    later.end()
    assert (_users(store), folder.store.exists()) == ([], False)
    later.renew()
    assert _users(store) == []


def test_users_of_runs_that_are_over_are_swept_and_no_others(
    folder: RunFolder, settings: WorkerSettings, store: RedisStore, lending: Lending
) -> None:
    store.redis.acl_setuser("elsewhere:another:box:task.1", enabled=True)
    lending.begin()
    ended = settings.home.run(begin(store), 1).create()
    moved = settings.home.run(begin(store, worker="another box"), 1).create()
    gone = settings.home.run("f" * 32, 1).create()
    for one in (ended, moved, gone):
        Lending(one, settings, store).begin()
    store.finish(ended.task_id, 1, Outcome(reason=Reason.COMPLETED))
    assert len(_users(store)) == 5
    sweep(replace(settings, store_access="full"), store)
    assert len(_users(store)) == 5
    sweep(settings, store)
    left = [name.rpartition(":")[2] for name in _users(store)]
    assert sorted(left) == sorted(["task.1", folder.path.name])


def test_an_end_while_the_store_is_away_leaves_the_user_for_a_sweep(
    folder: RunFolder, server: RedisServer, lending: Lending
) -> None:
    lending.begin()
    server.kill()
    lending.end()
    assert not folder.store.exists()


def test_a_server_that_takes_everybody_is_refused(settings: WorkerSettings, redis_url: str) -> None:
    with opened(redis_url) as store:
        check(replace(settings, url=redis_url, store_access="full"), store)
        check(replace(settings, url=redis_url, store_access="none"), store)
        with pytest.raises(ConfigurationError, match="takes everybody without a password"):
            check(replace(settings, url=redis_url), store)
        assert _users(store) == []


def test_an_agent_that_may_make_no_users_is_refused_with_what_it_needs(
    settings: WorkerSettings, store: RedisStore, server: RedisServer
) -> None:
    check(settings, store)
    assert _users(store) == []
    rules = ("reset", "on", ">own", "~*", "&*", "+@all")
    needed = ("+acl|setuser", "+acl|deluser", "+acl|getuser", "+acl|users")
    url = f"unix://ada:own@{server.socket}"
    store.redis.execute_command("ACL", "SETUSER", "ada", *rules, "-@dangerous", *needed)
    with opened(url) as own:
        check(replace(settings, url=url), own)
    for right in needed:
        without = [one for one in needed if one != right]
        store.redis.execute_command("ACL", "SETUSER", "ada", *rules, "-@dangerous", *without)
        with opened(url) as own, pytest.raises(ConfigurationError) as refused:
            check(replace(settings, url=url), own)
        assert " ".join(needed) in str(refused.value)
        assert "agent.store_access" in str(refused.value)
