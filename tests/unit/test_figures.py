from __future__ import annotations

import pytest
from fakes import ScriptedClock

from streamer.figures import REFRESH_S, Figures, RunningFigures
from streamer.stats import Snapshot, Stats


def test_the_lines_hold_every_figure() -> None:
    figures = Figures(29.97, 40.4, 63.2, 18.1, 12, 33.6, "compact on cpu")
    assert figures.lines() == [
        "30.0 fps   latency 40 / 63 ms",
        "matte 18 ms   12 dropped   plate 34 s old",
        "compact on cpu",
    ]


def test_without_a_plate_nothing_is_said_of_its_age() -> None:
    assert Figures(0, 0, 0, 0, 0, None, "cpu").lines()[1] == "matte 0 ms   0 dropped"


def test_figures_come_from_the_measurements() -> None:
    clock = ScriptedClock()
    stats = Stats(clock)
    for _ in range(11):
        clock.now_s += 0.1
        stats.record("segment", 0.02)
        stats.record_latency(clock.now_s - 0.05)
    now = RunningFigures(stats.snapshot, device=lambda: "cpu", plate_age_s=lambda: 7.0, clock=clock).now()
    assert (round(now.fps, 3), round(now.latency_p50_ms, 3), round(now.latency_p95_ms, 3)) == (10, 50, 50)
    assert (round(now.matte_ms, 3), now.dropped, now.plate_age_s, now.device) == (20, 0, 7.0, "cpu")


def test_a_network_of_a_file_whose_name_is_no_utf_8_can_be_written_everywhere() -> None:
    name = b"fen\xeatre on CPU".decode("utf-8", "surrogateescape")
    now = RunningFigures(Stats().snapshot, device=lambda: name).now()
    assert now.device.encode() == b"fen\\udceatre on CPU"


def test_measurements_are_taken_twice_a_second_at_most() -> None:
    clock, taken = ScriptedClock(), []

    def measure() -> Snapshot:
        taken.append(clock.now_s)
        return Stats(clock).snapshot()

    figures = RunningFigures(measure, device=lambda: "cpu", clock=clock)
    for _ in range(100):  # of a second's frames
        figures.now()
        clock.now_s += 0.01
    assert taken == pytest.approx([0.0, REFRESH_S])
