"""Every key that Elsewhere has in Redis, and the two of RQ's own that it touches.

    key                              type    written by              lifetime
    ew:task:<id>                     hash    create, edit            until the task is deleted
    ew:task:<id>:state               hash    scripts only            "
    ew:task:<id>:<part>              kept    create, edit, delivery  "    as core/events.py declares
    ew:task:<id>:points:<series>     string  delivery                "    24 bytes a point
    ew:task:<id>:chunk:<n>:<series>  string  delivery                "    more of them; n from 1 on
    ew:task:<id>:buckets:<series>    string  delivery                "    52 bytes a bucket
    ew:task:<id>:<part>:order        zset    delivery                "    of a History: by report
    ew:task:<id>:<part>:heads        hash    delivery                "    of a History, see below
    ew:task:<id>:<part>:items        hash    delivery                "    of a History: the events
    ew:task:<id>:dropped             hash    scripts                 "    URL -> machine, as JSON
    ew:task:<id>:attempts            hash    claim, finish           "    number -> Attempt
    ew:task:<id>:journal             hash    delivery                "    attempt/file -> offset
    ew:task:<id>:blobs               hash    create, edit            "    field -> digests
    ew:task:<id>:output              hash    delivery                "    attempt:field
    ew:task:<id>:output:<n>:<block>  string  delivery                "    1 MiB each
    ew:updated                       zset    all of the above        "    id -> time of last change
    ew:project:<project>             set     create, edit            "    ids
    ew:named:<project> US <name>     set     create, edit            "    ids
    ew:projects                      zset    create                  permanent; score: last use
    ew:status:<status>               set     scripts                 until deleted
    ew:type:<type>                   set     create, edit            "
    ew:tag:<tag>                     set     create, edit, delivery  "
    ew:system_tag:<tag>              set     create, edit, delivery  "
    ew:model:<id>                    hash    scripts                 until the model is deleted
    ew:model:<id>:tasks              set     scripts                 "    those that began from it
    ew:model:<id>:<part>             kept    delivery                "    scalars and plots
    ew:models                        zset    scripts                 "    id -> time of last change
    ew:model_project:<project>       set     scripts                 "    ids
    ew:model_tag:<tag>               set     scripts                 "    ids
    ew:model_urls                    hash    scripts                 "    place -> id
    ew:queues                        set     queues.create           permanent
    ew:queued                        zset    enqueue, scripts        while queued; score: since when
    ew:leases                        zset    scripts                 while leased; score: until when
    ew:taken:<agent>                 list    the agent               between pop and claim
    ew:agent:<name>                  string  the agent               60 s, renewed
    ew:seen                          zset    the agent               permanent; 90 days each
    ew:mode:<agent>                  string  a command               24 h, or until it is taken
    ew:asked:<agent>                 list    readers                 120 s; requests for files
    ew:part:<transfer>:<offset>      list    the agent               120 s; an answer, its bytes
    ew:store                         string  identity                permanent
    ew:deleted                       zset    delete                  permanent: id -> when; 90 days
    ew:sweep                         hash    sweep script            permanent: last, hold_until
    ew:blob:<sha256>                 string  put_blob                24 h after no task names it
    ew:blob:<sha256>:tasks           set     create, edit            until no task names it
    ew:blob:<sha256>:<random>        string  put_blob                10 minutes: one being written
    ew:blobs                         hash    scripts                 permanent: bytes of named blobs
    ew:blob_urls                     hash    an agent                permanent: digest -> URL
    ew:blobs_left                    zset    scripts                 permanent: moved, and not named
    ew:blobs_moving                  string  an agent                3600 s: the one that moves
    ew:blobs_named                   string  an agent                permanent: until when it looked
    rq:queue:<name>                  list    RQ, queues.enqueue      an entry: while queued    ids
    rq:job:<id>                      hash    RQ, queues.enqueue      while queued

A script that changes the status of a queued task takes its entry and its job out in the same step.

A part is a list, a set or a hash, by the way in which it is kept (core/kept.py). Of the scalars:
title US series -> count, highest iteration, last value, minimum, maximum, and the iterations of
these two (`-` where an earlier version had it). Of the models: input/<name> or output/<name> ->
time, model. US is the unit separator (0x1f). The members of
ew:seen are <agent> US <host>, with the time of the last report.

The part of a History: series -> number of items, time of the newest report. A series is the JSON
of its title and series, an item that and its iteration. A rank is the number of the attempt, with
6 digits, and the time of the report, with 17 characters. Members of the order, all with the score
0: series, rank, blank, iteration. Heads: item -> three lines: rank and time; URL of its bytes in
storage, as JSON, or nothing; machine, as JSON.

Channels: ew:changed:<id> (status, output, event), ew:wake (the name of a queue: something was
pushed), ew:agent:<name> (a task id: look at it).
"""

from __future__ import annotations

from typing import Final

from elsewhere.core.events import kept_parts
from elsewhere.core.kept import history_parts
from elsewhere.store.curves import UNIT_SEPARATOR
from elsewhere.store.model_records import OF_MODEL

