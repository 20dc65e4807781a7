"""A handle on a task, whoever runs it. Each of its aspects is a class in a file of its own."""

from __future__ import annotations

from elsewhere.handle.configured import Configured
from elsewhere.handle.connecting import Connecting
from elsewhere.handle.deletable import Deletable
from elsewhere.handle.heard import Heard
from elsewhere.handle.keeping import Keeping
from elsewhere.handle.modelled import Modelled
from elsewhere.handle.named import Named
from elsewhere.handle.parameterized import Parameterized
from elsewhere.handle.propertied import Propertied
from elsewhere.handle.queued import Queued
from elsewhere.handle.sourced import Sourced

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
