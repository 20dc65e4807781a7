"""What is captured of an environment."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

from elsewhere.capture.packages import CapturedPackages, capture_packages
from elsewhere.capture.wishes import Wishes
from elsewhere.core.codec import decode
from elsewhere.core.lock import Lock, Locked


def capture(
    root: Path, source: str = "", modules: tuple[str, ...] = (), limit: int = 10**6, **wishes: Any
) -> CapturedPackages:
    (root / "train.py").write_text(source)
    return capture_packages(
        root / "train.py", root, wishes=Wishes(**wishes), modules=modules, limit_bytes=limit
    )


def locked(captured: CapturedPackages) -> dict[str, Locked]:
    lock = decode(Lock, captured.blobs[captured.lock])
    return {one.name: one for one in lock.distributions}


def from_folder(folder: str = "/home/ada/common") -> str:
    return json.dumps({"url": f"file://{folder}", "dir_info": {}})


def listed(file: Path) -> str:
    """The digest of a file as a RECORD has it."""
    digest = hashlib.sha256(file.read_bytes()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
