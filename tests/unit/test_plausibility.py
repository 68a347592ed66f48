from __future__ import annotations

import numpy as np
import pytest

from streamer.frames import Alpha, Area, Frame, Size
from streamer.plausibility import FLOOD_HOLD_S, PlausibilityGate

SIZE = Size(160, 120)


def person(share: float) -> Alpha:
    """A person over that share of the picture, from the left."""
    alpha = np.zeros((SIZE.height, SIZE.width), np.float32)
    alpha[:, : round(share * SIZE.width)] = 1
    return alpha


def frame_of(share: float, index: int = 0, at_s: float | None = None) -> Frame:
    """That person, green, in a grey room."""
    image = np.where(person(share)[..., None] > 0, np.uint8((20, 160, 40)), np.uint8((120, 120, 120)))
    return Frame(image.astype(np.uint8), index, index / 30, index / 30 if at_s is None else at_s)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
def test_a_person_of_any_ordinary_size_is_believed(share: float) -> None:
    assert PlausibilityGate().doubt(frame_of(share), person(share)) is None


def test_a_matte_of_everything_is_not_believed_however_long_it_lasts() -> None:
    gate = PlausibilityGate()
    for index in range(200):
        assert gate.doubt(frame_of(0.3, index), person(1.0)) == "it takes all of the picture for a person"


def test_a_matte_that_is_unsure_everywhere_is_not_believed() -> None:
    alpha = np.full((SIZE.height, SIZE.width), 0.5, np.float32)
    assert PlausibilityGate().doubt(frame_of(0.3), alpha) == "it is unsure about most of the picture"


def scene(left: int, noise: float = 0.0) -> tuple[Frame, Alpha]:
    """A green person in a grey room, so far from the left, and their matte."""
    rng = np.random.default_rng(left)
    image = np.full((SIZE.height, SIZE.width, 3), 120, np.uint8)
    alpha = np.zeros((SIZE.height, SIZE.width), np.float32)
    image[30:, left : left + 40], alpha[30:, left : left + 40] = (20, 160, 40), 1
    image = (image + rng.normal(0, noise, image.shape)).clip(0, 255).astype(np.uint8)
    return Frame(image, left, left / 30, left / 30), alpha


@pytest.mark.parametrize("noise", [0.0, 4.0])
def test_the_matte_of_the_picture_before_is_not_believed(noise: float) -> None:
    gate = PlausibilityGate()
    late: Alpha | None = None
    for left in range(0, 100, 5):
        frame, alpha = scene(left, noise)
        if late is not None:
            assert gate.doubt(frame, late) == "it belongs to the picture before"
        else:
            assert gate.doubt(frame, None) is None
        late = alpha


@pytest.mark.parametrize("step_px", [0, 1, 5, 30])
def test_a_moving_person_with_their_own_matte_is_believed(step_px: int) -> None:
    gate = PlausibilityGate()
    for index in range(4):
        assert gate.doubt(*scene(index * step_px, noise=8)) is None


@pytest.mark.parametrize("picture", [None, Area(0, 30, 160, 90)])
def test_a_smaller_matte_of_the_same_frame_is_judged_alike(picture: Area | None) -> None:
    truthful, late = PlausibilityGate(picture=picture), PlausibilityGate(picture=picture)
    before: Alpha | None = None
    for left in range(0, 100, 6):
        frame, alpha = scene(left, noise=4)
        small = alpha[::2, ::2]
        assert truthful.doubt(frame, small) is None
        assert late.doubt(frame, before) == (None if before is None else "it belongs to the picture before")
        before = small
    assert PlausibilityGate(picture=picture).doubt(frame_of(0.3), person(1.0)[::3, ::3]) is not None