#: points of one key: a string of Redis has 512 MiB at most
CHUNK_POINTS: Final = 1 << 24
#: seconds that a request for a part of a file is kept, and the part
RELAY_LIFETIME_S: Final = 120

UPDATED: Final = "ew:updated"
PROJECTS: Final = "ew:projects"
MODELS: Final = "ew:models"
MODEL_URLS: Final = "ew:model_urls"
QUEUES: Final = "ew:queues"
QUEUED: Final = "ew:queued"
LEASES: Final = "ew:leases"
SEEN: Final = "ew:seen"
STORE: Final = "ew:store"
DELETED: Final = "ew:deleted"
SWEEP: Final = "ew:sweep"
BLOBS: Final = "ew:blobs"
BLOB_URLS: Final = "ew:blob_urls"
BLOBS_LEFT: Final = "ew:blobs_left"
BLOBS_MOVING: Final = "ew:blobs_moving"
BLOBS_NAMED: Final = "ew:blobs_named"
WAKE: Final = "ew:wake"


class TaskKeys:
    """The keys of one task; all share its prefix. Those of a model's reports are named alike."""

    def __init__(self, task_id: str) -> None:
        self.record = f"ew:task:{task_id}"
        if str(task_id).startswith(OF_MODEL):
            self.record = f"ew:model:{task_id.removeprefix(OF_MODEL)}"
        self.state = self.part("state")
        self.attempts = self.part("attempts")
        self.journal = self.part("journal")
        self.output = self.part("output")
        self.models = self.part("models")
        self.blobs = self.part("blobs")
        self.scalars = self.part("scalars")
        self.dropped = self.part("dropped")
        self.changed = f"ew:changed:{task_id}"

    def part(self, name: str) -> str:
        return self.record if name == "record" else f"{self.record}:{name}"

    def points(self, series: str, chunk: int) -> str:
        return f"{self.record}:{f'chunk:{chunk}' if chunk else 'points'}:{series}"

    def buckets(self, series: str) -> str:
        return f"{self.record}:buckets:{series}"

    def of_series(self, series: str, count: int) -> list[str]:
        """Returns the keys of a series with `count` points."""
        chunks = range(-(-count // CHUNK_POINTS))
        return [self.buckets(series), *(self.points(series, chunk) for chunk in chunks)]

    def order(self, history: str) -> str:
        return f"{self.part(history)}:order"

    def heads(self, history: str) -> str:
        return f"{self.part(history)}:heads"

    def items(self, history: str) -> str:
        return f"{self.part(history)}:items"

    def block(self, attempt: int, number: int) -> str:
        return f"{self.output}:{attempt}:{number}"

    @property
    def fixed(self) -> tuple[str, ...]:
        """Returns all keys but those of points and output blocks, whose number varies."""
        fixed = (self.record, self.state, self.attempts, self.journal, self.output, self.blobs)
        keys = (self.order, self.heads, self.items)
        beside = [key(part) for part in history_parts() for key in keys]
        return (*fixed, self.dropped, *map(self.part, kept_parts()), *beside)


def project(name: str) -> str:
    return f"ew:project:{name}"


def named(project_name: str, name: str) -> str:
    return f"ew:named:{project_name}{UNIT_SEPARATOR}{name}"


def status(name: str) -> str:
    return f"ew:status:{name}"


def task_type(name: str) -> str:
    return f"ew:type:{name}"


def tagged(index: str, word: str) -> str:
    """The key of the set of tasks with `word` in an index, see `core.kept.Tagged`."""
    return f"ew:{index}:{word}"


def model(model_id: str) -> str:
    return f"ew:model:{model_id}"


def model_tasks(model_id: str) -> str:
    return f"{model(model_id)}:tasks"


def model_project(name: str) -> str:
    return f"ew:model_project:{name}"


def model_tag(name: str) -> str:
    return f"ew:model_tag:{name}"


def taken(agent: str) -> str:
    return f"ew:taken:{agent}"


def agent(name: str) -> str:
    return f"ew:agent:{name}"


def mode(agent_name: str) -> str:
    return f"ew:mode:{agent_name}"


def seen(agent_name: str, host: str) -> str:
    """The member of SEEN for an agent on a host."""
    return f"{agent_name}{UNIT_SEPARATOR}{host}"


def asked(agent_name: str) -> str:
    return f"ew:asked:{agent_name}"


def part(transfer: str, offset: int) -> str:
    return f"ew:part:{transfer}:{offset}"


def rq_queue(name: str) -> str:
    return f"rq:queue:{name}"


def rq_job(task_id: str) -> str:
    return f"rq:job:{task_id}"


def blob(digest: str) -> str:
    return f"ew:blob:{digest}"


#: patterns of the keys that readers.py opens: what tasks, models and agents are to all who use the
#: store. Who knew the names of transfers could take the parts of others, so those stay closed.
READABLE: Final = (
    *(TaskKeys("*").record, model("*"), blob("*"), agent("*")),
    *(project("*"), named("*", "*"), status("*"), task_type("*")),
    *(tagged("tag", "*"), tagged("system_tag", "*"), model_project("*"), model_tag("*")),
    *(UPDATED, PROJECTS, MODELS, MODEL_URLS, QUEUES, SEEN, STORE, BLOB_URLS),
)
