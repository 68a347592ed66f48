from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from fakes import WAIT_S, Connection, Openings, secret_image, wait

from streamer.errors import SourceError
from streamer.frames import Frame, Image, Size
from streamer.sources import kept_camera
from streamer.sources.camera import CameraSource
from streamer.sources.kept_camera import STEADY_S, KeptCamera

PICTURE = secret_image()
UNPLUGGED = SourceError("camera 7 stopped giving pictures")
NOT_THERE = SourceError("camera 7 is not plugged in")


def kept(*script: Connection | Exception) -> KeptCamera:
    """A camera that is looked for again at once."""
    return KeptCamera(Openings(*script), first_pause_s=0.0, longest_pause_s=0.0)


@contextmanager
def iterating(source: KeptCamera) -> Iterator[tuple[list[Frame], threading.Thread]]:
    """Read the source to its end on a thread of its own."""
    frames: list[Frame] = []
    thread = threading.Thread(target=lambda: frames.extend(source))
    thread.start()
    try:
        yield frames, thread
    finally:
        source.close()
        thread.join(WAIT_S)
        assert not thread.is_alive()


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def infos(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.INFO]


@pytest.fixture(autouse=True)
def _heard(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="streamer")


def test_a_camera_that_fails_is_opened_again_and_its_frames_go_on_counting(caplog: pytest.LogCaptureFixture) -> None:
    first, second = Connection(PICTURE, PICTURE, UNPLUGGED), Connection(PICTURE, PICTURE)
    source = kept(first, NOT_THERE, NOT_THERE, second)
    frames = list(itertools.islice(source, 4))
    source.close()
    assert [frame.index for frame in frames] == [0, 1, 2, 3]
    times = [frame.pts_s for frame in frames]
    assert times == sorted(times)
    assert times[0] == 0.0
    assert first.has_closed.is_set()
    assert second.has_closed.is_set()
    assert warnings(caplog) == ["camera 7 stopped giving pictures; waiting until it is back"]
    assert infos(caplog) == ["camera 7 is back"]


def test_each_failure_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    source = kept(*[Connection(PICTURE, UNPLUGGED)] * 3)
    list(itertools.islice(source, 3))
    source.close()
    assert len(warnings(caplog)) == len(infos(caplog)) == 2


class NoWait(threading.Event):
    """Notes how long it was to be waited for, and does not wait."""

    def __init__(self) -> None:
        super().__init__()
        self.pauses_s: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.pauses_s.append(timeout)
        return self.is_set()


class Lasting(Connection):
    """Gives two pictures that were captured so many seconds apart, and fails."""

    def __init__(self, lasted_s: float) -> None:
        super().__init__(PICTURE, PICTURE, UNPLUGGED)
        self._lasted_s = lasted_s

    def __iter__(self) -> Iterator[Frame]:
        for frame in super().__iter__():
            yield replace(frame, captured_at_s=frame.captured_at_s + frame.index * self._lasted_s)


@pytest.mark.parametrize(("lasted_s", "last_s"), [(0.0, 5.0), (STEADY_S + 1, 0.5)], ids=["it failed soon", "it lasted"])
def test_pauses_grow_and_begin_anew_after_a_camera_that_lasted(lasted_s: float, last_s: float) -> None:
    source = KeptCamera(
        Openings(Connection(PICTURE, UNPLUGGED), *[NOT_THERE] * 6, Lasting(lasted_s), Connection(PICTURE))
    )
    source._closing = pauses = NoWait()
    list(itertools.islice(source, 4))
    source.close()
    assert pauses.pauses_s == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0, 5.0, last_s]


def test_silence_before_the_failure_makes_no_sound_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_camera, "STEADY_S", 1e-9)  # less than any silence
    source = KeptCamera(Openings(*[Connection(PICTURE, UNPLUGGED)] * 4))
    source._closing = pauses = NoWait()
    list(itertools.islice(source, 4))
    source.close()
    assert pauses.pauses_s == [0.5, 1.0, 2.0]


def test_what_cannot_be_opened_at_the_start_is_an_error_at_once() -> None:
    openings = Openings(NOT_THERE, Connection())
    with pytest.raises(SourceError, match="not plugged in"):
        KeptCamera(openings)
    assert openings.count == 1


def test_what_is_no_failure_of_the_camera_ends_it() -> None:
    with pytest.raises(ZeroDivisionError):
        list(kept(Connection(PICTURE, UNPLUGGED), ZeroDivisionError("a bug")))


def test_a_stream_that_has_an_end_ends() -> None:
    openings = Openings(Connection(PICTURE, PICTURE, ends=True), Connection(PICTURE))
    assert len(list(KeptCamera(openings))) == 2
    assert openings.count == 1


def test_damaged_frames_of_all_connections_are_counted() -> None:
    source = kept(Connection(PICTURE, UNPLUGGED, bad_frames=2), Connection(PICTURE, bad_frames=3))
    list(itertools.islice(source, 2))
    assert source.bad_frames == 5
    source.close()


