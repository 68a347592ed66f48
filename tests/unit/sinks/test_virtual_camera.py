from __future__ import annotations

import logging
import sys
import threading
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from fakes import make_frame, wait

from streamer.errors import MissingExtra, SinkError
from streamer.frames import Image, Size
from streamer.sinks import virtual_camera
from streamer.sinks.virtual_camera import REOPEN_S, VirtualCameraSink

SIZE = Size(16, 12)


class ScriptedCamera:
    device = "/dev/video10"

    def __init__(self) -> None:
        self.sent: list[Image] = []
        self.closed = 0
        self.fault: Exception | None = None

    def send(self, image: Image) -> None:
        if self.fault is not None:
            raise self.fault
        assert image.flags.c_contiguous
        self.sent.append(image.copy())

    def close(self) -> None:
        self.closed += 1


def sink(camera: ScriptedCamera, clock: Any = lambda: 0.0) -> VirtualCameraSink:
    return VirtualCameraSink(SIZE, Fraction(30000, 1001), open_camera=lambda *_: camera, clock=clock)


def test_rgb_is_sent_as_it_is_and_grey_and_rgba_become_rgb() -> None:
    camera = ScriptedCamera()
    opened = sink(camera)
    rgb = np.full((12, 16, 3), (200, 100, 50), np.uint8)
    for image in (rgb, np.full((12, 16), 77, np.uint8), np.dstack([rgb, np.full((12, 16), 51, np.uint8)])):
        opened.write(make_frame(image=image))
    assert [tuple(image[3, 3]) for image in camera.sent] == [(200, 100, 50), (77, 77, 77), (40, 20, 10)]
    assert {image.shape for image in camera.sent} == {(12, 16, 3)}


def test_it_is_opened_with_the_size_rate_and_device_of_the_run() -> None:
    asked: list[tuple[int, int, float, str | None]] = []

    def open_camera(width: int, height: int, fps: float, device: str | None) -> ScriptedCamera:
        asked.append((width, height, fps, device))
        return ScriptedCamera()

    VirtualCameraSink(SIZE, Fraction(25), device="/dev/video10", open_camera=open_camera).close()
    assert asked == [(16, 12, 25.0, "/dev/video10")]


def test_odd_sizes_are_made_even_by_repeating_the_edge() -> None:
    asked: list[tuple[object, ...]] = []
    camera = ScriptedCamera()

    def open_camera(*arguments: object) -> ScriptedCamera:
        asked.append(arguments)
        return camera

    opened = VirtualCameraSink(Size(15, 11), Fraction(25), open_camera=open_camera)
    frame = make_frame(size=Size(15, 11))
    opened.write(frame)
    assert asked[0][:2] == (16, 12)
    (sent,) = camera.sent
    np.testing.assert_array_equal(sent[:11, :15], frame.image)
    np.testing.assert_array_equal(sent[11], sent[10])
    np.testing.assert_array_equal(sent[:, 15], sent[:, 14])


def test_a_frame_of_another_size_is_refused() -> None:
    with pytest.raises(SinkError, match="opened for 16x12, but a frame is 8x8"):
        sink(ScriptedCamera()).write(make_frame(size=Size(8, 8)))


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


TICK_MS = 15


@pytest.mark.parametrize(
    ("frame_every_ms", "sent_in_10_s"),
    [(33, 300), (40, 300), (66, 300), (500, 300), (20_000, 300), (20, 500)],
    ids=["30 fps", "25 fps", "15 fps", "2 fps", "one frame", "50 fps"],
)
def test_the_rate_is_the_announced_one_whatever_comes(frame_every_ms: int, sent_in_10_s: int) -> None:
    camera, clock = ScriptedCamera(), Clock()
    opened = VirtualCameraSink(SIZE, Fraction(30), open_camera=lambda *_: camera, clock=clock)
    opened.idle()
    assert camera.sent == []
    frame, gaps_ms, last_ms = make_frame(), [0], 0
    idled_ms = 0
    for now_ms in range(10_000):
        clock.now_s = 1000 + now_ms / 1000
        count = len(camera.sent)
        if now_ms % frame_every_ms == 0:
            opened.write(frame)
            idled_ms = now_ms
        elif now_ms - idled_ms >= TICK_MS:
            opened.idle()
            idled_ms = now_ms
        if len(camera.sent) > count:
            gaps_ms.append(now_ms - last_ms)
            last_ms = now_ms
    assert len(camera.sent) == pytest.approx(sent_in_10_s, rel=0.03)
    assert max(gaps_ms) <= 2 * 34 + TICK_MS
    assert all(np.array_equal(sent, frame.image) for sent in camera.sent)


