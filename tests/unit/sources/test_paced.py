from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from fakes import ScriptedSource, wait

from streamer.frames import Frame
from streamer.sources.paced import PacedSource
from streamer.yuv import to_planes


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.now_s

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now_s += seconds


def test_each_frame_waits_for_its_time_and_counts_as_captured_then() -> None:
    clock = Clock()
    source = PacedSource(ScriptedSource(4), clock=clock, wait=clock.wait)
    assert source.info.is_live
    frames = list(source)
    assert clock.waits == pytest.approx([0.04] * 3)
    assert [frame.captured_at_s for frame in frames] == pytest.approx([100.0, 100.04, 100.08, 100.12])
    assert [frame.pts_s for frame in frames] == pytest.approx([0.0, 0.04, 0.08, 0.12])


def test_a_frame_that_is_watched_comes_as_rgb_alone() -> None:
    class Decoding(ScriptedSource):
        def __iter__(self) -> Iterator[Frame]:
            for frame in super().__iter__():
                planes = to_planes(frame.image, 1, full_range=False)
                yield frame.with_image(lambda image=frame.image: image, planes)  # type: ignore[misc]

    clock = Clock()
    for frame in PacedSource(Decoding(2), clock=clock, wait=clock.wait):
        assert frame.planes is None
        assert not callable(frame.drawing)


def test_late_frames_pass_at_once_and_the_pace_is_kept() -> None:
    clock = Clock()
    waits = []
    for frame in PacedSource(ScriptedSource(5), clock=clock, wait=clock.wait):
        waits.append(len(clock.waits))
        if frame.index == 1:
            clock.now_s += 0.1  # decoding stalls for two and a half frames
    assert waits == [0, 1, 1, 1, 2]
    assert clock.now_s == pytest.approx(100.16)


def test_close_from_another_thread_ends_a_wait_and_closes_the_source() -> None:
    inner = ScriptedSource(2)
    times = iter([0.0, 0.0, 0.0])
    waiting = threading.Event()

    def clock() -> float:
        now_s = next(times, None)
        if now_s is None:
            waiting.set()
            return -1000.0  # the second frame is due in a thousand seconds
        return now_s

    source = PacedSource(inner, clock=clock)
    seen: list[int] = []
    reader = threading.Thread(target=lambda: seen.extend(frame.index for frame in source))
    reader.start()
    wait(waiting)
    source.close()
    reader.join(20)
    assert not reader.is_alive()
    assert seen == [0]
    assert inner.closed == 1


def test_bad_frames_are_those_of_the_source() -> None:
    inner = ScriptedSource(1)
    inner.bad_frames = 7
    assert PacedSource(inner).bad_frames == 7