def test_a_light_that_goes_off_does_not_make_a_true_matte_doubtful() -> None:
    gate = PlausibilityGate()
    frame, alpha = scene(20, noise=4)
    assert gate.doubt(frame, alpha) is None
    assert gate.doubt(frame.with_image(frame.image // 5), alpha) is None


def test_an_empty_matte_may_repeat_itself() -> None:
    gate = PlausibilityGate()
    for index in range(3):
        assert gate.doubt(frame_of(0.0, index), person(0.0)) is None


def test_a_flood_is_held_until_it_has_lasted_and_an_ebb_ends_it() -> None:
    gate = PlausibilityGate()
    assert gate.doubt(frame_of(0.2, at_s=0), person(0.2)) is None
    flood = "the person covers much more of the picture from one frame to the next"
    assert gate.doubt(frame_of(0.8, 1, at_s=0.1), person(0.8)) == flood
    assert gate.doubt(frame_of(0.25, 2, at_s=0.2), person(0.25)) is None
    for step in range(10):
        share, at_s = 0.8 + 0.05 * (step % 2), 1 + step * FLOOD_HOLD_S / 10
        assert gate.doubt(frame_of(share, 3 + step, at_s), person(share)) == flood
    assert gate.doubt(frame_of(0.8, 20, at_s=1 + FLOOD_HOLD_S), person(0.8)) is None


def test_a_flood_that_goes_on_changing_is_held() -> None:
    gate = PlausibilityGate()
    assert gate.doubt(frame_of(0.1, at_s=0), person(0.1)) is None
    for step in range(40):
        share = 0.7 if step % 2 else 0.9
        assert gate.doubt(frame_of(share, 1 + step, at_s=0.1 * step), person(share)) is not None


def test_a_person_who_comes_near_in_steps_is_believed() -> None:
    gate = PlausibilityGate()
    for index, share in enumerate((0.0, 0.2, 0.45, 0.6, 0.8, 0.95)):
        assert gate.doubt(frame_of(share, index), person(share)) is None


def test_a_person_close_to_the_camera_in_dim_light_is_believed() -> None:
    """Little contrast, much noise, most of the picture."""
    gate, rng = PlausibilityGate(), np.random.default_rng(3)
    image = np.full((720, 1280, 3), 50, np.uint8)
    alpha = np.zeros((720, 1280), np.float32)
    image[80:, 120:1160], alpha[80:, 120:1160] = 75, 1
    for index in range(5):
        noisy = (image + rng.normal(0, 10, image.shape)).clip(0, 255).astype(np.uint8)
        assert gate.doubt(Frame(noisy, index, index / 30, index / 30), alpha) is None


def test_after_a_restart_no_growth_is_a_flood() -> None:
    gate = PlausibilityGate()
    assert gate.doubt(frame_of(0.0, 0), person(0.0)) is None
    gate.restart()
    assert gate.doubt(frame_of(0.6, 1), person(0.6)) is None


def test_a_large_matte_whose_outline_follows_nothing_is_never_believed() -> None:
    gate = PlausibilityGate()
    for step in range(60):
        frame, _ = scene(left=step, noise=4)
        assert gate.doubt(Frame(frame.image, step, step / 30, step / 10), person(0.9)) is not None


def test_bars_around_the_picture_are_no_part_of_what_is_judged() -> None:
    bars = Area(20, 0, SIZE.width - 40, SIZE.height)
    alpha = np.zeros((SIZE.height, SIZE.width), np.float32)
    alpha[bars.slices] = 1
    image = np.zeros((SIZE.height, SIZE.width, 3), np.uint8)
    image[bars.slices] = scene(30)[0].image[bars.slices]
    frame = Frame(image, 0, 0.0, 0.0)
    assert PlausibilityGate(picture=bars).doubt(frame, alpha) == "it takes all of the picture for a person"


def test_floods_are_not_judged_in_files_but_everything_is() -> None:
    gate = PlausibilityGate(is_live=False)
    assert gate.doubt(frame_of(0.1, 0), person(0.1)) is None
    assert gate.doubt(frame_of(0.9, 1), person(0.9)) is None
    assert gate.doubt(frame_of(1.0, 2), person(1.0)) is not None
