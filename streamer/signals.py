"""Ctrl-C, SIGTERM and SIGHUP as requests, so that none cuts a write in two."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def signals_heeded(on_interrupt: Callable[[], None], on_terminate: Callable[[], None]) -> Iterator[None]:
    """Within the ``with``, the first Ctrl-C and any SIGTERM are calls; every further Ctrl-C is a ``KeyboardInterrupt``.

    SIGHUP, which a terminal sends whose window is closed, is as SIGTERM.

    The calls are made on the main thread between two steps of whatever runs there, so they must take no lock. Nothing
    changes on another thread, nor for a signal that the program around handles or ignores already.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    is_interrupted = False

    def interrupt(number: int, at: FrameType | None) -> None:
        nonlocal is_interrupted
        if is_interrupted:
            raise KeyboardInterrupt
        is_interrupted = True
        on_interrupt()

    def terminate(number: int, at: FrameType | None) -> None:
        on_terminate()

    replaced = []
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        replaced.append((signal.SIGINT, signal.signal(signal.SIGINT, interrupt)))
    for name in ("SIGTERM", "SIGHUP"):  # Windows has no SIGHUP
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            replaced.append((number, signal.signal(number, terminate)))
    try:
        yield
    finally:
        for number, handler in replaced:
            signal.signal(number, handler)


@contextmanager
def interrupts_held_back() -> Iterator[None]:
    """A process started meanwhile is deaf to Ctrl-C from its first moment: the terminal sends it to both."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
