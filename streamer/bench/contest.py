"""Running the program and its peer in turns over the same clip, each time in a fresh process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from streamer.errors import StreamerError

OURS, PEER = "backlot", "MediaPipe loop"
PEER_LOOP = Path(__file__).parent / "peers" / "mediapipe_loop.py"
ROOT = Path(__file__).parents[2]
"""A clone need not be installed."""


@dataclass(frozen=True, slots=True)
class Run:
    """One program, once over one clip. The first frame belongs to the start-up and counts nowhere else."""

    what: str
    """What really ran: network and runtime, or versions."""
    frames: int
    """After the first one."""
    seconds: float
    """From the first frame written until the file was closed."""
    cpu_s: float
    """Processor time of all threads in the same span."""
    startup_s: float
    """From the program's first line to the first frame written: imports, models, buffers."""
    stages: Mapping[str, list[float]]
    """50th, 95th and 99th percentile in milliseconds."""
    peak_rss_mb: float | None = None
    """The most memory held at any time."""

    @property
    def fps(self) -> float:
        """Frames a second from end to end."""
        return self.frames / self.seconds

    @property
    def cpu_ms(self) -> float:
        """Processor time for one frame."""
        return self.cpu_s / self.frames * 1e3


@dataclass(slots=True)
class Contest:
    """All runs over one clip."""

    clip: str
    """For people."""
    runs: dict[str, list[Run]] = field(default_factory=dict)
    """By program, in the order of the rounds."""

    @property
    def ratio(self) -> float | None:
        """Our frame rate over the peer's, medians of the rounds; None without a peer."""
        if PEER not in self.runs:
            return None
        return self.median(OURS, lambda run: run.fps) / self.median(PEER, lambda run: run.fps)

    def median(self, program: str, of: Callable[[Run], float]) -> float:
        """The median over the rounds."""
        return median(of(run) for run in self.runs[program])


def compete(
    clip: str, programs: Mapping[str, Callable[[], Run]], rounds: int, on_run: Callable[[str], None]
) -> Contest:
    """Let every program run once in each round, in turns first, so that drift of the machine hits all alike."""
    contest = Contest(clip, {name: [] for name in programs})
    for round_index in range(rounds):
        order = list(programs)
        for name in order if round_index % 2 == 0 else reversed(order):
            run = programs[name]()
            contest.runs[name].append(run)
            on_run(f"{clip}, round {round_index + 1} of {rounds}: {name} {run.fps:.1f} fps")
    return contest


def run_ours(settings: Mapping[str, object], folder: Path) -> Run:
    """Run the program with these settings of ``StreamConfig`` in a process of its own.

    Raises:
        StreamerError: it failed; the message is its own.
    """
    job, result = folder / "settings.json", folder / "ours.json"
    job.write_text(json.dumps(settings))
    return _run([sys.executable, "-m", "streamer.bench.ours", str(job)], result, OURS)


def run_peer(python: Path, clip: Path, background: str, folder: Path) -> Run:
    """Run MediaPipe's loop with the interpreter ``python``.

    Raises:
        StreamerError: it failed; the message is the last line of what it said.
    """
    out = str(folder / "peer.mp4")
    return _run([str(python), str(PEER_LOOP), str(clip), out, background], folder / "peer.json", PEER)


def _run(command: list[str], result: Path, name: str) -> Run:
    result.unlink(missing_ok=True)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(
        [*command, str(result)], capture_output=True, text=True, errors="replace", check=False, env=environment
    )
    if done.returncode != 0 or not result.is_file():
        said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise StreamerError(f"{name} failed in the bench: {said[-1]}")
    return Run(**json.loads(result.read_text()))
