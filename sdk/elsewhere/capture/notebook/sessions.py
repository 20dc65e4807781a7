"""The sessions of a Jupyter server: which of its notebooks belongs to this kernel.

Servers before 2022 do not name the file to the kernel. They leave a note for programs of the same
user in Jupyter's runtime folder, beside the connection file of the kernel.
"""

from __future__ import annotations

import json
import sys
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any, Final

from elsewhere.capture.notebook.shell import is_kernel

#: seconds that a server of this machine may take
_ASKED_S: Final = 1.0


def served_notebook(shell: Any) -> Path | None:
    """The file of the notebook whose kernel this is, as one of this user's servers says; None
    where no server has it."""
    if not is_kernel(shell):
        return None
    connection = Path(sys.modules["ipykernel"].get_connection_file())
    for note in sorted(connection.parent.glob("*server-*.json")):
        try:
            found = _ask(json.loads(note.read_bytes()), connection.stem)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):  # a server that is gone
            continue
        if found is not None and found.is_file():
            return found
    return None


def _ask(server: dict[str, Any], connection: str) -> Path | None:
    if not server["url"].startswith(("http://", "https://")):
        return None
    query = urllib.parse.urlencode({"token": server.get("token", "")})
    url = urllib.parse.urljoin(server["url"], f"api/sessions?{query}")
    with urllib.request.urlopen(url, timeout=_ASKED_S) as answer:  # noqa: S310 - checked above
        sessions = json.load(answer)
    root = server.get("root_dir") or server["notebook_dir"]
    for session in sessions:
        if connection.endswith(str(session["kernel"]["id"])):
            return Path(root, session.get("path") or session["notebook"]["path"])
    return None