class Capture:
    """A camera that gives a few pictures of one size."""

    def __init__(self, size: Size, count: int) -> None:
        self.released = 0
        self._picture = np.zeros((size.height, size.width, 3), np.uint8)
        self._picture[:, : size.width // 2] = 200
        self._left = count

    def isOpened(self) -> bool:  # noqa: N802
        return True

    def set(self, prop: int, value: float) -> bool:
        return False

    def get(self, prop: int) -> float:
        return 0.0

    def read(self) -> tuple[bool, Image | None]:
        self._left -= 1
        return (True, self._picture) if self._left >= 0 else (False, None)

    def release(self) -> None:
        self.released += 1


@pytest.mark.parametrize("size", [Size(40, 20), Size(100, 200), Size(64, 48)])
def test_another_size_is_fitted_to_the_one_of_the_start(size: Size) -> None:
    captures = [Capture(Size(64, 48), 2), Capture(size, 2)]
    left = list(captures)
    source = KeptCamera(
        lambda: CameraSource(7, timeout_s=0.05, open_capture=lambda device, backend: left.pop(0)),
        first_pause_s=0.0,
    )
    frames = iter(source)
    first = next(frames)
    second = next(frame for frame in frames if len(left) == 0)
    source.close()
    assert source.info.size == first.size == second.size == (64, 48)
    assert second.image[24, 5].tolist() == [200] * 3, "it fills the picture"
    assert second.image[24, 58].tolist() == [0] * 3, "its middle is kept"
    assert [capture.released for capture in captures] == [1, 1], "each is given back once, by its own reader"


def test_a_camera_that_comes_back_with_pictures_of_no_known_kind_is_waited_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    odd = Capture(Size(64, 48), 1)
    odd.read = lambda: (True, np.zeros((48, 64, 2), np.uint8))  # type: ignore[method-assign]
    sound = Capture(Size(64, 48), 2)
    left = [Capture(Size(64, 48), 2), odd, sound]
    source = KeptCamera(
        lambda: CameraSource(7, timeout_s=0.05, open_capture=lambda device, backend: left.pop(0)),
        first_pause_s=0.0,
    )
    next(frame for frame in source if not left)
    source.close()
    assert odd.released == sound.released == 1
    assert len(warnings(caplog)) == 1


def test_close_ends_a_long_pause_at_once() -> None:
    lost = Connection(PICTURE, UNPLUGGED)
    source = KeptCamera(Openings(lost), first_pause_s=1000.0)
    with iterating(source):
        wait(lost.has_closed)


def test_a_camera_that_never_comes_back_is_looked_for_until_the_end(caplog: pytest.LogCaptureFixture) -> None:
    tried = threading.Event()

    class Counted(Openings):
        def __call__(self) -> Connection:
            if self.count == 20:
                tried.set()
            return super().__call__()

    source = KeptCamera(Counted(Connection(PICTURE, UNPLUGGED), NOT_THERE), first_pause_s=0.0, longest_pause_s=0.0)
    with iterating(source) as (frames, _):
        wait(tried)
    assert len(frames) == 1
    assert len(warnings(caplog)) == 1
    assert not infos(caplog)


def test_an_opening_that_hangs_holds_up_nobody_and_its_late_camera_is_given_back() -> None:
    begun, release = threading.Event(), threading.Event()
    late = Connection(PICTURE)
    openings: list[Callable[[], Connection]] = [lambda: Connection(PICTURE, UNPLUGGED)]

    def hang() -> Connection:
        begun.set()
        wait(release)
        return late

    openings.append(hang)
    source = KeptCamera(lambda: openings.pop(0)(), first_pause_s=0.0)
    with iterating(source) as (frames, thread):
        wait(begun)
        source.close()
        thread.join(WAIT_S)
        assert not thread.is_alive()
    assert len(frames) == 1
    assert not late.has_closed.is_set()
    release.set()
    wait(late.has_closed)


def test_a_camera_that_nobody_wants_is_off_and_comes_back_when_it_is_wanted(caplog: pytest.LogCaptureFixture) -> None:
    wanted = threading.Event()
    wanted.set()
    first, second = Connection(*[PICTURE] * 10), Connection(PICTURE)
    openings = Openings(first, second)
    source = KeptCamera(openings)
    source.keep_open_while(wanted.is_set)
    frames = iter(source)
    assert next(frames).index == 0
    assert not source.is_asleep
    wanted.clear()
    later: list[Frame] = []
    reader = threading.Thread(target=lambda: later.append(next(frames)))
    reader.start()
    wait(first.has_closed)
    assert source.is_asleep
    assert openings.count == 1
    wanted.set()
    reader.join(WAIT_S)
    assert [frame.index for frame in later] == [1]
    assert not source.is_asleep
    source.close()
    assert not warnings(caplog)
    assert infos(caplog) == ["camera 7 is off until its picture is wanted", "camera 7 is on again"]


def test_a_camera_that_is_gone_when_it_is_wanted_again_is_lost_and_no_longer_asleep(
    caplog: pytest.LogCaptureFixture,
) -> None:
    asked = iter([True, False, False])
    source = KeptCamera(Openings(Connection(PICTURE, PICTURE), NOT_THERE), first_pause_s=1000.0)
    source.keep_open_while(lambda: next(asked, True))
    lost = threading.Event()

    class Heard(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.levelno == logging.WARNING:
                lost.set()

    kept_camera.logger.addHandler(handler := Heard())
    try:
        with iterating(source):
            wait(lost)
    finally:
        kept_camera.logger.removeHandler(handler)
    assert not source.is_asleep
    assert warnings(caplog) == ["camera 7 is not plugged in; waiting until it is back"]


def test_close_ends_a_rest_and_wakes_no_camera() -> None:
    first = Connection(PICTURE)
    openings = Openings(first)
    source = KeptCamera(openings)
    source.keep_open_while(lambda: False)
    with iterating(source) as (frames, _):
        wait(first.has_closed)
    for thread in threading.enumerate():
        if thread.name.endswith("opening"):
            thread.join(WAIT_S)
    assert not frames
    assert openings.count == 1


def test_closed_before_it_was_read_it_gives_nothing() -> None:
    first = Connection(PICTURE)
    source = KeptCamera(Openings(first))
    source.close()
    source.close()
    assert list(source) == []
    assert first.has_closed.is_set()
