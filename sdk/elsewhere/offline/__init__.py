"""Offline: a script runs without a store, and its reports are brought into one later.

script --journal--> a session's folder --at its end--> a zip file --import_session--> the store
"""

from __future__ import annotations

from elsewhere.offline.mode import Mode
from elsewhere.offline.session import Nowhere, OfflineSession, refuse

__all__ = ["Mode", "Nowhere", "OfflineSession", "refuse"]
