"""``streamer bench plates``: how long a plate takes, and what it costs the frames, beside what the device could do.

Runs the program's own painter on networks of the real size with random weights: the same work, and noise for a picture.
"""

from __future__ import annotations

import gc
import statistics
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np

from streamer.backgrounds.inpaint import PACES, DiffusionPainter, PainterSettings, PlateMode
from streamer.backgrounds.inpaint_loading import assembled
from streamer.backgrounds.plates import PlateMaker, Recipe
from streamer.bench.outcome import Outcome
from streamer.bench.random_diffusion import DiffusionSizes, random_base, random_controlnet, random_tiny_autoencoder
from streamer.bench.roofline import counted_flops, matrix_rate, timed
from streamer.bench.settings import Plates
from streamer.frames import Frame, Image, Keyframe, Size
from streamer.priorities import take_short_turns

if TYPE_CHECKING:
    from rich.console import Console

SIZES = (Size(512, 512), Size(768, 448))
ROUNDS = 5
FRAMES = 200
"""Frames of the matte that are timed, at rest and while plates are painted."""
FRAME = Size(1280, 720)


@dataclass(frozen=True, slots=True)
class PlateTime:
    """One way of painting at one size; medians in seconds."""

    mode: PlateMode
    size: str
    device: str
    two_passes_s: float
    bound_s: float
    """The two passes' multiplications at the rate that a plain matrix product reaches here."""
    memory_gb: float | None
    """Most memory that the device had in use; None on a CPU."""

    @property
    def ratio(self) -> float:
        """How many times as long as the bound."""
        return self.two_passes_s / self.bound_s


@dataclass(frozen=True, slots=True)
class FrameTimes:
    """The matte's frames, in milliseconds."""

    idle_p50_ms: float
    idle_p99_ms: float
    painting_p50_ms: float
    painting_p99_ms: float


def measure_plates(
    device: str,
    sizes: DiffusionSizes,
    say: Callable[[str], None],
    *,
    rounds: int = ROUNDS,
    shapes: tuple[Size, ...] = SIZES,
    modes: tuple[PlateMode, ...] = tuple(PACES),
) -> list[PlateTime]:
    """Every mode at every size, the first plate of each not counted.

    Args:
        device: ``cpu``, ``cuda``...
        sizes: of the networks.
        say: told each result as it comes.
        rounds: plates of which the median counts.
        shapes: sizes of the plates.
        modes: ways of painting.
    """
    rate_per_s = matrix_rate(device)
    say(f"{device}: {rate_per_s / 1e12:.2f} T multiplications and additions a second in a matrix product")
    results = []
    for mode in modes:
        counts = _operations(mode, device, sizes, shapes)
        painter = random_painter(mode, device, sizes)
        for size, count in zip(shapes, counts, strict=True):
            maker = PlateMaker(painter, None, Recipe(size=size))
            _reset_memory(device)
            _plate(maker)
            took_s = [timed(device, lambda maker=maker: _plate(maker)) for _ in range(rounds)]  # type: ignore[misc]
            result = PlateTime(
                mode, str(size), device, statistics.median(took_s), count / rate_per_s, _memory_gb(device)
            )
            results.append(result)
            say(
                f"{mode} {size}: {result.two_passes_s:.3f} s, {result.ratio:.1f} times the bound of "
                f"{result.bound_s:.3f} s" + (f", {result.memory_gb:.1f} GB" if result.memory_gb else "")
            )
        painter.close()
    return results


def _operations(mode: PlateMode, device: str, sizes: DiffusionSizes, shapes: tuple[Size, ...]) -> list[int]:
    """Of a plate of each size. What is played back as a graph is not seen, so these are painted step by step."""
    painter = random_painter(mode, device, sizes, recorded=False)
    makers = [PlateMaker(painter, None, Recipe(size=size)) for size in shapes]
    counts = [counted_flops(lambda maker=maker: _plate(maker)) for maker in makers]  # type: ignore[misc]
    painter.close()
    return counts


