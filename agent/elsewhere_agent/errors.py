"""How an operator's command can fail, beside what the SDK and the store say.

ElsewhereError
└── AgentError
    ├── AlreadyRunningError    an agent of this name runs on this machine
    ├── NotRunningError        there is none to stop
    └── UnresponsiveError      a daemon did not come up, or did not end, in time
"""

from __future__ import annotations

from elsewhere.core.errors import ElsewhereError

__all__ = ["AgentError", "AlreadyRunningError", "NotRunningError", "UnresponsiveError"]


class AgentError(ElsewhereError):
    """The root."""


class AlreadyRunningError(AgentError):
    """Only one daemon of a name may use a home."""


class NotRunningError(AgentError):
    """No daemon of this home fits."""


class UnresponsiveError(AgentError):
    """A daemon did not come up or did not end in time."""
