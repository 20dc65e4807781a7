"""Matrices: as a map of colours, or as a surface."""

from __future__ import annotations

from typing import Any, Final

from elsewhere.core.errors import UsageError
from elsewhere.report.figures.json_data import json_data
from elsewhere.report.figures.layout import axis, extra, figure
from elsewhere.report.figures.shapes import are_numbers, labels_of, matrix_of

_COLOURS: Final = "Viridis"
#: properties of a heat map that no layout has: an extra_layout may have them, too
_OF_THE_MAP: Final = {
    *("text", "texttemplate", "textfont", "colorbar", "colorscale", "reversescale", "showscale"),
    *("zauto", "zmax", "zmid", "zmin", "zsmooth", "xgap", "ygap", "opacity"),
    *("hoverinfo", "hoverongaps", "hovertemplate", "hovertext"),
}


def heat_map(
    title: str,
    series: str,
    matrix: object,
    *,
    xaxis: str | None = None,
    yaxis: str | None = None,
    xlabels: object = None,
    ylabels: object = None,
    yaxis_reversed: bool = False,
    comment: str | None = None,
    extra_layout: object = None,
) -> dict[str, Any]:
    """A map of colours: row 0 is the lowest, or the uppermost with `yaxis_reversed`.

    `xlabels` name the columns, `ylabels` the rows. `extra_layout` may have properties of plotly's
    heat maps, too. Raises UsageError.
    """
    rows, names = _labelled(matrix, xlabels, ylabels)
    given = extra("extra_layout", extra_layout)
    of_map = {name: given.pop(name) for name in _OF_THE_MAP.intersection(given)}
    trace = {
        "type": "heatmap",
        "name": series,
        "z": rows,
        "colorscale": _COLOURS,
        **names,
        **of_map,
    }
    order = {"autorange": "reversed"} if yaxis_reversed else {}
    layout = {"xaxis": axis(xaxis), "yaxis": axis(yaxis, **order)}
    return figure(title, [trace], layout, comment=comment, extra_layout=given)


def surface(
    title: str,
    series: str,
    matrix: object,
    *,
    xaxis: str | None = None,
    yaxis: str | None = None,
    zaxis: str | None = None,
    xlabels: object = None,
    ylabels: object = None,
    camera: object = None,
    comment: str | None = None,
    extra_layout: object = None,
) -> dict[str, Any]:
    """A surface whose height are the numbers of the `matrix`, seen from `camera`, (x, y, z). Raises
    UsageError."""
    rows, names = _labelled(matrix, xlabels, ylabels)
    eye = [1, 1, 1] if camera is None else json_data("camera", camera)
    if not isinstance(eye, list) or len(eye) != 3 or None in eye or not are_numbers(eye):
        raise UsageError(f"camera must be three numbers, x, y and z, not {camera!r:.80}.")
    scene = {
        "xaxis": axis(xaxis, **_ticks(names.get("x"))),
        "yaxis": axis(yaxis, **_ticks(names.get("y"))),
        "zaxis": axis(zaxis),
        "camera": {"eye": dict(zip("xyz", eye, strict=True))},
    }
    trace = {
        "type": "surface",
        "name": series,
        "z": rows,
        "colorscale": _COLOURS,
        "showscale": False,
    }
    return figure(title, [trace], {"scene": scene}, comment=comment, extra_layout=extra_layout)


def _labelled(
    matrix: object, xlabels: object, ylabels: object
) -> tuple[list[list[Any]], dict[str, list[Any]]]:
    rows = matrix_of("The matrix", matrix)
    x = labels_of("xlabels", xlabels, len(rows[0]) if rows else 0)
    y = labels_of("ylabels", ylabels, len(rows))
    return rows, {name: texts for name, texts in (("x", x), ("y", y)) if texts is not None}


def _ticks(texts: list[Any] | None) -> dict[str, Any]:
    return {} if texts is None else {"ticktext": texts, "tickvals": list(range(len(texts)))}
