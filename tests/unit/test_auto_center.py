from __future__ import annotations

import itertools
from collections.abc import Iterable

import cv2
import numpy as np
import pytest

from streamer.auto_center import MOST_ZOOM, WHOLE, AutoCenter, View, measure, moved
from streamer.frames import Alpha, Frame, Image, Size

SIZE = Size(320, 180)
FPS = 30


def person(middle: float, top: float = 0.1, head: float = 0.12, shoulders: float = 0.3) -> Alpha:
    """A head on shoulders whose body goes on below the frame; all in shares of the frame."""
    alpha = np.zeros((SIZE.height, SIZE.width), np.float32)
    x, radius = middle * SIZE.width, head * SIZE.width / 2
    center = (round(x), round(top * SIZE.height + radius))
    cv2.circle(alpha, center, round(radius), 1.0, -1, cv2.LINE_AA)
    half = shoulders * SIZE.width / 2
    cv2.rectangle(alpha, (round(x - half), round(center[1] + radius * 0.9)), (round(x + half), SIZE.height), 1.0, -1)
    return alpha


def nobody() -> Alpha:
    return np.zeros((SIZE.height, SIZE.width), np.float32)


def frame_at(index: int, image: Image | None = None) -> Frame:
    picture = np.full((SIZE.height, SIZE.width, 3), 120, np.uint8) if image is None else image
    return Frame(picture, index, index / FPS, 0.0)


def views(operator: AutoCenter, alphas: Iterable[Alpha], first: int = 0) -> list[View]:
    return [operator.look(frame_at(first + number), alpha) for number, alpha in enumerate(alphas)]


def test_the_outline_of_a_person_lies_where_they_were_drawn() -> None:
    outline = measure(person(0.4, top=0.2))
    assert outline is not None
    assert outline.middle == pytest.approx(0.4, abs=0.01)
    assert outline.top == pytest.approx(0.2, abs=0.03)
    assert outline.left_gap == pytest.approx(0.25, abs=0.01)
    assert outline.right_gap == pytest.approx(0.45, abs=0.015)
    assert measure(nobody()) is None


def test_a_clip_begins_with_the_person_in_the_middle() -> None:
    (view,) = views(AutoCenter(), [person(0.35)])
    assert view.middle == pytest.approx(0.35, abs=0.01)


def test_a_person_who_moved_aside_is_in_the_middle_two_seconds_later_and_never_beyond() -> None:
    operator = AutoCenter()
    views(operator, [person(0.5)] * 10)
    way = [view.middle for view in views(operator, [person(0.3)] * 90, first=10)]
    assert way[0] > 0.45, "it sets out gently"
    assert way[65] == pytest.approx(0.3, abs=0.02)
    assert all(later <= earlier + 1e-6 for earlier, later in itertools.pairwise(way)), "never back"
    assert min(way) >= 0.29, "no overshoot"
    assert max(np.abs(np.diff(way))) < 0.015, "no jump"


def test_the_frame_rate_makes_no_difference_to_where_the_view_is() -> None:
    fast, slow = AutoCenter(), AutoCenter()
    for index in range(61):
        alpha = person(0.5) if index == 0 else person(0.3)
        at_fast = fast.look(Frame(frame_at(0).image, index, index / 60, 0.0), alpha)
        if index % 4 == 0:
            at_slow = slow.look(Frame(frame_at(0).image, index, index / 60, 0.0), alpha)
    assert at_fast.middle == pytest.approx(at_slow.middle, abs=0.015)


def test_a_still_person_with_a_noisy_matte_does_not_make_the_picture_tremble() -> None:
    rng = np.random.default_rng(0)
    still = person(0.35, top=0.25)
    noisy = [np.clip(still + rng.normal(0, 0.15, still.shape), 0, 1).astype(np.float32) for _ in range(30)]
    shifts = rng.uniform(-1.5, 1.5, (30, 2))
    shaken = [
        cv2.warpAffine(alpha, np.array([[1, 0, x], [0, 1, y]]), SIZE, borderMode=cv2.BORDER_REPLICATE)
        for alpha, (x, y) in zip(noisy, shifts, strict=True)
    ]
    operator = AutoCenter()
    views(operator, [still] * 90)
    seen = set(views(operator, shaken * 4, first=90))
    assert len(seen) == 1
    assert seen != {WHOLE}


def test_a_small_way_aside_is_not_worth_a_move() -> None:
    operator = AutoCenter()
    views(operator, [person(0.5, top=0.1, shoulders=0.5)] * 5)
    assert set(views(operator, [person(0.52, top=0.1, shoulders=0.5)] * 60, first=5)) == {WHOLE}


def test_nobody_there_leads_back_to_the_whole_frame_and_not_at_once() -> None:
    operator = AutoCenter()
    (begun,) = views(operator, [person(0.3, top=0.3)])
    seen = views(operator, [nobody()] * 200, first=1)
    assert seen[:25] == [begun] * 25
    assert seen[-1] == WHOLE
    assert max(abs(later.middle - earlier.middle) for earlier, later in itertools.pairwise(seen)) < 0.015


def test_a_matte_that_fails_for_a_moment_changes_nothing() -> None:
    operator = AutoCenter()
    (begun,) = views(operator, [person(0.3)])
    assert set(views(operator, [nobody()] * 15 + [person(0.3)] * 30, first=1)) == {begun}


