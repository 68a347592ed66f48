"""``streamer bench live``: what a painter on the CPU costs live frames.

The program's own stages run over a clip that is played at its own speed, as from a camera: alone, and then while
another process paints without pause. That process is the one that paints live, with its threads and its niceness. Its
network has the real structure and is tiny: its threads are as busy as with the real one, which needs more memory and
cache.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from models import compiled
from streamer import backgrounds, networks, sources
from streamer.backgrounds.hub import INSTALL
from streamer.backgrounds.plate_process import PlateProcess
from streamer.backgrounds.plates import PlateMaker, Recipe
from streamer.bench.inputs import clips_for, program_settings
from streamer.bench.outcome import Outcome
from streamer.bench.settings import Live
from streamer.config import StreamConfig
from streamer.controls import Controls
from streamer.errors import MissingExtra, StreamerError
from streamer.frames import Frame, Keyframe, Size
from streamer.host_path import HostPath
from streamer.interfaces import PlateGenerator
from streamer.pipeline import Pipeline
from streamer.priorities import PAINTER_NICENESS, painter_threads
from streamer.rendering import Renderer
from streamer.scaling import keep_to_one_thread
from streamer.sinks.null import NullSink
from streamer.stats import Stats

if TYPE_CHECKING:
    from rich.console import Console

PLATE = Size(768, 448)
START_S, LEAVE_S = 600.0, 30.0
"""Longest times until the first plate is there, and until the last one is given up."""


@dataclass(frozen=True, slots=True)
class LiveTimes:
    """One live run."""

    frames: int
    rate_fps: float
    p50_ms: float
    """Latency from capture to sink, of the frames that were not dropped."""
    p95_ms: float
    p99_ms: float
    dropped: int
    plates: int
    """Painted meanwhile."""


def measure(
    clip: Path, config: StreamConfig, open_generator: Callable[[], PlateGenerator]
) -> tuple[LiveTimes, LiveTimes]:
    """The clip live, alone and then beside a painter that ``open_generator`` opens; picklable, for its process.

    Raises:
        StreamerError: the clip cannot be read, or nothing can be painted.
    """
    alone = _run(clip, config, lambda: 0)
    with _painting(open_generator) as plates:
        return alone, _run(clip, config, plates)


def open_tiny_painter(threads: int) -> PlateGenerator:
    """The program's painter on a tiny network, without the gate."""
    from streamer.bench.plates import random_painter
    from streamer.bench.random_diffusion import TINY

    return PlateMaker(random_painter("quality", "cpu", TINY, threads=threads), None, Recipe(size=PLATE))


def measure_live(settings: Live, folder: Path, console: Console) -> Outcome:
    """Every clip, alone and beside the painter.

    Raises:
        MissingExtra: diffusers is missing.
        StreamerError: the clip cannot be read, or nothing can be painted.
    """
    if find_spec("diffusers") is None:
        raise MissingExtra(f"streamer bench live needs diffusers: {INSTALL}")
    config, threads = StreamConfig.model_validate(program_settings(settings)), painter_threads()
    console.print(f"painter: a tiny network in a process of its own, {threads} threads, niceness {PAINTER_NICENESS}")
    details: dict[str, object] = {"painter_threads": threads}
    for clip in clips_for(settings, folder):
        alone, beside = measure(clip.path, config, partial(open_tiny_painter, threads))
        for name, times in (("without a painter", alone), ("beside the painter", beside)):
            console.print(
                f"{clip.label}, {name}: {times.rate_fps:.1f} fps, latency {times.p50_ms:.0f} ms p50, "
                f"{times.p95_ms:.0f} p95, {times.p99_ms:.0f} p99, {times.dropped} of {times.frames + times.dropped} "
                f"frames dropped, {times.plates} plates painted",
                soft_wrap=True,
            )
        details[clip.label] = {"alone": asdict(alone), "beside": asdict(beside)}
    return Outcome({"beside_painter": details})


def _run(clip: Path, config: StreamConfig, plates: Callable[[], int]) -> LiveTimes:
    """Play the clip once, live."""
    keep_to_one_thread()
    stats, sink, before = Stats(), NullSink(), plates()
    with closing(sources.open_source(str(clip), paced=True)) as source:
        background = backgrounds.open_background("gradient", size=source.info.size, is_live=True)
        segmenter = networks.open_matte(config, stats)
        compiled.load()
        hold = HostPath(segmenter).hold
        with closing(Renderer(segmenter, [background], Controls(), stats, hold=hold)) as renderer:
            Pipeline(source, renderer.compose, [sink], stats, matte=renderer.matte, is_live=True).run()
    seen = stats.snapshot()
    latency = seen.latency
    return LiveTimes(
        sink.count,
        latency.mean_rate_fps,
        latency.p50_ms,
        latency.p95_ms,
        latency.p99_ms,
        seen.dropped,
        plates() - before,
    )


@contextmanager
def _painting(open_generator: Callable[[], PlateGenerator]) -> Iterator[Callable[[], int]]:
    """Paint without pause meanwhile, once the first plate is there; gives a function that counts the plates."""
    process, enough, begun = PlateProcess(open_generator), threading.Event(), threading.Event()
    made: list[int] = []
    failures: list[StreamerError] = []
    image = np.random.default_rng(1).integers(0, 256, (PLATE.height, PLATE.width, 3), np.uint8)
    alpha = np.zeros((PLATE.height, PLATE.width), np.float32)
    alpha[100:, 250:500] = 1
    keyframe = Keyframe(Frame(image, 0, 0.0, 0.0), alpha)

    def work() -> None:
        try:
            while not enough.is_set():
                process.generate(keyframe, "a sunlit library", len(made), should_stop=enough.is_set)
                made.append(len(made))
                begun.set()
        except StreamerError as error:
            if not enough.is_set():
                failures.append(error)
                begun.set()

    thread = threading.Thread(target=work, name="background")
    thread.start()
    try:
        begun.wait(START_S)
        if failures:
            raise failures[0]
        yield lambda: len(made)
    finally:
        enough.set()
        thread.join(LEAVE_S)
        process.close()  # of a painter that hears nothing, this ends the wait
        thread.join()
    if failures:
        raise failures[0]
