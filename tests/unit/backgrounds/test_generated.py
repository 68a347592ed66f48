"""The painted background with plates that a test delivers when it likes."""

import numpy as np
import pytest
from painted_stage import SIZE, STAND_IN, Orders, Stage, Watch, is_plain

from streamer.backgrounds.blur import BlurBackground
from streamer.backgrounds.generated import RETRY_AFTER_S, GeneratedBackground
from streamer.backgrounds.keyframes import View
from streamer.backgrounds.plate_orders import Delivery, Scene
from streamer.frames import Size


@pytest.fixture
def stage():
    return Stage()


def test_first_frame_orders_a_plate_and_shows_the_stand_in(stage):
    assert is_plain(stage.at(0), STAND_IN)
    assert [(order.prompt, order.seed) for order in stage.orders.taken] == [("a beach", 7)]
    assert stage.watch.kept == [0]
    assert is_plain(stage.background.safe_image(Size(20, 10)), STAND_IN)
    assert stage.background.status == "painting the first background"


def test_a_plate_ages_from_its_delivery_on(stage):
    assert stage.background.plate_age_s is None
    stage.at(0)
    stage.now_s = 103.0
    assert stage.background.plate_age_s is None, "nothing is painted yet"
    stage.orders.deliver(230)
    stage.at(1)
    stage.now_s = 107.5
    stage.at(2)
    assert stage.background.plate_age_s == 4.5
    stage.scene = Scene("a library", 7)
    stage.at(3)
    assert stage.background.plate_age_s == 4.5, "the plate that is shown is still the first"
    stage.orders.deliver(90)
    stage.at(4)
    assert stage.background.plate_age_s == 0


def test_plate_fades_in_over_the_asked_for_time_and_no_longer(stage):
    stage.at(0)
    stage.orders.deliver(230)
    red = [int(stage.at(1 + step * 0.1)[0, 0, 0]) for step in range(6)]
    assert red[0] == STAND_IN[0]
    assert red[0] < red[1] < red[2] < red[3] < red[4]
    assert red[2] == (STAND_IN[0] + 230) // 2
    assert red[4] == red[5] == 230
    assert is_plain(stage.background.safe_image(SIZE), (230, 230, 230))


def test_camera_off_while_one_plate_fades_into_another_shows_the_newer_one(stage):
    stage.at(0)
    stage.orders.deliver(230)
    stage.at(1)
    stage.at(2)
    stage.scene = Scene("a library", 7)
    stage.at(3)
    stage.orders.deliver(90)
    stage.at(4)
    assert 90 < stage.at(4.2)[0, 0, 0] < 230
    assert is_plain(stage.background.safe_image(SIZE), (90, 90, 90))


def test_plate_of_a_file_is_there_on_the_very_first_frame(stage):
    order = stage.orders.order

    def at_once(wanted):
        order(wanted)
        stage.orders.deliver(230)

    stage.orders.order = at_once
    assert is_plain(stage.at(0), (230, 230, 230))


def test_another_prompt_orders_another_plate_and_keeps_the_one_before_until_it_comes(stage):
    stage.at(0)
    stage.orders.deliver(230)
    stage.at(1)
    stage.scene = Scene("a library", 7)
    assert is_plain(stage.at(2), (230, 230, 230))
    assert stage.background.status == "painting: a library"
    assert [order.prompt for order in stage.orders.taken] == ["a beach", "a library"]
    assert stage.watch.kept == [0, 2]
    stage.orders.deliver(100)
    stage.at(3)
    assert is_plain(stage.at(4), (100, 100, 100))
    assert stage.background.status == "background: a library"


def test_change_of_the_room_orders_a_plate_once(stage):
    stage.at(0)
    stage.orders.deliver(230)
    stage.at(1)
    stage.watch.view = View("cut", 1.0, None)
    stage.at(2)
    stage.at(3)
    assert len(stage.orders.taken) == 2
    assert stage.orders.taken[1].keyframe.frame.pts_s == 2


def test_room_that_goes_on_changing_does_not_drop_the_plate_under_way(stage):
    stage.at(0)
    for second in range(1, 60):
        stage.watch.view = View("light", 1.0, None)
        stage.at(second)
    assert len(stage.orders.taken) == 1
    stage.orders.deliver(230)
    stage.at(60)
    assert len(stage.orders.taken) == 2  # the last reason still holds
    assert is_plain(stage.at(61), (230, 230, 230))


def test_delivery_of_an_order_that_was_replaced_is_left_alone(stage):
    stage.at(0)
    first = stage.orders.taken[0]
    stage.scene = Scene("a library", 7)
    stage.at(1)
    stage.orders.deliver(99, order=first)
    assert is_plain(stage.at(2), STAND_IN)
    stage.orders.fail()
    stage.orders.next = Delivery(first, None)
    stage.at(3)
    stage.at(4 + 2 * RETRY_AFTER_S)
    assert len(stage.orders.taken) == 2


def test_safe_picture_of_a_restyled_room_is_the_stand_in():
    stage = Stage(keeps_room=True)
    stage.at(0)
    stage.orders.deliver(230)
    stage.at(1)
    assert is_plain(stage.at(2), (230, 230, 230))
    assert is_plain(stage.background.safe_image(SIZE), STAND_IN)


def test_fade_that_is_interrupted_goes_on_from_what_was_shown(stage):
    stage.at(0)
    stage.orders.deliver(230)
    stage.at(1)
    half = stage.at(1.2)
    stage.scene = Scene("a library", 7)
    stage.at(1.2)
    stage.orders.deliver(100)
    assert abs(int(stage.at(1.2)[0, 0, 0]) - int(half[0, 0, 0])) <= 1


