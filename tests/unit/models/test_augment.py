import numpy as np
import pytest

from models.augment import (
    Composer,
    CutOutSet,
    PairSet,
    crop_whole,
    degrade,
    place,
)
from models.datasets import CutOut, Pair, cut_out
from models.scenery import cast_shadow, hang_clothes, plain_wall

RED, GREEN = (200, 30, 30), (30, 160, 40)


def portrait():
    """A red figure before green: tall, not cut by any side."""
    image = np.full((300, 160, 3), GREEN, np.uint8)
    mask = np.zeros((300, 160), np.uint8)
    mask[20:280, 40:120] = 255
    image[mask > 0] = RED
    return Pair("figure1", image, mask)


def composer(**kwargs):
    pair = portrait()
    figure = cut_out(pair)
    rooms = [np.full((256, 256, 3), 90, np.uint8)]
    return Composer([CutOutSet([figure], 1.0)], kwargs.pop("whole", []), rooms, **kwargs)


def test_cut_out_holds_no_colour_of_the_old_background_at_its_rim():
    pair = portrait()
    soft = pair.mask.copy()
    soft[20:280, 36:40] = 128  # a rim in which the green wall shines through
    figure = cut_out(Pair("figure1", pair.image, soft))
    rim = figure.image[figure.mask == 128].astype(int)
    assert len(rim) > 100
    assert (rim[:, 0] > rim[:, 1]).all()


def test_cut_out_of_an_empty_mask_is_none():
    pair = portrait()
    assert cut_out(Pair("nobody", pair.image, np.zeros_like(pair.mask))) is None


def test_cut_out_says_where_the_frame_cut_the_person():
    pair = portrait()
    mask = np.zeros_like(pair.mask)
    mask[100:, 40:120] = 255
    figure = cut_out(Pair("portrait", pair.image, mask))
    assert figure.cut_bottom
    assert not figure.cut_sides


@pytest.mark.parametrize("size", [(320, 192), (192, 320), (64, 64)])
def test_samples_have_the_asked_for_size_and_a_person_where_alpha_says(size):
    rng = np.random.default_rng(1)
    samples = [composer(empty_share=0).draw(rng, *size) for _ in range(10)]
    for sample in samples:
        assert sample.image.shape == (size[1], size[0], 3)
        assert sample.alpha.shape == sample.known.shape == (size[1], size[0])
        assert sample.image.dtype == sample.alpha.dtype == np.uint8
    assert sum((sample.alpha > 127).any() for sample in samples) >= 8


def test_empty_scenes_have_an_empty_alpha():
    rng = np.random.default_rng(1)
    assert not any(composer(empty_share=1).draw(rng, 64, 64).alpha.any() for _ in range(10))


def test_same_seed_draws_the_same_sample():
    first, second = (composer().draw(np.random.default_rng(7), 64, 64) for _ in range(2))
    assert np.array_equal(first.image, second.image)
    assert np.array_equal(first.alpha, second.alpha)


def test_unknown_pixels_stay_unknown_through_a_crop():
    pair = portrait()
    known = np.zeros_like(pair.mask)
    sample = crop_whole(np.random.default_rng(0), Pair("p", pair.image, pair.mask, known), 64, 64)
    assert not sample.known.any()


def test_whole_pictures_are_drawn_as_often_as_their_share_says():
    rng = np.random.default_rng(0)
    drawing = composer(whole=[PairSet([portrait()], 1.0)])
    assert all((drawing.draw(rng, 64, 64).known == 255).all() for _ in range(3))


def test_placed_person_reaches_the_lower_edge_more_often_than_not():
    rng = np.random.default_rng(0)
    figure: CutOut = cut_out(portrait())
    reaches = [bool((place(rng, figure, 160, 96)[1][-1] > 127).any()) for _ in range(60)]
    assert sum(reaches) > 40


def test_degrading_never_touches_the_alpha():
    rng = np.random.default_rng(0)
    sample = composer(empty_share=0).draw(rng, 64, 64)
    for _ in range(20):
        worse = degrade(rng, sample)
        assert np.array_equal(worse.alpha, sample.alpha)
        assert worse.image.shape == sample.image.shape


def test_hung_clothes_change_the_room_only():
    rng = np.random.default_rng(0)
    room = np.full((96, 160, 3), 90, np.uint8)
    for _ in range(20):
        hang_clothes(rng, room, cut_out(portrait()))
    assert (room != 90).any()
    assert (room[-1] == 90).all()


def test_a_plain_wall_is_calmer_than_any_room():
    rng = np.random.default_rng(2)
    room = rng.integers(0, 256, (60, 100, 3)).astype(np.uint8)
    for _ in range(20):
        wall = plain_wall(rng, room)
        assert wall.shape == room.shape
        assert np.abs(np.diff(wall[..., 1].astype(int), axis=1)).mean() < 15


def test_a_shadow_falls_near_the_person_only_and_darkens():
    matte = np.zeros((90, 160), np.uint8)
    matte[30:, 60:100] = 255
    for seed in range(10):
        image = np.full((90, 160, 3), 200, np.uint8)
        cast_shadow(np.random.default_rng(seed), image, matte)
        assert image.max() == 200
        assert np.all(image[:, :10] == 200)
        assert image[60:, 70:90].mean() < 190
