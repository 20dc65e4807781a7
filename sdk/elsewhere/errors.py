"""The errors that public calls raise, for programs that catch them."""

from __future__ import annotations

from elsewhere.core.errors import *  # noqa: F403 - the same names
