"""Finding a camera again after it was unplugged: its index may then be another one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from streamer.errors import SourceError

SYSFS = Path("/sys/class/video4linux")


@dataclass(frozen=True, slots=True)
class _Entry:
    """One device node, as the kernel describes it."""

    number: int
    """Of ``/dev/videoN``."""
    name: str
    """What the driver calls the camera."""
    node: str
    """Which of the camera's nodes it is: 0 gives pictures, 1 often their metadata."""
    place: str
    """Where it is plugged in: the path of the device in the kernel's tree."""


class CameraPlace:
    """Where a camera is found, now and after it was unplugged.

    On Linux it is known by its name and by where it is plugged in. In another socket it is recognised only if there is
    one new camera of that name: another camera of the same make must never take its place. Elsewhere, and where the
    kernel does not say, a camera is its index.

    Args:
        device: index, or a device path such as ``/dev/video2``.
        sysfs: where the kernel lists its cameras.
    """

    def __init__(self, device: int | str, *, sysfs: Path = SYSFS) -> None:
        self._device = device
        self._sysfs = sysfs
        number = device if isinstance(device, int) else int(device.removeprefix("/dev/video"))
        entries = list(self._entries())
        self._mine = next((entry for entry in entries if entry.number == number), None)
        self._taken = {entry.place for entry in entries}

    def find(self) -> int | str:
        """What to open now, of the kind that was given at the start; ``SourceError`` when the camera is not there."""
        if self._mine is None:
            return self._device
        alike = [entry for entry in self._entries() if (entry.name, entry.node) == (self._mine.name, self._mine.node)]
        same = [entry for entry in alike if entry.place == self._mine.place]
        found = same[:1] or [entry for entry in alike if entry.place not in self._taken]
        if len(found) != 1:
            raise SourceError(f"camera {self._device} ({self._mine.name}) is not plugged in")
        number = found[0].number
        return number if isinstance(self._device, int) else f"/dev/video{number}"

    def _entries(self) -> Iterator[_Entry]:
        if not sys.platform.startswith("linux"):
            return
        with suppress(OSError):
            for folder in sorted(self._sysfs.glob("video[0-9]*")):
                with suppress(OSError, ValueError):  # it was unplugged while we looked
                    yield _Entry(
                        int(folder.name.removeprefix("video")),
                        (folder / "name").read_text(encoding="utf-8", errors="replace").strip(),
                        (folder / "index").read_text(encoding="ascii").strip(),
                        str((folder / "device").resolve(strict=True)),
                    )
