"""Offline sessions as scripts leave them: made by the same parts, without a script."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from elsewhere.artifacts.staging import stage
from elsewhere.core.choices import Reason, Status
from elsewhere.core.codec import to_plain
from elsewhere.core.events import ArtifactAdded, Event
from elsewhere.core.folders import Home, write_beside
from elsewhere.core.journal import JournalWriter
from elsewhere.core.process import ProcessIdentity
from elsewhere.core.records import Outcome, Source
from elsewhere.offline import OfflineSession
from tests.stores import make_record

COMPLETED = Outcome(reason=Reason.COMPLETED, exit_code=0)
PATCH = b"diff --git a/train.py b/train.py\n"
DIGEST = hashlib.sha256(PATCH).hexdigest()


def home() -> Home:
    """The test's own."""
    return Home(Path(os.environ["ELSEWHERE_HOME"])).ensure()


def begun(**fields: Any) -> OfflineSession:
    """A session whose script runs: its attempt has begun, its code is captured."""
    session = OfflineSession.new(home())
    store = session.begin()
    store.put_blob(DIGEST, PATCH)
    source = Source(repository="https://example.org/r.git", patch=DIGEST, entry_point="train.py")
    given = {"id": session.task_id, "source": source, "created_at": 5.0, **fields}
    record = make_record(**given)
    store.create(record)
    claim = store.claim(
        record.id, worker="laptop:1", token="t", lease_s=60, allowed=(Status.CREATED,)
    )
    assert claim.attempt == 1
    session.run.create()
    write_beside(session.run.spec, {"record": to_plain(record), "store": store.identity()})
    over = replace(ProcessIdentity.of(), started="1")
    write_beside(session.run.runner, over)
    return session


def report(session: OfflineSession, *events: Event) -> None:
    """As one process of the script does."""
    writer = JournalWriter(session.run.journal)
    writer.append(events)
    writer.close()


def report_artifact(session: OfflineSession, name: str, value: object) -> None:
    artifact, file = stage(name, value, session.run.files)
    assert file is not None
    inside = file.relative_to(session.run.path).as_posix()
    report(session, ArtifactAdded(artifact=artifact, file=inside))


def ended(
    events: Sequence[Event] = (),
    *,
    output: bytes = b"",
    outcome: Outcome | None = COMPLETED,
    is_zipped: bool = True,
    **fields: Any,
) -> OfflineSession:
    """One that is over. Without an outcome its script was killed."""
    session = begun(**fields)
    report(session, *events)
    session.run.output.write_bytes(output)
    end(session, outcome, is_zipped=is_zipped)
    return session


def end(
    session: OfflineSession, outcome: Outcome | None = COMPLETED, *, is_zipped: bool = True
) -> None:
    if outcome is not None:
        write_beside(session.run.exit, outcome)
    if is_zipped:
        session.leave()
