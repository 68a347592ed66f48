from __future__ import annotations

import dataclasses
import threading

import pytest

from streamer.controls import ACTIONS, Controls, ControlState


def test_cycling_comes_back_to_the_first_background() -> None:
    controls = Controls(("a", "b", "c"))
    seen = []
    for _ in range(4):
        seen.append(controls.state.background)
        controls.next_background()
    assert seen == [0, 1, 2, 0]


def test_choosing_a_background_that_is_not_there_says_which_are() -> None:
    controls = Controls(("a", "b"))
    controls.choose_background(1)
    with pytest.raises(ValueError, match="no background 2: they go from 0 to 1"):
        controls.choose_background(2)
    assert controls.state.background == 1


def test_an_added_background_can_be_chosen() -> None:
    controls = Controls(("a",))
    assert controls.add_background("b") == 1
    controls.choose_background(1)
    assert controls.backgrounds == ("a", "b")


def test_blur_goes_back_to_what_was_shown_before() -> None:
    controls = Controls(("a", "b", "blur:40"))
    controls.choose_background(1)
    controls.toggle_blur()
    assert controls.state.background == 2
    controls.toggle_blur()
    assert controls.state.background == 1


def test_blur_that_was_shown_first_gives_way_to_another_background() -> None:
    controls = Controls(("blur", "b"))
    controls.toggle_blur()
    assert controls.state.background == 1
    controls.toggle_blur()
    assert controls.state.background == 0


def test_hidden_and_added_backgrounds_do_not_take_turns_but_can_be_chosen() -> None:
    controls = Controls(("a", "b", "blur"), hidden=1)
    controls.add_background("c")
    seen = []
    for _ in range(3):
        controls.next_background()
        seen.append(controls.state.background)
    assert seen == [1, 0, 1]
    controls.toggle_blur()
    assert controls.state.background == 2
    controls.next_background()
    assert controls.state.background == 0


def test_blur_does_nothing_where_no_background_is_blurred() -> None:
    controls = Controls(("a", "b"))
    controls.toggle_blur()
    assert controls.state == ControlState()


def test_stepping_through_prompts_goes_round_both_ways_and_does_nothing_without_any() -> None:
    controls = Controls(prompts=("sea", "wood", "hall"))
    seen = [controls.state.prompt]
    for action in ("next-prompt", "next-prompt", "next-prompt", "previous-prompt"):
        controls.act(action)
        seen.append(controls.state.prompt)
    assert seen == ["sea", "wood", "hall", "sea", "hall"]
    without = Controls()
    without.act("next-prompt")
    without.act("prompt-1")
    assert without.state == ControlState()


def test_a_prompt_of_ones_own_is_painted_and_stepping_leads_back_to_the_list() -> None:
    controls = Controls(prompts=("sea", "wood"))
    controls.choose_prompt("  a tent at night ")
    assert controls.state.prompt == "a tent at night"
    controls.act("next-prompt")
    assert controls.state.prompt == "sea"


@pytest.mark.parametrize(
    ("prompts", "prompt", "message"), [((), "sea", "nothing is painted"), (("sea",), "  ", "must say what to paint")]
)
def test_a_prompt_that_cannot_be_painted_is_refused(prompts: tuple[str, ...], prompt: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Controls(prompts=prompts).choose_prompt(prompt)


def test_prompts_by_number_and_a_number_that_is_not_there() -> None:
    controls = Controls(prompts=("sea", "wood"))
    controls.act("prompt-2")
    controls.act("prompt-3")
    assert controls.state.prompt == "wood"


@pytest.mark.parametrize(
    ("action", "changed"),
    [
        ("freeze", {"frozen": True}),
        ("camera-off", {"paused": True}),
        ("panic", {"panic": True}),
        ("matte", {"view": "alpha"}),
        ("hud", {"hud": False}),
    ],
)
def test_a_toggle_acts_and_acts_back(action: str, changed: dict[str, object]) -> None:
    controls = Controls()
    controls.act(action)
    assert controls.state == dataclasses.replace(ControlState(), **changed)  # type: ignore[arg-type]
    controls.act(action)
    assert controls.state == ControlState()


def test_seeds_and_stills_are_counted() -> None:
    controls = Controls()
    for action in ("new-seed", "new-seed", "still"):
        controls.act(action)
    assert controls.state == ControlState(seed_shift=2, stills=1)


def test_every_listed_action_acts_and_no_other() -> None:
    controls = Controls()
    for action in ACTIONS:
        controls.act(action)
    with pytest.raises(ValueError, match="no action 'dance'; there are next-prompt, "):
        controls.act("dance")
    assert set(controls._actions) == set(ACTIONS)


def test_a_state_in_hand_does_not_change() -> None:
    controls = Controls(("a", "b"))
    before = controls.state
    controls.next_background()
    assert before.background == 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        before.background = 1  # type: ignore[misc]


def test_a_stop_is_remembered() -> None:
    controls = Controls()
    assert not controls.stop_requested()
    controls.act("quit")
    controls.set_paused(True)
    assert controls.stop_requested()


def test_no_change_is_lost_between_threads() -> None:
    controls = Controls()
    threads = [threading.Thread(target=lambda: [controls.act("still") for _ in range(500)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert controls.state.stills == 2000


def test_controls_without_a_background_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one background"):
        Controls(())
