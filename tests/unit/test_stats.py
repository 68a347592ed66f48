from __future__ import annotations

import json
import threading
import tracemalloc

import pytest

from streamer.channels import Channel
from streamer.stats import KEPT_TIMES, Stats


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s

    def tick(self, by_s: float) -> None:
        self.now_s += by_s


def test_rate_counts_intervals_not_events() -> None:
    clock = Clock()
    stats = Stats(clock)
    for _ in range(11):
        stats.record("render", 0.0)
        clock.tick(0.1)
    assert stats.snapshot().stages["render"].rate_fps == pytest.approx(10)


def test_rate_forgets_what_is_older_than_two_seconds() -> None:
    clock = Clock()
    stats = Stats(clock)
    for _ in range(100):  # slow at first
        stats.record("render", 0.0)
        clock.tick(0.5)
    for _ in range(100):
        stats.record("render", 0.0)
        clock.tick(0.05)
    stage = stats.snapshot().stages["render"]
    assert stage.rate_fps == pytest.approx(20)
    assert 2 < stage.mean_rate_fps < 4


def test_rate_of_a_stage_that_has_stopped_is_zero() -> None:
    clock = Clock()
    stats = Stats(clock)
    for _ in range(10):
        stats.record("render", 0.0)
        clock.tick(0.1)
    clock.tick(5)
    assert stats.snapshot().stages["render"].rate_fps == 0


def test_time_measures_the_body_of_the_with() -> None:
    clock = Clock()
    stats = Stats(clock)
    with stats.time("segment"):
        clock.tick(0.25)
    stage = stats.snapshot().stages["segment"]
    assert (stage.count, stage.mean_ms, stage.p50_ms, stage.max_ms) == (1, 250, 250, 250)


def test_time_counts_a_body_that_raises_and_lets_the_error_pass() -> None:
    clock = Clock()
    stats = Stats(clock)

    def fail() -> None:
        with stats.time("segment"):
            raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        fail()
    assert stats.snapshot().stages["segment"].count == 1


def test_percentiles_are_of_the_recorded_times() -> None:
    stats = Stats(Clock())
    for took_ms in range(1, 101):
        stats.record("render", took_ms / 1e3)
    stage = stats.snapshot().stages["render"]
    assert stage.p50_ms == pytest.approx(50.5)
    assert stage.p95_ms == pytest.approx(95.05)
    assert stage.p99_ms == pytest.approx(99.01)
    assert stage.max_ms == pytest.approx(100)


def test_percentiles_follow_the_latest_times() -> None:
    stats = Stats(Clock())
    for _ in range(KEPT_TIMES):
        stats.record("render", 1.0)
    for _ in range(KEPT_TIMES):
        stats.record("render", 0.001)
    stage = stats.snapshot().stages["render"]
    assert stage.p99_ms == pytest.approx(1)
    assert stage.count == 2 * KEPT_TIMES
    assert stage.max_ms == 1000


def test_latency_counts_from_capture() -> None:
    clock = Clock()
    stats = Stats(clock)
    captured_at_s = clock()
    clock.tick(0.04)
    stats.record_latency(captured_at_s)
    assert stats.snapshot().latency.p50_ms == pytest.approx(40)


def test_queues_report_depth_and_drops() -> None:
    channel: Channel[int] = Channel(1, leaky=True)
    stats = Stats(Clock())
    stats.watch("frames", channel)
    for item in range(3):
        channel.put(item)
    snapshot = stats.snapshot()
    assert (snapshot.queues["frames"].depth, snapshot.queues["frames"].dropped) == (1, 2)
    assert snapshot.queues["frames"].capacity == 1
    assert snapshot.dropped == 2


def test_counters_add_up_and_can_be_set() -> None:
    stats = Stats(Clock())
    stats.count("failed_frames")
    stats.count("failed_frames", 2)
    stats.set_count("bad_frames", 7)
    stats.set_count("bad_frames", 8)
    assert stats.snapshot().counters == {"failed_frames": 3, "bad_frames": 8}


def test_snapshot_of_nothing_is_all_zero_and_goes_through_json() -> None:
    snapshot = Stats(Clock()).snapshot()
    assert snapshot.elapsed_s == 0
    assert snapshot.latency.count == 0
    assert json.loads(json.dumps(snapshot.as_dict(), allow_nan=False)) == snapshot.as_dict()


def test_snapshot_goes_through_json_with_every_stage_by_name() -> None:
    clock = Clock()
    stats = Stats(clock)
    stats.watch("frames", Channel[int](1))
    with stats.time("render"):
        for step in ("segment", "background", "composite"):
            with stats.time(step):
                clock.tick(0.01)
    stats.record_latency(clock() - 0.05)
    decoded = json.loads(json.dumps(stats.snapshot().as_dict(), allow_nan=False))
    assert set(decoded["stages"]) == {"render", "segment", "background", "composite"}
    assert decoded["stages"]["segment"]["p99_ms"] == pytest.approx(10)
    assert decoded["elapsed_s"] == pytest.approx(0.03)
    assert decoded["queues"]["frames"] == {"depth": 0, "capacity": 1, "dropped": 0}


def test_memory_does_not_grow_with_the_number_of_frames() -> None:
    clock = Clock()
    stats = Stats(clock)

    def run(frames: int) -> None:
        for _ in range(frames):
            clock.tick(0.001)
            stats.record("render", 0.001)
            stats.record_latency(clock() - 0.001)

    run(2500)
    tracemalloc.start()
    try:
        run(2500)
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # The stamps of the last two seconds are new objects in the place of old ones, which tracemalloc did not see begin.
    assert grown < 2 * 1024 * 64


def test_counts_from_many_threads_are_all_kept() -> None:
    stats = Stats()

    def work() -> None:
        for _ in range(500):
            stats.count("frames")
            with stats.time("render"):
                pass

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    snapshot = stats.snapshot()
    assert snapshot.counters["frames"] == 2000
    assert snapshot.stages["render"].count == 2000
