"""Run the live engine for an hour, with a fault every 20 seconds, and see that nothing leaks: not the room, not memory.

::

    PYTHONPATH=tests python tests/soak.py --minutes 60 --size 1280x720

The scene is that of ``red_room.py``; the network that ships works on every frame besides (its mattes are not used: it
finds no person in so plain a picture). Prints a line a minute, at the end the slope of the memory, and exits with 1 if
a red pixel was shown, memory grew, threads stayed, or nobody was seen.
"""

from __future__ import annotations

import argparse
import logging
import random
import sys
import threading
import time
from pathlib import Path

import numpy as np
from red_room import FAULTS, PROMPTS, Viewer, play

from streamer.config import StreamConfig
from streamer.controls import Controls
from streamer.frames import Size
from streamer.networks import open_matte

EVERY_S, LASTS_S = 20.0, 5.0
SETTLED_S = 300.0
"""Memory is judged after so long."""
GROWTH_ALLOWED = 0.05
"""Of the memory at that moment, over the rest of the run."""


class FaultNowAndThen:
    """One fault, or two of them together, at the end of every ``EVERY_S``."""

    def __init__(self, seed: int) -> None:
        self.active: frozenset[str] = frozenset()
        self.calm = threading.Event()
        self.calm.set()
        self.ready = threading.Event()
        self.ready.set()
        self.played: dict[str, int] = dict.fromkeys(FAULTS, 0)
        self._random = random.Random(seed)
        self._begun_at_s = time.monotonic()
        self._slot = 0

    def advance(self, index: int) -> tuple[frozenset[str], frozenset[str]]:
        before, passed_s = self.active, time.monotonic() - self._begun_at_s
        slot, in_slot_s = divmod(passed_s, EVERY_S)
        if in_slot_s < EVERY_S - LASTS_S:
            self.active = frozenset()
            self.calm.set()
        elif slot >= self._slot:
            self._slot = int(slot) + 1
            self.active = frozenset(self._random.sample(FAULTS, self._random.choice((1, 1, 2))))
            self.calm.clear()
            for fault in self.active:
                self.played[fault] += 1
        return self.active - before, before - self.active


def memory_mb() -> float:
    """Resident memory of this process, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    size = Size(*(int(side) for side in options.size.split("x")))
    logging.basicConfig(level=logging.CRITICAL)
    threads_before = set(threading.enumerate())
    network = open_matte(StreamConfig(device="cpu"))
    script = FaultNowAndThen(options.seed)
    controls = Controls(("painted", "still"), PROMPTS)
    viewer = Viewer(script, lambda has_person: None, slow_s=0.2)
    memory: list[tuple[float, float]] = []
    begun_at_s = time.monotonic()
    due_at_s = [begun_at_s]
    last_line_s = [begun_at_s]
    seen_before = [0]

    def wait(index: int) -> None:
        """Thirty frames a second, a sample of the memory now and then, and the end."""
        due_at_s[0] = max(due_at_s[0] + 1 / 30, time.monotonic() - 0.1)
        time.sleep(max(0.0, due_at_s[0] - time.monotonic()))
        now_s = time.monotonic()
        if index % 100 == 0:
            memory.append((now_s - begun_at_s, memory_mb()))
        if now_s - last_line_s[0] >= 60:
            last_line_s[0] = now_s
            minute, seen = round((now_s - begun_at_s) / 60), viewer.with_person - seen_before[0]
            seen_before[0] = viewer.with_person
            print(
                f"minute {minute}: {memory_mb():.1f} MB, {viewer.pictures} pictures, the person in {seen} of the last "
                f"minute, {viewer.leaked_px} red pixels, {threading.active_count()} threads",
                flush=True,
            )
        if now_s - begun_at_s >= 60 * options.minutes and script.calm.is_set():
            controls.request_stop()

    stats = play(script, controls, viewer, wait, size=size, work=network.segment, longest_hang_s=2 * LASTS_S)
    network.close()
    left = [thread.name for thread in threading.enumerate() if thread not in threads_before]
    print("played:", ", ".join(f"{fault} {count}" for fault, count in script.played.items()))
    snapshot = stats.snapshot()
    print(f"dropped {snapshot.dropped}, latency p50 {snapshot.latency.p50_ms:.0f} p95 {snapshot.latency.p95_ms:.0f} ms")
    print("counted:", ", ".join(f"{name} {count}" for name, count in sorted(snapshot.counters.items())))
    growth = judge_memory(memory)
    print(f"threads left: {', '.join(left) or 'none'}; red pixels: {viewer.leaked_px} in {viewer.pictures} pictures")
    failed = bool(left) or viewer.leaked_px > 0 or growth > GROWTH_ALLOWED or not viewer.with_person
    print("FAILED" if failed else "passed")
    return int(failed)


def judge_memory(memory: list[tuple[float, float]]) -> float:
    """Print the slope after the first minutes; the result is the growth, as a share of where it began."""
    settled = np.array([sample for sample in memory if sample[0] >= SETTLED_S])
    if len(settled) < 10:
        print("memory: not judged, the run was too short")
        return 0.0
    slope, start = np.polyfit(settled[:, 0], settled[:, 1], 1)
    at_first = start + slope * settled[0, 0]
    growth = slope * (settled[-1, 0] - settled[0, 0]) / at_first
    print(
        f"memory: {at_first:.1f} MB after {settled[0, 0] / 60:.0f} min, slope {60 * slope:+.4f} MB a minute, "
        f"{100 * growth:+.2f} % to the end; highest {settled[:, 1].max():.1f} MB"
    )
    return float(growth)


if __name__ == "__main__":
    sys.exit(main())