@pytest.mark.parametrize("end", ["close", "abort"])
def test_it_gives_the_camera_back_once(end: str) -> None:
    camera = ScriptedCamera()
    opened = sink(camera)
    opened.write(make_frame())
    getattr(opened, end)()
    opened.close()
    opened.abort()
    opened.idle()
    assert camera.closed == 1
    assert len(camera.sent) == 1
    with pytest.raises(SinkError, match="is closed"):
        opened.write(make_frame())


class Cameras:
    """Opens one of a script after the other, and notes what it was asked for; an exception is raised."""

    def __init__(self, *script: ScriptedCamera | Exception) -> None:
        self.script = list(script)
        self.asked: list[tuple[object, ...]] = []
        self.gate: threading.Event | None = None

    def __call__(self, *asked: object) -> ScriptedCamera:
        self.asked.append(asked)
        if self.gate is not None:
            wait(self.gate)
        step = self.script.pop(0)
        if isinstance(step, Exception):
            raise step
        return step


def joined_opening() -> None:
    """Wait for the thread that opens the camera again, if there is one."""
    for thread in threading.enumerate():
        if thread.name == "virtual camera opening":
            thread.join(20)
            assert not thread.is_alive()


def test_a_camera_that_fails_is_opened_again_every_few_seconds(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="streamer")
    first, second, clock = ScriptedCamera(), ScriptedCamera(), Clock()
    cameras = Cameras(first, OSError("not yet"), second)
    opened = VirtualCameraSink(SIZE, Fraction(30), open_camera=cameras, clock=clock)
    opened.write(make_frame())
    first.fault = RuntimeError("device\n gone.")
    opened.write(make_frame(1))
    assert first.closed == 1
    opened.write(make_frame(2))
    assert len(cameras.asked) == 1, "not at once"
    for _ in range(2):
        clock.now_s += REOPEN_S
        opened.write(make_frame(3))
        joined_opening()
    assert cameras.asked == [(16, 12, 30.0, None), *[(16, 12, 30.0, "/dev/video10")] * 2], "the one its readers know"
    opened.write(make_frame(5))
    assert [len(first.sent), len(second.sent)] == [1, 1]
    clock.now_s += 1
    opened.idle()
    assert len(second.sent) == 2
    opened.close()
    assert second.closed == 1
    assert caplog.messages == [
        "the virtual camera /dev/video10 failed: device gone; it is opened again when it is back",
        "the virtual camera /dev/video10 is back",
    ]


def test_an_opening_that_hangs_holds_up_nobody_and_its_late_camera_is_given_back() -> None:
    first, late, clock = ScriptedCamera(), ScriptedCamera(), Clock()
    cameras = Cameras(first, late)
    opened = VirtualCameraSink(SIZE, Fraction(30), open_camera=cameras, clock=clock)
    first.fault = OSError("gone")
    opened.write(make_frame())
    cameras.gate = threading.Event()
    for _ in range(3):
        clock.now_s += REOPEN_S
        opened.write(make_frame())
        opened.idle()
    opened.close()
    cameras.gate.set()
    joined_opening()
    assert (late.closed, len(late.sent), len(cameras.asked)) == (1, 0, 2)


def test_without_the_package_the_pip_line_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyvirtualcam", None)
    with pytest.raises(MissingExtra, match="pip install pyvirtualcam"):
        VirtualCameraSink(SIZE, Fraction(30))


def test_without_a_device_the_reason_and_the_way_to_one_are_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(virtual_camera, "why_not_opened", lambda device: f"make {device}")
    cameras = Cameras(RuntimeError("'backend' says: no device.\nReally."))
    with pytest.raises(SinkError) as caught:
        VirtualCameraSink(SIZE, Fraction(30), device="/dev/video9", open_camera=cameras)
    assert str(caught.value) == "/dev/video9 cannot be opened ('backend' says: no device. Really); make /dev/video9"


@pytest.mark.skipif(sys.platform != "linux", reason="a Linux device")
def test_the_real_package_without_a_device_ends_in_the_same_error() -> None:
    pytest.importorskip("pyvirtualcam")
    with pytest.raises(SinkError, match=r"modprobe v4l2loopback|streamer devices"):
        VirtualCameraSink(SIZE, Fraction(30), device="/dev/video63")
