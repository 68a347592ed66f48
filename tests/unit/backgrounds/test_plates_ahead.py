"""Plates made ahead in idle time, and prompts that are switched to at once, on the frames' own clock."""

import numpy as np
import pytest
from painted_stage import SIZE, STAND_IN, Stage, is_plain

from streamer.backgrounds.generated import RETRY_AFTER_S
from streamer.backgrounds.keyframes import View
from streamer.backgrounds.plate_orders import Scene
from streamer.backgrounds.plate_shelf import AT_HAND, PlateShelf
from streamer.frames import Size

PROMPTS = ("a", "b", "c", "d", "e")
GREY = {prompt: 50 + 30 * number for number, prompt in enumerate(PROMPTS)}
CUT, NOTHING = View("cut", 1.0, None), View(None, 1.0, None)


def make_stage(prompts=PROMPTS, **options):
    stage = Stage(shelf=PlateShelf(prompts), **options)
    stage.scene = Scene(prompts[0], 7)
    return stage


def deliver_all(stage, now_s):
    """Frames until nothing is ordered any more; the prompts that were painted meanwhile."""
    painted = []
    for step in range(50):
        before = len(stage.orders.taken)
        if before:
            stage.orders.deliver(GREY.get(stage.orders.taken[-1].prompt, 77))
        stage.at(now_s + step)
        if len(stage.orders.taken) == before:
            return painted
        painted.append(stage.orders.taken[-1].prompt)
    raise AssertionError("there is no end to the orders")


def is_shown(stage, prompt, now_s):
    """Whether the plate of that prompt is what is seen once every fade is over."""
    return is_plain(stage.at(now_s), (GREY[prompt],) * 3)


@pytest.fixture
def stage():
    """All five plates are there, and the first is shown."""
    stage = make_stage()
    stage.at(0)
    deliver_all(stage, 1)
    stage.orders.taken.clear()
    return stage


def test_other_prompts_are_made_ahead_one_at_a_time_the_nearest_first():
    stage = make_stage()
    stage.at(0)
    for number in range(1, 5):
        stage.at(number)
        assert [order.prompt for order in stage.orders.taken] == ["a"], "the plate that is waited for comes first"
    assert deliver_all(stage, 10) == ["b", "e", "c", "d"]
    assert [order.is_ahead for order in stage.orders.taken] == [False, True, True, True, True]
    assert len({id(order.keyframe) for order in stage.orders.taken}) == 1
    assert stage.watch.kept == [0], "making ahead asks for no new keyframe"
    assert is_shown(stage, "a", 100)
    assert stage.background.status == "background: a (ready: 5 of 5 prompts)"


def test_nearest_first_holds_from_the_middle_of_the_list_and_for_unknown_words():
    for shown, order in (("d", ["e", "c", "a", "b"]), ("something else", ["a", "b", "c", "d", "e"])):
        stage = make_stage()
        stage.scene = Scene(shown, 7)
        stage.at(0)
        assert deliver_all(stage, 1) == order


def test_prompt_made_ahead_is_shown_at_once_through_a_fade_and_orders_nothing(stage):
    stage.scene = Scene("c", 7)
    begun = int(stage.at(200)[0, 0, 0])
    next_frame = int(stage.at(200.04)[0, 0, 0])
    half = int(stage.at(200.2)[0, 0, 0])
    assert begun == GREY["a"]
    assert GREY["a"] < next_frame < half == (GREY["a"] + GREY["c"]) // 2
    assert is_shown(stage, "c", 200.4)
    assert stage.orders.taken == []
    assert stage.background.status == "background: c (ready: 5 of 5 prompts)"
    assert is_plain(stage.background.safe_image(SIZE), (GREY["c"],) * 3)


def test_while_no_frame_comes_a_prompt_at_hand_is_the_safe_picture_and_stays_when_frames_come_again(stage):
    stage.scene = Scene("c", 7)
    first = stage.background.safe_image(SIZE)
    assert is_plain(first, (GREY["c"],) * 3)
    assert stage.background.safe_image(SIZE) is first, "it is made once"
    assert is_plain(stage.background.safe_image(Size(20, 10)), (GREY["c"],) * 3)
    assert stage.background.status == "background: c (ready: 5 of 5 prompts)"
    stage.scene = Scene("b", 7)
    assert is_plain(stage.background.safe_image(SIZE), (GREY["b"],) * 3)
    for now_s in (200, 200.04, 200.2, 300):
        assert is_shown(stage, "b", now_s), "the one before must not flash up"
    assert stage.orders.taken == []


