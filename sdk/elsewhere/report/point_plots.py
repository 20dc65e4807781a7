"""Plots of points and lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from elsewhere.report.figure_aspect import FigureAspect
from elsewhere.report.figures.scatter import lines, scatter2d, scatter3d


class SeriesInfo(NamedTuple):
    """A line of `report_line_plot`: its `name`, its points `data`, and perhaps `labels` of them."""

    name: str
    data: Any
    labels: Sequence[str] | None = None


class PointPlotsAspect(FigureAspect):
    """Reports points and lines, in a plane and in space."""

    SeriesInfo = SeriesInfo

    def report_line_plot(
        self,
        title: str,
        series: Sequence[Any],
        xaxis: str | None,
        yaxis: str | None,
        mode: str = "lines",
        iteration: int | None = None,
        reverse_xaxis: bool = False,
        comment: str | None = None,
        extra_layout: Mapping[str, Any] | None = None,
    ) -> None:
        """Reports lines of several names in one plot.

        title, iteration
            The name, of the series as well, and the step of the plot.
        series
            The lines, a dict each: its `name`, its `data`, points (x, y) or an array with two
            columns, and perhaps a text for each point, `labels`. Objects with these attributes do
            as well, such as `Logger.SeriesInfo`.
        xaxis, yaxis
            The titles of the axes; `reverse_xaxis`: high to low.
        mode
            lines, markers or lines+markers.
        comment
            A small text below the title.
        extra_layout
            Properties of plotly's layout.

        Raises UsageError.
        """
        self._draw(
            *(title, title, iteration, lines, series),
            xaxis=xaxis,
            yaxis=yaxis,
            mode=mode,
            reverse_xaxis=reverse_xaxis,
            comment=comment,
            extra_layout=extra_layout,
        )

    def report_scatter2d(
        self,
        title: str,
        series: str,
        scatter: object,
        iteration: int | None = None,
        xaxis: str | None = None,
        yaxis: str | None = None,
        labels: Sequence[str] | None = None,
        mode: str = "lines",
        comment: str | None = None,
        extra_layout: Mapping[str, Any] | None = None,
    ) -> None:
        """Reports points in a plane.

        title, series, iteration
            The name and the step of the plot.
        scatter
            Points (x, y), or an array with two columns; or a list of several of these, which are
            numbered. Dates and names of categories do as well.
        xaxis, yaxis
            The titles of the axes.
        labels
            A text for each point; of several lists of points a list for each.
        mode
            lines, markers or lines+markers.
        comment
            A small text below the title.
        extra_layout
            Properties of plotly's layout.

        Raises UsageError.
        """
        self._draw(
            *(title, series, iteration, scatter2d, scatter),
            xaxis=xaxis,
            yaxis=yaxis,
            labels=labels,
            mode=mode,
            comment=comment,
            extra_layout=extra_layout,
        )

    def report_scatter3d(
        self,
        title: str,
        series: str,
        scatter: object,
        iteration: int | None = None,
        xaxis: str | None = None,
        yaxis: str | None = None,
        zaxis: str | None = None,
        labels: Sequence[str] | None = None,
        mode: str = "markers",
        fill: bool = False,
        comment: str | None = None,
        extra_layout: Mapping[str, Any] | None = None,
    ) -> None:
        """Reports points in space.

        title, series, iteration
            The name and the step of the plot.
        scatter
            Points (x, y, z), or an array with three columns; or a list of several of these.
        xaxis, yaxis, zaxis
            The titles of the axes.
        labels, mode, comment, extra_layout
            As those of `report_scatter2d`.
        fill
            Whether a surface is drawn through the points.

        Raises UsageError.
        """
        self._draw(
            *(title, series, iteration, scatter3d, scatter),
            xaxis=xaxis,
            yaxis=yaxis,
            zaxis=zaxis,
            labels=labels,
            mode=mode,
            fill=fill,
            comment=comment,
            extra_layout=extra_layout,
        )
