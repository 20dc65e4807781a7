"""Capturing in one go, as nobody but a test does: the SDK locates first and reads beside."""

from __future__ import annotations

from elsewhere.capture.repository import CapturedSource, complete, locate
from elsewhere.capture.script import Script


def capture_source(
    script: Script, limit_bytes: int, *, local_remotes_are_shared: bool = False
) -> CapturedSource:
    located = locate(script, local_remotes_are_shared=local_remotes_are_shared)
    return complete(located, limit_bytes)
