"""Between code that says something and the run folder: the journal's buffer, the teed streams, and
the monitor of resources."""

from __future__ import annotations

from elsewhere.report.reporter import Reporter
from elsewhere.report.resources import Monitor
from elsewhere.report.streams import Tee

__all__ = ["Monitor", "Reporter", "Tee"]
