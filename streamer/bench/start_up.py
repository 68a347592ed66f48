"""``streamer bench start-up``: from nothing to the first composited frame."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from streamer.bench.contest import OURS, PEER, run_alone, run_peer, take_turns
from streamer.bench.inputs import BenchClip, background_for, clips_for
from streamer.bench.outcome import Bar, Outcome
from streamer.bench.report import show_missing_peer
from streamer.bench.settings import StartUp
from streamer.peer_python import find_peer

if TYPE_CHECKING:
    from rich.console import Console

CHART = "start to first frame written"


def measure_start_up(settings: StartUp, folder: Path, console: Console) -> Outcome:
    """Fresh processes in turns, after one of each that warms the caches."""
    python = None if settings.no_peer else find_peer(settings.peer_python)
    details: dict[str, object] = {}
    figures: dict[str, float] = {}
    bars: list[Bar] = []
    for clip in clips_for(settings, folder):
        behind = background_for("picture", folder)
        programs: dict[str, Callable[[], float]] = {
            OURS: partial(_ours_s, command_line(settings, clip, behind, folder), folder)
        }
        if python is not None:
            programs[PEER] = partial(_peer_s, python, clip, behind, folder)
        for once in programs.values():
            once()
        runs_s = take_turns(programs, settings.rounds, lambda *_: None)
        medians_s = {name: median(each) for name, each in runs_s.items()}
        for name, each_s in runs_s.items():
            shown = " ".join(f"{run_s:.2f}" for run_s in each_s)
            console.print(f"{clip.label}, {name}: {medians_s[name]:.2f} s to the first frame written ({shown})")
        details[clip.label] = {"startup_s": medians_s, "runs_s": runs_s}
        figures.setdefault(f"start-up/{settings.device}", medians_s[OURS])
        bars += [Bar(CHART, clip.name, name, took_s, "s") for name, took_s in medians_s.items()]
    if python is None and not settings.no_peer:
        show_missing_peer(console)
    return Outcome({"start_up": details}, figures, bars)


def command_line(settings: StartUp, clip: BenchClip, behind: str, folder: Path) -> list[str]:
    """What a user would type after ``streamer``."""
    words = ["--input", str(clip.path), "--output", str(folder / "ours.mp4"), "--overwrite", "--background", behind]
    words += ["--device", settings.device, "--runtime", settings.runtime]
    words += ["--matte-detail", settings.matte_detail]
    return words if settings.weights is None else [*words, "--weights", str(settings.weights)]


def _ours_s(words: list[str], folder: Path) -> float:
    command = [sys.executable, "-m", "streamer.bench.first_frame", *words]
    return float(run_alone(command, folder / "first.json", OURS)["startup_s"])


def _peer_s(python: Path, clip: BenchClip, behind: str, folder: Path) -> float:
    return run_peer(python, clip.path, behind, folder).startup_s
