from __future__ import annotations

import numpy as np
import pytest

from streamer.backgrounds import open_background
from streamer.frames import Alpha, Frame, Image, Size

SIZE = Size(320, 180)


def blurred(image: Image, alpha: Alpha, spec: str = "blur") -> Image:
    background = open_background(spec, size=SIZE, is_live=True)
    result = background.image_for(Frame(image, 0, 0.0, 0.0), alpha)
    assert result is not None
    return result


def person_box() -> Alpha:
    alpha = np.zeros((180, 320), np.float32)
    alpha[60:, 110:210] = 1
    return alpha


def test_no_colour_of_the_person_glows_around_the_figure() -> None:
    alpha = person_box()
    image = np.full((180, 320, 3), (60, 60, 60), np.uint8)
    image[alpha == 1] = (0, 255, 0)
    result = blurred(image, alpha).astype(int)
    assert np.abs(result - 60).max() <= 1


def test_a_soft_edge_does_not_glow_either() -> None:
    alpha = person_box()
    alpha[60:, 106:110] = np.linspace(0.2, 0.9, 4)
    image = np.rint(60 + alpha[..., None] * np.array([-60, 195, -60])).astype(np.uint8)
    result = blurred(image, alpha).astype(int)
    assert np.abs(result - 60).max() <= 12


@pytest.mark.parametrize("spec", ["blur:1", "blur", "blur:100"])
def test_print_in_the_room_is_unreadable(spec: str) -> None:
    """Stripes of the stroke width of 12-pixel letters lose nearly all their contrast at any strength."""
    image = np.zeros((720, 1280, 3), np.uint8)
    image[:, (np.arange(1280) // 6) % 2 == 0] = 255
    result = blurred(image, np.zeros((720, 1280), np.float32), spec)
    assert int(result[100:-100, 100:-100].max()) - int(result[100:-100, 100:-100].min()) < 26


def test_stronger_is_blurrier() -> None:
    image = np.zeros((180, 320, 3), np.uint8)
    image[:, 160:] = 255
    slopes = []
    for strength in (1, 30, 60, 100):
        row = blurred(image, np.zeros((180, 320), np.float32), f"blur:{strength}")[90, :, 0].astype(int)
        slopes.append(int(np.abs(np.diff(row)).max()))
    assert slopes == sorted(slopes, reverse=True)
    assert len(set(slopes)) == 4


def test_a_plain_room_keeps_its_colour() -> None:
    image = np.full((180, 320, 3), (200, 90, 30), np.uint8)
    assert np.all(blurred(image, person_box()) == (200, 90, 30))


def test_a_frame_full_of_person_shows_nothing_of_it() -> None:
    image = np.random.default_rng(0).integers(100, 256, (180, 320, 3), dtype=np.uint8)
    result = blurred(image, np.ones((180, 320), np.float32))
    assert np.all(result == result[0, 0])
    assert result.max() < 100


def test_safe_picture_is_one_colour_whatever_was_shown() -> None:
    background = open_background("blur", size=SIZE, is_live=True)
    room = np.random.default_rng(1).integers(0, 256, (180, 320, 3), dtype=np.uint8)
    before = background.safe_image(SIZE)
    background.image_for(Frame(room, 0, 0.0, 0.0), person_box())
    after = background.safe_image(SIZE)
    assert np.array_equal(before, after)
    assert np.all(after == after[0, 0])
