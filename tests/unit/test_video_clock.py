from __future__ import annotations

from fractions import Fraction

import pytest

from streamer.errors import ConfigError
from streamer.video_clock import ClockSteadier, check_range

FRAME_S = Fraction(1, 25)


def steadied(times_s: list[float]) -> list[float]:
    steadier = ClockSteadier()
    return [float(steadier.see(Fraction(time_s), FRAME_S)) for time_s in times_s]


def test_one_clock_stays_as_it_is_whatever_its_small_steps() -> None:
    times_s = [3600.0, 3600.04, 3600.12, 3600.08, 3601.0, 3700.0]
    assert steadied(times_s) == times_s


@pytest.mark.parametrize("second", [0.0, 5.0, 95443.7])
def test_where_it_begins_anew_it_goes_on_a_frame_later(second: float) -> None:
    assert steadied([10.0, 10.5, second, second + 0.5]) == pytest.approx([10.0, 10.5, 10.54, 11.04])


def test_two_cuts_add_up() -> None:
    assert steadied([100.0, 0.0, 2.0, 0.0]) == pytest.approx([100.0, 100.04, 102.04, 102.08])


@pytest.mark.parametrize("start_s", [-1.0, float("inf"), float("nan"), 1e20])
def test_a_start_that_no_video_has_is_refused(start_s: float) -> None:
    with pytest.raises(ConfigError, match="start must be 0 or more"):
        check_range(start_s, None)
