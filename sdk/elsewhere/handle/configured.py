"""What a task was given beside its parameters: configuration objects, labels, user properties."""

from __future__ import annotations

from elsewhere.handle.handle import Handle

__all__ = ["Configured"]


class Configured(Handle):
    """Configuration objects are texts that are kept to the byte."""
