from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from streamer.blending import MOST_LIGHT, MOST_TINT, Blending, match, mean_color, spilled_light
from streamer.compositing import replace_background
from streamer.frames import Alpha, Image, Size

SIZE = Size(320, 180)


def plain(color: tuple[int, int, int]) -> Image:
    return np.full((SIZE.height, SIZE.width, 3), color, np.uint8)


def noisy(color: tuple[int, int, int], seed: int = 0) -> Image:
    grain = np.random.default_rng(seed).normal(0, 8, (SIZE.height, SIZE.width, 3))
    return np.clip(plain(color) + grain, 0, 255).astype(np.uint8)


def middle_person() -> Alpha:
    alpha = np.zeros((SIZE.height, SIZE.width), np.float32)
    cv2.rectangle(alpha, (100, 40), (220, SIZE.height), 1.0, -1)
    return cv2.GaussianBlur(alpha, (5, 5), 0, borderType=cv2.BORDER_REPLICATE)


ALPHA = middle_person()
INSIDE = ALPHA == 1


def lab(image: Image, where: NDArray[np.bool_] = INSIDE) -> NDArray[np.float32]:
    return cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)[where].mean(axis=0)


def matched(person: Image, background: Image, strength: float) -> Image:
    return Blending(color_match=strength).blend(person, ALPHA, background, 0.0)


@pytest.mark.parametrize("strength", [0.25, 0.5, 1.0])
@pytest.mark.parametrize("level", [95, 110, 125, 140, 150])
def test_lightness_moves_the_asked_share_of_the_way(level: int, strength: float) -> None:
    person, background = noisy((120, 118, 122)), noisy((level, level, level), seed=1)
    way = lab(background)[0] - lab(person)[0]
    assert abs(way) < MOST_LIGHT
    assert lab(matched(person, background, strength))[0] - lab(person)[0] == pytest.approx(strength * way, abs=0.8)


@pytest.mark.parametrize("color", [(0, 0, 0), (255, 255, 255), (0, 255, 0), (255, 0, 0), (0, 0, 255), (255, 120, 0)])
@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_however_extreme_the_background_a_person_stays_natural(color: tuple[int, int, int], strength: float) -> None:
    skin = noisy((200, 150, 125))
    before, after = lab(skin), lab(matched(skin, plain(color), strength))
    assert abs(after[0] - before[0]) <= strength * MOST_LIGHT + 1.5
    assert np.hypot(*(after[1:] - before[1:])) <= strength * MOST_TINT + 8, "lightness alone changes the chroma, too"
    assert after[1] > 4, "skin is never green"
    assert after[2] > 4, "nor blue"


def test_the_colour_of_the_clothes_does_not_tint_the_face() -> None:
    face, grey = noisy((200, 150, 125)), plain((128, 128, 128))
    for shirt in ((20, 160, 90), (30, 60, 200), (200, 30, 30)):
        person = face.copy()
        person[90:] = shirt
        where = INSIDE.copy()
        where[85:] = False
        before, after = lab(person, where), lab(matched(person, grey, 1.0), where)
        hue = [np.degrees(np.arctan2(color[2], color[1])) for color in (before, after)]
        assert abs(hue[1] - hue[0]) < 4


def test_black_stays_black_and_white_white_when_it_gets_lighter() -> None:
    curves = match(np.array([40, 0, 0], np.float32), np.array([90, 0, 0], np.float32), 1.0)
    assert curves[0, [0, -1]].tolist() == [[0, 0, 0], [255, 255, 255]]
    assert (np.diff(curves[0].astype(int), axis=0) >= 0).all()


def test_the_mean_is_taken_of_the_person_alone() -> None:
    image = plain((200, 30, 30))
    image[ALPHA > 0] = (100, 100, 100)
    mean = mean_color(image, ALPHA)
    assert mean is not None
    np.testing.assert_allclose(mean[1:], 0, atol=0.5)
    assert mean_color(image, np.zeros_like(ALPHA)) is None


def test_a_new_background_changes_the_light_slowly_and_a_flicker_hardly() -> None:
    blending, person = Blending(color_match=1.0), noisy((120, 120, 120))
    levels = [90] * 30 + [150] * 90
    seen = [
        lab(blending.blend(person, ALPHA, plain((level,) * 3), index / 30))[0] for index, level in enumerate(levels)
    ]
    steps = np.abs(np.diff(seen))
    assert steps.max() < 3.0
    assert seen[29] == pytest.approx(lab(plain((90, 90, 90)))[0], abs=1)
    assert seen[-1] == pytest.approx(lab(plain((150, 150, 150)))[0], abs=2)
    flickering = Blending(color_match=1.0)
    shaken = [
        lab(flickering.blend(person, ALPHA, plain((115 + 10 * (index % 2),) * 3), index * 0.11))[0]
        for index in range(40)
    ]
    assert np.ptp(shaken[10:]) < 1.0


def test_light_falls_on_the_edge_and_not_on_the_middle_or_where_the_frame_cuts() -> None:
    result = Blending(light_wrap=1.0).blend(plain((60, 60, 60)), ALPHA, plain((240, 240, 240)), 0.0)
    assert 120 < result[110, 101, 0] < 60 + 0.5 * 240 + 1
    assert (np.diff(result[110, 101:160, 0].astype(int)) <= 0).all(), "less and less inwards"
    assert (result[110:, 130:190] == 60).all()


def test_half_the_strength_is_half_the_light() -> None:
    whole, half = (spilled_light(ALPHA, plain((200, 100, 0)), strength).astype(int) for strength in (1.0, 0.5))
    assert np.abs(whole - 2 * half).max() <= 2
    assert not whole[..., 2].any()


def test_a_dark_background_gives_no_light() -> None:
    person = noisy((120, 100, 90))
    np.testing.assert_array_equal(Blending(light_wrap=1.0).blend(person, ALPHA, plain((0, 0, 0)), 0.0), person)


def test_nothing_of_the_room_enters() -> None:
    """Another room around the same person changes not one pixel of what is seen."""
    person, background = noisy((150, 120, 110)), noisy((200, 180, 90), seed=3)
    sharp = (ALPHA > 0.5).astype(np.float32)
    results = []
    for room in (plain((0, 0, 0)), noisy((20, 250, 20), seed=5), plain((255, 255, 255))):
        image = np.where(sharp[..., None] == 1, person, room)
        results.append(Blending(0.7, 0.7).blend(image, sharp, background, 0.0)[sharp == 1])
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


def test_where_nobody_is_the_background_is_untouched() -> None:
    background = noisy((200, 180, 90), seed=3)
    blended = Blending(1.0, 1.0).blend(noisy((150, 120, 110)), ALPHA, background, 0.0)
    result = replace_background(blended, ALPHA, background)
    np.testing.assert_array_equal(result[ALPHA < 0.5 / 255], background[ALPHA < 0.5 / 255])


def test_nobody_at_all_is_no_work() -> None:
    image = noisy((90, 90, 90))
    assert Blending(1.0, 1.0).blend(image, np.zeros_like(ALPHA), plain((9, 9, 9)), 0.0) is image


@pytest.mark.parametrize("size", [Size(1, 1), Size(3, 2), Size(97, 55), Size(640, 17)])
def test_any_size_will_do_and_the_picture_is_not_changed(size: Size) -> None:
    image = np.full((size.height, size.width, 3), 77, np.uint8)
    image.flags.writeable = False
    alpha = np.ones((size.height, size.width), np.float32)
    result = Blending(1.0, 1.0).blend(image, alpha, np.full_like(image, 200), 0.0)
    assert result.shape == image.shape
