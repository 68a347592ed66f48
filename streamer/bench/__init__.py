"""``streamer bench``: how fast the program is on this machine, beside what a user would write instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from streamer.bench.contest import Contest
    from streamer.bench.settings import BenchSettings

__all__ = ["main"]


def main(argv: Sequence[str]) -> int:
    """Run the bench for the words after ``streamer bench``.

    Returns:
        0; 1 if ``--memory`` finds that memory grows with the length of the video.

    Raises:
        StreamerError: a setting is wrong, or a run failed.
        SystemExit: after ``--help``, or on words that are no flags.
    """
    import tempfile
    from dataclasses import asdict

    import tyro

    from streamer.bench import report
    from streamer.bench.machine import describe_machine
    from streamer.bench.settings import BenchSettings

    settings = tyro.cli(BenchSettings, prog="streamer bench", args=list(argv), config=(tyro.conf.FlagCreatePairsOff,))
    _check(settings)
    console, machine = report.open_console(), describe_machine()
    asked = {name: value for name, value in asdict(settings).items() if value not in (None, False)}
    report.show_machine(console, machine, asked)
    with tempfile.TemporaryDirectory(prefix="streamer-bench-") as name:
        measure = _speed
        for is_asked, other in (
            (settings.beside_painter, _beside_painter), (settings.memory, _memory), (settings.plates, _plates)
        ):  # fmt: skip
            measure = other if is_asked else measure
        results, status = measure(settings, Path(name), console)
    if settings.json is not None:
        report.write_json(settings.json, machine, asked, results)
    return status


def _speed(settings: BenchSettings, folder: Path, console: Console) -> tuple[Mapping[str, object], int]:
    """Run both programs over each clip."""
    from streamer.bench import report
    from streamer.peer_python import find_peer

    peer = None if settings.no_peer else find_peer(settings.peer_python)
    contests = []
    for clip, label in _clips(settings, folder):
        for background in settings.backgrounds:
            contest = _contest(settings, clip, label, background, peer, folder, console)
            report.show_contest(console, contest)
            contests.append(report.contest_facts(contest))
    if peer is None and not settings.no_peer:
        report.show_missing_peer(console)
    return {"contests": contests}, 0


def _contest(
    settings: BenchSettings,
    clip: Path,
    label: str,
    background: str,
    peer: Path | None,
    folder: Path,
    console: Console,
) -> Contest:
    from streamer.bench.contest import OURS, PEER, compete, run_ours, run_peer

    behind = _background(background, folder)
    job = {**_stream_settings(settings), "input": str(clip), "output": [str(folder / "ours.mp4")], "overwrite": True}
    programs = {OURS: lambda: run_ours({**job, "background": [behind]}, folder)}
    if peer is not None:
        programs[PEER] = lambda: run_peer(peer, clip, behind, folder)
    label = f"{label}, background {background}"
    return compete(label, programs, settings.rounds, lambda line: console.print(line, style="dim"))


def _memory(settings: BenchSettings, folder: Path, console: Console) -> tuple[Mapping[str, object], int]:
    """Compare the memory that a short and a long video need."""
    from dataclasses import asdict

    from streamer.bench.memory import measure_growth

    job = {**_stream_settings(settings), "background": [_background(settings.backgrounds[0], folder)]}
    growth = measure_growth(job, settings.memory_s, folder, console)
    return {"memory": {**asdict(growth), "ratio": growth.ratio}}, 0 if growth.is_flat else 1


def _plates(settings: BenchSettings, folder: Path, console: Console) -> tuple[Mapping[str, object], int]:
    """Paint with networks of the real size."""
    import torch

    from streamer.bench.plates import run_plates
    from streamer.errors import ConfigError

    if settings.plate_device.startswith("cuda") and not torch.cuda.is_available():
        raise ConfigError("--plates measures a GPU, and torch sees none here; --plate-device cpu takes hours")
    return {"plates": run_plates(settings.plate_device, console, "auto")}, 0


def _beside_painter(settings: BenchSettings, folder: Path, console: Console) -> tuple[Mapping[str, object], int]:
    """Live frames, alone and beside a painter on the CPU."""
    from importlib.util import find_spec

    from streamer.backgrounds.hub import INSTALL
    from streamer.bench.beside_painter import run_beside_painter
    from streamer.config import StreamConfig
    from streamer.errors import MissingExtra

    if find_spec("diffusers") is None:
        raise MissingExtra(f"--beside-painter needs diffusers: {INSTALL}")
    config = StreamConfig.model_validate(_stream_settings(settings))
    results = {}
    for clip, label in _clips(settings, folder):
        console.print(label)
        results[label] = run_beside_painter(clip, config, console)
    return {"beside_painter": results}, 0


def _clips(settings: BenchSettings, folder: Path) -> list[tuple[Path, str]]:
    """The videos to run over, each with its name for people."""
    from streamer.bench.clips import cut_clip, write_demo_clip
    from streamer.bench.settings import SIZES

    if settings.input is not None:
        clip = folder / f"clip{settings.input.suffix}"
        size, count = cut_clip(settings.input, clip, settings.frames)
        return [(clip, f"{settings.input.name}, {size}, {count} frames")]
    clips = []
    for word in settings.sizes:
        clip = folder / f"{word}.mp4"
        write_demo_clip(clip, SIZES[word], settings.frames)
        clips.append((clip, f"demo, {SIZES[word]}, {settings.frames} frames"))
    return clips


def _background(background: str, folder: Path) -> str:
    """What either program gets: blur, or the path of a picture."""
    if background != "picture":
        return background
    from streamer.bench.clips import write_picture

    path = folder / "background.png"
    if not path.exists():
        write_picture(path)
    return str(path)


def _stream_settings(settings: BenchSettings) -> dict[str, object]:
    """What the bench changes of the program's defaults."""
    weights = None if settings.weights is None else str(settings.weights)
    return {
        "device": "cpu",
        "runtime": settings.runtime,
        "weights": weights,
        "log_level": "error",
    }


def _check(settings: BenchSettings) -> None:
    from streamer.errors import ConfigError

    if settings.frames < 2:
        raise ConfigError(f"--frames must be 2 or more, not {settings.frames}: the first frame is not counted")
    if settings.rounds < 1:
        raise ConfigError(f"--rounds must be 1 or more, not {settings.rounds}")
    for background in settings.backgrounds:
        if background not in ("picture", "blur") and not Path(background).is_file():
            raise ConfigError(f"--backgrounds are picture, blur or a picture file, not '{background}'")
    if not 0 < settings.memory_s[0] < settings.memory_s[1]:
        raise ConfigError(f"--memory-s must be a shorter and a longer time in seconds, not {settings.memory_s}")
    for path in (settings.input, settings.weights):
        if path is not None and not path.is_file():
            raise ConfigError(f"{path} does not exist or is not a file")
