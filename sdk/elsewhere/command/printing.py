"""What commands print: text for a terminal, which shows what others wrote and never obeys it, and
JSON for programs."""

from __future__ import annotations

import json
import math
import re
import sys
from typing import Any, Final

from elsewhere.core.codec import to_plain


def clean(text: str) -> str:
    """Makes `text` one line without escape sequences and control characters."""
    visible = (" " if c.isspace() else c for c in _ESCAPES.sub("", text.replace("\n", " ")))
    return "".join(c for c in visible if c.isprintable())


def say(text: str, program: str = "elsewhere") -> None:
    """Writes a message of `program` to stderr, at once, beside a command's output; lines stay."""
    lines = "\n".join(map(clean, text.split("\n")))
    print(f"{program}: {lines}", file=sys.stderr, flush=True)


def safe_for_terminal(text: str) -> str:
    """Removes escape sequences and control characters, but not line ends, tabs and colours."""
    return _ESCAPES.sub(r"\1", text)


#: group 1 is what may stay: `Select Graphic Rendition`, ECMA-48 section 8.3.117
_ESCAPES: Final = re.compile(
    r"(\x1b\[[0-9;:]*m)"
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # other control sequences
    # titles, links, clipboard and the like: up to their end, or that of the line
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]"
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)


def json_text(value: object) -> str:
    """Encodes `value` in ASCII, for any terminal and pipe. A value outside JSON (NaN) is null."""
    return json.dumps(_finite(to_plain(value)), indent=2, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value
