"""Plots of bars, tables, matrices and of figures that a program has made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from elsewhere.report.figure_aspect import FigureAspect
from elsewhere.report.figures.given import given_figure
from elsewhere.report.figures.histogram import histogram
from elsewhere.report.figures.matrix import heat_map, surface
from elsewhere.report.figures.table import table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class PlotsAspect(FigureAspect):
    """Reports bars, tables, matrices, and figures of plotly and matplotlib."""

    def report_vector(
        self,
        title: str,
        series: str,
        values: object,
        iteration: int | None = None,
        labels: Sequence[str] | None = None,
        xlabels: Sequence[str] | None = None,
        xaxis: str | None = None,
        yaxis: str | None = None,
        mode: str | None = None,
        extra_layout: Mapping[str, Any] | None = None,
    ) -> None:
        """Reports bars, as `report_histogram` with the same title, series, values, iteration,
        labels, xlabels, xaxis, yaxis, mode and extra_layout. Raises UsageError."""
        self.report_histogram(
            *(title, series, values, iteration, labels, xlabels, xaxis, yaxis, mode),
            extra_layout=extra_layout,
        )

    def report_histogram(
        self,
        title: str,
        series: str,
        values: object,
        iteration: int | None = None,
        labels: Sequence[str] | None = None,
        xlabels: Sequence[str] | None = None,
        xaxis: str | None = None,
        yaxis: str | None = None,
        mode: str | None = None,
        data_args: Mapping[str, Any] | None = None,
        extra_layout: Mapping[str, Any] | None = None,
    ) -> None:
        """Reports a bar for each of the `values`, which are counted already.

        title, series, iteration
            The name and the step of the plot.
        values
            Numbers, or rows of numbers: each row is a group of bars of one colour.
        labels
            A name for each row, or one for all; by default `series`.
        xlabels
            A name for each column.
        xaxis, yaxis
            The titles of the axes.
        mode
            How rows stand: group (the default, beside each other), stack or relative.
        data_args
            Properties of plotly's bars; with `orientation` "h" they lie, with their lengths along
            the x axis.
        extra_layout
            Properties of plotly's layout.

        Raises UsageError.
        """
        self._draw(
            *(title, series, iteration, histogram, values),
            labels=labels,
            xlabels=xlabels,
            xaxis=xaxis,
            yaxis=yaxis,
            mode=mode,
            data_args=data_args,
            extra_layout=extra_layout,
        )

    def report_table(
        self,
        title: str,
        series: str,
        iteration: int | None = None,
        table_plot: object = None,
        csv: str | None = None,
        url: str | None = None,
        extra_layout: Mapping[str, Any] | None = None,
        extra_data: Mapping[str, Any] | None = None,
    ) -> None:
        """Reports a table, from exactly one of `table_plot`, `csv` and `url`.

        title, series, iteration
            The name and the step of the plot.
        table_plot
            A data frame of pandas, or a list of rows, the first with the names of the columns. NaN
            and infinities are shown by name; an index is shown unless it numbers the rows.
        csv
            The path of a file of comma-separated values in UTF-8, the first line with the names.
        url
            The URL of such a file.
        extra_layout, extra_data
            Properties of plotly's layout and table.

        Raises UsageError, and StorageError for a URL that cannot be read.
        """
        self._draw(
            *(title, series, iteration, table, table_plot),
            csv=csv,
            url=url,
            extra_layout=extra_layout,
            extra_data=extra_data,
        )

    def report_confusion_matrix(
        self,
        title: str,
        series: str,
        matrix: object,
        iteration: int | None = None,
        xaxis: str | None = None,
        yaxis: str | None = None,
        xlabels: Sequence[str] | None = None,
        ylabels: Sequence[str] | None = None,
        yaxis_reversed: bool = False,
        comment: str | None = None,
        extra_layout: Mapping[str, Any] | None = None,
    ) -> None:
        """Reports a matrix as a map of colours.

        title, series, iteration
            The name and the step of the plot.
        matrix
            Rows of numbers, as many in each: a list or a 2D array.
        xaxis, yaxis
            The titles of the axes.
        xlabels, ylabels
            A name for each column, and for each row.
        yaxis_reversed
            Whether row 0 is the uppermost; by default it is the lowest.
        comment
            A small text below the title.
        extra_layout
            Properties of plotly's layout, and of its heat maps: texttemplate, colorscale, zmin.

        Raises UsageError.
        """
        self._draw(
            *(title, series, iteration, heat_map, matrix),
            xaxis=xaxis,
            yaxis=yaxis,
            xlabels=xlabels,
            ylabels=ylabels,
            yaxis_reversed=yaxis_reversed,
            comment=comment,
            extra_layout=extra_layout,
        )

    def report_matrix(
        self,
        title: str,
        series: str,
        matrix: object,
        iteration: int | None = None,
        xaxis: str | None = None,
        yaxis: str | None = None,
        xlabels: Sequence[str] | None = None,
        ylabels: Sequence[str] | None = None,
        yaxis_reversed: bool = False,
        extra_layout: Mapping[str, Any] | None = None,
    ) -> None:
        """Reports a map of colours, as `report_confusion_matrix` with the same title, series,
        matrix, iteration, xaxis, yaxis, xlabels, ylabels, yaxis_reversed and extra_layout. Raises
        UsageError."""
        self.report_confusion_matrix(
            *(title, series, matrix, iteration, xaxis, yaxis, xlabels, ylabels, yaxis_reversed),
            extra_layout=extra_layout,
        )

    def report_surface(
        self,
        title: str,
        series: str,
        matrix: object,
        iteration: int | None = None,
        xaxis: str | None = None,
        yaxis: str | None = None,
        zaxis: str | None = None,
        xlabels: Sequence[str] | None = None,
        ylabels: Sequence[str] | None = None,
        camera: Sequence[float] | None = None,
        comment: str | None = None,
        extra_layout: Mapping[str, Any] | None = None,
    ) -> None:
        """Reports a matrix as a surface in space.

        title, series, iteration
            The name and the step of the plot.
        matrix
            The heights, as rows of numbers, as many in each.
        xaxis, yaxis, zaxis
            The titles of the axes.
        xlabels, ylabels
            A name for each column, and for each row.
        camera
            Where it is seen from, (x, y, z), in halves of the cube that is drawn; (1, 1, 1) by
            default.
        comment
            A small text below the title.
        extra_layout
            Properties of plotly's layout.

        Raises UsageError.
        """
        self._draw(
            *(title, series, iteration, surface, matrix),
            xaxis=xaxis,
            yaxis=yaxis,
            zaxis=zaxis,
            xlabels=xlabels,
            ylabels=ylabels,
            camera=camera,
            comment=comment,
            extra_layout=extra_layout,
        )

    def report_plotly(
        self, title: str, series: str, figure: object, iteration: int | None = None
    ) -> None:
        """Reports a `figure` as it is: of plotly, a dict like it, or the JSON of either.

        `title`, `series` and `iteration` are the name and the step of the plot. Raises UsageError.
        """
        self._draw(title, series, iteration, given_figure, figure)
