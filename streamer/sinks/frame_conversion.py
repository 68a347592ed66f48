"""Arrays to the frames that an encoder takes."""

from __future__ import annotations

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter

from streamer.frames import Image, Planes, Size


class FrameConverter:
    """Turns uint8 RGB ``(h, w, 3)``, RGBA ``(h, w, 4)`` or grey ``(h, w)`` into an encoder's pixel format.

    Args:
        size: Of the encoded picture; a smaller array is filled up by repeating its last column and row.
        pixel_format: FFmpeg's name of the encoder's format.
        matrix: The YUV matrix, as a constant of ``streamer.color_matrix``.
        full_range: Whether luma uses 0 to 255 instead of 16 to 235. Ignored for RGB formats, which always do.
    """

    def __init__(self, size: Size, pixel_format: str, matrix: int, *, full_range: bool) -> None:
        self._size = size
        self._pixel_format = pixel_format
        self._matrix = matrix
        is_rgb = pixel_format.startswith(("bgr", "rgb"))
        self._range = ColorRange.JPEG if full_range or is_rgb else ColorRange.MPEG
        self._reformatter = VideoReformatter()

    def convert(self, image: Image) -> VideoFrame:
        """The picture in the encoder's format; the array may be reused afterwards."""
        source = "gray" if image.ndim == 2 else {3: "rgb24", 4: "rgba"}[image.shape[2]]
        frame = VideoFrame.from_numpy_buffer(np.ascontiguousarray(self._padded(image)), source)
        return self._reformatter.reformat(
            frame,
            format=self._pixel_format,
            dst_colorspace=self._matrix,
            src_color_range=ColorRange.JPEG,
            dst_color_range=self._range,
            # The mean of each 2x2 block: undoes exactly what decoding does to the chroma.
            interpolation=Interpolation.AREA,
            threads=1,  # more only wait for each other: the other cores have the matte and the encoder to do
        )

    def takes(self, planes: Planes) -> bool:
        """Whether these are just what the encoder takes, so that nothing needs to be converted."""
        return (
            self._pixel_format == "yuv420p"
            and planes.size == self._size
            and planes.matrix == self._matrix
            and planes.full_range == (self._range == ColorRange.JPEG)
        )

    def copied(self, planes: Planes) -> VideoFrame:
        """The planes, which it must take, as an encoder's frame; the arrays may be reused afterwards."""
        frame = VideoFrame(self._size.width, self._size.height, self._pixel_format)
        for plane, samples in zip(frame.planes, (planes.y, planes.u, planes.v), strict=True):
            target = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
            target[:, : plane.width] = samples
        frame.colorspace = self._matrix
        frame.color_range = self._range
        return frame

    def _padded(self, image: Image) -> Image:
        right, below = self._size.width - image.shape[1], self._size.height - image.shape[0]
        if right == 0 and below == 0:
            return image
        return np.pad(image, ((0, below), (0, right), *((0, 0),) * (image.ndim - 2)), mode="edge")
