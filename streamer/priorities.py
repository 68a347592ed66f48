"""Which threads get the processor first when there are too few cores for all."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

YIELDING = 15
"""Steps of niceness: enough that a thread of ours that is ready to run nearly always runs."""

PAINTER_NICENESS = 19
"""Steps of niceness of a process that paints: frames come first, and what they leave is the painter's."""

TURN_S = 0.0005
"""How long a thread keeps Python's lock while another one waits for it; by default it is ten times as long."""

_TASKS = Path("/proc/self/task")


@contextmanager
def yielding_threads() -> Iterator[None]:
    """Threads that a library starts inside this block let ours go first, on Linux; elsewhere nothing changes.

    Each frame is matted by one thread, and everything waits for that; a decoder's or encoder's many threads, which only
    have to keep up, would else take its turn.
    """
    if not sys.platform.startswith("linux"):
        yield
        return
    before = set(os.listdir(_TASKS))
    yield
    for thread in set(os.listdir(_TASKS)) - before:
        try:
            own = os.getpriority(os.PRIO_PROCESS, int(thread))  # of a program that was started with ``nice``: more
            os.setpriority(os.PRIO_PROCESS, int(thread), own + YIELDING)  # less than ``own`` would not be allowed
        except ProcessLookupError:
            continue  # it has ended meanwhile


def take_short_turns() -> None:
    """Let threads wait less for Python, from now on in this process.

    A thread that paints works in Python for long, and each step of a frame would wait for a whole turn of it.
    """
    sys.setswitchinterval(TURN_S)


def usable_cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def painter_threads() -> int:
    """How many threads may paint on the CPU while frames run: half of the cores, at least one."""
    return max(1, usable_cores() // 2)
