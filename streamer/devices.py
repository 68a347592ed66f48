"""Which cameras and virtual cameras this machine has."""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

SYSFS = Path("/sys/class/video4linux")
PROBED = range(10)
"""Indices tried where the system cannot be asked."""

_QUERYCAP = 0x80685600  # _IOR('V', 0, struct v4l2_capability), 104 bytes
_CAPTURE = 0x00000001 | 0x00001000  # single- and multi-planar
_OUTPUT = 0x00000002 | 0x00002000
_DEVICE_CAPS = 0x80000000


@dataclass(frozen=True, slots=True)
class Device:
    """One camera."""

    spec: str
    """What to give to ``--input`` or ``--output``."""
    name: str
    """What the driver calls it."""
    note: str = ""
    """Why it may not be usable; empty if it is."""

    def __str__(self) -> str:
        return f"{self.spec}  {self.name}" + (f"  ({self.note})" if self.note else "")


def list_cameras() -> list[Device]:
    """Cameras that can be read from, in the order of their indices."""
    if sys.platform.startswith("linux"):
        return [
            Device(path.removeprefix("/dev/video"), name, note)
            for path, name, note, capabilities in _video_devices()
            if capabilities is None or capabilities & _CAPTURE
        ]
    return list(_probed())


def list_virtual_cameras() -> list[Device]:
    """Virtual cameras that can be sent to. Linux only: elsewhere OBS's camera shows itself only when it is opened."""
    if not sys.platform.startswith("linux"):
        return []
    return [
        Device(path, name, note)
        for path, name, note, capabilities in _video_devices()
        if capabilities is not None and capabilities & _OUTPUT
    ]


def _video_devices() -> Iterator[tuple[str, str, str, int | None]]:
    """Path, name, note and capability flags (None = they could not be asked for) of each ``/dev/videoN``."""
    with suppress(OSError):
        for entry in sorted(SYSFS.glob("video[0-9]*"), key=lambda entry: int(entry.name.removeprefix("video"))):
            path = f"/dev/{entry.name}"
            name = path
            with suppress(OSError):
                name = (entry / "name").read_text(encoding="utf-8", errors="replace").strip()
            capabilities, note = _query(path)
            yield path, name, note, capabilities


def _query(path: str) -> tuple[int | None, str]:
    """The capabilities of this device node, and why they are not known. Asking starts no camera."""
    import fcntl

    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    except PermissionError:
        return None, "no permission: sudo usermod -aG video $USER, then log in again"
    except OSError as error:
        return None, error.strerror or str(error)
    try:
        answer = fcntl.ioctl(descriptor, _QUERYCAP, bytes(104))
    except OSError as error:
        return None, error.strerror or str(error)
    finally:
        os.close(descriptor)
    return capabilities_in(answer), ""


def capabilities_in(answer: bytes) -> int:
    """The flags of one device node in the kernel's ``struct v4l2_capability`` (104 bytes)."""
    of_all_nodes, of_this_node = struct.unpack_from("=II", answer, 16 + 32 + 32 + 4)
    return int(of_this_node if of_all_nodes & _DEVICE_CAPS else of_all_nodes)


def _probed() -> Iterator[Device]:
    """Open each index for a moment."""
    import cv2

    from streamer.sources.camera import backends, silence_opencv

    silence_opencv()
    for index in PROBED:
        for backend in backends():
            capture = cv2.VideoCapture(index, backend)
            try:
                if capture.isOpened():
                    width = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH))
                    height = int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
                    yield Device(str(index), f"camera {index}, {width}x{height}")
                    break
            finally:
                capture.release()
