"""The closed choices of the records: light enough for the first import of a user's process."""

from __future__ import annotations

from enum import Enum
from typing import Final

#: the seed of a task that names none (seed page, "Setting Random Seed")
DEFAULT_SEED: Final = 1337
#: the system tag of what is put away
ARCHIVED: Final = "archived"
SYSTEM_TAGS: Final = (ARCHIVED,)


class _Choice(str, Enum):
    """A closed choice whose members are their own JSON."""

    __str__ = str.__str__


class Status(_Choice):
    """The status of a task. The legal moves are in `store/states.py`."""

    CREATED = "created"
    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    STOPPED = "stopped"
    COMPLETED = "completed"
    FAILED = "failed"
    PUBLISHED = "published"
    CLOSED = "closed"

    @property
    def is_final(self) -> bool:
        """True when no attempt is waiting or running."""
        return self not in (Status.CREATED, Status.QUEUED, Status.IN_PROGRESS)

    @property
    def is_verdict(self) -> bool:
        """Whether a program may end with it: not a status of waiting or running."""
        return self.is_final or self is Status.CREATED


class TaskType(_Choice):
    """The kind of work that a task does: a label for people and queries."""

    TRAINING = "training"
    TESTING = "testing"
    INFERENCE = "inference"
    DATA_PROCESSING = "data_processing"
    APPLICATION = "application"
    MONITOR = "monitor"
    CONTROLLER = "controller"
    OPTIMIZER = "optimizer"
    SERVICE = "service"
    QC = "qc"
    CUSTOM = "custom"


class Reason(_Choice):
    """The reason for which an attempt ended."""

    COMPLETED = "completed"
    PROGRAM_FAILED = "program_failed"
    KILLED = "killed"
    OUT_OF_MEMORY = "out_of_memory"
    OUT_OF_DISK = "out_of_disk"
    SETUP_FAILED = "setup_failed"
    STOPPED = "stopped"
    HANDED_OVER = "handed_over"
    TIMED_OUT = "timed_out"
    LOST = "lost"
    HOST_REBOOTED = "host_rebooted"


#: reasons that the machine gave, not the program
INFRASTRUCTURE: Final = (Reason.LOST, Reason.HOST_REBOOTED)
#: reasons for which a task may be run again
RETRIABLE: Final = (
    *(Reason.PROGRAM_FAILED, Reason.KILLED, Reason.OUT_OF_MEMORY, Reason.SETUP_FAILED),
    *(Reason.TIMED_OUT, *INFRASTRUCTURE),
)


class OnLost(_Choice):
    """The action for a task whose attempt is lost with its machine."""

    END = "end"
    ENQUEUE = "enqueue"


class ScalarKind(_Choice):
    """What a series of scalars is about: steps of the program, its machine, or one value alone."""

    SCALAR = "scalar"
    RESOURCE = "resource"
    SINGLE = "single"
