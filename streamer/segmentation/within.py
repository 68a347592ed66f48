"""Mattes for frames that the picture does not fill."""

from __future__ import annotations

import numpy as np

from streamer.frames import Alpha, Area, Image
from streamer.interfaces import Segmenter


def within(segmenter: Segmenter, picture: Area | None) -> Segmenter:
    """The segmenter for frames whose picture lies in that area; the very segmenter where it fills them (None)."""
    return segmenter if picture is None else WithinPicture(segmenter, picture)


class WithinPicture:
    """Shows a segmenter the picture without the bars beside it; in the bars the alpha is 0, whatever it says.

    Args:
        segmenter: finds the person in the picture; closed with this one.
        picture: where the picture lies in every frame.
    """

    def __init__(self, segmenter: Segmenter, picture: Area) -> None:
        self._segmenter = segmenter
        self._picture = picture

    def segment(self, image: Image) -> Alpha:
        """The matte of the frame: RGB uint8 ``(h, w, 3)`` to float32 ``(h, w)`` in [0, 1].

        Raises:
            SegmentationError: the matte cannot be computed.
            ValueError: what came back is not of the picture's size.
        """
        found = self._segmenter.segment(np.ascontiguousarray(image[self._picture.slices]))
        if found.shape != (self._picture.height, self._picture.width):
            raise ValueError(f"an alpha of shape {found.shape} for a picture of {self._picture.size}")
        alpha = np.zeros(image.shape[:2], found.dtype)
        alpha[self._picture.slices] = found
        return alpha

    def reset(self) -> None:
        """Forget earlier frames."""
        self._segmenter.reset()

    def close(self) -> None:
        """Release the segmenter. May be called twice."""
        self._segmenter.close()
