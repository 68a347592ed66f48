"""The bench of plates, on tiny networks on the CPU."""

import pytest

pytest.importorskip("diffusers")

from streamer.bench.plates import facts, measure_frames, measure_plates
from streamer.bench.random_diffusion import TINY
from streamer.bench.roofline import counted_flops
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


def test_operations_of_a_product_are_counted():
    import torch

    left, right = torch.ones(3, 5), torch.ones(5, 7)
    assert counted_flops(lambda: left @ right) == 2 * 3 * 5 * 7
