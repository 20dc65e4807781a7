"""What plotly makes of a figure."""

from __future__ import annotations

import json
from typing import Any

import plotly.io


def drawn(figure: dict[str, Any]) -> dict[str, Any]:
    """The `figure`, which is plain JSON that plotly takes: it raises ValueError for each property
    that it does not know, or that has a wrong value."""
    text = json.dumps(figure, allow_nan=False)
    plotly.io.from_json(text)
    assert json.loads(text) == figure
    return figure