def test_a_small_person_is_enlarged_and_no_more_than_is_good() -> None:
    (view,) = views(AutoCenter(), [person(0.5, top=0.35)])
    assert view.scale == pytest.approx(0.65 / 0.88, abs=0.03)
    (view,) = views(AutoCenter(), [person(0.5, top=0.8, head=0.05, shoulders=0.1)])
    assert view.scale == pytest.approx(1 / MOST_ZOOM)


def test_whoever_fills_the_frame_is_not_enlarged_to_a_face() -> None:
    (view,) = views(AutoCenter(), [person(0.4, top=0.05, head=0.4, shoulders=0.99)])
    assert view.scale > 0.8


@pytest.mark.parametrize("seed", range(6))
def test_no_edge_that_cuts_the_body_ever_comes_into_the_picture(seed: int) -> None:
    """The person wanders anywhere, out of the frame, nearer and farther, with jumps: hands and feet may not float."""
    rng = np.random.default_rng(seed)
    middle, top, shoulders = 0.5, 0.1, 0.3
    operator = AutoCenter()
    for index in range(150):
        middle = float(np.clip(middle + rng.normal(0, 0.03), -0.1, 1.1)) if rng.random() > 0.03 else rng.random()
        top = float(np.clip(top + rng.normal(0, 0.02), 0, 0.8))
        alpha = person(middle, top, shoulders=shoulders)
        view = operator.look(frame_at(index), alpha)
        assert 1 / MOST_ZOOM - 1e-9 <= view.scale <= 1 + 1e-9
        assert view.top >= -1e-9
        assert view.top + view.scale <= 1 + 1e-9, "the lower edge is lifted"
        if alpha[:, 0].mean() > 0.05:
            assert view.left >= -1e-9, "the left edge cuts the body, and is seen"
        if alpha[:, -1].mean() > 0.05:
            assert view.right <= 1 + 1e-9, "the right edge cuts the body, and is seen"


def test_a_scene_cut_begins_anew() -> None:
    operator = AutoCenter()
    views(operator, [person(0.3)] * 5)
    bright = np.full((SIZE.height, SIZE.width, 3), 220, np.uint8)
    assert operator.look(frame_at(5, bright), person(0.7)).middle == pytest.approx(0.7, abs=0.01)


def test_another_size_and_a_long_gap_begin_anew() -> None:
    operator = AutoCenter()
    views(operator, [person(0.3)] * 5)
    assert operator.look(frame_at(500), person(0.7)).middle == pytest.approx(0.7, abs=0.01)
    small = Frame(np.full((90, 160, 3), 120, np.uint8), 501, 501 / FPS, 0.0)
    assert operator.look(small, cv2.resize(person(0.35), (160, 90))).middle == pytest.approx(0.35, abs=0.02)


def placed_person(middle: float, *, with_room: bool) -> tuple[Image, Alpha, Alpha, Alpha]:
    """Picture, matte, matte for the room behind, and the matte before, of a red person in a blue room."""
    alpha = person(middle)
    image = np.zeros((SIZE.height, SIZE.width, 3), np.uint8)
    image[..., 2] = 200
    image[alpha > 0.5] = (200, 0, 0)
    placed = AutoCenter().place(frame_at(0, image), alpha, with_room=with_room)
    return placed.image, placed.alpha, placed.alpha_behind, alpha


@pytest.mark.parametrize("with_room", [False, True])
def test_picture_and_matte_are_moved_together(with_room: bool) -> None:
    image, alpha, _, own = placed_person(0.35, with_room=with_room)
    assert alpha.dtype == np.float32
    assert image.shape == (*alpha.shape, 3)
    surely = alpha > 0.99
    assert surely.mean() > 0.8 * (own > 0.99).mean()
    assert image[surely][:, 0].mean() > 190
    outline = measure(alpha)
    assert outline is not None
    assert outline.middle == pytest.approx(0.5, abs=0.01)


def test_a_body_cut_by_the_lower_edge_reaches_the_lower_edge() -> None:
    _, alpha, _, own = placed_person(0.35, with_room=False)
    assert own[-1].max() == 1
    assert alpha[-1].max() > 0.99


def test_beside_the_frame_nobody_is_and_the_room_goes_on_as_its_mirror_image() -> None:
    image, alpha, behind, _ = placed_person(0.35, with_room=True)
    outside = round((0.5 - 0.35) * SIZE.width)
    assert not alpha[:, : outside - 1].any()
    assert image[:, :outside, 2].min() == 200, "the room goes on"
    np.testing.assert_array_equal(alpha[:, outside + 1 :], behind[:, outside + 1 :])


def test_a_person_mirrored_beside_the_frame_is_kept_out_of_the_blur_and_of_the_picture() -> None:
    own = person(0.25, shoulders=0.4)
    view = View(0.25, 0.0, 1.0)
    image = np.zeros((SIZE.height, SIZE.width, 3), np.uint8)
    placed = moved(image, own, view, True)
    assert placed.alpha_behind[:, : SIZE.width // 4 - 1].max() == 1
    assert not placed.alpha[:, : SIZE.width // 4 - 1].any()


def test_whoever_is_in_the_middle_already_costs_nothing() -> None:
    frame, alpha = frame_at(0), person(0.5, top=0.1, shoulders=0.5)
    placed = AutoCenter().place(frame, alpha, with_room=False)
    assert placed.image is frame.image
    assert placed.alpha is alpha
