"""The vitals of a daemon as metrics of Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.metrics_core import Metric

    from elsewhere_agent.vitals import Vitals


def metrics(vitals: Vitals) -> bytes:
    """The text that Prometheus reads."""
    registry = CollectorRegistry()
    registry.register(_Vitals(vitals))
    return generate_latest(registry)


class _Vitals(Collector):
    def __init__(self, vitals: Vitals) -> None:
        self._vitals = vitals

    def collect(self) -> Iterator[Metric]:
        now = self._vitals.plain()
        labels = {name: str(now[name]) for name in ("name", "host", "version")}
        yield InfoMetricFamily("elsewhere_agent", "The agent.", labels)
        gauges = {
            "start_time_seconds": ("When it started, in Unix seconds.", now["started_at"]),
            "slots": ("Tasks that may run at the same time.", now["slots"]),
            "running": ("Tasks that run.", len(now["running"])),
            "working": ("1 while it takes tasks.", now["state"] == "working"),
            "store_reachable": ("1 while its store answers.", now["is_store_reachable"]),
            "hanging_threads": ("Threads that do not go round any more.", len(now["hanging"])),
            "problems": ("Unforeseen errors that 'agent status' shows.", len(now["problems"])),
        }
        for name, (text, value) in gauges.items():
            yield GaugeMetricFamily(f"elsewhere_agent_{name}", text, value=float(value))
        yield CounterMetricFamily(
            "elsewhere_agent_tasks_taken", "Tasks that it has taken.", value=now["taken"]
        )
        ended = CounterMetricFamily(
            "elsewhere_agent_attempts_ended", "Attempts that have ended.", labels=["reason"]
        )
        for reason, count in sorted(now["ended"].items()):
            ended.add_metric([reason], count)
        yield ended
