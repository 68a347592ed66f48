"""``streamer bench speed``: the program from file to file, beside a user's own loop."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from streamer.bench import report
from streamer.bench.contest import OURS, PEER, Contest, compete, run_ours, run_peer
from streamer.bench.inputs import background_for, clips_for, program_settings
from streamer.bench.outcome import Bar, Outcome
from streamer.bench.settings import Speed
from streamer.peer_python import find_peer

if TYPE_CHECKING:
    from rich.console import Console

CHART = "file to file"


def measure_speed(settings: Speed, folder: Path, console: Console) -> Outcome:
    """Run both programs over each clip with each background."""
    peer = None if settings.no_peer else find_peer(settings.peer_python)
    ours = {**program_settings(settings), "output": [str(folder / "ours.mp4")], "overwrite": True}
    contests: list[object] = []
    figures: dict[str, float] = {}
    bars: list[Bar] = []
    for clip in clips_for(settings, folder):
        for background in settings.backgrounds:
            behind = background_for(background, folder)
            job = {**ours, "input": str(clip.path), "background": [behind]}
            programs = {OURS: partial(run_ours, job, folder)}
            if peer is not None:
                programs[PEER] = partial(run_peer, peer, clip.path, behind, folder)
            label = f"{clip.label}, background {background}"
            contest = compete(label, programs, settings.rounds, lambda line: console.print(line, style="dim"))
            report.show_contest(console, contest)
            contests.append(report.contest_facts(contest))
            bars += _bars(contest, f"{clip.name}, {Path(background).name}")
            if contest.ratio is not None:
                figures[f"speed/{settings.device}/{clip.name}/{background}"] = contest.ratio
    if peer is None and not settings.no_peer:
        report.show_missing_peer(console)
    return Outcome({"contests": contests}, figures, bars)


def _bars(contest: Contest, group: str) -> list[Bar]:
    return [Bar(CHART, group, name, contest.median(name, lambda run: run.fps), "fps") for name in contest.runs]
