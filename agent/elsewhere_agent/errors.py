"""The errors of an operator's command, beside those of the SDK and the store.

ElsewhereError
└── AgentError
    ├── AlreadyRunningError    an agent of this name runs on this machine
    ├── NotRunningError        there is no daemon to stop
    └── UnresponsiveError      a daemon did not come up, or did not end, in time
"""

from __future__ import annotations

from elsewhere.core.errors import ElsewhereError


class AgentError(ElsewhereError):
    """The root of the agent's errors."""


class AlreadyRunningError(AgentError):
    """A daemon of this name, of which a home may have only one, runs already."""


class NotRunningError(AgentError):
    """No running daemon of this home matches."""


class UnresponsiveError(AgentError):
    """A daemon did not come up or did not end in time."""
