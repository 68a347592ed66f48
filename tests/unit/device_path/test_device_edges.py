"""Edges and composites on the device, here the CPU, equal the plain path's where that too sees the whole picture."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from device_frames import compute_whole_pictures, farthest, frame_of, matte, textured

from models.contrast import stretch_contrast
from streamer.compositing import replace_background
from streamer.device_path.edges import refined, replaced_background
from streamer.device_path.pictures import from_image
from streamer.frames import Alpha, Image, Size
from streamer.segmentation.refine import CERTAIN_BEFORE, refine

pytestmark = pytest.mark.usefixtures("one_torch_thread")

# Halved to the grid of the fit, so that no rounding of OpenCV's is between the two.
SIZES = [(Size(320, 192), Size(80, 48)), (Size(256, 128), Size(64, 32)), (Size(60, 40), Size(60, 40))]
ODD_SIZES = [(Size(213, 121), Size(80, 45)), (Size(97, 61), Size(40, 25)), (Size(320, 180), Size(64, 36))]


def both(size: Size, small: Size) -> tuple[Alpha, Alpha]:
    """The refined alpha of the CPU, and the device's."""
    image = frame_of(3, size).image
    network = cv2.GaussianBlur(cv2.resize(matte(size), small, interpolation=cv2.INTER_AREA), (0, 0), 1)
    certain = torch.from_numpy(stretch_contrast(network, CERTAIN_BEFORE))
    ours = refined(from_image(torch.from_numpy(image)), certain[None, None])
    return refine(image, network) / np.float32(255), ours[0, 0].numpy()


@pytest.mark.parametrize(("size", "small"), SIZES, ids=str)
def test_alpha_is_refined_as_on_the_cpu(size: Size, small: Size) -> None:
    plain, ours = both(size, small)
    assert 0.1 < plain.mean() < 0.9
    assert farthest(ours, plain) < 1 / 255


@pytest.mark.parametrize(("size", "small"), ODD_SIZES, ids=str)
def test_where_the_picture_is_not_halved_the_refined_alpha_differs_by_rounding_alone(size: Size, small: Size) -> None:
    plain, ours = both(size, small)
    edge = (plain > 0) & (plain < 1)
    assert edge.sum() > 50
    assert np.abs(ours - plain)[edge].mean() < 1 / 255
    assert farthest(ours, plain) < 8 / 255  # at steep slopes one level of the picture is several of the alpha


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_what_is_certain_stays_exact_on_any_texture(value: float) -> None:
    image = np.random.default_rng(1).integers(0, 256, (90, 160, 3), dtype=np.uint8)
    ours = refined(from_image(torch.from_numpy(image)), torch.full((1, 1, 18, 32), value))
    assert torch.all(ours == value)


def composed(image: Image, alpha: Alpha, background: Image) -> tuple[Image, Image]:
    result, core = replaced_background(
        from_image(torch.from_numpy(image)),
        torch.from_numpy(alpha)[None, None],
        from_image(torch.from_numpy(background)),
    )
    return result[0].permute(1, 2, 0).numpy(), core[0, 0].numpy()


@pytest.mark.parametrize("size", [Size(320, 180), Size(213, 121), Size(61, 97), Size(500, 281), Size(9, 5), Size(1, 1)])
@pytest.mark.parametrize("softness_px", [0.1, 4.0, 30.0])
def test_a_composite_is_the_cpus(size: Size, softness_px: float, monkeypatch: pytest.MonkeyPatch) -> None:
    compute_whole_pictures(monkeypatch)
    image, background, alpha = frame_of(1, size).image, textured(2, size), matte(size, softness_px)
    result, core = composed(image, alpha, background)
    assert farthest(result, replace_background(image, alpha, background)) <= 1
    assert np.array_equal(result[core], image[core])


def test_nobody_leaves_exactly_the_background_and_everybody_the_frame() -> None:
    size = Size(64, 36)
    image, background = frame_of(1, size).image, textured(2, size)
    for value, wanted in ((0, background), (1, image)):
        assert np.array_equal(composed(image, np.full((36, 64), value, np.float32), background)[0], wanted)
