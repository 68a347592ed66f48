"""``streamer bench frame-path``: what a frame costs between decoder and encoder, beside MediaPipe's model alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from streamer import backgrounds, networks, sources
from streamer.bench.contest import take_turns
from streamer.bench.inputs import BenchClip, background_for, clips_for, program_settings
from streamer.bench.outcome import Bar, Outcome
from streamer.bench.peer_process import PeerProcess
from streamer.bench.report import show_missing_peer
from streamer.bench.settings import FramePath
from streamer.config import StreamConfig
from streamer.controls import Controls
from streamer.errors import StreamerError
from streamer.frames import Frame
from streamer.host_path import HostPath
from streamer.peer_python import find_peer
from streamer.rendering import Renderer
from streamer.scaling import keep_to_one_thread
from streamer.segmentation.predictor import NetworkSegmenter
from streamer.stats import Stats

if TYPE_CHECKING:
    from rich.console import Console

CHART = "frame path alone"
SEGMENT, WHOLE = "backlot, matte", "backlot, matte and composite"
LANDSCAPE, GENERAL = "MediaPipe process, model 1", "MediaPipe process, model 0"
PARTS = {"segment": SEGMENT, "whole": WHOLE}


class OurPath:
    """The program's matte and composite over frames that are in memory.

    Args:
        config: the program's settings; the clip's first frame loads and compiles what is needed.
        clip: the video that the frames are of.
        background: path of the picture behind.
    """

    def __init__(self, config: StreamConfig, clip: Path, background: str) -> None:
        keep_to_one_thread()
        self._stats = Stats()
        with closing(sources.open_source(str(clip))) as source:
            # Their RGB is made here, and not in the first round.
            self._frames: Sequence[Frame] = [frame.with_image(frame.image, frame.planes) for frame in source]
            info = source.info
        behind = backgrounds.open_background(background, size=info.size, is_live=False)
        self._segmenter: NetworkSegmenter = networks.open_matte(config, self._stats)
        hold = HostPath(self._segmenter).hold
        controls = Controls(("picture",))
        self._renderer = Renderer(self._segmenter, [behind], controls, self._stats, failures_allowed=0, hold=hold)
        self._renderer.render(self._frames[0])

    @property
    def what(self) -> str:
        """Network and runtime."""
        return self._segmenter.description

    def segment_ms(self) -> float:
        """A round of mattes: milliseconds a frame, from the picture at full size to its alpha at full size."""
        self._segmenter.reset()
        return self._frame_ms(lambda frame: self._segmenter.segment(frame.image))

    def whole_ms(self) -> float:
        """A round of all that is done to a frame: milliseconds a frame, from the source's to what a sink gets.

        Raises:
            StreamerError: a frame's matte was not believed: without one there is less to do.
        """
        self._segmenter.reset()
        took_ms = self._frame_ms(self._renderer.render)
        if self._stats.snapshot().counters.get("implausible_frames"):
            raise StreamerError("a matte of the clip was not believed, so its frames measure nothing: use another clip")
        return took_ms

    def close(self) -> None:
        """Release the network and the background."""
        self._renderer.close()

    def _frame_ms(self, work: Callable[[Frame], object]) -> float:
        begun_at_s = time.perf_counter()
        for frame in self._frames:
            work(frame)
        return (time.perf_counter() - begun_at_s) / len(self._frames) * 1e3


def measure_frame_path(settings: FramePath, folder: Path, console: Console) -> Outcome:
    """Let ours and MediaPipe's two models take turns over each clip."""
    python = None if settings.no_peer else find_peer(settings.peer_python)
    details: dict[str, object] = {}
    figures: dict[str, float] = {}
    bars: list[Bar] = []
    for clip in clips_for(settings, folder):
        rounds_ms = _rounds(settings, clip, python, folder, console)
        times_ms = {name: median(each) for name, each in rounds_ms.items()}
        ratios = {peer: ratios_to(peer, times_ms) for peer in (LANDSCAPE, GENERAL) if peer in times_ms}
        for name, took_ms in times_ms.items():
            each = " ".join(f"{round_ms:.1f}" for round_ms in rounds_ms[name])
            console.print(f"{clip.name}, {name}: {took_ms:.2f} ms a frame ({each})")
        for peer, by_part in ratios.items():
            for part, ratio in by_part.items():
                console.print(f"{clip.name}: {PARTS[part]} / {peer}: {ratio:.2f}")
        details[clip.label] = {"frame_ms": times_ms, "rounds_ms": rounds_ms, "ratios": ratios}
        prefix = f"frame-path/{settings.device}/{clip.name}"
        figures |= {f"{prefix}/{part}": ratio for part, ratio in ratios.get(LANDSCAPE, {}).items()}
        bars += [Bar(CHART, clip.name, name, took_ms, "ms a frame") for name, took_ms in times_ms.items()]
    if python is None and not settings.no_peer:
        show_missing_peer(console)
    return Outcome({"frame_path": details}, figures, bars)


def ratios_to(peer: str, times_ms: Mapping[str, float]) -> dict[str, float]:
    """Our times over those of one of MediaPipe's models, by part of ours."""
    return {part: times_ms[ours] / times_ms[peer] for part, ours in PARTS.items()}


def _rounds(
    settings: FramePath, clip: BenchClip, python: Path | None, folder: Path, console: Console
) -> dict[str, list[float]]:
    config = StreamConfig.model_validate(program_settings(settings))
    with ExitStack() as stack:
        ours = stack.enter_context(closing(OurPath(config, clip.path, background_for("picture", folder))))
        console.print(f"{clip.label}: backlot {ours.what}")
        programs: dict[str, Callable[[], float]] = {SEGMENT: ours.segment_ms, WHOLE: ours.whole_ms}
        if python is not None:
            peer = stack.enter_context(PeerProcess(python, clip.path, folder))
            console.print(f"{clip.label}: {peer.what}")
            programs |= {LANDSCAPE: partial(peer.frame_ms, 1), GENERAL: partial(peer.frame_ms, 0)}
        return take_turns(programs, settings.rounds, lambda *_: None)
