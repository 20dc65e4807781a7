"""A handle on a task, whoever runs it. Each of its aspects is a class in a file of its own."""

from __future__ import annotations

from elsewhere.handle.configured import Configured
from elsewhere.handle.heard import Heard
from elsewhere.handle.named import Named
from elsewhere.handle.parameterized import Parameterized
from elsewhere.handle.standing import Standing

__all__ = ["TaskHandle"]


class TaskHandle(Named, Standing, Parameterized, Configured, Heard):
    """What it is called, where it stands, what it was given and what it said."""