def measure_frames(
    one_frame: Callable[[], object],
    device: str,
    sizes: DiffusionSizes,
    *,
    frames: int = FRAMES,
    size: Size | None = None,
) -> FrameTimes:
    """The time of each frame at rest, and while plates are painted one after the other on a thread beside it.

    Args:
        one_frame: works on one frame, and comes back when it is done.
        device: where to paint.
        sizes: of the networks that paint.
        frames: how many are timed, in either case.
        size: of the plates; None = as for 720p.
    """

    def run() -> list[float]:
        return [1000 * timed("cpu", one_frame) for _ in range(frames)]

    usual_turn_s = sys.getswitchinterval()
    if device.startswith("cuda"):
        take_short_turns()  # as the program does where it paints in a thread
    maker = PlateMaker(random_painter("quality", device, sizes), None, Recipe(size=size))
    _plate(maker)
    one_frame()
    idle = run()
    enough = threading.Event()
    failures: list[Exception] = []
    thread = threading.Thread(target=_paint_until, args=(maker, enough, failures), name="background")
    thread.start()
    try:
        painting = run()
    finally:
        enough.set()
        thread.join()
        maker.close()
        sys.setswitchinterval(usual_turn_s)
    if failures:  # frames beside a painter that had ended tell nothing of it
        raise failures[0]
    p50, p99 = (float(np.percentile(idle, share)) for share in (50, 99))
    busy_p50, busy_p99 = (float(np.percentile(painting, share)) for share in (50, 99))
    return FrameTimes(p50, p99, busy_p50, busy_p99)


def random_painter(
    mode: PlateMode, device: str, sizes: DiffusionSizes, *, threads: int | None = None, recorded: bool = True
) -> DiffusionPainter:
    """The program's painter on random networks; a LoRA is left out, since merged it costs nothing."""
    import torch

    torch.manual_seed(0)
    usual = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32 if device == "cpu" else torch.float16)
    try:
        with torch.device(device):  # a billion random numbers take a GPU no time
            base, controlnet = random_base(sizes), random_controlnet(sizes)
            decoder = random_tiny_autoencoder(sizes) if mode == "fastest" else None
    finally:
        torch.set_default_dtype(usual)
    settings = PainterSettings(mode=mode, device=device, threads=threads, recorded=recorded)
    return assembled(base, controlnet, settings, decoder=decoder)


def facts(times: list[PlateTime], frames: FrameTimes) -> Mapping[str, object]:
    """All of it, for JSON."""
    return {"plates": [{**asdict(time), "ratio": time.ratio} for time in times], "frames": asdict(frames)}


def measure_painting(settings: Plates, console: Console) -> Outcome:
    """Measure everything at full size and print it."""
    from streamer.bench.random_diffusion import FULL
    from streamer.segmentation import open_segmenter

    times = measure_plates(settings.device, FULL, console.print)
    # Two in turns: over the very picture that it has just seen the network does not run again.
    pictures = cycle(np.random.default_rng(0).integers(0, 256, (2, FRAME.height, FRAME.width, 3), np.uint8))
    with closing(open_segmenter()) as segmenter:
        frames = measure_frames(lambda: segmenter.segment(next(pictures)), settings.device, FULL)
    console.print(
        f"a frame's matte, p99: {frames.idle_p99_ms:.1f} ms at rest, {frames.painting_p99_ms:.1f} ms while painting"
    )
    return Outcome({"plates": facts(times, frames)})


def _plate(maker: PlateMaker) -> Image:
    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (FRAME.height, FRAME.width, 3), np.uint8)
    alpha = np.zeros((FRAME.height, FRAME.width), np.float32)
    alpha[200:, 450:830] = 1
    keyframe = Keyframe(Frame(image, 0, 0.0, 0.0), alpha)
    return maker.generate(keyframe, "a sunlit library", 1, should_stop=lambda: False).image


def _paint_until(maker: PlateMaker, enough: threading.Event, failures: list[Exception]) -> None:
    try:
        while not enough.is_set():
            _plate(maker)
    except Exception as error:  # raised again by whoever waits for the frames
        failures.append(error)


def _reset_memory(device: str) -> None:
    if device.startswith("cuda"):
        import torch

        gc.collect()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def _memory_gb(device: str) -> float | None:
    if not device.startswith("cuda"):
        return None
    import torch

    return float(torch.cuda.max_memory_allocated(device)) / 1e9
