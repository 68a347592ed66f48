from __future__ import annotations

import dataclasses
import threading

import pytest

from streamer.controls import Controls, ControlState


def test_cycling_comes_back_to_the_first_background() -> None:
    controls = Controls(3)
    seen = []
    for _ in range(4):
        seen.append(controls.state.background)
        controls.cycle_background()
    assert seen == [0, 1, 2, 0]


def test_choosing_a_background_that_is_not_there_says_which_are() -> None:
    controls = Controls(2)
    controls.choose_background(1)
    with pytest.raises(ValueError, match="no background 2: they go from 0 to 1"):
        controls.choose_background(2)
    assert controls.state.background == 1


def test_cycling_prompts_comes_back_to_the_first_and_does_nothing_without_any() -> None:
    controls = Controls(1, 2)
    seen = []
    for _ in range(3):
        seen.append(controls.state.prompt)
        controls.cycle_prompt()
    assert seen == [0, 1, 0]
    without = Controls(1)
    without.cycle_prompt()
    assert without.state == ControlState()


def test_matte_view_and_pause_toggle() -> None:
    controls = Controls()
    controls.toggle_matte_view()
    controls.toggle_pause()
    assert controls.state == ControlState(view="alpha", paused=True)
    controls.toggle_matte_view()
    controls.toggle_pause()
    assert controls.state == ControlState()


def test_a_state_in_hand_does_not_change() -> None:
    controls = Controls(2)
    before = controls.state
    controls.cycle_background()
    assert before.background == 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        before.background = 1  # type: ignore[misc]


def test_a_stop_is_remembered() -> None:
    controls = Controls()
    assert not controls.stop_requested()
    controls.request_stop()
    controls.toggle_pause()
    assert controls.stop_requested()


def test_no_change_is_lost_between_threads() -> None:
    controls = Controls(1_000_000)
    threads = [threading.Thread(target=lambda: [controls.cycle_background() for _ in range(500)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert controls.state.background == 2000


def test_controls_without_a_background_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one background, not 0"):
        Controls(0)
