"""Figures that a program has made itself."""

from __future__ import annotations

import json
from typing import Any

from elsewhere.core.errors import UsageError
from elsewhere.report.figures.json_data import json_data


def given_figure(_title: str, _series: str, figure: object) -> dict[str, Any]:
    """A figure of plotly, a dict like one, or the JSON text of either. Raises UsageError."""
    if isinstance(figure, (str, bytes)):
        try:
            figure = json.loads(figure)
        except (ValueError, RecursionError) as error:
            raise _wrong(f"its text is not JSON ({error})") from error
    found = json_data("The figure", figure)
    if not isinstance(found, dict) or not isinstance(traces := found.get("data", []), list):
        raise _wrong(f"{type(figure).__name__!r} is not a figure")
    if not all(isinstance(trace, dict) for trace in traces):
        raise _wrong("each of its 'data' must be a dict, a trace")
    layout = found.get("layout")
    if not isinstance(layout, (dict, type(None))):
        raise _wrong("its 'layout' must be a dict")
    return {**found, "data": traces, "layout": layout or {}}


def _wrong(why: str) -> UsageError:
    return UsageError(
        f"The figure cannot be reported: {why}. Pass a figure of plotly, a dict such as "
        "{'data': [{'type': 'bar', 'y': [1, 2]}], 'layout': {}}, or its JSON."
    )
