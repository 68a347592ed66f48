"""The choice of the matte's size, on scripted times: a camera and a machine, each with its own speed."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from streamer.segmentation.quality import CALM_S, MOST_CALM_S, QualityControl

SHARES = (1.0, 0.7, 0.5)
FPS = 30


class Machine:
    """Mattes frames of a camera one after the other; the newest frame wins, as live.

    Args:
        full_s: how long a matte of the usual size takes, at a moment; smaller ones take their share.
        fps: what the camera gives.
    """

    def __init__(self, full_s: Callable[[float], float], fps: float = FPS) -> None:
        self.control = QualityControl(SHARES)
        self.changes: list[tuple[float, int]] = []
        self.now_s = 0.0
        self._full_s = full_s
        self._fps = fps

    def run(self, until_s: float) -> list[int]:
        """Steps that were changed to until that moment."""
        self.changes = []
        while self.now_s < until_s:
            begun_at_s = self.now_s
            took_s = self._full_s(begun_at_s) * SHARES[self.control.step]
            if self.control.note(begun_at_s, took_s):
                self.changes.append((begun_at_s + took_s, self.control.step))
            next_frame_s = (int(begun_at_s * self._fps) + 1) / self._fps
            self.now_s = max(begun_at_s + took_s, next_frame_s) + 0.0005
        return [step for _, step in self.changes]


def test_a_machine_that_keeps_up_is_left_alone() -> None:
    assert Machine(lambda now_s: 0.025).run(120) == []


def test_a_machine_that_cannot_keep_up_gets_smaller_until_it_can_and_stays_there() -> None:
    machine = Machine(lambda now_s: 0.04)
    assert machine.run(60) == [1]
    assert machine.changes[0][0] < 3
    slower = Machine(lambda now_s: 0.05)
    assert slower.run(60) == [1, 2]


def test_even_the_smallest_may_be_too_slow_and_nothing_more_happens() -> None:
    assert Machine(lambda now_s: 1.5).run(300) == [1, 2]


def test_it_gets_larger_again_after_it_has_been_calm_for_a_while() -> None:
    machine = Machine(lambda now_s: 0.06 if now_s < 20 else 0.012)
    assert machine.run(20) == [1, 2]
    assert machine.run(60) == [1, 0]
    assert machine.changes[0][0] > 20 + CALM_S
    assert machine.changes[1][0] > machine.changes[0][0] + CALM_S


def test_what_only_just_fits_is_not_tried() -> None:
    machine = Machine(lambda now_s: 0.04 if now_s < 10 else 0.025)
    assert machine.run(10) == [1]
    assert machine.run(200) == [], "0.025 of 0.033 s fits, but not comfortably"


def test_a_size_that_fails_again_and_again_is_tried_ever_more_rarely() -> None:
    control = QualityControl(SHARES)
    machine = Machine(lambda now_s: 0.015 if control.step else 0.05)  # the usual size alone is slow, against all reason
    machine.control = control
    machine.run(2000)
    tried_at_s = [at_s for at_s, step in machine.changes if step == 0]
    pauses_s = [later - earlier for earlier, later in pairwise(tried_at_s)]
    assert pauses_s[0] > 2 * CALM_S
    assert all(later > earlier for earlier, later in pairwise(pauses_s[:5]))
    assert max(pauses_s) < MOST_CALM_S + 10
    assert len(tried_at_s) < 15


def test_a_busy_while_that_costs_several_steps_is_one_failed_trial() -> None:
    machine = Machine(lambda now_s: 0.035 if now_s < 5 else 0.12 if 30 <= now_s < 39 else 0.012)
    assert machine.run(30) == [1, 0], "it was free again, and the usual size was tried"
    assert machine.run(39) == [1, 2]
    assert machine.run(300) == [1, 0]
    assert machine.changes[-1][0] < 39 + 2 * 2 * CALM_S + 10


def test_a_size_that_held_makes_the_next_trial_as_quick_as_the_first() -> None:
    machine = Machine(lambda now_s: 0.12 if now_s < 5 or 30 <= now_s < 39 or 200 <= now_s < 209 else 0.012)
    machine.run(200)
    assert machine.control.step == 0
    assert machine.run(209) == [1, 2]
    assert machine.run(300) == [1, 0]
    assert machine.changes[-1][0] < 209 + 2 * CALM_S + 10


def test_single_slow_pictures_change_nothing() -> None:
    assert Machine(lambda now_s: 0.3 if int(now_s) % 3 == 0 and now_s % 1 < 0.02 else 0.02).run(120) == []


def test_a_camera_that_gives_fewer_pictures_leaves_more_time() -> None:
    assert Machine(lambda now_s: 0.04, fps=15).run(60) == []
    assert Machine(lambda now_s: 0.04, fps=30).run(60) == [1]


def test_the_first_picture_at_a_size_and_what_lies_before_a_pause_do_not_count() -> None:
    control = QualityControl(SHARES)
    assert not control.note(0.0, 5.0), "it set things up"
    for number in range(40):
        assert not control.note(10 + number * 0.045, 0.044)
    assert not control.note(60.0, 0.044)
    assert not control.note(60.045, 0.044)


@pytest.mark.parametrize("shares", [(), (1.0, 1.0), (0.5, 1.0)])
def test_sizes_that_do_not_fall_are_refused(shares: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="must fall"):
        QualityControl(shares)
