from __future__ import annotations

import logging
import sys

import cv2
import numpy as np
import pytest

from streamer.errors import SourceError
from streamer.frames import Size
from streamer.sources import open_source
from streamer.sources.camera import CameraRequest, CameraSource, silence_opencv

BLUE_IN_BGR = (255, 0, 0)
MJPG = float(cv2.VideoWriter.fourcc(*"MJPG"))


SIZE = Size(64, 48)


class ScriptedCapture:
    """A camera that has only one size, whatever it is asked for."""

    def __init__(self, *, opens: bool = True, fails: int = 0, count: int = 3, size: Size = SIZE) -> None:
        self.asked: list[tuple[int, float]] = []
        self.fps = 30.0
        self.fourcc = MJPG
        self.released = 0
        self.reads = 0
        self._opens = opens
        self._fails = fails
        self._count = count
        self._size = size

    def isOpened(self) -> bool:  # noqa: N802
        return self._opens

    def set(self, prop: int, value: float) -> bool:
        self.asked.append((prop, value))
        return False

    def get(self, prop: int) -> float:
        return {cv2.CAP_PROP_FPS: self.fps, cv2.CAP_PROP_FOURCC: self.fourcc}.get(prop, 9999.0)

    def read(self) -> tuple[bool, np.ndarray | None]:
        self.reads += 1
        if self.reads <= self._fails or self.reads > self._fails + self._count:
            return False, None
        return True, np.full((self._size.height, self._size.width, 3), BLUE_IN_BGR, np.uint8)

    def release(self) -> None:
        self.released += 1


def camera(capture: ScriptedCapture, request: CameraRequest | None = None, timeout_s: float = 0.05) -> CameraSource:
    return CameraSource(0, request, timeout_s=timeout_s, open_capture=lambda device, backend: capture)


def test_frames_are_rgb_and_of_the_size_that_came_not_of_the_one_the_driver_claims() -> None:
    source = camera(ScriptedCapture())
    assert source.info.size == (64, 48)
    assert source.info.is_live
    frame = next(iter(source))
    source.close()
    assert frame.image.shape == (48, 64, 3)
    assert tuple(frame.image[0, 0]) == (0, 0, 255)


