"""Pictures as tensors, held against OpenCV's and against the formulas."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from device_frames import MATRICES, as_decoded, farthest, frame_of, textured
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.device_path.pictures import Layout, blurred, from_image, grey, picked, shrink
from streamer.frames import Size
from streamer.scaling import shrink as shrink_on_cpu
from streamer.yuv import to_planes

pytestmark = pytest.mark.usefixtures("one_torch_thread")

SIZES = st.builds(Size, st.integers(1, 90), st.integers(1, 90))


def as_image(picture: torch.Tensor) -> np.ndarray:
    return picture[0].permute(1, 2, 0).numpy()


@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize("full_range", [False, True])
def test_planes_become_the_rgb_of_the_formula(matrix: int, full_range: bool) -> None:
    frame = as_decoded(frame_of(1, Size(32, 18)), matrix, full_range=full_range)
    layout = Layout.of(frame)
    assert layout.byte_count == 32 * 18 * 3 // 2
    flat = np.empty(layout.byte_count, np.uint8)
    layout.write(frame, flat)
    assert farthest(as_image(layout.rgb(torch.from_numpy(flat))), frame.image) <= 1


def test_a_frame_without_planes_goes_up_as_rgb() -> None:
    frame = frame_of(1, Size(7, 5))
    layout = Layout.of(frame)
    flat = np.empty(layout.byte_count, np.uint8)
    layout.write(frame, flat)
    assert farthest(as_image(layout.rgb(torch.from_numpy(flat))), frame.image) == 0


def test_deep_inside_the_person_stand_the_decoders_own_samples_and_nowhere_else() -> None:
    size = Size(16, 8)
    layout = Layout(size, MATRICES[0], full_range=False)
    own = torch.from_numpy(np.random.default_rng(0).integers(0, 256, layout.byte_count, dtype=np.uint8))
    result = from_image(torch.from_numpy(textured(1, size)))
    core = torch.zeros(1, 1, 8, 16, dtype=torch.bool)
    core[..., :7] = True  # ends within a block
    image, planes = layout.read(layout.packed(own, result, core).numpy())
    assert np.array_equal(image, textured(1, size))
    assert planes is not None
    made = to_planes(textured(1, size), MATRICES[0], full_range=False)
    for have, decoded, want, edge in zip(
        (planes.y, planes.u, planes.v), layout.planes(own), (made.y, made.u, made.v), (7, 3, 3), strict=True
    ):
        assert np.array_equal(have[:, :edge], decoded[0, 0, :, :edge].numpy())
        assert farthest(have[:, edge:], want[:, edge:]) <= 1


@settings(deadline=None)
@given(SIZES, SIZES, st.integers(0, 1000))
def test_shrinking_is_opencvs_but_for_its_rounding(size: Size, wanted: Size, seed: int) -> None:
    picture = textured(seed, size)
    assert (
        farthest(as_image(shrink(from_image(torch.from_numpy(picture)), wanted)), shrink_on_cpu(picture, wanted)) <= 2
    )


def test_halving_and_brightness_are_opencvs_to_the_bit() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    picture = from_image(torch.from_numpy(noise))
    assert np.array_equal(as_image(shrink(picture, Size(16, 12))), shrink_on_cpu(noise, Size(16, 12)))
    assert np.array_equal(grey(picture)[0, 0].numpy(), cv2.cvtColor(noise, cv2.COLOR_RGB2GRAY))


@settings(deadline=None)
@given(st.builds(Size, st.integers(1, 30), st.integers(1, 30)), st.sampled_from((1, 2, 10)), st.booleans())
def test_a_blur_is_opencvs_at_any_size(size: Size, radius_px: int, repeats_edge: bool) -> None:
    values = np.random.default_rng(0).random((size.height, size.width), dtype=np.float32)
    side, border = 2 * radius_px + 1, cv2.BORDER_REFLECT if repeats_edge else cv2.BORDER_REFLECT_101
    ours = blurred(torch.from_numpy(values)[None, None], radius_px, repeats_edge=repeats_edge)[0, 0].numpy()
    assert farthest(ours, cv2.blur(values, (side, side), borderType=border)) < 1e-5


def test_nearest_pixels_are_those_up_and_left() -> None:
    picture = torch.arange(6.0).view(1, 1, 2, 3)
    assert picked(picture, Size(6, 4))[0, 0].tolist() == [[0, 0, 1, 1, 2, 2]] * 2 + [[3, 3, 4, 4, 5, 5]] * 2
    assert picked(picture, Size(2, 1))[0, 0].tolist() == [[0, 1]]
