"""Scripts that people start themselves: the right end, and nothing lost when they are killed."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from elsewhere.core.choices import Reason, Status
from elsewhere.core.folders import RunFolder
from elsewhere.core.journal import journal_files, read_events
from elsewhere.core.scalars import POINT
from elsewhere.store import connect_store
from elsewhere.store.redis.store import RedisStore
from tests.faults.harness import PATIENCE_S, Machine, Script, send
from tests.redis_server import RedisServer
from tests.waiting import wait_until


@pytest.mark.parametrize(
    ("end", "code", "status", "reason"),
    [
        ("0", 0, Status.COMPLETED, Reason.COMPLETED),
        ("7", 7, Status.FAILED, Reason.PROGRAM_FAILED),
        ("caught", 0, Status.COMPLETED, Reason.COMPLETED),
        ("error", 1, Status.FAILED, Reason.PROGRAM_FAILED),
    ],
)
def test_a_script_that_ends_by_itself(
    start: Callable[..., Script], end: str, code: int, status: Status, reason: Reason
) -> None:
    script = start("script", end)
    script.task.let_go()
    assert script.end() == code
    _assert_ended(script, status, reason)
    outcome = script.task.state.outcome
    assert outcome is not None
    assert outcome.exit_code == code
    if end == "error":
        assert outcome.message == "ValueError: as told"
        assert b"ValueError: as told" in script.task.store.output(script.task.id).data


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_script_that_is_interrupted(start: Callable[..., Script], number: signal.Signals) -> None:
    script = start("script")
    script.process.send_signal(number)
    assert script.end() == -number
    _assert_ended(script, Status.STOPPED, Reason.STOPPED)
    outcome = script.task.state.outcome
    assert outcome is not None
    assert outcome.signal == number


def test_a_script_that_somebody_stops_from_afar(start: Callable[..., Script]) -> None:
    script = start("script")
    script.task.store.request_stop(script.task.id)
    assert script.end() == -signal.SIGTERM
    _assert_ended(script, Status.STOPPED, Reason.STOPPED)
    assert b"a stop was requested" in (script.task.folder / "terminal").read_bytes()


@pytest.mark.parametrize("who_comes", ["script", "agent"])
def test_a_script_that_was_killed_is_delivered_and_ended_by_who_comes_next(
    start: Callable[..., Script],
    machine: Machine,
    store: RedisStore,
    server: RedisServer,
    who_comes: str,
) -> None:
    script = start("killed")
    kept = _kill_unheard(script, server)
    assert script.task.state.status is Status.IN_PROGRESS
    following = start("following") if who_comes == "script" else None
    if following is None:
        machine.start()
    state = script.task.wait_until_ended()
    assert state.status is Status.FAILED
    assert state.outcome is not None
    assert state.outcome.reason is Reason.LOST
    assert [value for _, _, value in store.points(script.task.id, "curve", "square")] == kept
    lines = _lines(script)
    printed = script.task.printed().splitlines(keepends=True)
    assert lines[: len(printed)] == printed
    assert len(lines) - len(printed) <= 1  # killed between a line and its trace
    wait_until(lambda: not script.folder.path.exists(), what="nothing of it is left")
    if following is not None:
        following.task.let_go()
        assert following.end() == 0
        _assert_ended(following, Status.COMPLETED, Reason.COMPLETED)


def test_a_script_that_several_deliver_at_once_is_delivered_once(
    start: Callable[..., Script], machine: Machine, store: RedisStore, server: RedisServer
) -> None:
    script = start("killed")
    kept = _kill_unheard(script, server)
    for name in ("ada", "bob", "eve"):
        machine.start(name)
    script.task.wait_until_ended()
    assert [value for _, _, value in store.points(script.task.id, "curve", "square")] == kept
    (summary,) = [one for one in store.series(script.task.id) if one.title == "curve"]
    assert summary.count == len(kept)


def test_a_killed_script_waits_for_the_store_that_it_began_with(
    start: Callable[..., Script], machine: Machine, server: RedisServer, short_path: Path
) -> None:
    script = start("killed")
    kept = _kill_unheard(script, server)
    (short_path / "other").mkdir()
    with RedisServer(short_path / "other") as other, closing(connect_store(other.url)) as elsewhere:
        machine.url = other.url
        agent = machine.start_registered(elsewhere)
        task = send(elsewhere, script.task.folder.parent, "counting.py", "0")
        task.let_go()
        task.assert_completed(machine)
        agent.end()
    assert script.folder.path.exists()
    machine.url = server.url
    machine.start()
    assert script.task.wait_until_ended().status is Status.FAILED
    points = script.task.store.points(script.task.id, "curve", "square")
    assert [value for _, _, value in points] == kept


def test_a_script_whose_redis_is_killed_and_restarted(
    start: Callable[..., Script], server: RedisServer
) -> None:
    script = start("script")
    server.kill()
    script.task.wait_until_printing()
    server.start()
    length = script.task.store.output_length(script.task.id)
    wait_until(
        lambda: script.task.store.output_length(script.task.id) > length,
        within_s=PATIENCE_S,
        what="output arrives again",
    )
    script.task.let_go()
    assert script.end() == 0
    _assert_ended(script, Status.COMPLETED, Reason.COMPLETED)


def test_a_script_that_ends_during_an_outage_is_delivered_by_the_next(
    start: Callable[..., Script], server: RedisServer
) -> None:
    script = start("script", "7")
    server.kill()
    script.task.let_go()
    assert script.end() == 7
    terminal = (script.task.folder / "terminal").read_text()
    assert f"It is kept in {script.folder.path}; the next script or agent" in terminal
    server.start()
    assert script.task.state.status is Status.IN_PROGRESS
    following = start("following")
    script.task.wait_until_ended()
    _assert_ended(script, Status.FAILED, Reason.PROGRAM_FAILED)
    following.task.let_go()
    assert following.end() == 0
    _assert_ended(following, Status.COMPLETED, Reason.COMPLETED)


def test_ctrl_c_does_not_wait_for_the_end_and_loses_nothing(
    start: Callable[..., Script], server: RedisServer
) -> None:
    script = start("script", "7")
    terminal = script.task.folder / "terminal"
    server.kill()
    script.task.let_go()
    wait_until(lambda: "delivering the rest" in terminal.read_text(), within_s=PATIENCE_S)
    script.process.send_signal(signal.SIGINT)
    assert script.end() == 7
    said = terminal.read_text()
    assert f"was interrupted. It is kept in {script.folder.path}; the next script" in said
    assert "Traceback" not in said
    server.start()
    following = start("following")
    script.task.wait_until_ended()
    _assert_ended(script, Status.FAILED, Reason.PROGRAM_FAILED)
    following.task.let_go()
    assert following.end() == 0


def _kill_unheard(script: Script, server: RedisServer) -> list[float]:
    """The values in the journal of a script that was killed when not all of it was delivered."""
    store = script.task.store
    wait_until(
        lambda: store.points(script.task.id, "curve", "square"),
        within_s=PATIENCE_S,
        what="it reports",
    )
    server.kill()
    before = len(_scalars_in_journal(script.folder))
    wait_until(
        lambda: len(_scalars_in_journal(script.folder)) > before,
        within_s=PATIENCE_S,
        what="it reports although the store is away",
    )
    script.process.kill()
    script.process.wait(timeout=PATIENCE_S)
    server.start()
    return _scalars_in_journal(script.folder)


def _assert_ended(script: Script, status: Status, reason: Reason) -> None:
    state = script.task.wait_until_ended(within_s=5)
    assert (state.status, state.attempt) == (status, 1), state
    assert state.outcome is not None
    assert state.outcome.reason is reason
    lines, printed = _lines(script), script.task.printed().splitlines(keepends=True)
    assert lines[: len(printed)] == printed
    assert len(lines) - len(printed) <= (1 if reason is Reason.STOPPED else 0)
    if reason is not Reason.STOPPED:
        script.task.assert_scalars()
    wait_until(lambda: not script.folder.path.exists(), what="nothing of it is left")
    terminal = (script.task.folder / "terminal").read_bytes()
    assert _of_program(terminal) == lines  # between them it may say that a stop was requested


def _lines(script: Script) -> list[bytes]:
    output = script.task.store.output(script.task.id, limit_bytes=1 << 30)
    assert output.pending == ""
    return _of_program(output.data)


def _of_program(output: bytes) -> list[bytes]:
    return [line for line in output.splitlines(keepends=True) if line[:5] == b"line "]


def _scalars_in_journal(folder: RunFolder) -> list[float]:
    found = []
    for path in journal_files(folder.journal):
        events, _ = read_events(path, 0, path.stat().st_size + 1)
        columns = [column for event in events for column in event.points()]
        found += [value for one in columns for _, _, value in POINT.iter_unpack(one.points)]
    return found
