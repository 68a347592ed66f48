import numpy as np

from models.datasets import CutOut
from models.person_variants import in_plain_clothes, seen_from_above, turned_away, under_camera

RED = (200, 30, 30)


def figure() -> CutOut:
    """A red one, twice and a half as tall as wide."""
    image = np.full((300, 120, 3), (30, 160, 40), np.uint8)
    mask = np.zeros((300, 120), np.uint8)
    mask[:, 20:100] = 255
    image[mask > 0] = RED
    return CutOut(image, mask, cut_sides=False, cut_bottom=False)


def test_turned_away_figure_has_another_head_and_the_same_body_and_mask() -> None:
    standing = figure()
    away = turned_away(np.random.default_rng(0), standing)
    height = standing.mask.shape[0]
    person = standing.mask > 127
    changed = (away.image != standing.image).any(axis=-1) & person
    assert changed[: height // 20].sum() > 0.3 * person[: height // 20].sum()
    assert not changed[height // 3 :].any()
    assert np.array_equal(away.mask, standing.mask)


def test_figure_seen_from_above_is_shorter_and_no_wider_at_its_feet() -> None:
    standing = figure()
    above = seen_from_above(np.random.default_rng(1), standing)
    widths = (above.mask > 127).sum(axis=1)
    assert above.mask.shape[0] < standing.mask.shape[0]
    assert above.image.shape[:2] == above.mask.shape
    assert widths[-12] < widths[12]


def test_somebody_under_the_camera_is_hair_and_shoulders_shortened() -> None:
    grey = np.full((200, 60, 3), 120, np.uint8)
    person = CutOut(grey, np.full((200, 60), 255, np.uint8), cut_sides=False, cut_bottom=False)
    for seed in range(10):
        seen = under_camera(np.random.default_rng(seed), person)
        assert seen.cut_bottom
        assert seen.mask.shape[1] == 60
        assert seen.image.shape[:2] == seen.mask.shape
        assert seen.mask.shape[0] < 0.4 * 200


def test_plain_clothes_have_one_colour_and_leave_the_head_and_the_outline() -> None:
    rng = np.random.default_rng(0)
    standing = figure()
    patterned = rng.integers(0, 256, standing.image.shape).astype(np.uint8)
    person = CutOut(patterned, standing.mask, cut_sides=False, cut_bottom=False)
    for _ in range(10):
        dressed = in_plain_clothes(rng, person, np.full((90, 160, 3), (90, 110, 130), np.uint8))
        assert np.array_equal(dressed.mask, person.mask)
        assert np.array_equal(dressed.image[:40], patterned[:40])
        assert np.array_equal(dressed.image[200:], patterned[200:])
        chest = dressed.image[80:140, 30:90].astype(float)
        assert chest.std(axis=(0, 1)).max() < 0.4 * patterned.std()


def test_plain_clothes_are_as_often_as_not_of_the_colour_of_the_wall() -> None:
    rng = np.random.default_rng(0)
    wall = np.full((90, 160, 3), (90, 110, 130), np.uint8)
    chests = [in_plain_clothes(rng, figure(), wall).image[80:140, 30:90].mean(axis=(0, 1)) for _ in range(100)]
    alike = sum(bool(np.abs(chest - wall[0, 0]).max() < 12) for chest in chests)
    assert 40 < alike < 85
