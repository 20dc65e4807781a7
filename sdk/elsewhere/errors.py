"""The errors that public calls raise, for programs that catch them."""

from __future__ import annotations

from elsewhere.core.errors import (
    CaptureError,
    ConfigurationError,
    DeleteError,
    ElsewhereError,
    FencedError,
    NotFoundError,
    RecordError,
    StorageError,
    StoreUnavailableError,
    TooLargeError,
    TransitionError,
    UsageError,
)

__all__ = [
    "CaptureError",
    "ConfigurationError",
    "DeleteError",
    "ElsewhereError",
    "FencedError",
    "NotFoundError",
    "RecordError",
    "StorageError",
    "StoreUnavailableError",
    "TooLargeError",
    "TransitionError",
    "UsageError",
]
