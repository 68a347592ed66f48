"""Which threads get the processor first when there are too few cores for all."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

YIELDING = 5
"""Steps of niceness: enough that a thread of ours that is ready to run nearly always runs."""

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
            os.setpriority(os.PRIO_PROCESS, int(thread), YIELDING)
        except ProcessLookupError:
            continue  # it has ended meanwhile