def test_prompt_that_is_taken_back_while_no_frame_comes_leaves_no_trace(stage):
    stage.scene = Scene("c", 7)
    stage.background.safe_image(SIZE)
    stage.scene = Scene("a", 7)
    assert is_plain(stage.background.safe_image(SIZE), (GREY["a"],) * 3)
    for now_s in (200, 200.04, 300):
        assert is_shown(stage, "a", now_s)


def test_while_no_frame_comes_a_prompt_that_is_not_at_hand_waits_and_the_status_says_so(stage):
    stage.scene = Scene("something else", 7)
    assert is_plain(stage.background.safe_image(SIZE), (GREY["a"],) * 3)
    assert stage.background.status == "to be painted: something else (ready: 5 of 5 prompts)"
    assert stage.orders.taken == []
    stage.at(200)
    assert stage.background.status == "painting: something else (ready: 5 of 5 prompts)"


@pytest.mark.parametrize("is_ahead", [False, True])
def test_plate_that_is_done_while_no_frame_comes_is_the_safe_picture_and_stays(is_ahead):
    stage = make_stage(("a", "b"))
    stage.at(0)
    stage.orders.deliver(GREY["a"])
    if not is_ahead:
        stage.scene = Scene("b", 7)
    stage.at(1)
    stage.at(2)
    assert (stage.orders.taken[-1].prompt, stage.orders.taken[-1].is_ahead) == ("b", is_ahead)
    stage.scene = Scene("b", 7)
    assert is_plain(stage.background.safe_image(SIZE), (GREY["a"],) * 3)
    stage.orders.deliver(GREY["b"])
    first = stage.background.safe_image(SIZE)
    assert is_plain(first, (GREY["b"],) * 3)
    assert stage.background.safe_image(SIZE) is first, "it is made once"
    assert stage.background.status.startswith("background: b")
    for now_s in (200, 200.04, 300):
        assert is_shown(stage, "b", now_s), "the one before must not flash up"
    assert [order.prompt for order in stage.orders.taken] == ["a", "b"]


def test_first_plate_that_is_done_while_no_frame_comes_is_the_safe_picture():
    stage = make_stage(("a", "b"))
    stage.at(0)
    assert is_plain(stage.background.safe_image(SIZE), STAND_IN)
    stage.orders.deliver(GREY["a"])
    assert is_plain(stage.background.safe_image(SIZE), (GREY["a"],) * 3)
    assert stage.background.status.startswith("background: a")
    assert is_shown(stage, "a", 100)


def test_plate_that_is_done_while_no_frame_comes_is_left_alone_if_it_is_not_the_next_one():
    for change in ("another prompt", "frozen", "failed", "keeps room"):
        stage = make_stage(("a", "b", "c"), keeps_room=change == "keeps room")
        stage.at(0)
        stage.orders.deliver(GREY["a"])
        stage.scene = Scene("b", 7)
        stage.at(1)
        stage.at(2)
        stage.orders.deliver(GREY["b"])
        stage.frozen = change == "frozen"
        if change == "another prompt":
            stage.scene = Scene("c", 7)
        if change == "failed":
            stage.orders.fail()
        shown = STAND_IN if change == "keeps room" else (GREY["a"],) * 3
        assert is_plain(stage.background.safe_image(SIZE), shown), change


def test_while_no_frame_comes_a_frozen_picture_stays(stage):
    stage.frozen = True
    stage.scene = Scene("c", 7)
    assert is_plain(stage.background.safe_image(SIZE), (GREY["a"],) * 3)
    assert stage.background.status == "background: a (ready: 5 of 5 prompts)"


