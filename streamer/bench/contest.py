"""Running the program and its peer in turns over the same clip, each time in a fresh process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

from streamer.errors import StreamerError

OURS, PEER = "backlot", "MediaPipe loop"
PEER_LOOP = Path(__file__).parent / "peers" / "mediapipe_loop.py"
ROOT = Path(__file__).parents[2]
"""A clone need not be installed."""
STARTED_AT = "STREAMER_BENCH_STARTED_AT_S"
"""Environment variable: when a child was started, on ``time.perf_counter``, which is one clock for all processes."""

Measured = TypeVar("Measured")


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
    """From the start of the process to the first frame written: interpreter, imports, models, buffers."""
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
    against: str = PEER
    """The program that ours is compared with."""
    runs: dict[str, list[Run]] = field(default_factory=dict)
    """By program, in the order of the rounds."""

    @property
    def ratio(self) -> float | None:
        """Our frame rate over the other program's, medians of the rounds; None without that one."""
        if self.against not in self.runs:
            return None
        return self.median(OURS, lambda run: run.fps) / self.median(self.against, lambda run: run.fps)

    def median(self, program: str, of: Callable[[Run], float]) -> float:
        """The median over the rounds."""
        return median(of(run) for run in self.runs[program])


def compete(
    clip: str,
    programs: Mapping[str, Callable[[], Run]],
    rounds: int,
    on_run: Callable[[str], None],
    *,
    against: str = PEER,
) -> Contest:
    """Let every program run once in each round; see ``take_turns``."""

    def say(name: str, round_index: int, run: Run) -> None:
        on_run(f"{clip}, round {round_index + 1} of {rounds}: {name} {run.fps:.1f} fps")

    return Contest(clip, against, take_turns(programs, rounds, say))


def take_turns(
    programs: Mapping[str, Callable[[], Measured]], rounds: int, on_one: Callable[[str, int, Measured], None]
) -> dict[str, list[Measured]]:
    """What every program gave in each round. They are first in turns, so that drift of the machine hits all alike.

    Args:
        programs: by name; each call measures once.
        rounds: how often each is called.
        on_one: told the name, the index of the round, and what was measured.
    """
    measured: dict[str, list[Measured]] = {name: [] for name in programs}
    for round_index in range(rounds):
        order = list(programs)
        for name in order if round_index % 2 == 0 else reversed(order):
            measured[name].append(programs[name]())
            on_one(name, round_index, measured[name][-1])
    return measured


def run_ours(settings: Mapping[str, object], folder: Path) -> Run:
    """Run the program with these settings of ``StreamConfig`` in a process of its own.

    Raises:
        StreamerError: it failed; the message is its own.
    """
    job, result = folder / "settings.json", folder / "ours.json"
    job.write_text(json.dumps(settings))
    return Run(**run_alone([sys.executable, "-m", "streamer.bench.ours", str(job)], result, OURS))


def run_peer(python: Path, clip: Path, background: str, folder: Path) -> Run:
    """Run MediaPipe's loop with the interpreter ``python``.

    Raises:
        StreamerError: it failed; the message is the last line of what it said.
    """
    out = str(folder / "peer.mp4")
    command = [str(python), str(PEER_LOOP), str(clip), out, background]
    return Run(**run_alone(command, folder / "peer.json", PEER))


def run_alone(command: list[str], result: Path, name: str) -> dict[str, Any]:
    """Run a command that writes what it measured, as JSON, to the file that is its last word.

    Args:
        command: without that last word.
        result: the file.
        name: of the program, for people.

    Raises:
        StreamerError: it failed; the message is the last line of what it said.
    """
    result.unlink(missing_ok=True)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        STARTED_AT: repr(time.perf_counter()),
    }
    done = subprocess.run(
        [*command, str(result)], capture_output=True, text=True, errors="replace", check=False, env=environment
    )
    if done.returncode != 0 or not result.is_file():
        said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise StreamerError(f"{name} failed in the bench: {said[-1]}")
    measured: dict[str, Any] = json.loads(result.read_text())
    return measured
