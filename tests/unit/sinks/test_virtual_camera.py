from __future__ import annotations

import sys
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from fakes import make_frame

from streamer.errors import MissingExtra, SinkError
from streamer.frames import Image, Size
from streamer.sinks.virtual_camera import VirtualCameraSink

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


def test_the_last_frame_is_sent_again_while_nothing_comes() -> None:
    camera, now_s = ScriptedCamera(), 10.0
    opened = sink(camera, clock=lambda: now_s)
    opened.idle()
    assert camera.sent == []
    opened.write(make_frame())
    now_s = 10.1
    opened.idle()
    assert len(camera.sent) == 1
    now_s = 10.3
    opened.idle()
    opened.idle()
    assert len(camera.sent) == 2
    np.testing.assert_array_equal(camera.sent[0], camera.sent[1])


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


def test_a_send_that_fails_is_one_line() -> None:
    camera = ScriptedCamera()
    opened = sink(camera)
    camera.fault = RuntimeError("device\n gone.")
    with pytest.raises(SinkError, match=r"^the virtual camera /dev/video10 failed: device gone$"):
        opened.write(make_frame())


def test_without_the_package_the_pip_line_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyvirtualcam", None)
    with pytest.raises(MissingExtra, match="pip install pyvirtualcam"):
        VirtualCameraSink(SIZE, Fraction(30))


@pytest.mark.parametrize(("platform", "told"), [("linux", "sudo modprobe v4l2loopback"), ("darwin", "OBS Studio")])
def test_without_a_device_the_way_to_one_is_told(monkeypatch: pytest.MonkeyPatch, platform: str, told: str) -> None:
    monkeypatch.setattr(sys, "platform", platform)

    def none_found(*_: object) -> ScriptedCamera:
        raise RuntimeError("'backend' says: no device.\nReally.")

    with pytest.raises(SinkError, match=told) as caught:
        VirtualCameraSink(SIZE, Fraction(30), open_camera=none_found)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(sys.platform != "linux", reason="a Linux device")
def test_the_real_package_without_a_device_ends_in_the_same_error() -> None:
    pytest.importorskip("pyvirtualcam")
    with pytest.raises(SinkError, match="modprobe v4l2loopback"):
        VirtualCameraSink(SIZE, Fraction(30), device="/dev/video63")
