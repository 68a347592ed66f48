from __future__ import annotations

import os
import sys
import threading

import pytest

from streamer.priorities import TURN_S, YIELDING, painter_threads, take_short_turns, usable_cores, yielding_threads


def niceness(thread: threading.Thread) -> int:
    assert thread.native_id is not None
    return os.getpriority(os.PRIO_PROCESS, thread.native_id)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="threads have a niceness of their own only on Linux")
def test_only_threads_started_inside_yield() -> None:
    end = threading.Event()
    outside, inside = (threading.Thread(target=end.wait) for _ in range(2))
    own = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    try:
        outside.start()
        with yielding_threads():
            inside.start()
        assert niceness(inside) == min(19, own + YIELDING)  # also where the tests themselves were started with nice
        assert niceness(outside) == own
        assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == own
    finally:
        end.set()
        outside.join()
        inside.join()


def test_elsewhere_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(os, "setpriority", None, raising=False)
    with yielding_threads():
        pass


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 1), (3, 1), (8, 4)])
def test_painter_leaves_half_of_the_cores_to_the_frames(
    monkeypatch: pytest.MonkeyPatch, cores: int, threads: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(cores)), raising=False)
    assert usable_cores() == cores
    assert painter_threads() == threads


def test_threads_take_short_turns_once_asked_to(usual_turns: float) -> None:
    assert usual_turns > TURN_S
    take_short_turns()
    assert sys.getswitchinterval() == pytest.approx(TURN_S)