def test_real_order_takes_the_place_of_the_one_made_ahead():
    stage = make_stage()
    stage.at(0)
    stage.orders.deliver(GREY["a"])
    stage.at(1)
    ahead = stage.orders.taken[-1]
    assert (ahead.prompt, ahead.is_ahead) == ("b", True)
    stage.scene = Scene("d", 7)
    stage.at(2)
    assert [(order.prompt, order.is_ahead) for order in stage.orders.taken[2:]] == [("d", False)]
    stage.orders.deliver(GREY["b"], order=ahead)
    stage.at(3)
    stage.orders.deliver(GREY["d"])
    stage.at(4)
    assert is_shown(stage, "d", 5)


def test_change_of_the_room_takes_the_place_of_the_one_made_ahead():
    stage = make_stage()
    stage.at(0)
    stage.orders.deliver(GREY["a"])
    stage.at(1)
    stage.watch.view = CUT
    stage.at(2)
    last = stage.orders.taken[-1]
    assert (last.prompt, last.is_ahead, last.keyframe.frame.pts_s) == ("a", False, 2)


def test_plate_under_way_in_idle_time_is_waited_for_when_its_prompt_is_asked_for():
    stage = make_stage()
    stage.at(0)
    stage.orders.deliver(GREY["a"])
    stage.at(1)
    stage.scene = Scene("b", 7)
    stage.at(2)
    assert [order.prompt for order in stage.orders.taken] == ["a", "b"]
    assert stage.background.status == "painting: b (ready: 1 of 5 prompts)"
    stage.orders.deliver(GREY["b"])
    stage.at(3)
    assert is_shown(stage, "b", 4)


def test_plate_that_nobody_waits_for_any_more_is_finished_and_kept(stage):
    stage.scene = Scene("a new one", 7)
    stage.at(200)
    stage.scene = Scene("b", 8)
    stage.at(201)
    wanted = stage.orders.taken[-1]
    stage.scene = Scene("a", 7)
    stage.at(202)
    assert stage.orders.taken[-1] is wanted, "what is at hand orders nothing"
    stage.orders.deliver(99)
    stage.at(203)
    assert is_shown(stage, "a", 204)
    stage.scene = Scene("b", 8)
    stage.at(205)
    assert is_plain(stage.at(206), (99, 99, 99))


def test_plate_is_refreshed_only_if_the_room_has_changed_since(stage):
    stage.watch.view = CUT
    stage.at(200)
    stage.orders.deliver(11)
    stage.at(201)
    stage.scene = Scene("c", 7)  # while the first of the others is made anew
    stage.at(202)
    fresh = stage.orders.taken[-1]
    assert (fresh.prompt, fresh.is_ahead, fresh.keyframe.frame.pts_s) == ("c", False, 202)
    assert is_shown(stage, "c", 203), "the one at hand is shown meanwhile"
    stage.orders.deliver(222)
    assert int(stage.at(204)[0, 0, 0]) == GREY["c"]
    assert is_plain(stage.at(205), (222, 222, 222))


def test_after_a_change_of_the_room_the_others_are_made_anew_from_its_keyframe(stage):
    stage.watch.view = CUT
    stage.at(200)
    assert deliver_all(stage, 201) == ["b", "e", "c", "d"]
    assert {order.keyframe.frame.pts_s for order in stage.orders.taken} == {200}
    assert deliver_all(stage, 300) == []


def test_new_prompt_or_interval_alone_is_no_change_of_the_room(stage):
    stage.watch.view = View("interval", 1.0, None)
    stage.at(200)
    assert deliver_all(stage, 201) == []
    stage.scene = Scene("something else", 7)
    stage.at(300)
    assert deliver_all(stage, 301) == []
    assert [order.prompt for order in stage.orders.taken] == ["a", "something else"]


def test_what_is_missing_is_made_before_what_is_outdated():
    stage = make_stage()
    stage.at(0)
    stage.orders.deliver(1)
    stage.at(1)
    stage.orders.deliver(2)
    stage.at(2)
    stage.watch.view = CUT
    stage.at(3)
    assert deliver_all(stage, 4) == ["e", "c", "d", "b"]


