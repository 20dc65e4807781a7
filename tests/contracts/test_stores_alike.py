"""Whatever is done to them, a folder and a server say the same of it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from elsewhere.core.choices import OnLost, Reason, Status
from elsewhere.core.errors import ElsewhereError
from elsewhere.core.events import (
    ArtifactAdded,
    ArtifactsRemoved,
    Configurations,
    Edited,
    Event,
    Labels,
    Parameters,
    Phase,
    Progress,
    Properties,
    PublishAtEnd,
    Resources,
    Sample,
    Scalar,
    Tags,
    Text,
    Verdict,
)
from elsewhere.core.records import Artifact, Configuration, Outcome, Parameter
from elsewhere.store.api import TaskStore
from elsewhere.store.folder.store import FolderStore
from tests.properties import PROPERTY
from tests.stores import make_record, opened

IDS = ("a" * 32, "b" * 32)
ID = st.sampled_from(IDS)
STATUSES = st.sets(st.sampled_from(Status), max_size=5).map(sorted).map(tuple)
ATTEMPT = st.integers(1, 3)
WORKER = st.sampled_from(["box", "other"])
OUTCOME = st.sampled_from(
    [Outcome(reason=reason, message="m") for reason in (Reason.COMPLETED, Reason.LOST)]
)
NAME = st.sampled_from(["x", "y"])
NAMES = st.sets(NAME).map(sorted).map(tuple)
NUMBER = st.sampled_from([0.0, -1.5, 2.0, float("nan"), float("inf")])
#: an iteration, with ends that no point can hold
COUNT = st.sampled_from([-5, 0, 3, 2**63 - 1, -(2**70)])
PARAMETERS = st.dictionaries(NAME, st.builds(Parameter, value=st.sampled_from([None, 1, "é"])))
EVENT: st.SearchStrategy[Event] = st.one_of(
    st.builds(
        Scalar,
        title=st.sampled_from(["loss", ":hidden"]),
        series=NAME,
        value=NUMBER,
        iteration=COUNT,
        at=st.just(1.0),
    ),
    st.builds(
        Resources,
        title=st.just(":monitor"),
        values=st.dictionaries(NAME, NUMBER),
        at=st.just(1.0),
        elapsed_s=st.sampled_from([0.5, 7.0]),
    ),
    st.builds(Progress, percent=st.sampled_from([0.0, 12.5]), at=st.just(1.0)),
    st.builds(Parameters, values=PARAMETERS, removed=NAMES, is_whole=st.booleans()),
    st.builds(Properties, values=PARAMETERS, removed=NAMES),
    st.builds(
        Configurations,
        values=st.dictionaries(NAME, st.builds(Configuration, text=NAME)),
        removed=NAMES,
    ),
    st.builds(Labels, values=st.dictionaries(NAME, st.integers(0, 3))),
    st.builds(
        Edited,
        fields=st.dictionaries(
            st.sampled_from(["name", "project", "comment", "type", "seed"]),
            st.sampled_from(["x", "testing", 7]),
        ),
    ),
    st.builds(ArtifactAdded, artifact=st.builds(Artifact, name=NAME, type=NAME)),
    st.builds(ArtifactsRemoved, names=NAMES),
    st.builds(
        Sample,
        title=NAME,
        series=NAME,
        iteration=COUNT,
        at=st.sampled_from([1.0, 2.5]),
        history=st.integers(-1, 3),
        url=NAME,
        digest=st.sampled_from(["", "d"]),
    ).map(lambda sample: replace(sample, machine=sample.url)),  # where it lies, by its URL
    st.builds(Text, message=NAME, level=st.just(1), at=st.just(1.0)),
    st.builds(Tags, added=NAMES, removed=NAMES, are_system=st.just(False)),
    st.builds(Tags, added=st.just(("archived",)), are_system=st.just(True)),
    st.builds(Phase, name=NAME, at=st.just(1.0), seconds=st.sampled_from([None, 1.0])),
    st.builds(PublishAtEnd, is_wanted=st.booleans()),
    st.builds(Verdict, status=st.sampled_from(Status), message=NAME),
)
EVENTS = st.lists(EVENT, max_size=4)
OFFSET = st.sampled_from([0, 3, 9])

#: the name of a store's method, and what it is called with
Change = tuple[str, tuple[Any, ...], dict[str, Any]]


def change(
    what: str, *arguments: st.SearchStrategy[Any], **named: st.SearchStrategy[Any]
) -> st.SearchStrategy[Change]:
    given = st.tuples(st.tuples(*arguments), st.fixed_dictionaries(named))
    return given.map(lambda both: (what, *both))


RECORD = st.builds(
    make_record,
    id=ID,
    created_at=st.just(1.0),
    tags=NAMES,
    on_lost=st.sampled_from(OnLost),
    continues_at=st.sampled_from([None, 0, 3]),
)
CHANGE = st.one_of(
    EVENTS.flatmap(lambda events: change("create", RECORD, *map(st.just, events))),
    change("delete", ID),
    change("move", ID, st.sampled_from(Status), allowed=STATUSES, message=NAME),
    change("reset", ID, allowed=STATUSES),
    change(
        "claim",
        ID,
        worker=WORKER,
        token=NAME,
        lease_s=st.sampled_from([0, 60]),
        allowed=STATUSES,
    ),
    change("renew", ID, ATTEMPT, worker=WORKER, lease_s=st.sampled_from([0, 60])),
    change("finish", ID, ATTEMPT, OUTCOME),
    change("request_stop", ID, grace_s=st.sampled_from([None, 0.0, 2.5]), message=NAME),
    change("apply", ID, ATTEMPT, NAME, OFFSET, OFFSET, EVENTS),
    change("append_output", ID, ATTEMPT, OFFSET, OFFSET, st.sampled_from([b"", b"abc"]), NAME),
    EVENTS.flatmap(lambda events: change("edit", ID, *map(st.just, events), allowed=STATUSES)),
    change("edit", ID, comment=NAME, continues_at=st.sampled_from([None, 3])),
)


def outcome_of(store: TaskStore, what: Change) -> str:
    name, arguments, named = what
    try:
        return repr(getattr(store, name)(*arguments, **named))
    except ElsewhereError as error:
        return f"{type(error).__name__}: {error}"


def seen(store: TaskStore, task_id: str) -> dict[str, object]:
    """All that a store tells of a task, but times."""
    found: dict[str, object] = {"attempts": [], "artifacts": store.artifacts(task_id)}
    with suppress(LookupError):
        found["record"] = store.read(task_id)
        state = store.state(task_id)
        found["state"] = [
            *(state.status, state.previous_status, state.attempt, state.worker, state.progress),
            *(state.last_iteration, state.message, state.outcome, state.is_unreachable),
            *map(bool, (state.started_at, state.ended_at, state.stop_requested_at)),
            bool(state.lease_until),
        ]
    found["attempts"] = [
        (one.number, one.worker, bool(one.ended_at), one.outcome) for one in store.attempts(task_id)
    ]
    found["series"] = store.series(task_id)
    found["points"] = [
        store.points(task_id, title, series)
        for title in ("loss", ":hidden", ":monitor")
        for series in ("x", "y")
    ]
    found["samples"] = [store.histories(task_id, Sample), store.kept(task_id, Sample)]
    found["bytes"] = [sorted(one.items()) for one in (store.held(task_id), store.dropped(task_id))]
    found["texts"], found["phases"] = store.texts(task_id), store.phases(task_id)
    found["output"] = [store.output(task_id, attempt=one) for one in (None, 1, 2)]
    found["offsets"] = [
        [store.output_offset(task_id, one), store.output_length(task_id, one)]
        + [store.journal_offset(task_id, one, name) for name in ("x", "y")]
        for one in (1, 2, 3)
    ]
    return found


@settings(PROPERTY, max_examples=40)
@given(changes=st.lists(CHANGE, max_size=14))
def test_whatever_is_done_to_both_they_say_the_same(
    redis_url: str,
    tmp_path_factory: Any,
    changes: list[Change],
) -> None:
    root: Path = tmp_path_factory.mktemp("session")
    folder = FolderStore(root)
    with opened(redis_url) as server:
        server.redis.flushall()
        first: Change = ("create", (make_record(id=IDS[0], created_at=1.0),), {})
        for what in [first, *changes]:
            assert outcome_of(folder, what) == outcome_of(server, what), what
        for task_id in IDS:
            assert repr(seen(folder, task_id)) == repr(seen(server, task_id))
