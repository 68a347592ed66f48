"""Does the memory grow with the length of the video? Two lengths of the same clip, each in a fresh process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from streamer.bench.clips import repeat_clip, write_demo_clip
from streamer.bench.contest import Run, run_ours
from streamer.errors import StreamerError
from streamer.frames import Size

SIZE = Size(1280, 720)
CLIP_FRAMES = 150
"""Length of the clip that is repeated: the demo once."""
GROWTH_ALLOWED = 1.05


@dataclass(frozen=True, slots=True)
class Growth:
    """Peak memory of the two lengths, in MB."""

    frames: tuple[int, int]
    peak_rss_mb: tuple[float, float]

    @property
    def ratio(self) -> float:
        """The long video's peak over the short one's."""
        return self.peak_rss_mb[1] / self.peak_rss_mb[0]

    @property
    def is_flat(self) -> bool:
        """Whether the long video needed at most 5 % more."""
        return self.ratio <= GROWTH_ALLOWED


def measure_growth(
    settings: Mapping[str, object], lengths_s: tuple[float, float], folder: Path, console: Console
) -> Growth:
    """Run the program over a short and a long video, and say what each needed.

    Args:
        settings: of ``StreamConfig``, without the input and the output.
        lengths_s: of the two videos.
        folder: for videos; what is in it is replaced.
        console: where to say how far it is.

    Raises:
        StreamerError: a run failed, or this system does not tell a process's peak memory.
    """
    clip = folder / "clip.mp4"
    write_demo_clip(clip, SIZE, CLIP_FRAMES)
    counts, peaks_mb = [], []
    for length_s in lengths_s:
        video = folder / "repeated.mp4"
        count = repeat_clip(clip, video, length_s)
        output = folder / "memory.mp4"
        run = run_ours({**settings, "input": str(video), "output": [str(output)], "overwrite": True}, folder)
        peaks_mb.append(_peak_mb(run))
        counts.append(count)
        console.print(f"{length_s:g} s, {count} frames of {SIZE}: peak {peaks_mb[-1]:.1f} MB at {run.fps:.1f} fps")
    growth = Growth((counts[0], counts[1]), (peaks_mb[0], peaks_mb[1]))
    verdict = "flat" if growth.is_flat else f"more than {GROWTH_ALLOWED:.2f}: memory grows with the video"
    console.print(f"ratio {growth.ratio:.3f}: {verdict}")
    return growth


def _peak_mb(run: Run) -> float:
    if run.peak_rss_mb is None:
        raise StreamerError("this system does not tell a process's peak memory: pip install psutil")
    return run.peak_rss_mb
