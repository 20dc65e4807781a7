"""The libraries that have a SummaryWriter."""

from __future__ import annotations

from typing import Final

import pytest

LIBRARIES: Final = ("torch.utils.tensorboard", "tensorboardX")


def importing(library: str) -> str:
    """The line that imports its SummaryWriter; skips the test where it is not installed."""
    pytest.importorskip(
        library.partition(".")[0], reason="it takes gigabytes: make test-frameworks"
    )
    return f"from {library} import SummaryWriter"
