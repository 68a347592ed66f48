"""Long videos beside a short one: what grows is told, and fails."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from streamer import bench
from streamer.bench import length
from streamer.bench.contest import Run
from streamer.bench.length import Cost, Growth, growth_of
from streamer.frames import Size


def test_growth_is_over_the_mean_of_the_shortest() -> None:
    costs = [
        Cost(1, 30, 20.0, 100.0),
        Cost(10, 300, 33.0, 126.0),
        Cost(60, 1800, 22.0, 105.0),
        Cost(1, 30, 24.0, 110.0),
    ]
    assert growth_of(costs) == [Growth(10, 1.5, 1.2), Growth(60, 1.0, 1.0)]


@pytest.mark.parametrize(
    ("long_mb", "long_s", "status"), [(104.0, 2.7, 0), (106.0, 2.7, 1), (100.0, 2.85, 1), (100.0, 2.0, 0)]
)
def test_what_grows_by_more_than_is_allowed_fails(
    long_mb: float,
    long_s: float,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    seen: list[int] = []

    def fake_run(settings: dict[str, str], folder: Path) -> Run:
        with av.open(settings["input"]) as container:
            count = container.streams.video[0].frames
        seen.append(count)
        is_long = count == 27
        seconds, peak_mb = (long_s, long_mb) if is_long else (0.9, 100.0)
        return Run("x", frames=count, seconds=seconds, cpu_s=1, startup_s=1, stages={}, peak_rss_mb=peak_mb)

    monkeypatch.setattr(length, "run_ours", fake_run)
    monkeypatch.setattr(length, "CLIP_FRAMES", 3)
    monkeypatch.setattr(length, "SIZE", Size(160, 90))
    assert bench.main(["length", "--minutes", "0.005", "0.015"]) == status
    assert seen == [9, 27, 9]
    said = capsys.readouterr().out
    assert f"0.015 min: time {long_s / 2.7:.3f}, memory {long_mb / 100:.3f}" in said
    assert ("flat" in said) == (status == 0)
