"""Plates hold no ghost: the person is marker-coloured, the painter a stand-in that shows whatever it was given."""

import logging

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.backgrounds.plate_masks import (
    CELL_PX,
    fill_from_around,
    paste,
    person_hole,
    plate_size,
    smaller,
    snap_out,
)
from streamer.backgrounds.plates import ANOTHER_SEED, NEUTRAL_GREY, OutOfMemory, PlateMaker, Recipe
from streamer.errors import GenerationCancelled, GenerationError
from streamer.frames import Frame, Keyframe, Size

MARKER = (255, 0, 255)
SIZE = Size(256, 192)


def never():
    return False


class StandIn:
    """Paints a grey that depends on the seed where it is told to, and keeps what it is told to keep.

    Like diffusion it can take over what it sees in the part to repaint: with a strength below 1 a share of it remains.
    """

    def __init__(self, faults=()):
        self.orders = []
        self.faults = list(faults)
        self.closed = 0

    def paint(self, order, *, should_stop):
        self.orders.append(order)
        if should_stop():
            raise GenerationCancelled("not wanted any more")
        if self.faults and (fault := self.faults.pop(0)) is not None:
            raise fault
        paint = np.full_like(order.image, 20 + order.seed % 100)
        kept = order.image * (1 - order.strength) + paint * order.strength
        return np.where(order.repaint[..., None], kept, order.image).astype(np.uint8)

    def close(self):
        self.closed += 1


def nobody(image):
    return np.zeros(image.shape[:2], np.float32)


def keyframe(alpha, image=None):
    """A frame whose person, wherever the alpha says more than nothing, is marker-coloured."""
    if image is None:
        image = np.full((*alpha.shape, 3), (40, 160, 90), np.uint8)
        image[alpha > 0] = MARKER
    return Keyframe(Frame(image, 3, 0.1, 0.0), alpha)


def figure(size=SIZE, left=90, right=150, top=40):
    alpha = np.zeros((size.height, size.width), np.float32)
    alpha[top:, left:right] = 1
    return cv2.GaussianBlur(alpha, (0, 0), 2)


def marker_pixels(image):
    """Pixels with any trace of the marker: it is far from every grey and from the room."""
    red, green, blue = (image[..., channel].astype(int) for channel in range(3))
    return int(((red - green > 8) & (blue - green > 8)).sum())


@pytest.mark.parametrize(
    ("frame", "plate"),
    [((1280, 720), (768, 448)), ((640, 480), (640, 512)), ((720, 1280), (448, 768)), ((512, 512), (576, 576))],
)
def test_plate_has_the_shape_of_the_frame_in_whole_steps(frame, plate):
    assert plate_size(Size(*frame)) == Size(*plate)


def test_smaller_plate_has_about_half_the_area():
    assert smaller(Size(768, 448)) == Size(512, 320)
    assert smaller(Size(256, 256)) == Size(256, 256)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.lists(st.tuples(st.integers(0, 59), st.integers(0, 59)), max_size=12))
def test_snapped_mask_is_a_union_of_cells_and_holds_the_mask(width, height, spots):
    mask = np.zeros((height, width), bool)
    for x, y in spots:
        mask[y % height, x % width] = True
    snapped = snap_out(mask)
    assert snapped[mask].all()
    for top in range(0, height, CELL_PX):
        for left in range(0, width, CELL_PX):
            cell = (slice(top, top + CELL_PX), slice(left, left + CELL_PX))
            assert snapped[cell].all() == snapped[cell].any() == mask[cell].any()


def test_hole_reaches_at_least_two_cells_beyond_a_faint_trace():
    alpha = np.zeros((192, 256), np.float32)
    alpha[90, 120] = 0.06
    hole = person_hole(alpha)
    assert hole[90 - 2 * CELL_PX : 90 + 2 * CELL_PX + 1, 120].all()
    assert hole[90, 120 - 2 * CELL_PX : 120 + 2 * CELL_PX + 1].all()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.02, 0.98))
def test_fill_depends_on_no_pixel_of_the_hole(seed, share):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (37, 53, 3), np.uint8)
    hole = cv2.resize(rng.random((5, 7)), (53, 37), interpolation=cv2.INTER_NEAREST) < share
    other = image.copy()
    other[hole] = rng.integers(0, 256, (int(hole.sum()), 3), np.uint8)
    filled = fill_from_around(image, hole)
    assert np.array_equal(filled, fill_from_around(other, hole))
    assert np.array_equal(filled[~hole], image[~hole])


def test_fill_of_one_colour_is_that_colour():
    image = np.full((60, 90, 3), (10, 120, 230), np.uint8)
    hole = np.zeros((60, 90), bool)
    hole[20:, 30:60] = True
    image[hole] = MARKER
    assert np.abs(fill_from_around(image, hole).astype(int) - (10, 120, 230)).max() <= 1


