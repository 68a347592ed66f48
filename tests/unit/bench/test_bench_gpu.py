"""The bench of GPUs, run on the CPU at toy sizes: the same code, and figures that mean nothing."""

from __future__ import annotations

import pytest

pytest.importorskip("torchvision")

import numpy as np
import torch

from streamer.bench import gpu_streams
from streamer.bench.contest import OURS
from streamer.bench.gpu import EAGER, IN_GRAPH, measure_gpu, path_ratios, stream_figures
from streamer.bench.gpu_paths import our_least_work, our_path, resident_path
from streamer.bench.gpu_streams import StreamTimes, measure_streams
from streamer.bench.report import open_console
from streamer.bench.robust_video_matting import peer_step, random_peer
from streamer.bench.roofline import Limits, copy_rate, matrix_rate, timed
from streamer.bench.settings import Gpu
from streamer.errors import StreamerError
from streamer.frames import Frame, Size

pytestmark = pytest.mark.usefixtures("one_torch_thread")
SMALL = Size(160, 96)


# -- the peer's network ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(96, 160), (270, 480)], ids=str)
def test_the_peers_network_gives_colours_and_alpha_at_full_size(size: tuple[int, int]) -> None:
    network = random_peer("cpu", 0.5)
    frame = torch.rand(1, 3, *size)
    foreground, alpha, state = network(frame)
    assert (foreground.shape, alpha.shape) == (frame.shape, (1, 1, *size))
    assert 0 <= float(alpha.min()) <= float(alpha.max()) <= 1
    assert [part.shape[1] for part in state] == [64, 40, 20, 16]


def test_the_peers_network_is_as_large_as_published() -> None:
    """The paper gives 3.75 million parameters for the one with MobileNetV3."""
    count = sum(parameter.numel() for parameter in random_peer("cpu", 0.25).parameters())
    assert count == pytest.approx(3.75e6, rel=0.02)


def test_the_peers_network_remembers() -> None:
    network = random_peer("cpu", 0.5)
    frame = torch.rand(1, 3, 96, 160)
    _, first, state = network(frame)
    _, second, _ = network(frame, state)
    assert not torch.equal(first, second)


def test_folding_changes_no_result() -> None:
    from streamer.bench.robust_video_matting import RobustVideoMatting

    torch.manual_seed(0)
    plain = RobustVideoMatting(0.5).eval()
    frame = torch.rand(1, 3, 96, 160)
    with torch.inference_mode():
        expected = plain(frame)[1]
    assert torch.allclose(random_peer("cpu", 0.5)(frame)[1], expected, atol=1e-4)


def test_a_step_goes_on_from_the_step_before() -> None:
    step = peer_step(random_peer("cpu", 0.5), torch.rand(1, 3, 64, 64), in_graph=False)
    (_, first), (_, second) = step(), step()  # type: ignore[misc]
    assert not torch.equal(first, second)


# -- limits ----------------------------------------------------------------------------------------------------------


def test_the_limit_adds_copies_and_products() -> None:
    assert Limits(copy_bytes_per_s=100.0, flops_per_s=1000.0).least_s(50.0, 250.0) == 0.75


def test_rates_are_positive() -> None:
    assert copy_rate("cpu") > 1e6
    assert matrix_rate("cpu") > 1e6
    assert timed("cpu", lambda: None) >= 0


def test_the_least_work_grows_with_the_frame_by_its_bytes() -> None:
    small, large = our_least_work("cpu", Size(320, 180)), our_least_work("cpu", Size(640, 360))
    assert large[0] - small[0] == 9 * (640 * 360 - 320 * 180)
    assert small[1] > 1e6


def test_ratios_are_against_the_peers_faster_way_and_the_limit() -> None:
    assert path_ratios({OURS: 2.0, EAGER: 9.0, IN_GRAPH: 5.0}, 0.5) == {"peer": 2.5, "limit": 4.0}


def test_streams_are_compared_with_one() -> None:
    runs = [StreamTimes(1, 100.0, 5.0), StreamTimes(2, 150.0, 20.0)]
    assert stream_figures("gpu/1080p", runs) == {"gpu/1080p/streams/2/fps": 1.5, "gpu/1080p/streams/2/p99": 4.0}


# -- toy runs --------------------------------------------------------------------------------------------------------


def test_our_path_composites_the_demo() -> None:
    with our_path("cpu", SMALL) as one_frame:
        composed = one_frame()
    assert isinstance(composed, Frame)
    assert composed.size == SMALL


def test_what_stays_on_the_device_composites_the_demo_over_the_same_background() -> None:
    with resident_path("cpu", SMALL) as one_frame, our_path("cpu", SMALL) as by_the_program:
        composed, plain = one_frame(), by_the_program()
    assert isinstance(composed, torch.Tensor)
    assert isinstance(plain, Frame)
    same = composed.numpy().reshape(plain.image.shape)
    assert np.abs(same.astype(int) - plain.image).mean() < 2


@pytest.mark.slow
def test_streams_run_at_once_and_a_failure_is_told() -> None:
    times = measure_streams(2, "cpu", SMALL, 3)
    assert (times.streams, times.total_fps > 0, times.p99_ms > 0) == (2, True, True)
    with pytest.raises(StreamerError, match="a stream of the bench failed: SegmentationError: no GPU"):
        measure_streams(1, "mps", SMALL, 3)


def test_a_stream_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu_streams, "START_S", 0.0)
    with pytest.raises(StreamerError, match="a stream of the bench failed: it says nothing"):
        measure_streams(1, "cpu", SMALL, 3)


@pytest.mark.slow
@pytest.mark.parametrize("painter", ["tiny", "none"])
def test_the_whole_bench_runs_on_the_cpu(painter: str, capsys: pytest.CaptureFixture[str]) -> None:
    if painter == "tiny":
        pytest.importorskip("diffusers")
    settings = Gpu(device="cpu", sizes=("1080p",), frames=2, rounds=2, streams=(0,), painter=painter)  # type: ignore[arg-type]
    outcome = measure_gpu(settings, open_console(), shapes={"1080p": SMALL})
    assert outcome.figures.keys() == {"toy/1080p/peer", "toy/1080p/limit"} | (
        {"toy/1080p/painter"} if painter == "tiny" else set()
    )
    assert all(figure > 0 for figure in outcome.figures.values())
    facts = outcome.details["gpu"]["1080p"]  # type: ignore[index]
    assert {name: len(each) for name, each in facts["rounds_ms"].items()} == {OURS: 2, EAGER: 2}
    assert "RobustVideoMatting" in capsys.readouterr().out
