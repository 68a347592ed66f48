"""What the run measures of itself. Its size does not depend on the length of the video."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

RATE_WINDOW_S = 2.0
"""Rates are of this many last seconds."""
KEPT_TIMES = 4096
"""Percentiles are of this many last times of a stage: over two minutes at 30 fps."""
KEPT_STAMPS = 1024
"""Most events a rate looks back on; reached only above ``KEPT_STAMPS / RATE_WINDOW_S`` fps."""


@dataclass(frozen=True, slots=True)
class StageStats:
    """How often one stage ran and how long it took."""

    count: int = 0
    """Since the start."""
    rate_fps: float = 0.0
    """Over the last ``RATE_WINDOW_S``; 0 when it ran less than twice in them."""
    mean_rate_fps: float = 0.0
    """From the first time to the last."""
    mean_ms: float = 0.0
    """Of all times since the start."""
    p50_ms: float = 0.0
    p95_ms: float = 0.0
    p99_ms: float = 0.0
    max_ms: float = 0.0
    """Since the start."""


@dataclass(frozen=True, slots=True)
class QueueStats:
    """A channel at one moment."""

    depth: int
    """Items waiting now."""
    capacity: int
    dropped: int
    """Items that gave way to newer ones, since the start."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything measured so far, at one moment."""

    elapsed_s: float
    """Since the first thing that was measured."""
    stages: dict[str, StageStats]
    """By the name of the stage, in the order of their first appearance."""
    latency: StageStats
    """From capture to sink, of the frames shown."""
    queues: dict[str, QueueStats]
    """By what they hold."""
    counters: dict[str, int]
    """How often something worth knowing happened: ``failed_frames``, ``bad_frames``..."""

    @property
    def dropped(self) -> int:
        """Frames dropped in all channels together."""
        return sum(queue.dropped for queue in self.queues.values())

    def as_dict(self) -> dict[str, Any]:
        """Plain dicts and numbers, ready for JSON."""
        return {**dataclasses.asdict(self), "dropped": self.dropped}


class Watched(Protocol):
    """A channel, as far as the stats look into it."""

    @property
    def capacity(self) -> int: ...

    @property
    def dropped(self) -> int: ...

    def __len__(self) -> int: ...


class Stats:
    """Collects times, counts and channels from all threads.

    Args:
        clock: seconds that only go forward; the one that stamps ``Frame.captured_at_s``.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._stages: dict[str, _Series] = {}
        self._latency = _Series()
        self._channels: dict[str, Watched] = {}
        self._counters: Counter[str] = Counter()
        self._started_at_s: float | None = None

    @contextmanager
    def time(self, stage: str) -> Iterator[None]:
        """Measure the body of a ``with``; one that raises counts too, for its time was spent."""
        begun_at_s = self._clock()
        try:
            yield
        finally:
            self.record(stage, self._clock() - begun_at_s)

    def record(self, stage: str, took_s: float) -> None:
        """Note that a stage ran once and took this long."""
        now_s = self._clock()
        with self._lock:
            self._begin(now_s - took_s)
            self._stages.setdefault(stage, _Series()).add(took_s, now_s)

    def record_latency(self, captured_at_s: float) -> None:
        """Note that a frame captured at that time has just reached its sinks."""
        now_s = self._clock()
        with self._lock:
            self._begin(now_s)
            self._latency.add(now_s - captured_at_s, now_s)

    def count(self, counter: str, by: int = 1) -> None:
        """Add to a counter."""
        with self._lock:
            self._counters[counter] += by

    def set_count(self, counter: str, value: int) -> None:
        """Set a counter that somebody else keeps."""
        with self._lock:
            self._counters[counter] = value

    def watch(self, name: str, channel: Watched) -> None:
        """Report depth and drops of this channel in every snapshot."""
        with self._lock:
            self._channels[name] = channel

    def snapshot(self) -> Snapshot:
        """Everything so far. From any thread, at any time."""
        now_s = self._clock()
        with self._lock:
            started_at_s = now_s if self._started_at_s is None else self._started_at_s
            return Snapshot(
                elapsed_s=now_s - started_at_s,
                stages={name: series.summary(now_s) for name, series in self._stages.items()},
                latency=self._latency.summary(now_s),
                queues={
                    name: QueueStats(len(channel), channel.capacity, channel.dropped)
                    for name, channel in self._channels.items()
                },
                counters=dict(self._counters),
            )

    def _begin(self, at_s: float) -> None:
        if self._started_at_s is None:
            self._started_at_s = at_s


class _Series:
    """The times of one stage."""

    def __init__(self) -> None:
        self._count = 0
        self._total_s = 0.0
        self._max_s = 0.0
        self._first_at_s = 0.0
        self._last_at_s = 0.0
        self._recent_s = np.zeros(KEPT_TIMES)  # a ring, allocated once: memory stays flat
        self._stamps_s: deque[float] = deque(maxlen=KEPT_STAMPS)

    def add(self, took_s: float, now_s: float) -> None:
        self._recent_s[self._count % KEPT_TIMES] = took_s
        if self._count == 0:
            self._first_at_s = now_s
        self._count += 1
        self._total_s += took_s
        self._max_s = max(self._max_s, took_s)
        self._last_at_s = now_s
        self._stamps_s.append(now_s)
        self._forget_before(now_s - RATE_WINDOW_S)

    def summary(self, now_s: float) -> StageStats:
        if self._count == 0:
            return StageStats()
        self._forget_before(now_s - RATE_WINDOW_S)
        recent_ms = self._recent_s[: min(self._count, KEPT_TIMES)] * 1e3
        p50_ms, p95_ms, p99_ms = np.percentile(recent_ms, (50, 95, 99)).tolist()
        return StageStats(
            count=self._count,
            rate_fps=self._rate_fps(),
            mean_rate_fps=_per_second(self._count - 1, self._last_at_s - self._first_at_s),
            mean_ms=self._total_s / self._count * 1e3,
            p50_ms=p50_ms,
            p95_ms=p95_ms,
            p99_ms=p99_ms,
            max_ms=self._max_s * 1e3,
        )

    def _rate_fps(self) -> float:
        if len(self._stamps_s) < 2:
            return 0.0
        return _per_second(len(self._stamps_s) - 1, self._stamps_s[-1] - self._stamps_s[0])

    def _forget_before(self, at_s: float) -> None:
        while self._stamps_s and self._stamps_s[0] < at_s:
            self._stamps_s.popleft()


def _per_second(intervals: int, span_s: float) -> float:
    """A rate by the intervals between events, of which there is one less than events."""
    return intervals / span_s if span_s > 0 else 0.0
