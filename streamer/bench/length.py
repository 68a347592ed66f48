"""``streamer bench length``: do memory and time per frame grow with the video? Each length in a fresh process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from streamer.bench.clips import repeat_clip, write_demo_clip
from streamer.bench.contest import Run, run_ours
from streamer.bench.inputs import background_for, program_settings
from streamer.bench.outcome import Bar, Outcome
from streamer.bench.settings import Length
from streamer.errors import StreamerError
from streamer.frames import Size

if TYPE_CHECKING:
    from rich.console import Console

SIZE = Size(1280, 720)
CLIP_FRAMES = 150
"""Length of the clip that is repeated: the demo once."""
MEMORY_ALLOWED, TIME_ALLOWED = 1.05, 1.03
"""What a long video may need, as a multiple of the shortest."""
CHARTS = {"time": ("time per frame by length", "ms a frame"), "memory": ("peak memory by length", "MB")}


@dataclass(frozen=True, slots=True)
class Cost:
    """What one length needed."""

    minutes: float
    frames: int
    frame_ms: float
    peak_rss_mb: float


@dataclass(frozen=True, slots=True)
class Growth:
    """A long video's needs as multiples of the shortest one's."""

    minutes: float
    time: float
    memory: float

    @property
    def is_flat(self) -> bool:
        """Whether both stay within what is allowed."""
        return self.time <= TIME_ALLOWED and self.memory <= MEMORY_ALLOWED


def growth_of(costs: Sequence[Cost]) -> list[Growth]:
    """Of each longer video. Of the shortest, which may have run several times, the means count."""
    shortest = min(cost.minutes for cost in costs)
    short = [cost for cost in costs if cost.minutes == shortest]
    frame_ms, peak_mb = fmean(cost.frame_ms for cost in short), fmean(cost.peak_rss_mb for cost in short)
    longer = (cost for cost in costs if cost.minutes > shortest)
    return [Growth(cost.minutes, cost.frame_ms / frame_ms, cost.peak_rss_mb / peak_mb) for cost in longer]


def measure_length(settings: Length, folder: Path, console: Console) -> Outcome:
    """Run the program over each length, and the shortest once more.

    Raises:
        StreamerError: a run failed, or this system does not tell a process's peak memory.
    """
    clip = folder / "clip.mp4"
    write_demo_clip(clip, SIZE, CLIP_FRAMES)
    job = {**program_settings(settings), "background": [background_for("picture", folder)]}
    costs = []
    for minutes in (*settings.minutes, settings.minutes[0]):
        costs.append(_cost(minutes, clip, job, folder))
        last = costs[-1]
        console.print(
            f"{minutes:g} min, {last.frames} frames of {SIZE}: {last.frame_ms:.2f} ms a frame, "
            f"peak {last.peak_rss_mb:.1f} MB"
        )
    growths = growth_of(costs)
    for growth in growths:
        verdict = "flat" if growth.is_flat else f"more than time {TIME_ALLOWED:.2f} or memory {MEMORY_ALLOWED:.2f}"
        console.print(f"{growth.minutes:g} min: time {growth.time:.3f}, memory {growth.memory:.3f}: {verdict}")
    figures = {f"length/{growth.minutes:g}/time": growth.time for growth in growths}
    figures |= {f"length/{growth.minutes:g}/memory": growth.memory for growth in growths}
    details = {"costs": [asdict(cost) for cost in costs], "growth": [asdict(growth) for growth in growths]}
    is_flat = all(growth.is_flat for growth in growths)
    return Outcome({"length": details}, figures, _bars(costs), 0 if is_flat else 1)


def _cost(minutes: float, clip: Path, job: dict[str, object], folder: Path) -> Cost:
    video, output = folder / "repeated.mp4", folder / "ours.mp4"
    count = repeat_clip(clip, video, minutes * 60)
    run = run_ours({**job, "input": str(video), "output": [str(output)], "overwrite": True}, folder)
    return Cost(minutes, count, run.seconds / run.frames * 1e3, _peak_mb(run))


def _peak_mb(run: Run) -> float:
    if run.peak_rss_mb is None:
        raise StreamerError("this system does not tell a process's peak memory: pip install psutil")
    return run.peak_rss_mb


def _bars(costs: Sequence[Cost]) -> list[Bar]:
    bars = []
    for cost in costs[:-1]:  # the last is the shortest again
        for what, value in (("time", cost.frame_ms), ("memory", cost.peak_rss_mb)):
            chart, unit = CHARTS[what]
            bars.append(Bar(chart, f"{cost.minutes:g} min", "backlot", value, unit))
    return bars
