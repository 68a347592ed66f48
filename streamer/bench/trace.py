"""``streamer bench trace``: a picture of where the time goes, and the three largest costs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from streamer.bench.clips import write_demo_clip
from streamer.bench.device_trace import check_out, trace_device
from streamer.bench.flame import flame_svg
from streamer.bench.gpu_paths import our_path
from streamer.bench.inputs import background_for, program_settings
from streamer.bench.outcome import Outcome
from streamer.bench.settings import SIZES, Trace
from streamer.bench.stacks import StackSampler, largest
from streamer.build import opened
from streamer.config import StreamConfig
from streamer.errors import ConfigError, SinkError
from streamer.frames import Size

if TYPE_CHECKING:
    from rich.console import Console


def measure_trace(settings: Trace, folder: Path, console: Console) -> Outcome:
    """Run, draw, and name the three largest costs.

    Raises:
        ConfigError: ``--out`` has an ending that cannot be written.
        SinkError: it cannot be written.
    """
    if not settings.out.absolute().parent.is_dir():
        raise SinkError(f"--out {settings.out} cannot be written: there is no such folder")
    size = SIZES[settings.size]
    costs = _on_gpu(settings, size) if settings.device == "cuda" else _on_cpu(settings, size, folder)
    console.print(f"{settings.out}: the largest costs, {settings.size}")
    for name, frame_ms, share in costs:
        console.print(f"  {name}: {frame_ms:.2f} ms a frame, {share:.0%}", soft_wrap=True)
    return Outcome({"trace": [{"name": name, "frame_ms": each_ms, "share": share} for name, each_ms, share in costs]})


def _on_gpu(settings: Trace, size: Size) -> list[tuple[str, float, float]]:
    check_out(settings.out)
    with our_path(settings.device, size, settings.weights) as one_frame:
        costs = trace_device(one_frame, settings.device, settings.out)
    return [(cost.name, cost.ms_a_frame, cost.share) for cost in costs]


def _on_cpu(settings: Trace, size: Size, folder: Path) -> list[tuple[str, float, float]]:
    """The whole program from file to file in this process: name, milliseconds a frame, share of its threads' time."""
    if settings.out.suffix != ".svg":
        raise ConfigError(f"--out {settings.out} must end in .svg: a flame graph is one")
    clip = folder / "clip.mp4"
    write_demo_clip(clip, size, settings.frames)
    job = {
        **program_settings(settings),
        "input": str(clip),
        "output": [str(folder / "ours.mp4")],
        "background": [background_for("picture", folder)],
    }
    sampler = StackSampler()
    with opened(StreamConfig.model_validate(job), on_written=lambda frame: None) as stream, sampler.watching():
        stream.pipeline.run()
    title = f"{settings.size}, file to file, {settings.frames} frames: time of each thread that waits for no other"
    try:
        settings.out.write_text(flame_svg(sampler.seconds, title), encoding="utf-8")
    except OSError as error:
        raise SinkError(f"--out {settings.out} cannot be written: {error.strerror}") from error
    total_s = sum(sampler.seconds.values()) or 1.0
    return [(name, took_s / settings.frames * 1e3, took_s / total_s) for name, took_s in largest(sampler.seconds)]
