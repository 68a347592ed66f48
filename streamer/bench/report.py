"""What was measured, as tables for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from statistics import median

from rich import box
from rich.console import Console
from rich.table import Table

from streamer.bench.contest import OURS, Contest, Run
from streamer.peer_python import PEER_HINT

PERCENTILES = ("p50", "p95", "p99")
MEANING = {
    "capture": "decode, to RGB",
    "network": "  scale down, network",
    "settle": "  clean plate, steadying",
    "segment": "network + settle",
    "background": "picture behind",
    "refine": "  edges at full size",
    "composite": "edges, their colours, lay over",
    "render": "background + composite",
    "output": "to YUV, encode, mux",
    "decode": "read, to BGR",
    "matte": "everything up to the alpha",
    "encode": "encode, mux",
}
"""What the stages of the two programs contain."""
PLAIN_WIDTH = 120


def open_console() -> Console:
    """For standard output; plain and wide enough for the tables when that is no terminal."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=PLAIN_WIDTH)


def show_machine(console: Console, machine: Mapping[str, str], settings: Mapping[str, object]) -> None:
    """One line for the machine, one for the settings."""
    console.print("machine: " + ", ".join(f"{name} {value}" for name, value in machine.items()), soft_wrap=True)
    console.print("settings: " + ", ".join(f"{name} {value}" for name, value in settings.items()), soft_wrap=True)


def show_contest(console: Console, contest: Contest) -> None:
    """Frame rates, then the stages."""
    console.print()
    for name, runs in contest.runs.items():
        console.print(f"{name}: {runs[0].what}")
    table = _titled_table(console, f"{contest.clip}: frames a second, from file to file")
    for heading in ("", "fps", "each round", "ratio", "CPU ms/frame", "start-up s", "peak MB"):
        table.add_column(heading, justify="left" if heading == "" else "right")
    for name, runs in contest.runs.items():
        ratio = {OURS: f"{contest.ratio:.2f}", contest.against: "1"}.get(name, "") if contest.ratio else ""
        memory = [run.peak_rss_mb for run in runs if run.peak_rss_mb is not None]
        table.add_row(
            name,
            f"{contest.median(name, lambda run: run.fps):.1f}",
            " ".join(f"{run.fps:.1f}" for run in runs),
            ratio,
            f"{contest.median(name, lambda run: run.cpu_ms):.1f}",
            f"{contest.median(name, lambda run: run.startup_s):.1f}",
            f"{max(memory):.0f}" if memory else "",
        )
    console.print(table)
    _show_stages(console, contest)


def show_missing_peer(console: Console) -> None:
    """Say how to get the row that is missing."""
    console.print(f"MediaPipe is not installed here, so its loop was left out. To have it: {PEER_HINT}", soft_wrap=True)


def contest_facts(contest: Contest) -> dict[str, object]:
    """A contest for JSON."""
    programs = {
        name: {
            "fps": contest.median(name, lambda run: run.fps),
            "stages_ms": _stages(runs),
            "runs": [{**asdict(run), "fps": run.fps} for run in runs],
        }
        for name, runs in contest.runs.items()
    }
    return {"clip": contest.clip, "ratio": contest.ratio, "programs": programs}


def _stages(runs: list[Run]) -> dict[str, dict[str, float]]:
    """Medians of the rounds' percentiles."""
    return {
        stage: {p: median(run.stages[stage][index] for run in runs) for index, p in enumerate(PERCENTILES)}
        for stage in runs[0].stages
    }


def _show_stages(console: Console, contest: Contest) -> None:
    table = _titled_table(console, f"{contest.clip}: milliseconds a frame in each stage")
    for heading in ("", "stage", "what it does", *PERCENTILES):
        table.add_column(heading, justify="right" if heading in PERCENTILES else "left")
    for name, runs in contest.runs.items():
        for stage, times_ms in _stages(runs).items():
            shown = (f"{times_ms[p]:.1f}" for p in PERCENTILES)
            table.add_row(name, stage, MEANING.get(stage, ""), *shown)
        table.add_section()
    console.print(table)


def _titled_table(console: Console, title: str) -> Table:
    console.print(title, style="bold", soft_wrap=True)  # not the table's own title: that wraps at the table's width
    return Table(box=box.SIMPLE if console.is_terminal else box.ASCII2)
