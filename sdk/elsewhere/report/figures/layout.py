"""Layouts of figures: titles, axes, and what a caller adds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from elsewhere.core.errors import UsageError
from elsewhere.report.figures.json_data import json_data


def figure(
    title: str,
    traces: list[dict[str, Any]],
    layout: Mapping[str, Any] | None = None,
    *,
    comment: str | None = None,
    extra_layout: object = None,
) -> dict[str, Any]:
    """A figure of the `traces`, with a `title` above a small `comment`. What `extra_layout` has
    counts more than `layout`. Raises UsageError for anything but a dict."""
    above = json_data("The comment", f"{title}<br><sup>{comment}</sup>" if comment else title)
    ours = {"title": {"text": above}, **(layout or {})}
    return {"data": traces, "layout": merged(ours, extra("extra_layout", extra_layout))}


def axis(name: object, **more: Any) -> dict[str, Any]:
    """An axis called `name`, a text, a number or None, with `more` properties."""
    return (
        {"title": {"text": json_data("The axis", str(name))}, **more} if name is not None else more
    )


def extra(argument: str, given: object) -> dict[str, Any]:
    """The properties `given` as this `argument`, None for none. Raises UsageError."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise UsageError(
            f"{argument} must be a dict of plotly's properties such as {{'showlegend': False}}, "
            f"not {given!r:.80}."
        )
    properties: dict[str, Any] = json_data(argument, given)
    return properties


def merged(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    """Both; where both have a property, `theirs`, dicts within dicts merged as well."""
    both = dict(ours)
    for name, value in theirs.items():
        old = both.get(name)
        is_deep = isinstance(old, Mapping) and isinstance(value, Mapping)
        both[name] = merged(old, value) if is_deep else value  # type: ignore[arg-type]
    return both
