from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.frames import Frame, Image, Planes, Size, to_image, to_tensor

IMAGE = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)


def test_size_is_width_first_and_prints_as_people_write_it() -> None:
    frame = Frame(IMAGE, 0, 0.0, 0.0)
    assert frame.size == Size(width=3, height=2)
    assert str(frame.size) == "3x2"


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 3), (2, 3, 4)])
def test_size_is_right_for_grey_rgb_and_rgba(shape: tuple[int, ...]) -> None:
    assert Frame(np.zeros(shape, np.uint8), 0, 0.0, 0.0).size == Size(3, 2)


def test_with_image_keeps_the_moment_and_leaves_the_frame_alone() -> None:
    frame = Frame(IMAGE, 7, 0.28, 12.5)
    other = frame.with_image(np.zeros_like(IMAGE))
    assert (other.index, other.pts_s, other.captured_at_s) == (7, 0.28, 12.5)
    assert frame.image is IMAGE


def test_a_frame_that_has_planes_makes_its_picture_once_and_only_if_it_is_asked_to() -> None:
    made: list[int] = []

    def draw() -> Image:
        made.append(1)
        return IMAGE

    planes = Planes(np.zeros((2, 4), np.uint8), *(np.zeros((1, 2), np.uint8) for _ in "uv"), 1, False)
    frame = Frame(draw, 0, 0.0, 0.0, planes=planes)
    assert frame.size == Size(4, 2)
    assert frame.pixels is planes
    assert made == []
    assert frame.image is frame.image is IMAGE
    assert made == [1]
    assert frame.with_image(IMAGE).pixels is IMAGE


def test_a_frame_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Frame(IMAGE, 0, 0.0, 0.0).index = 1  # type: ignore[misc]


def test_a_frame_prints_short() -> None:
    assert repr(Frame(IMAGE, 7, 0.28, 12.5)) == "Frame(index=7, size=3x2, pts_s=0.280000)"


def test_to_tensor_puts_channels_first_in_zero_to_one() -> None:
    tensor = to_tensor(np.full((4, 5, 3), (255, 0, 51), np.uint8))
    assert tuple(tensor.shape) == (1, 3, 4, 5)
    assert tensor[0, :, 0, 0].tolist() == pytest.approx([1.0, 0.0, 0.2])


def test_to_tensor_takes_a_batch_and_a_view() -> None:
    batch = np.stack([IMAGE, IMAGE + 100])
    assert tuple(to_tensor(batch).shape) == (2, 3, 2, 3)
    mirrored = to_image(to_tensor(IMAGE[:, ::-1]))
    assert np.array_equal(mirrored, IMAGE[:, ::-1])


def test_to_image_clips_and_rounds() -> None:
    tensor = to_tensor(np.zeros((1, 3, 3), np.uint8))
    tensor[0, :, 0, 0] = -1
    tensor[0, :, 0, 1] = 2
    tensor[0, :, 0, 2] = 0.5
    assert to_image(tensor)[0].tolist() == [[0] * 3, [255] * 3, [128] * 3]


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_a_picture_comes_back_unchanged_from_a_tensor(width: int, height: int, seed: int) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)
    assert np.array_equal(to_image(to_tensor(image)), image)
