"""The few figures that people look at while it runs, made in one place for the window and the remote control."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from streamer.stats import Snapshot, StageStats

REFRESH_S = 0.5
"""The figures are at most so old: percentiles of thousands of times are too much work for every frame."""


@dataclass(frozen=True, slots=True)
class Figures:
    """How the run goes, at one moment."""

    fps: float
    """Frames a second that reach the sinks."""
    latency_p50_ms: float
    """From capture to sink, as ``latency_p95_ms``."""
    latency_p95_ms: float
    matte_ms: float
    """Median time to find the person in a frame."""
    dropped: int
    """Frames that gave way to newer ones, since the start."""
    plate_age_s: float | None
    """Since the painted background that is shown was done; None = nothing painted is there."""
    device: str
    """What finds the person, and on what it runs."""

    def lines(self) -> list[str]:
        """For the corner of a window."""
        speed = f"{self.fps:.1f} fps   latency {self.latency_p50_ms:.0f} / {self.latency_p95_ms:.0f} ms"
        plate = "" if self.plate_age_s is None else f"   plate {self.plate_age_s:.0f} s old"
        return [speed, f"matte {self.matte_ms:.0f} ms   {self.dropped} dropped{plate}", self.device]


class RunningFigures:
    """Measures anew when it is asked and the last figures are older than ``REFRESH_S``. From any thread.

    Args:
        measure: the measurements so far.
        device: what finds the person, and on what it runs; some know it only after the first frame.
        plate_age_s: age of the plate that is shown; None = there is none.
        clock: seconds that only go forward.
    """

    def __init__(
        self,
        measure: Callable[[], Snapshot],
        *,
        device: Callable[[], str],
        plate_age_s: Callable[[], float | None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._measure = measure
        self._device = device
        self._plate_age_s = plate_age_s
        self._clock = clock
        self._lock = threading.Lock()
        self._measured: tuple[float, Snapshot] | None = None

    def snapshot(self) -> Snapshot:
        """All measurements, at most ``REFRESH_S`` old."""
        with self._lock:
            now_s = self._clock()
            if self._measured is None or now_s - self._measured[0] >= REFRESH_S:
                self._measured = (now_s, self._measure())
            return self._measured[1]

    def now(self) -> Figures:
        """The few that people look at."""
        snapshot = self.snapshot()
        return Figures(
            fps=snapshot.latency.rate_fps,
            latency_p50_ms=snapshot.latency.p50_ms,
            latency_p95_ms=snapshot.latency.p95_ms,
            matte_ms=snapshot.stages.get("segment", StageStats()).p50_ms,
            dropped=snapshot.dropped,
            plate_age_s=self.plate_age_s(),
            device=self._device().encode("utf-8", "backslashreplace").decode(),  # it may hold the name of a file
        )

    def plate_age_s(self) -> float | None:
        """Seconds since the painted background that is shown was done."""
        return self._plate_age_s()
