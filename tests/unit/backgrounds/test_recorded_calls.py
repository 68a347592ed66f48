"""A network's calls, recorded by kind; on the CPU they are simply made."""

from __future__ import annotations

import weakref

import torch

from streamer.backgrounds.inpaint import DiffusionPainter, PainterSettings
from streamer.backgrounds.recorded_calls import KEPT, RecordedCalls


class Network(torch.nn.Module):
    """As the denoiser is called: tensors in lists and by name, numbers, nothing."""

    def forward(self, sample, step, *, residuals=None, scale=1.0, nothing=None):
        return (sample * scale + step, [residual + 1 for residual in residuals or []])


def test_the_result_is_the_networks_own():
    network = Network()
    network.forward = RecordedCalls(network.forward, torch.device("cpu"))
    residuals = [torch.zeros(2), torch.ones(3)]
    for number in (1.0, 2.0):
        total, more = network(torch.full((2,), number), torch.tensor(5), residuals=residuals, scale=0.5)
        assert torch.equal(total, torch.full((2,), 0.5 * number + 5))
        assert [part.tolist() for part in more] == [[1, 1], [2, 2, 2]]
    assert torch.equal(network(torch.ones(2), torch.tensor(5), scale=3.0)[0], torch.full((2,), 8.0))


def test_each_kind_of_call_is_recorded_once_and_the_oldest_are_given_up():
    network = Network()
    calls = RecordedCalls(network.forward, torch.device("cpu"))
    for _ in range(2):
        for side in range(1, KEPT + 3):
            calls(torch.ones(side), torch.tensor(1))
            assert len(calls._made) <= KEPT
    kept = dict(calls._made)
    calls(torch.zeros(KEPT + 2), torch.tensor(7))
    assert dict(calls._made) == kept
    calls(torch.ones(KEPT + 2), torch.tensor(1), scale=2.0)
    assert len(set(calls._made) - set(kept)) == 1


def test_a_painter_that_is_closed_holds_on_to_no_recorded_network():
    class Pipeline:
        def __init__(self):
            self.unet, self.controlnet = Network(), Network()

    pipeline = Pipeline()
    network = pipeline.unet
    network.forward = RecordedCalls(network.forward, torch.device("cpu"))
    network(torch.ones(2), torch.tensor(1))
    recorded, gone = network.forward, weakref.ref(network)
    painter = DiffusionPainter(pipeline, PainterSettings())
    painter.close()
    assert not recorded._made
    del recorded, network, pipeline
    assert gone() is None
    painter.close()