@pytest.mark.parametrize(("platform", "is_rate_first"), [("linux", False), ("darwin", False), ("win32", True)])
def test_the_format_is_asked_for_before_the_size_and_the_queue_is_short(
    monkeypatch: pytest.MonkeyPatch, platform: str, is_rate_first: bool
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    capture = ScriptedCapture()
    camera(capture, CameraRequest(640, 480, 30.0, "YUYV")).close()
    order = [cv2.CAP_PROP_FOURCC, cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT]
    order.insert(0 if is_rate_first else len(order), cv2.CAP_PROP_FPS)
    assert [prop for prop, _ in capture.asked] == [*order, cv2.CAP_PROP_BUFFERSIZE]
    assert dict(capture.asked)[cv2.CAP_PROP_BUFFERSIZE] == 2


@pytest.mark.parametrize("platform", ["linux", "win32"])
@pytest.mark.parametrize(("height", "asks"), [(720, True), (480, False), (None, False)])
def test_mjpg_is_asked_for_when_hd_is(
    monkeypatch: pytest.MonkeyPatch, platform: str, height: int | None, asks: bool
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    capture = ScriptedCapture()
    camera(capture, CameraRequest(height=height)).close()
    assert (dict(capture.asked).get(cv2.CAP_PROP_FOURCC) == MJPG) is asks


def test_what_was_asked_for_and_what_came_stand_in_one_log_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="streamer.sources.camera"):
        source = camera(ScriptedCapture(), CameraRequest(1280, 720, 60.0))
    source.close()
    assert caplog.messages == ["camera 0: asked for 1280x720, 60 fps; got 64x48, 30 fps, MJPG"]
    assert source.given == CameraRequest(64, 48, 30.0, "MJPG")


@pytest.mark.parametrize("claimed_fps", [0.0, -1.0, 10_000_000.0])
def test_a_senseless_rate_is_not_believed(claimed_fps: float) -> None:
    capture = ScriptedCapture()
    capture.fps = claimed_fps
    source = camera(capture, CameraRequest(fps=25.0))
    source.close()
    assert source.info.fps == 25
    assert source.given.fps is None


def test_a_few_failed_reads_are_forgiven() -> None:
    source = camera(ScriptedCapture(fails=2), timeout_s=10.0)
    assert next(iter(source)).size == SIZE
    source.close()


def test_a_camera_that_fails_is_given_back_at_once_when_it_is_closed() -> None:
    capture = ScriptedCapture(count=2)
    source = camera(capture, timeout_s=1000.0)
    next(iter(source))
    source.close()
    assert capture.released == 1


def test_a_camera_that_stops_ends_in_one_clear_error() -> None:
    capture = ScriptedCapture(count=2)
    source = camera(capture)
    with pytest.raises(SourceError, match=r"camera 0 (stopped giving pictures|gave no picture)"):
        list(source)
    source.close()
    assert capture.released == 1


def test_a_camera_that_gives_nothing_from_the_start_is_released() -> None:
    capture = ScriptedCapture(count=0)
    with pytest.raises(SourceError, match="another program may be using it"):
        camera(capture)
    assert capture.released == 1


def test_a_camera_that_does_not_open_is_told_with_the_command_that_lists_cameras() -> None:
    with pytest.raises(SourceError, match="streamer devices"):
        camera(ScriptedCapture(opens=False))


def test_a_format_that_is_not_four_letters_is_refused_and_the_camera_released() -> None:
    capture = ScriptedCapture()
    with pytest.raises(SourceError, match="'MJPEG'"):
        camera(capture, CameraRequest(fourcc="MJPEG"))
    assert capture.released == 1


@pytest.mark.skipif(sys.platform != "linux", reason="cameras are files on Linux only")
@pytest.mark.parametrize("spec", ["63", "/dev/video63"])
def test_a_camera_that_does_not_exist_gives_one_line_and_no_noise(spec: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SourceError) as caught:
        open_source(spec)
    assert "does not exist" in str(caught.value)
    assert "streamer devices" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_opencv_itself_says_nothing_unless_it_is_asked_to(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENCV_LOG_LEVEL", raising=False)
    before = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_WARNING)
    try:
        with pytest.raises(SourceError):
            CameraSource(63, open_capture=lambda device, backend: cv2.VideoCapture(device, backend))
        assert capfd.readouterr().err == ""
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_WARNING)
        monkeypatch.setenv("OPENCV_LOG_LEVEL", "WARNING")
        silence_opencv()
        assert cv2.utils.logging.getLogLevel() == cv2.utils.logging.LOG_LEVEL_WARNING
    finally:
        cv2.utils.logging.setLogLevel(before)


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (np.full((4, 4), 70, np.uint8), (70, 70, 70)),
        (np.full((4, 4), 512, np.uint16), (2, 2, 2)),
        (np.full((4, 4, 4), (10, 20, 30, 0), np.uint8), (30, 20, 10)),
    ],
)
def test_grey_deep_and_four_channel_cameras_become_rgb(stored: np.ndarray, expected: tuple[int, ...]) -> None:
    capture = ScriptedCapture()
    capture.read = lambda: (True, stored)  # type: ignore[method-assign]
    source = camera(capture)
    frame = next(iter(source))
    source.close()
    assert tuple(frame.image[0, 0]) == expected


@pytest.mark.parametrize("shape", [(4, 4, 2), (4, 4, 5), (16,)])
def test_a_picture_of_no_known_kind_is_none(shape: tuple[int, ...]) -> None:
    capture = ScriptedCapture()
    capture.read = lambda: (True, np.zeros(shape, np.uint8))  # type: ignore[method-assign]
    with pytest.raises(SourceError, match="opens but gives no picture"):
        camera(capture)
    assert capture.released == 1
