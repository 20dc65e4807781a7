"""A task's reports, read from the store: progress, scalars, output."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, Any

from elsewhere.core.checks import checked_text, checked_whole
from elsewhere.task.handle import Handle

if TYPE_CHECKING:
    from elsewhere.artifacts.sample import SampleHandle


class ReportsAspect(Handle):
    """Every call first delivers what this process has reported before."""

    def get_progress(self) -> float | None:
        """The last progress, 0 to 100, or None when the task has not begun."""
        if self.access.run is not None:
            return self.access.run.progress
        return self.access.state.progress

    def get_reported_scalars(
        self, max_samples: int = 0, x_axis: str = "iter"
    ) -> dict[str, dict[str, dict[str, Any]]]:
        """The scalars as reported, {title: {series: {"name": series, "x": [...], "y": [...]}}}.

        max_samples
            0 for every point; else the most points of a series: its first, its last, and of equal
            parts between the lowest and the highest, so that no spike is lost.
        x_axis
            iter: iterations; timestamp: milliseconds since 1970; iso_time: texts, in UTC.

        Raises UsageError for another axis or number, and NotFoundError for a deleted task.
        """
        from elsewhere.artifacts import scalars  # noqa: PLC0415 - weight

        wanted = scalars.checked_samples(max_samples), scalars.checked_axis(x_axis)
        self.reload()
        return scalars.scalars_of(self.access.store, self.id, *wanted)

    def get_all_reported_scalars(
        self, x_axis: str = "iter"
    ) -> dict[str, dict[str, dict[str, Any]]]:
        """Every point, as `get_reported_scalars` gives it with this `x_axis`. Raises UsageError."""
        return self.get_reported_scalars(x_axis=x_axis)

    def get_last_scalar_metrics(self) -> dict[str, dict[str, dict[str, float]]]:
        """A summary of each series, {title: {series: {"last": value, "min": value, "max": value}}}.
        Raises NotFoundError for a deleted task."""
        from elsewhere.artifacts.scalars import summaries_of  # noqa: PLC0415 - weight

        self.reload()
        return summaries_of(self.access.store, self.id)

    def get_reported_single_values(self) -> dict[str, float]:
        """The last values that `Logger.report_single_value` reported, by name."""
        from elsewhere.artifacts.scalars import single_values_of  # noqa: PLC0415 - weight

        self.reload()
        return single_values_of(self.access.store, self.id)

    def get_reported_single_value(self, name: str) -> float | None:
        """The single value `name`, or None if it was not reported. Raises UsageError."""
        return self.get_reported_single_values().get(checked_text("The name", name))

    def get_machine(self) -> dict[str, Any]:
        """The machine that the task ran on last, in its newest attempt: hostname, platform, os,
        processor, cpu_cores, memory_gb, disk_gb, python_version, python_exec, cpu_limit_cores and
        memory_limit_gb (0 for none), gpu_count, gpu_type, gpu_memory, gpu_driver_version and
        cuda_version; empty before it is known. Raises NotFoundError for a deleted task."""
        from dataclasses import asdict  # noqa: PLC0415 - weight

        self.reload()
        machine = self.access.store.machine(self.id)
        return {} if machine is None else asdict(machine)

    def get_debug_samples(
        self, title: str, series: str, n_last_iterations: int = 10
    ) -> list[SampleHandle]:
        """The samples of the last `n_last_iterations` that were reported in the series `series` of
        `title`, the oldest first; 0 for all. The bytes are fetched when they are used. Raises
        UsageError for anything but texts and a whole number, NotFoundError for a deleted task."""
        from elsewhere.artifacts.sample import SampleHandle  # noqa: PLC0415 - weight
        from elsewhere.core.events import Sample  # noqa: PLC0415
        from elsewhere.core.kept import MOST_ITEMS  # noqa: PLC0415
        from elsewhere.core.settings import load  # noqa: PLC0415

        names = checked_text("The title", title), checked_text("The series", series)
        last = checked_whole("n_last_iterations", n_last_iterations, 0, note=", 0 for all")
        self.reload()
        store, cache = self.access.store, load().home.cache
        found = store.history(self.id, Sample, *names, last=last or MOST_ITEMS)
        return [SampleHandle(store, self.id, sample, cache) for sample in found]

    def get_reported_console_output(self, number_of_reports: int = 1) -> list[str]:
        """The last `number_of_reports` pieces of the newest attempt's output, 64 KiB each at most,
        the oldest first. Raises UsageError for anything but a whole number from 1 on."""
        pieces_wanted = checked_whole("number_of_reports", number_of_reports, 1)
        self.access.settle()
        size, attempt = 64 * 1024, self.access.state.attempt
        length = self.access.store.output_length(self.id, attempt)
        start = max(0, length - size * pieces_wanted)
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        pieces = []
        while start < length:
            piece = self.access.store.output(
                self.id, attempt=attempt, start=start, limit_bytes=size
            )
            if piece.next == start:  # deleted meanwhile
                break
            pieces.append(decoder.decode(piece.data))
            start = piece.next
        return pieces
