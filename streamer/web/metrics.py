"""All measurements as Prometheus reads them (text format 0.0.4)."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as CONTENT_TYPE
from prometheus_client.registry import Collector

from streamer.stats import StageStats
from streamer.web.remote import Remote

__all__ = ["CONTENT_TYPE", "metrics_text"]


def metrics_text(remote: Remote) -> bytes:
    """The measurements of the run now."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Run(remote))
    return generate_latest(registry)


class _Run(Collector):
    """Turns one snapshot into families, each with its unit in its name and times in seconds, as Prometheus wants."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote

    def collect(self) -> Iterator[Metric]:
        figures, snapshot, state = (
            self._remote.figures.now(),
            self._remote.figures.snapshot(),
            self._remote.controls.state,
        )
        info = GaugeMetricFamily("backlot_info", "What finds the person, and on what it runs.", labels=["device"])
        info.add_metric([figures.device], 1)
        yield info
        yield GaugeMetricFamily("backlot_uptime_seconds", "Since the first measurement.", snapshot.elapsed_s)
        yield GaugeMetricFamily("backlot_frames_per_second", "Frames that reach the sinks.", figures.fps)
        latency = GaugeMetricFamily("backlot_latency_seconds", "From capture to sink.", labels=["quantile"])
        for quantile, seconds in _quantiles(snapshot.latency):
            latency.add_metric([quantile], seconds)
        yield latency
        times = GaugeMetricFamily(
            "backlot_stage_seconds", "What one run of a stage takes.", labels=["stage", "quantile"]
        )
        runs = CounterMetricFamily("backlot_stage_runs", "How often a stage ran.", labels=["stage"])
        for stage, stats in snapshot.stages.items():
            runs.add_metric([stage], stats.count)
            for quantile, seconds in _quantiles(stats):
                times.add_metric([stage, quantile], seconds)
        yield times
        yield runs
        yield CounterMetricFamily("backlot_frames", "Frames that reached the sinks.", snapshot.latency.count)
        drops = CounterMetricFamily("backlot_frames_dropped", "Frames that gave way to newer ones.", labels=["queue"])
        depths = GaugeMetricFamily("backlot_queue_depth", "Frames that wait now.", labels=["queue"])
        for name, queue in snapshot.queues.items():
            drops.add_metric([name], queue.dropped)
            depths.add_metric([name], queue.depth)
        yield drops
        yield depths
        events = CounterMetricFamily("backlot_events", "What else is counted, such as stalls.", labels=["event"])
        for name, count in snapshot.counters.items():
            events.add_metric([name], count)
        yield events
        if figures.plate_age_s is not None:
            about = "Since the painted background that is shown was done."
            yield GaugeMetricFamily("backlot_plate_age_seconds", about, figures.plate_age_s)
        yield GaugeMetricFamily("backlot_paused", "1 while the camera is off.", float(state.paused))
        yield GaugeMetricFamily("backlot_panic", "1 while one solid colour is shown.", float(state.panic))


def _quantiles(stats: StageStats) -> list[tuple[str, float]]:
    return [("0.5", stats.p50_ms / 1e3), ("0.95", stats.p95_ms / 1e3), ("0.99", stats.p99_ms / 1e3)]
