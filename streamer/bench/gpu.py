"""``streamer bench gpu``: the frame path on a GPU, beside RobustVideoMatting's network and the device's limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from importlib.util import find_spec
from statistics import median
from typing import TYPE_CHECKING

from streamer.bench.contest import OURS, take_turns
from streamer.bench.gpu_paths import our_least_work, our_path, resident_path
from streamer.bench.gpu_streams import StreamTimes, measure_streams
from streamer.bench.outcome import Bar, Outcome
from streamer.bench.roofline import Limits, measure_limits, timed
from streamer.bench.settings import SIZES, Gpu
from streamer.errors import MissingExtra
from streamer.frames import Size

if TYPE_CHECKING:
    from rich.console import Console

EAGER, IN_GRAPH = "RobustVideoMatting", "RobustVideoMatting in a CUDA graph"
CHARTS = {"path": "frame path on the GPU", "streams": "streams on one GPU"}


def measure_gpu(settings: Gpu, console: Console, *, shapes: Mapping[str, Size] = SIZES) -> Outcome:
    """All of it, the slowest last.

    Args:
        settings: what is asked for.
        console: where to say it.
        shapes: what the names of sizes mean.

    Raises:
        MissingExtra: torchvision, or for a painter diffusers, is missing.
        StreamerError: a run failed.
    """
    if settings.painter != "none" and find_spec("diffusers") is None:
        raise MissingExtra(
            "streamer bench gpu paints with diffusers: pip install 'backlot[diffusion]', or --painter none"
        )
    limits = measure_limits(settings.device)
    console.print(
        f"{settings.device}: copies {limits.copy_bytes_per_s / 1e9:.0f} GB/s, "
        f"matrix products {limits.flops_per_s / 1e12:.2f} T operations/s"
    )
    details: dict[str, object] = {"limits": asdict(limits)}
    place = "gpu" if settings.device == "cuda" else "toy"  # no row of the table asks for a toy's figures
    figures: dict[str, float] = {}
    bars: list[Bar] = []
    for name in settings.sizes:
        rounds_ms = _beside_peer(settings, name, shapes[name])
        frame_ms = {program: median(each) for program, each in rounds_ms.items()}
        least_ms = _least_ms(settings.device, shapes[name], limits)
        ratios = path_ratios(frame_ms, least_ms)
        figures |= {f"{place}/{name}/{what}": ratio for what, ratio in ratios.items()}
        for program, took_ms in frame_ms.items():
            console.print(f"{name}, {program}: {took_ms:.2f} ms a frame, {1e3 / took_ms:.0f} fps")
        console.print(f"{name}: the device's limit for our path is {least_ms:.3f} ms a frame")
        details[name] = {"frame_ms": frame_ms, "rounds_ms": rounds_ms, "least_ms": least_ms}
        bars += [Bar(CHARTS["path"], name, program, 1e3 / took_ms, "fps") for program, took_ms in frame_ms.items()]
    size = settings.sizes[0]
    if settings.painter != "none":
        facts = _beside_painter(settings, shapes[size])
        figures[f"{place}/{size}/painter"] = facts["painting_p99_ms"] / facts["idle_p99_ms"]
        console.print(
            f"{size}, p99: {facts['idle_p99_ms']:.2f} ms alone, {facts['painting_p99_ms']:.2f} ms beside a painter"
        )
        details["painter"] = facts
    runs = _streams(settings, shapes[size], console)
    figures |= stream_figures(f"{place}/{size}", runs)
    details["streams"] = [asdict(run) for run in runs]
    bars += [Bar(CHARTS["streams"], f"{run.streams} streams, {size}", OURS, run.total_fps, "fps") for run in runs]
    return Outcome({"gpu": details}, figures, bars)


def path_ratios(frame_ms: Mapping[str, float], least_ms: float) -> dict[str, float]:
    """Our frame rate over the peer's faster way, and our time over the limit."""
    peers = [took_ms for program, took_ms in frame_ms.items() if program != OURS]
    return {"peer": min(peers) / frame_ms[OURS], "limit": frame_ms[OURS] / least_ms}


def stream_figures(prefix: str, runs: list[StreamTimes]) -> dict[str, float]:
    """Of several streams over one: frame rates of all together, and p99. ``runs`` begins with one stream."""
    figures = {}
    for run in runs[1:]:
        figures[f"{prefix}/streams/{run.streams}/fps"] = run.total_fps / runs[0].total_fps
        figures[f"{prefix}/streams/{run.streams}/p99"] = run.p99_ms / runs[0].p99_ms
    return figures


def _beside_peer(settings: Gpu, name: str, size: Size) -> dict[str, list[float]]:
    """Milliseconds a frame in each round, of our path and of the peer's network."""
    import torch

    from streamer.bench.robust_video_matting import DEFAULT_RATIO, RECOMMENDED_RATIO, peer_step, random_peer

    device = settings.device
    network = random_peer(device, RECOMMENDED_RATIO.get(name, DEFAULT_RATIO))
    kind = next(network.parameters()).dtype
    frame = torch.rand(1, 3, size.height, size.width, device=device).to(kind)
    steps: dict[str, Callable[[], object]] = {EAGER: peer_step(network, frame, in_graph=False)}
    if device == "cuda":
        steps[IN_GRAPH] = peer_step(network, frame, in_graph=True)
    with resident_path(device, size, settings.weights) as one_frame:
        steps = {OURS: one_frame, **steps}
        programs = {program: partial(_round_ms, device, step, settings.frames) for program, step in steps.items()}
        return take_turns(programs, settings.rounds, lambda *_: None)


def _round_ms(device: str, step: Callable[[], object], frames: int) -> float:
    def work() -> None:
        for _ in range(frames):
            step()

    step()
    return timed(device, work) / frames * 1e3


def _least_ms(device: str, size: Size, limits: Limits) -> float:
    return limits.least_s(*our_least_work(device, size)) * 1e3


def _beside_painter(settings: Gpu, size: Size) -> dict[str, float]:
    """Percentiles of our frames at rest and while a painter works on the same device."""
    from streamer.bench.plates import measure_frames
    from streamer.bench.random_diffusion import FULL, TINY

    sizes = FULL if settings.painter == "full" else TINY
    plate = None if settings.painter == "full" else Size(256, 256)
    with our_path(settings.device, size, settings.weights) as one_frame:
        return asdict(measure_frames(one_frame, settings.device, sizes, frames=settings.frames, size=plate))


def _streams(settings: Gpu, size: Size, console: Console) -> list[StreamTimes]:
    counts = [count for count in settings.streams if count > 1]
    runs = []
    for count in (1, *counts) if counts else ():
        runs.append(measure_streams(count, settings.device, size, settings.frames, settings.weights))
        console.print(f"{count} at once: {runs[-1].total_fps:.1f} fps in all, p99 {runs[-1].p99_ms:.1f} ms")
    return runs
