"""Where the program's threads spend their time: their stacks, looked at from a thread beside them."""

from __future__ import annotations

import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import TypeAlias

Stack: TypeAlias = tuple[str, ...]
"""The thread's name, then its functions, the outermost first."""

ROOT = Path(__file__).parents[2]
OURS = (str(ROOT / "streamer"), str(ROOT / "models"))
INTERVAL_S = 0.003
WAITING = (threading.__file__, str(ROOT / "streamer" / "channels.py"))
"""A thread whose innermost function is here waits for another one, and costs nothing."""
NO_WORK = (str(ROOT / "streamer" / "bench"), str(ROOT / "streamer" / "cli.py"))
"""Ours, and not what is looked at."""


class StackSampler:
    """Adds up, for every stack of our functions, the seconds that a thread stood in it.

    What libraries do counts for the function of ours that called them. Threads of decoders, encoders and runtimes have
    no Python stack: of them only the time that ours waits for them is seen.
    """

    def __init__(self) -> None:
        self.seconds: defaultdict[Stack, float] = defaultdict(float)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Look at all threads while the body of the ``with`` runs."""
        enough = threading.Event()
        thread = threading.Thread(target=self._watch, args=(enough,), name="stacks")
        thread.start()
        try:
            yield
        finally:
            enough.set()
            thread.join()

    def look(self, took_s: float) -> None:
        """Give every working thread that much time where it stands now."""
        names = {thread.ident: thread.name for thread in threading.enumerate()}
        for ident, frame in sys._current_frames().items():
            if ident == threading.get_ident() or frame.f_code.co_filename in WAITING:
                continue
            stack = _functions(frame)
            if stack:
                self.seconds[(names.get(ident, "?"), *stack)] += took_s

    def _watch(self, enough: threading.Event) -> None:
        before_s = time.perf_counter()
        while not enough.wait(INTERVAL_S):
            now_s = time.perf_counter()
            self.look(now_s - before_s)
            before_s = now_s


def largest(seconds: Mapping[Stack, float], count: int = 3) -> list[tuple[str, float]]:
    """The functions in which, themselves, most time was spent: name and seconds, the largest first."""
    own: defaultdict[str, float] = defaultdict(float)
    for stack, took_s in seconds.items():
        own[stack[-1]] += took_s
    return sorted(own.items(), key=lambda item: -item[1])[:count]


def _functions(frame: FrameType | None) -> Stack:
    """Those of the program, the outermost first."""
    found = []
    while frame is not None:
        if frame.f_code.co_filename.startswith(OURS) and not frame.f_code.co_filename.startswith(NO_WORK):
            found.append(_name(frame.f_code))
        frame = frame.f_back
    return tuple(reversed(found))


def _name(code: CodeType) -> str:
    return f"{Path(code.co_filename).name}: {code.co_qualname}"