def test_failure_in_idle_time_is_not_tried_again_until_the_room_changes():
    stage = make_stage(("a", "b", "c"))
    stage.at(0)
    stage.orders.deliver(GREY["a"])
    stage.at(1)
    stage.orders.fail()
    stage.at(2)
    assert stage.orders.taken[-1].prompt == "c"
    stage.orders.deliver(GREY["c"])
    for second in range(3, 300):
        stage.at(second)
    assert [order.prompt for order in stage.orders.taken] == ["a", "b", "c"]
    assert stage.background.status == "background: a (ready: 2 of 3 prompts)"
    stage.watch.view = CUT
    stage.at(300)
    assert deliver_all(stage, 301) == ["b", "c"]


def test_failure_in_idle_time_of_what_is_asked_for_meanwhile_is_tried_again():
    stage = make_stage(("a", "b"))
    stage.at(0)
    stage.orders.deliver(GREY["a"])
    stage.at(1)
    stage.scene = Scene("b", 7)
    stage.at(2)
    stage.orders.fail()
    stage.at(3)
    stage.at(3 + RETRY_AFTER_S)
    assert [(order.prompt, order.is_ahead) for order in stage.orders.taken[2:]] == [("b", False)]


def test_prompt_that_failed_ahead_is_painted_when_it_is_asked_for():
    stage = make_stage(("a", "b"))
    stage.at(0)
    stage.orders.deliver(GREY["a"])
    stage.at(1)
    stage.orders.fail()
    stage.at(2)
    stage.scene = Scene("b", 7)
    stage.at(3)
    assert [(order.prompt, order.is_ahead) for order in stage.orders.taken[2:]] == [("b", False)]
    stage.orders.deliver(GREY["b"])
    stage.at(4)
    assert is_shown(stage, "b", 5)


def test_nothing_is_made_ahead_while_what_is_shown_has_failed():
    stage = make_stage()
    stage.at(0)
    stage.orders.fail()
    stage.at(1)
    stage.at(1 + RETRY_AFTER_S / 2)
    assert [order.is_ahead for order in stage.orders.taken] == [False]


def test_frozen_picture_orders_nothing_and_stays():
    stage = make_stage()
    stage.at(0)
    stage.frozen = True
    stage.orders.deliver(GREY["a"])
    for second in range(1, 10):
        stage.at(second)
    assert len(stage.orders.taken) == 1
    stage.frozen = False
    deliver_all(stage, 20)
    stage.frozen = True
    stage.scene = Scene("c", 7)
    stage.at(100)
    assert is_shown(stage, "a", 101)
    stage.frozen = False
    stage.at(102)
    assert is_shown(stage, "c", 103)


def test_another_seed_is_another_plate(stage):
    stage.scene = Scene("a", 8)
    stage.at(200)
    assert [(order.prompt, order.seed, order.is_ahead) for order in stage.orders.taken] == [("a", 8, False)]
    assert stage.background.status == "background: a (ready: 0 of 5 prompts)"
    assert deliver_all(stage, 201) == ["b", "e", "c", "d"]
    assert {order.seed for order in stage.orders.taken} == {8}


def test_plate_at_hand_moves_and_brightens_with_the_room_since_its_own_keyframe(stage):
    """Another prompt was painted meanwhile, from a newer keyframe of the same room."""
    stage.watch.view = View(None, 0.8, np.array([[1, 0, 0.25], [0, 1, 0]], np.float32))
    stage.scene = Scene("something else", 7)
    stage.at(200)
    stage.orders.deliver(0)
    stage.at(201)
    stage.watch.view = View(None, 0.5, None)
    stage.scene = Scene("e", 7)
    stage.at(202)
    assert is_plain(stage.at(203), (round(GREY["e"] * 0.8 * 0.5),) * 3)
    assert np.allclose(stage.background._drawing.placed.motion[:, 2], (0.25, 0))


def test_plate_of_another_room_is_shown_as_it_was_painted(stage):
    stage.watch.view = View("cut", 0.5, np.array([[1, 0, 0.25], [0, 1, 0]], np.float32))
    stage.at(200)
    stage.scene = Scene("c", 7)
    stage.at(201)
    assert is_shown(stage, "c", 202)
    assert np.array_equal(stage.background._drawing.placed.motion, np.eye(2, 3))


