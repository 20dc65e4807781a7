"""The seam between a worker and the runners that it starts: on this host, on a cluster."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from elsewhere.core.folders import RunFolder
    from elsewhere.core.records import Outcome


class Liveness(Enum):
    """The state of a runner that is not gone."""

    PENDING = "it was launched and has not reported yet"
    ALIVE = "it works"


class Launcher(Protocol):
    """Launches runners; threads may share it. Any process may have launched a `folder`'s runner."""

    def launch(self, folder: RunFolder) -> bool:
        """Starts the runner of `folder`, at most once. Returns False if that was tried before.

        Raises OSError.
        """

    def look(self, folder: RunFolder) -> Liveness | Outcome:
        """The state of the runner of `folder`; an Outcome if it is gone."""

    def end(self, folder: RunFolder) -> None:
        """Kills the runner of `folder`, if it lives, and all that its program has started."""

    def prepare(self) -> None:
        """Makes launches quick, if the launcher can prepare them. May be called at any time."""

    def close(self) -> None:
        """Ends what was prepared for launches; runners at work go on."""