def test_fill_without_anything_around_is_grey():
    image = np.full((16, 16, 3), MARKER, np.uint8)
    assert (fill_from_around(image, np.ones((16, 16), bool)) == NEUTRAL_GREY).all()


def test_paste_leaves_nothing_of_the_base_in_the_hole_and_fades_outside():
    base, patch = np.full((40, 80, 3), 200, np.uint8), np.zeros((40, 80, 3), np.uint8)
    hole = np.zeros((40, 80), bool)
    hole[:, :30] = True
    row = paste(base, patch, hole)[20, :, 0].astype(int)
    assert (row[:30] == 0).all()
    assert (np.diff(row) >= 0).all()
    assert 0 < row[31] < row[35] < 200
    assert (row[40:] == 200).all()


def mattes():
    """Random mattes: blobs and boxes, soft or hard, anywhere, some empty, some full."""
    boxes = st.tuples(st.integers(-40, 250), st.integers(-40, 190), st.integers(2, 200), st.integers(2, 190))
    return st.tuples(st.lists(boxes, max_size=4), st.floats(0, 6))


@settings(max_examples=60, deadline=None)
@given(mattes(), st.sampled_from(["free", "room"]))
def test_no_plate_holds_a_pixel_of_the_person(matte, fit):
    boxes, softness = matte
    alpha = np.zeros((SIZE.height, SIZE.width), np.float32)
    for x, y, width, height in boxes:
        cv2.ellipse(alpha, (x + width // 2, y + height // 2), (width // 2, height // 2), 0, 0, 360, 1.0, -1)
    if softness > 0.3:
        alpha = cv2.GaussianBlur(alpha, (0, 0), softness)
    maker = PlateMaker(StandIn(), nobody, Recipe(fit=fit, size=SIZE))
    image = np.full((*alpha.shape, 3), (40, 160, 90), np.uint8)
    image[alpha > 0.06] = MARKER
    plate = maker.generate(keyframe(alpha, image), "a beach", 1, should_stop=never)
    assert marker_pixels(plate.image) == 0


@pytest.mark.parametrize("softness", [0, 2, 5])
def test_nor_if_their_alpha_was_left_small(softness):
    alpha = np.zeros((SIZE.height, SIZE.width), np.float32)
    cv2.ellipse(alpha, (120, 110), (40, 70), 20, 0, 360, 1.0, -1)
    alpha = cv2.GaussianBlur(alpha, (0, 0), softness) if softness else alpha
    image = np.full((*alpha.shape, 3), (40, 160, 90), np.uint8)
    image[alpha > 0.06] = MARKER
    small = cv2.resize(alpha, (80, 60), interpolation=cv2.INTER_AREA)
    seen = Keyframe(Frame(image, 3, 0.1, 0.0), small)
    plate = PlateMaker(StandIn(), nobody, Recipe(size=SIZE)).generate(seen, "a beach", 1, should_stop=never)
    assert marker_pixels(plate.image) == 0


def test_painting_around_the_person_alone_would_leave_their_ghost():
    """The test above can fail: this is what the first pass gives."""
    painter = StandIn()
    PlateMaker(painter, nobody, Recipe(size=SIZE)).generate(keyframe(figure()), "a beach", 1, should_stop=never)
    first = painter.paint(painter.orders[0], should_stop=never)
    assert marker_pixels(first) > 0.5 * (figure() > 0.5).sum()


def test_hand_that_the_matte_lost_is_not_on_the_plate():
    alpha = figure()
    image = np.full((*alpha.shape, 3), (40, 160, 90), np.uint8)
    image[alpha > 0] = MARKER
    image[60:90, 200:230] = MARKER  # a hand far from the body, alpha 0
    painter = StandIn()
    plate = PlateMaker(painter, nobody, Recipe(size=SIZE)).generate(
        keyframe(alpha, image), "a beach", 1, should_stop=never
    )
    assert marker_pixels(plate.image) == 0
    assert all(marker_pixels(order.image[60:90, 200:230]) == 0 for order in painter.orders)


def test_no_pixel_of_the_person_enters_the_second_pass():
    painter = StandIn()
    PlateMaker(painter, nobody, Recipe(size=SIZE)).generate(keyframe(figure()), "a beach", 1, should_stop=never)
    first, second = painter.orders
    assert marker_pixels(first.image) > 0
    assert marker_pixels(second.image) == 0
    assert second.repaint[figure() > 0.05].all()
    assert "person" in second.negative
    assert "person" not in first.negative


def test_free_plate_sees_nothing_of_the_room():
    painter = StandIn()
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (SIZE.height, SIZE.width, 3), np.uint8)
    PlateMaker(painter, nobody, Recipe(size=SIZE)).generate(keyframe(figure(), image), "p", 1, should_stop=never)
    first = painter.orders[0]
    assert (first.image[first.repaint] == NEUTRAL_GREY).all()
    assert first.strength == 1.0
    assert np.array_equal(first.image[~first.repaint], image[~first.repaint])


def test_plate_that_fits_the_room_starts_from_it():
    painter = StandIn()
    alpha = figure()
    PlateMaker(painter, nobody, Recipe(fit="room", room_strength=0.6, size=SIZE)).generate(
        keyframe(alpha), "a beach", 1, should_stop=never
    )
    assert painter.orders[0].strength == 0.6
    assert (painter.orders[0].image[:, :40] == (40, 160, 90)).all()


class Gate:
    """A matte network that finds a person on the first ``count`` pictures."""

    def __init__(self, count):
        self.count, self.seen = count, 0

    def __call__(self, image):
        self.seen += 1
        alpha = np.zeros(image.shape[:2], np.float32)
        if self.seen <= self.count:
            alpha[:40, :60] = 1
        return alpha


@pytest.mark.parametrize(
    ("persons", "how", "passes"),
    [(0, "painted", 2), (1, "painted again", 4), (2, "full frame", 5)],
)
def test_gate_tries_another_seed_then_the_full_frame(persons, how, passes):
    painter = StandIn()
    plate = PlateMaker(painter, Gate(persons), Recipe(size=SIZE)).generate(
        keyframe(figure()), "p", 5, should_stop=never
    )
    assert plate.how == how
    assert len(painter.orders) == passes
    assert plate.seed == 5
    seeds = [order.seed for order in painter.orders]
    assert seeds[:2] == [5, 6]
    if persons:
        assert seeds[2:4] == [5 + ANOTHER_SEED, 6 + ANOTHER_SEED]


def test_last_resort_fills_the_person_on_the_plate_from_around():
    gate = Gate(4)  # 1 first, 2 again, 3 full frame, 4 where to fill
    plate = PlateMaker(StandIn(), gate, Recipe(size=SIZE)).generate(keyframe(figure()), "p", 5, should_stop=never)
    assert plate.how == "filled"


def test_plate_on_which_a_person_stays_is_not_given_out():
    maker = PlateMaker(StandIn(), Gate(99), Recipe(size=SIZE))
    with pytest.raises(GenerationError, match="holds a person"):
        maker.generate(keyframe(figure()), "a crowd", 5, should_stop=never)


def test_without_a_gate_people_are_welcome():
    painter = StandIn()
    plate = PlateMaker(painter, None, Recipe(size=SIZE)).generate(keyframe(figure()), "p", 5, should_stop=never)
    assert plate.how == "painted"
    assert len(painter.orders) == 2


def test_nobody_before_the_camera_needs_one_pass():
    painter = StandIn()
    alpha = np.zeros((SIZE.height, SIZE.width), np.float32)
    PlateMaker(painter, nobody, Recipe(size=SIZE)).generate(keyframe(alpha), "p", 5, should_stop=never)
    assert len(painter.orders) == 1
    assert painter.orders[0].repaint.all()


def test_out_of_memory_is_tried_once_more_at_a_smaller_size(caplog):
    painter = StandIn([None, OutOfMemory("no room")])
    size = Size(512, 448)
    with caplog.at_level(logging.WARNING):
        plate = PlateMaker(painter, nobody, Recipe(size=size)).generate(keyframe(figure()), "p", 5, should_stop=never)
    assert plate.image.shape == (320, 384, 3)
    assert not plate.is_full_size
    assert "out of memory for a plate of 512x448" in caplog.text


def test_second_out_of_memory_is_the_callers():
    painter = StandIn([OutOfMemory("no room"), OutOfMemory("no room")])
    with pytest.raises(OutOfMemory):
        PlateMaker(painter, nobody, Recipe()).generate(keyframe(figure()), "p", 5, should_stop=never)


def test_cancelled_plate_is_given_up_at_once():
    painter = StandIn()
    with pytest.raises(GenerationCancelled):
        PlateMaker(painter, nobody, Recipe()).generate(keyframe(figure()), "p", 5, should_stop=lambda: True)
    assert len(painter.orders) == 1


def test_plate_says_what_it_is_and_the_painter_is_closed_with_the_maker():
    painter = StandIn()
    maker = PlateMaker(painter, nobody, Recipe(size=SIZE))
    plate = maker.generate(keyframe(figure()), "a beach", 5, should_stop=never)
    assert (plate.prompt, plate.keyframe_index) == ("a beach", 3)
    assert plate.made_in_s >= 0
    maker.close()
    assert painter.closed == 1
