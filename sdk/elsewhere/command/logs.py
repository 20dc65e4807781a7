"""`elsewhere logs`: what a task printed, from the store, and what it goes on printing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from elsewhere.command.arguments import add_id
from elsewhere.command.naming import find_task, title
from elsewhere.command.printing import say
from elsewhere.command.screen import open_sink
from elsewhere.command.watching import exit_code, watch
from elsewhere.core.choices import Status
from elsewhere.core.errors import NotFoundError, UsageError
from elsewhere.core.wording import duration, short, why

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from elsewhere.command.screen import Sink
    from elsewhere.core.records import TaskState
    from elsewhere.store.redis.store import RedisStore

#: bytes in one step back while the last lines are looked for
_STEP_BYTES: Final = 64 * 1024


def add_options(parser: ArgumentParser) -> None:
    add_id(parser)
    parser.add_argument(
        "-f", "--follow", action="store_true", help="go on until it ends; 4 when it failed"
    )
    parser.add_argument(
        "--attempt", type=int, metavar="N", help="this attempt (default: the newest one)"
    )
    parser.add_argument("--tail", type=int, metavar="N", help="begin with the last N lines")


def run(store: RedisStore, given: Namespace) -> int:
    if given.tail is not None and given.tail < 0:
        raise UsageError(f"--tail {given.tail} cannot be: it is a number of lines.")
    task_id = find_task(store, given.id)
    sink, state = open_sink(), store.state(task_id)
    if given.attempt is not None and not 1 <= given.attempt <= state.attempt:
        raise NotFoundError(
            f"Task {title(store, task_id)} has no attempt {given.attempt}: it has had"
            f" {state.attempt} so far."
        )
    reading = _Reading(store, task_id, sink, given.attempt or max(state.attempt, 1))
    if given.tail is not None:
        reading.skip_to_last(given.tail)
    if given.follow:
        return _follow(reading, state, given.attempt)
    reading.drain()
    sink.draw(reading.pending)
    if reading.at == 0 and not reading.pending:
        sink.note(f"Task {title(store, task_id)} has printed nothing. {_waiting_for(state)}")
    sink.finish()
    return 0


def follow_or_name(store: RedisStore, task_id: str, queue: str, *, is_followed: bool) -> int:
    """Says where a task that was just enqueued waits, and prints its id, or its output where that
    `is_followed`: then returns the exit code for its end. Ctrl-C leaves the task as it is."""
    name, follow = title(store, task_id), f"'elsewhere logs -f {short(task_id)}' follows it"
    if not is_followed:
        say(f"Task {name} waits in queue {queue!r}. {follow}.")
        print(task_id)
        return 0
    state = store.state(task_id)
    if state.status is not Status.QUEUED:  # else it is said that it waits
        say(f"Task {name} has been taken from queue {queue!r}. Ctrl-C leaves it.")
    try:
        return _follow(_Reading(store, task_id, open_sink(), 1), state, None)
    except KeyboardInterrupt:
        say(f"Task {name} goes on. {follow}, 'elsewhere abort {short(task_id)}' stops it.")
        raise


class _Reading:
    """How far the output of a task is printed."""

    def __init__(self, store: RedisStore, task_id: str, sink: Sink, attempt: int) -> None:
        self.store = store
        self.task_id = task_id
        self.sink = sink
        self.attempt = attempt
        self.at = 0
        self.pending = ""

    def drain(self) -> None:
        """Prints all stored output of the attempt."""
        while True:
            found = self.store.output(self.task_id, attempt=self.attempt, start=self.at)
            if found.start > self.at:
                self.sink.note(f"{found.start - self.at} bytes in the middle are not kept.")
            self.sink.write(found.data)
            self.pending = found.pending
            if found.next == self.at:
                return
            self.at = found.next

    def go_on_to(self, attempt: int) -> None:
        """Prints the attempts up to this one, each to its end."""
        self.drain()
        while self.attempt < attempt:
            self.attempt, self.at = self.attempt + 1, 0
            self.sink.note(f"Attempt {self.attempt} begins.")
            self.drain()

    def skip_to_last(self, lines: int) -> None:
        """Skips to the last `lines`, which are printed next."""
        at = self.store.output_length(self.task_id, self.attempt)
        self.at, missing, is_end = at, lines, True
        while at > 0 and missing > 0:
            begin = max(0, at - _STEP_BYTES)
            found = self.store.output(
                self.task_id, attempt=self.attempt, start=begin, limit_bytes=at - begin
            )
            data = found.data[: max(0, at - found.start)]
            if not data:  # what lies before is not kept
                return
            end = len(data) - (is_end and data.endswith(b"\n"))
            is_end = False
            while missing > 0 and (end := data.rfind(b"\n", 0, end)) >= 0:
                missing -= 1
            self.at = at = found.start + end + 1 if missing == 0 else found.start


def _follow(reading: _Reading, state: TaskState, wanted: int | None) -> int:
    store, task_id, sink = reading.store, reading.task_id, reading.sink
    if not state.status.is_final and state.status is not Status.IN_PROGRESS:
        sink.note(f"Task {title(store, task_id)}: {_waiting_for(state)} Ctrl-C leaves.")
    seen = state

    def look(now: TaskState) -> bool:
        nonlocal seen
        seen = now
        reading.go_on_to(wanted or max(now.attempt, 1))
        sink.draw(reading.pending)
        return now.status.is_final or (wanted is not None and now.attempt > wanted)

    try:
        watch(store, task_id, look, sink.note)
    except KeyboardInterrupt:
        sink.finish()
        raise
    if wanted is not None and seen.attempt > wanted:
        outcomes = {item.number: item.outcome for item in store.attempts(task_id)}
        outcome = outcomes.get(wanted)
        sink.note(f"Attempt {wanted} is over: {outcome.sentence if outcome else 'lost'}.")
        return exit_code(outcome.status if outcome else Status.FAILED)
    sink.note(f"Task {title(store, task_id)}: {_ended(seen)}")
    return exit_code(seen.status)


def _ended(state: TaskState) -> str:
    took = f" after {duration(state.ended_at - state.started_at)}" if state.started_at else ""
    outcome = state.outcome
    how = f": {why(outcome)}" if outcome and str(outcome.reason) != str(state.status) else ""
    message = f" {state.message}" if state.message else ""
    return f"{state.status}{took}{how}.{message}"


def _waiting_for(state: TaskState) -> str:
    if state.status is Status.CREATED:
        return "It is a draft: it begins when it is enqueued and an agent takes it."
    if state.status is Status.QUEUED:
        return f"It waits in the queue {state.queue!r} for an agent."
    return f"It is {state.status}."
