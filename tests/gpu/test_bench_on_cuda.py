"""The bench of GPUs on one. Skipped without a CUDA device, unless REQUIRE_GPU=1."""

import pytest

pytest.importorskip("torchvision")

from streamer.bench.device_trace import trace_device
from streamer.bench.gpu import EAGER, IN_GRAPH, measure_gpu
from streamer.bench.report import open_console
from streamer.bench.robust_video_matting import peer_step, random_peer
from streamer.bench.settings import Gpu
from streamer.frames import Size

pytestmark = pytest.mark.gpu
SMALL = Size(640, 360)


def test_the_peers_network_in_a_graph_goes_on_as_launched_one_by_one():
    import torch

    frame = torch.rand(1, 3, 360, 640, device="cuda").half()
    eager, graph = (peer_step(random_peer("cuda", 0.5), frame, in_graph=in_graph) for in_graph in (False, True))
    for _ in range(50):  # both settle: capturing went some frames ahead
        expected, replayed = eager()[1], graph()[1]
    assert (expected - replayed).abs().max() < 0.02


def test_every_figure_of_the_bench_is_measured():
    settings = Gpu(sizes=("1080p",), frames=5, rounds=2, streams=(2,), painter="none")
    outcome = measure_gpu(settings, open_console(), shapes={"1080p": SMALL})
    wanted = {"peer", "limit", "streams/2/fps", "streams/2/p99"}
    assert outcome.figures.keys() == {f"gpu/1080p/{what}" for what in wanted}
    assert outcome.details["gpu"]["1080p"]["frame_ms"].keys() >= {EAGER, IN_GRAPH}


def test_kernels_are_recorded(tmp_path):
    import torch

    left = torch.rand(512, 512, device="cuda")

    def product():
        left @ left
        torch.cuda.synchronize()

    product()
    costs = trace_device(product, "cuda", tmp_path / "trace.json")
    assert costs[0].ms_a_frame > 0
    assert not costs[0].name.startswith("aten::")
