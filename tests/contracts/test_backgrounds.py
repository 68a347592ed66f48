"""Every background keeps the promises of ``Background``."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from streamer.backgrounds import check_spec, open_background
from streamer.frames import Alpha, Frame, Image, Size
from streamer.interfaces import Background

SIZE = Size(160, 90)
KINDS = ["blur", "blur:7", "color:#204060", "gradient", "transparent", "picture", "video", "gif"]
SIZES = [SIZE, Size(90, 160), Size(161, 91), Size(1, 1)]


def write_clip(path: Path, codec: str, pixels: str) -> str:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 80, 60, pixels
        for index in range(5):
            frame = av.VideoFrame.from_ndarray(np.full((60, 80, 3), 20 * index, np.uint8), "rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return str(path)


@pytest.fixture(params=KINDS)
def spec(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "picture":
        cv2.imwrite(str(tmp_path / "plate.png"), np.full((300, 200, 3), 77, np.uint8))
        return str(tmp_path / "plate.png")
    if request.param == "video":
        return write_clip(tmp_path / "clip.mp4", "mpeg4", "yuv420p")
    if request.param == "gif":
        return write_clip(tmp_path / "clip.gif", "gif", "rgb8")
    text: str = request.param
    return text


@pytest.fixture(params=[False, True], ids=["file", "live"])
def opened(request: pytest.FixtureRequest, spec: str) -> Callable[[], Background]:
    return lambda: open_background(spec, size=SIZE, is_live=request.param)


def room(size: Size) -> Image:
    """The room: noise in 128..255, which no background here reaches unless it shows the room."""
    return np.random.default_rng(0).integers(128, 256, (size.height, size.width, 3)).astype(np.uint8)


def left_half(size: Size) -> Alpha:
    alpha = np.zeros((size.height, size.width), np.float32)
    alpha[:, : size.width // 2] = 1
    return alpha


def test_spec_is_accepted_before_opening(spec: str) -> None:
    check_spec(spec)


def test_every_frame_is_answered_at_its_own_size(opened: Callable[[], Background]) -> None:
    background = opened()
    for index, size in enumerate(SIZES):
        image = background.image_for(Frame(room(size), index, index / 25, index / 25), left_half(size))
        if image is not None:
            assert image.dtype == np.uint8
            assert image.shape == (size.height, size.width, 3)
            assert image.flags.c_contiguous
    background.close()


def test_safe_picture_holds_nothing_of_the_room_before_and_after_a_frame(opened: Callable[[], Background]) -> None:
    background = opened()
    for index in range(3):
        for size in SIZES:
            safe = background.safe_image(size)
            assert safe.dtype == np.uint8
            assert safe.shape == (size.height, size.width, 3)
            assert safe.max() < 128
        background.image_for(Frame(room(SIZE), index, index / 25, index / 25), left_half(SIZE))
    background.close()


def test_frame_and_alpha_are_left_alone(opened: Callable[[], Background]) -> None:
    background = opened()
    image, alpha = room(SIZE), left_half(SIZE)
    image.flags.writeable = alpha.flags.writeable = False
    background.image_for(Frame(image, 0, 0.0, 0.0), alpha)
    background.close()


def test_close_may_be_called_twice_and_before_use(opened: Callable[[], Background]) -> None:
    background = opened()
    background.close()
    background.close()
