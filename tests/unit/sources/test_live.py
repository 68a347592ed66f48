from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import pytest
from fakes import wait

from streamer.errors import SourceError
from streamer.frames import Image, Size
from streamer.sources.live import NewestFrames

SIZE = Size(8, 6)


def picture(value: int, size: Size = SIZE) -> Image:
    return np.full((size.height, size.width, 3), value, np.uint8)


class Device:
    """Gives what the script holds; a callable in it is called and its answer given."""

    def __init__(self, *script: Image | Exception | Callable[[], Image | None] | None) -> None:
        self.script = list(script)
        self.released = 0
        self.has_released = threading.Event()

    def read(self) -> Image | None:
        step = self.script.pop(0)
        if isinstance(step, Exception):
            raise step
        return step() if callable(step) else step

    def release(self) -> None:
        self.released += 1
        self.has_released.set()


def newest(device: Device, timeout_s: float = 20.0) -> NewestFrames:
    return NewestFrames("camera 3", SIZE, device.read, device.release, timeout_s=timeout_s)


def test_frames_that_nobody_took_give_way_to_the_newest_and_leave_a_gap_in_the_index() -> None:
    taken, drained = threading.Event(), threading.Event()

    def all_given() -> None:
        drained.set()

    def after_the_first_was_taken() -> Image:
        wait(taken)
        return picture(1)

    device = Device(picture(0), after_the_first_was_taken, picture(2), picture(3), all_given)
    frames = iter(newest(device))
    first = next(frames)
    taken.set()
    wait(drained)
    rest = list(frames)
    assert first.index == 0
    assert [frame.index for frame in rest] == [3]
    assert rest[0].image[0, 0, 0] == 3
    assert rest[0].pts_s >= first.pts_s == 0.0


def test_a_failure_of_the_device_reaches_the_reader_with_its_own_words() -> None:
    device = Device(SourceError("camera 3 caught fire"))
    with pytest.raises(SourceError, match="caught fire"):
        list(newest(device))
    wait(device.has_released)


def test_another_size_in_midstream_is_an_error_and_never_a_frame() -> None:
    device = Device(picture(0, Size(4, 4)))
    with pytest.raises(SourceError, match="from 8x6 to 4x4"):
        list(newest(device))
    wait(device.has_released)


def test_a_read_that_hangs_ends_in_an_error_in_time() -> None:
    release = threading.Event()

    def hang() -> None:
        wait(release)

    frames = newest(Device(hang), timeout_s=0.05)
    with pytest.raises(SourceError, match=r"camera 3 gave no picture for 0\.05 s"):
        next(iter(frames))
    release.set()
    frames.close()


def test_close_from_another_thread_ends_a_waiting_iteration_although_the_read_still_hangs() -> None:
    entered, release, ended = threading.Event(), threading.Event(), threading.Event()

    def hang() -> Image:
        entered.set()
        wait(release)
        return picture(9)

    device = Device(hang)
    frames = newest(device)
    seen: list[object] = []

    def read_all() -> None:
        seen.extend(frames)
        ended.set()

    reader = threading.Thread(target=read_all)
    reader.start()
    wait(entered)
    closer = threading.Thread(target=frames.close)
    closer.start()
    wait(ended)
    assert not seen
    assert device.released == 0, "a device must not be released under a read"
    release.set()
    wait(device.has_released)
    for thread in (reader, closer):
        thread.join()
    frames.close()
    assert device.released == 1


def test_a_device_that_was_never_read_is_released_once() -> None:
    device = Device()
    frames = newest(device)
    frames.close()
    frames.close()
    assert device.released == 1
    assert list(frames) == []


def test_it_can_be_iterated_once() -> None:
    frames = newest(Device(None))
    assert list(frames) == []
    with pytest.raises(RuntimeError, match="once"):
        next(iter(frames))