def test_failed_plate_is_ordered_again_after_ever_longer_pauses(stage):
    stage.at(0)
    for attempt, pause_s in enumerate((RETRY_AFTER_S, 2 * RETRY_AFTER_S, 4 * RETRY_AFTER_S)):
        now_s = 100.0 * (attempt + 1)
        stage.orders.fail()
        stage.at(now_s)
        stage.at(now_s + pause_s - 0.01)
        assert len(stage.orders.taken) == attempt + 1
        stage.at(now_s + pause_s)
        assert len(stage.orders.taken) == attempt + 2


def test_status_does_not_say_that_something_is_painted_between_a_failure_and_the_next_attempt(stage):
    stage.at(0)
    stage.orders.fail()
    stage.at(1)
    assert stage.background.status == "the first background failed and is tried again"
    stage.at(1 + RETRY_AFTER_S)
    assert stage.background.status == "painting the first background"
    stage.orders.deliver(200)
    stage.at(4)
    stage.scene = Scene("a library", 7)
    stage.at(5)
    stage.orders.fail()
    stage.at(6)
    assert stage.background.status == "failed and tried again: a library"
    stage.at(6 + RETRY_AFTER_S)
    assert stage.background.status == "painting: a library"


def test_pause_after_a_failure_does_not_pass_on_to_another_prompt(stage):
    stage.at(0)
    for now_s in (100, 200, 300):
        stage.orders.fail()
        stage.at(now_s)
        stage.at(now_s + 50)
    stage.scene = Scene("a library", 7)
    stage.at(400)
    stage.orders.fail()
    stage.at(401)
    orders = len(stage.orders.taken)
    stage.at(401 + RETRY_AFTER_S)
    assert len(stage.orders.taken) == orders + 1


def test_plate_follows_the_brightness_of_the_room(stage):
    stage.at(0)
    stage.orders.deliver(200)
    stage.at(1)
    stage.at(2)
    stage.watch.view = View(None, 0.8, None)
    assert is_plain(stage.at(3), (160, 160, 160))


def test_plate_keeps_its_brightness_while_the_next_one_is_painted(stage):
    stage.at(0)
    stage.orders.deliver(200)
    stage.at(1)
    stage.at(2)
    stage.watch.view = View("light", 0.6, None)
    assert is_plain(stage.at(3), (120, 120, 120))
    assert is_plain(stage.at(4), (120, 120, 120))
    stage.orders.deliver(90)
    stage.at(5)
    assert is_plain(stage.at(6), (90, 90, 90))


def dotted():
    """A plate with a white square in the middle, at the frame's size."""
    image = np.zeros((SIZE.height, SIZE.width, 3), np.uint8)
    image[20:28, 28:36] = 255
    return image


def center(image):
    rows, columns = np.nonzero(image[..., 0] > 127)
    return float(columns.mean()), float(rows.mean())


def shifted(x_share):
    return np.array([[1, 0, x_share], [0, 1, 0]], np.float32)


def test_plate_moves_with_the_camera(stage):
    stage.at(0)
    stage.orders.deliver(0, image=dotted())
    stage.at(1)
    at_rest = center(stage.at(2))
    stage.watch.view = View(None, 1.0, shifted(8 / SIZE.width))
    moved = center(stage.at(3))
    assert moved[0] - at_rest[0] == pytest.approx(8, abs=0.1)
    assert moved[1] == pytest.approx(at_rest[1], abs=0.1)


def test_plate_stays_where_it_came_to_while_the_next_one_is_painted(stage):
    stage.at(0)
    stage.orders.deliver(0, image=dotted())
    stage.at(1)
    at_rest = center(stage.at(2))
    stage.watch.view = View("camera", 1.0, shifted(8 / SIZE.width))
    assert center(stage.at(3))[0] - at_rest[0] == pytest.approx(8, abs=0.1)
    stage.watch.view = View(None, 1.0, shifted(4 / SIZE.width))
    assert center(stage.at(4))[0] - at_rest[0] == pytest.approx(12, abs=0.1)


def test_another_size_of_frames_is_another_room(stage):
    stage.at(0)
    stage.orders.deliver(230)
    stage.at(1)
    other = Size(40, 30)
    assert is_plain(stage.at(2, other), (230, 230, 230))
    assert len(stage.orders.taken) == 2


def test_stand_in_that_shows_the_room_is_refused():
    with pytest.raises(ValueError, match="stand-in"):
        GeneratedBackground(Orders(), lambda pts_s: Scene("p", 1), BlurBackground(50), watch=Watch())


def test_orders_are_closed_with_the_background(stage):
    stage.background.close()
    assert stage.orders.closed == 1


def test_safe_picture_is_what_was_shown_last_with_its_brightness_and_place(stage):
    stage.at(0)
    stage.orders.deliver(0, image=dotted())
    stage.at(1)
    stage.at(2)
    stage.watch.view = View(None, 0.5, shifted(8 / SIZE.width))
    shown = stage.at(3)
    assert np.array_equal(stage.background.safe_image(SIZE), shown)
    assert stage.background.safe_image(Size(40, 30)).shape == (30, 40, 3)


def test_a_frozen_plate_gives_way_only_when_it_may_change_again(stage):
    stage.at(0)
    stage.orders.deliver(200)
    stage.at(1)
    stage.scene = Scene("a library", 7)
    stage.at(2)
    stage.frozen = True
    stage.orders.deliver(90)
    assert is_plain(stage.at(3), (200, 200, 200))
    assert is_plain(stage.at(4), (200, 200, 200))
    stage.frozen = False
    stage.at(5)
    assert is_plain(stage.at(6), (90, 90, 90))