def test_another_size_of_frames_outdates_every_plate(stage):
    other = Size(40, 30)
    stage.at(200, other)
    stage.orders.deliver(GREY["a"])
    stage.at(201, other)
    assert [(order.prompt, order.is_ahead) for order in stage.orders.taken] == [("a", False), ("b", True)]
    stage.scene = Scene("d", 7)
    assert is_plain(stage.at(202, other), (GREY["a"],) * 3)
    assert is_plain(stage.at(203, other), (GREY["d"],) * 3)


def test_shelf_that_does_not_fill_itself_keeps_what_was_asked_for():
    stage = Stage(shelf=PlateShelf(PROMPTS, fills_itself=False))
    for number, prompt in enumerate("ab"):
        stage.scene = Scene(prompt, 7)
        stage.at(10 * number)
        stage.orders.deliver(GREY[prompt])
        stage.at(10 * number + 1)
    stage.scene = Scene("a", 7)
    stage.at(30)
    assert is_shown(stage, "a", 31)
    assert [order.prompt for order in stage.orders.taken] == ["a", "b"]


def test_without_a_shelf_each_switch_paints_anew():
    stage = Stage()
    for number, prompt in enumerate("aba"):
        stage.scene = Scene(prompt, 7)
        stage.at(10 * number)
        stage.orders.deliver(GREY[prompt])
        stage.at(10 * number + 1)
    assert [order.prompt for order in stage.orders.taken] == ["a", "b", "a"]
    assert stage.background.status == "background: a"


def test_shelf_holds_no_more_than_so_many_plates():
    prompts = tuple(f"prompt {number}" for number in range(30))
    stage = make_stage(prompts)
    stage.at(0)
    painted = deliver_all(stage, 1)
    assert len(painted) == AT_HAND - 1
    stage.scene = Scene("prompt 15", 7)
    stage.at(100)
    deliver_all(stage, 101)
    assert stage.background.status == f"background: prompt 15 (ready: {AT_HAND} of 30 prompts)"


def test_safe_picture_of_a_restyled_room_stays_the_stand_in_after_a_switch():
    stage = make_stage(keeps_room=True)
    stage.at(0)
    deliver_all(stage, 1)
    stage.scene = Scene("c", 7)
    assert is_plain(stage.background.safe_image(SIZE), STAND_IN)
    stage.at(100)
    assert is_shown(stage, "c", 101)
    assert is_plain(stage.background.safe_image(SIZE), STAND_IN)


def test_closing_with_a_plate_under_way_in_idle_time_closes_the_orders():
    stage = make_stage()
    stage.at(0)
    stage.orders.deliver(GREY["a"])
    stage.at(1)
    assert stage.orders.taken[-1].is_ahead
    stage.background.close()
    assert stage.orders.closed == 1


def test_a_painter_that_dies_at_every_prompt_is_left_alone_for_longer_and_longer():
    stage = make_stage()
    stage.at(0)
    stage.orders.deliver(GREY["a"])
    stage.at(1)
    ordered_at_s = []
    for step in range(1, 300):
        before = len(stage.orders.taken)
        stage.orders.fail()
        stage.at(1 + step / 10)
        if len(stage.orders.taken) > before:
            ordered_at_s.append(1 + step / 10)
    pauses_s = np.diff(ordered_at_s)
    assert len(stage.orders.taken) == 5, "each prompt once"
    assert pauses_s == pytest.approx([RETRY_AFTER_S, 2 * RETRY_AFTER_S], abs=0.11)


def test_plate_that_is_done_when_another_is_wished_is_not_shown_first(stage):
    stage = make_stage()
    stage.at(0)
    stage.orders.deliver(GREY["a"])
    stage.at(1)
    stage.scene = Scene("something else", 7)
    stage.at(2)
    late = stage.orders.taken[-1]
    assert late.prompt == "something else"
    stage.scene = Scene("another thing", 7)  # while no frame comes
    stage.orders.deliver(222, late)
    for now_s in (10, 10.2, 11):
        assert is_shown(stage, "a", now_s)
    assert stage.orders.taken[-1].prompt == "another thing"
