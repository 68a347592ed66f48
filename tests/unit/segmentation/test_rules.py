from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.frames import Alpha, Levels
from streamer.segmentation.rules import MatteRules, PatchSorter, People, move_edge

HEIGHT, WIDTH = 90, 160


def patches(*boxes: tuple[int, int, int, int], value: float = 1.0) -> Alpha:
    """Solid rectangles: top, left, height, width."""
    alpha = np.zeros((HEIGHT, WIDTH), np.float32)
    for top, left, height, width in boxes:
        alpha[top : top + height, left : left + width] = value
    return alpha


LARGE, CENTRAL, SPECK = (30, 0, 60, 50), (40, 70, 50, 25), (5, 150, 3, 3)


@pytest.mark.parametrize(
    ("people", "kept"), [("all", (LARGE, CENTRAL, SPECK)), ("largest", (LARGE,)), ("center", (CENTRAL,))]
)
def test_people_who_are_not_wanted_are_dropped(people: People, kept: tuple[tuple[int, int, int, int], ...]) -> None:
    sorter = PatchSorter(MatteRules(people=people))
    assert np.array_equal(sorter.sort(patches(LARGE, CENTRAL, SPECK)), patches(*kept))


def test_small_islands_are_dropped_and_large_ones_kept() -> None:
    alpha = patches(LARGE, CENTRAL, SPECK)
    assert np.array_equal(PatchSorter(MatteRules(min_island=0.1)).sort(alpha), patches(LARGE, CENTRAL))
    assert np.array_equal(PatchSorter(MatteRules(min_island=0.05)).sort(alpha), alpha)


def test_soft_hair_stays_with_its_head_and_haze_far_from_everybody_goes() -> None:
    hair, haze = patches((26, 10, 4, 30), value=0.3), patches((10, 120, 30, 30), value=0.4)
    sorted_ = PatchSorter(MatteRules(min_island=0.1)).sort(np.maximum(patches(LARGE), hair + haze))
    assert np.array_equal(sorted_, np.maximum(patches(LARGE), hair))


def test_the_one_who_was_kept_stays_until_another_fits_much_better() -> None:
    sorter = PatchSorter(MatteRules(people="largest"))
    first, second = (30, 0, 40, 40), (30, 100, 40, 44)
    sorter.sort(patches(first))
    assert np.array_equal(sorter.sort(patches(first, second)), patches(first))
    much_larger = (10, 90, 80, 60)
    assert np.array_equal(sorter.sort(patches(first, much_larger)), patches(much_larger))
    sorter.reset()
    assert np.array_equal(sorter.sort(patches(first, second)), patches(second))


def test_the_one_who_was_kept_stays_when_the_matte_comes_at_another_size() -> None:
    sorter = PatchSorter(MatteRules(people="largest"))
    first, second = (30, 0, 40, 40), (30, 100, 40, 44)
    sorter.sort(patches(first))
    half = patches(first, second)[::2, ::2].copy()
    assert np.array_equal(sorter.sort(half), patches(first)[::2, ::2])


def test_who_is_nearest_to_the_middle_changes_only_when_clearly_so() -> None:
    sorter = PatchSorter(MatteRules(people="center"))
    left, right = (20, 40, 50, 20), (20, 98, 50, 20)
    sorter.sort(patches(left))
    assert np.array_equal(sorter.sort(patches(left, right)), patches(left))
    assert np.array_equal(sorter.sort(patches(left, CENTRAL)), patches(CENTRAL))


def test_holes_up_to_the_limit_are_filled_and_gaps_at_the_edge_are_not() -> None:
    alpha = patches((20, 20, 70, 100))
    alpha[40:46, 60:66] = 0
    alpha[60:80, 80:110] = 0
    alpha[84:90, 40:46] = 0
    filled = PatchSorter(MatteRules(fill_holes=0.5)).sort(alpha)
    assert np.all(filled[40:46, 60:66] == 1)
    assert np.all(filled[61:79, 81:109] == 0)
    assert np.all(filled[84:90, 40:46] == 0)


def levels_of(alpha: Alpha) -> Levels:
    return np.rint(alpha * 255).astype(np.uint8)


def test_without_rules_nothing_changes() -> None:
    alpha = np.random.default_rng(0).random((HEIGHT, WIDTH), dtype=np.float32)
    assert PatchSorter(MatteRules()).sort(alpha) is alpha
    assert move_edge(levels := levels_of(alpha), MatteRules()) is levels


@pytest.mark.parametrize(("shift", "height"), [(0, 20), (3, 26), (-3, 14)])
def test_the_edge_is_moved_by_so_many_pixels(shift: int, height: int) -> None:
    moved = move_edge(levels_of(patches((30, 40, 20, 60))), MatteRules(edge_shift_px=shift))
    assert (moved[:, 70] == 255).sum() == height


def test_a_feather_softens_the_edge_over_its_width_and_leaves_it_in_place() -> None:
    soft = move_edge(levels_of(patches((30, 0, 60, 160))), MatteRules(feather_px=4))[:, 80].astype(int)
    assert np.all(soft[:26] == 0)
    assert np.all(soft[34:] == 255)
    assert soft[29] + soft[30] == pytest.approx(255, abs=2)
    assert np.all(np.diff(soft[25:35]) >= 0)


@settings(deadline=None)
@given(
    st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1), st.sampled_from(["all", "largest", "center"]),
    st.floats(0, 50), st.floats(0, 50), st.integers(-5, 5), st.integers(0, 5),
)  # fmt: skip
def test_any_rules_on_any_alpha_give_an_alpha(
    height: int, width: int, seed: int, people: People, island: float, holes: float, shift: int, feather: int
) -> None:
    rules = MatteRules(people, island, holes, shift, feather)
    alpha = np.random.default_rng(seed).random((height, width), dtype=np.float32)
    sorted_out = PatchSorter(rules).sort(alpha)
    assert sorted_out.dtype == np.float32
    assert sorted_out.min() >= 0
    assert sorted_out.max() <= 1 + 1e-6
    result = move_edge(levels_of(sorted_out), rules)
    assert result.dtype == np.uint8
    assert result.shape == alpha.shape
