"""Turning decoded pictures upright, as the display matrix of a video asks (phones film sideways and say so)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from streamer.frames import Image, Size

if TYPE_CHECKING:
    from av.video.frame import VideoFrame


@dataclass(frozen=True, slots=True)
class Orientation:
    """One of the eight ways a picture can lie: first swap rows and columns, then mirror."""

    transpose: bool = False
    mirror_x: bool = False
    mirror_y: bool = False

    @staticmethod
    def from_display_matrix(matrix: bytes) -> Orientation:
        """From the nine int32 of a display matrix (ISO 14496-12, 8.3.2): ``x' = a x + c y``, ``y' = b x + d y``.

        Angles between the quarter turns go to the nearest one.
        """
        a, b, _, c, d = np.frombuffer(matrix, dtype=np.int32, count=5)
        if abs(int(b)) + abs(int(c)) > abs(int(a)) + abs(int(d)):
            return Orientation(True, mirror_x=bool(c < 0), mirror_y=bool(b < 0))
        return Orientation(False, mirror_x=bool(a < 0), mirror_y=bool(d < 0))

    def size_of(self, size: Size) -> Size:
        """Size of the upright picture for a coded one."""
        return Size(size.height, size.width) if self.transpose else size

    def upright(self, image: Image) -> Image:
        """The picture turned upright; the same array when there is nothing to turn. ``(h, w, 3)`` uint8."""
        if self == Orientation():
            return image
        turned = image.transpose(1, 0, 2) if self.transpose else image
        turned = turned[:: -1 if self.mirror_y else 1, :: -1 if self.mirror_x else 1]
        return np.ascontiguousarray(turned)


def orientation_of(picture: VideoFrame) -> Orientation:
    """How a decoded picture lies."""
    matrix = cast(Mapping[str, bytes], picture.side_data).get("DISPLAYMATRIX")
    return Orientation() if matrix is None else Orientation.from_display_matrix(bytes(matrix))
