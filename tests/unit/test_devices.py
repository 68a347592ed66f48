from __future__ import annotations

import struct
import sys
from pathlib import Path

import pytest

from streamer import devices
from streamer.devices import Device, capabilities_in, list_cameras, list_virtual_cameras

CAPTURE, OUTPUT, OF_THIS_NODE = 0x1, 0x2, 0x80000000


def answer(of_all_nodes: int, of_this_node: int) -> bytes:
    """The kernel's struct v4l2_capability."""
    return struct.pack("=16s32s32sIIIIII", b"uvcvideo", b"Cam", b"usb", 1, of_all_nodes, of_this_node, 0, 0, 0)


def test_the_flags_of_the_node_count_when_there_are_any() -> None:
    assert len(answer(0, 0)) == 104
    assert capabilities_in(answer(CAPTURE | OUTPUT, 0)) == CAPTURE | OUTPUT
    assert capabilities_in(answer(CAPTURE | OF_THIS_NODE, 0x00A00000)) == 0x00A00000


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Linux with a webcam (and its metadata node), a loopback device, one nobody may open, and one without a node."""
    names = {"video0": "Webcam", "video1": "Webcam", "video2": "Locked", "video10": "Backlot", "vbi0": "TV"}
    for entry, name in names.items():
        (tmp_path / entry).mkdir()
        (tmp_path / entry / "name").write_text(name + "\n")
    states: dict[str, tuple[int | None, str]] = {
        "/dev/video0": (CAPTURE, ""),
        "/dev/video1": (0x00A00000, ""),
        "/dev/video2": (None, "no permission"),
        "/dev/video10": (OUTPUT, ""),
    }
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(devices, "SYSFS", tmp_path)
    monkeypatch.setattr(devices, "_query", states.__getitem__)


@pytest.mark.usefixtures("machine")
def test_cameras_are_the_nodes_that_capture_and_those_that_could_not_be_asked() -> None:
    assert list_cameras() == [Device("0", "Webcam"), Device("2", "Locked", "no permission")]
    assert [str(device) for device in list_cameras()] == ["0  Webcam", "2  Locked  (no permission)"]


@pytest.mark.usefixtures("machine")
def test_virtual_cameras_are_the_nodes_that_can_be_sent_to() -> None:
    assert list_virtual_cameras() == [Device("/dev/video10", "Backlot")]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux's device files")
def test_a_node_that_is_no_camera_is_noted_and_not_fatal(tmp_path: Path) -> None:
    plain = tmp_path / "video0"
    plain.touch()
    capabilities, note = devices._query(str(plain))
    assert capabilities is None
    assert note
    capabilities, note = devices._query(str(tmp_path / "video1"))
    assert capabilities is None
    assert "No such file" in note


def test_a_machine_without_cameras_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(devices, "SYSFS", tmp_path / "none")
    assert list_cameras() == []
    assert list_virtual_cameras() == []


def test_elsewhere_indices_are_tried_quietly(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    import cv2

    released = []

    class Capture:
        def __init__(self, index: int, backend: int) -> None:
            self.index = index

        def isOpened(self) -> bool:  # noqa: N802
            return self.index == 3

        def get(self, prop: int) -> float:
            return {cv2.CAP_PROP_FRAME_WIDTH: 640.0, cv2.CAP_PROP_FRAME_HEIGHT: 480.0}[prop]

        def release(self) -> None:
            released.append(self.index)

    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(cv2, "VideoCapture", Capture)
    assert list_cameras() == [Device("3", "camera 3, 640x480")]
    assert released == list(range(10))
    assert list_virtual_cameras() == []
    assert capfd.readouterr() == ("", "")
