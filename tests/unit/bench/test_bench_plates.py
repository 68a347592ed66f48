"""The bench of plates, on tiny networks on the CPU."""

import threading

import pytest

pytest.importorskip("diffusers")

from fakes import wait

from streamer.bench import plates as bench_plates
from streamer.bench.plates import facts, measure_frames, measure_plates
from streamer.bench.random_diffusion import TINY
from streamer.bench.roofline import counted_flops
from streamer.errors import GenerationError
from streamer.frames import Size

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_torch_thread")]


def test_every_mode_is_timed_beside_its_bound():
    said = []
    modes = ("fast", "fastest")
    times = measure_plates("cpu", TINY, said.append, rounds=1, shapes=(Size(256, 256),), modes=modes)
    assert [(time.mode, time.size) for time in times] == [(mode, "256x256") for mode in modes]
    assert all(time.two_passes_s > 0 and time.ratio > 0 for time in times)
    assert len(said) == 3


def test_frames_are_timed_at_rest_and_beside_the_painter():
    seen = []
    frames = measure_frames(lambda: seen.append(1), "cpu", TINY, frames=3, size=Size(256, 256))
    assert len(seen) == 1 + 3 + 3
    assert 0 < frames.idle_p50_ms <= frames.idle_p99_ms
    assert facts([], frames)["frames"]["painting_p99_ms"] == frames.painting_p99_ms


def test_painter_that_ends_early_is_no_painter_beside_the_frames(monkeypatch):
    plates, seen, has_failed = [], [], threading.Event()

    def one_plate(maker):
        plates.append(maker)
        if len(plates) > 1:
            has_failed.set()
            raise GenerationError("out of memory")

    def one_frame():
        seen.append(1)
        if len(seen) > 1 + 2:  # those at rest are over
            wait(has_failed)

    monkeypatch.setattr(bench_plates, "_plate", one_plate)
    with pytest.raises(GenerationError, match="out of memory"):
        measure_frames(one_frame, "cpu", TINY, frames=2)


def test_operations_of_a_product_are_counted():
    import torch

    left, right = torch.ones(3, 5), torch.ones(5, 7)
    assert counted_flops(lambda: left @ right) == 2 * 3 * 5 * 7
