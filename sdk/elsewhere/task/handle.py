"""A handle on a task, whoever runs it. Each of its aspects is a class in a file of its own."""

from __future__ import annotations

from elsewhere.task.aspects.artifacts import Keeping
from elsewhere.task.aspects.code import Sourced
from elsewhere.task.aspects.configurations import Configured
from elsewhere.task.aspects.connecting import Connecting
from elsewhere.task.aspects.deletion import Deletable
from elsewhere.task.aspects.models import Modelled
from elsewhere.task.aspects.names import Named
from elsewhere.task.aspects.parameters import Parameterized
from elsewhere.task.aspects.properties import Propertied
from elsewhere.task.aspects.queue import Queued
from elsewhere.task.aspects.reports import Heard

__all__ = ["TaskHandle"]


class TaskHandle(
    Named,
    Queued,
    Deletable,
    Parameterized,
    Connecting,
    Configured,
    Propertied,
    Sourced,
    Keeping,
    Modelled,
    Heard,
):
    """What it is called, where it stands, what it was given and what it said."""
