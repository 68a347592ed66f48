"""Recording and playing back, with a stand-in for CUDA's graphs: what they do on a device, tests/gpu shows."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from streamer.captured import WARM_UPS, Captured


class Recording:
    """Plays back by calling the function again on the same places."""

    def __init__(self) -> None:
        self.replay: Callable[[], None] = lambda: None


class Doubling:
    """Doubles what it is given, and counts."""

    def __init__(self) -> None:
        self.calls = 0
        self.places: tuple[Tensor, ...] = ()
        self.output = torch.empty(0)

    def __call__(self, *given: Tensor) -> Tensor:
        self.calls += 1
        self.places = given
        self.output = 2 * given[0]
        return self.output


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Doubling:
    double = Doubling()
    stream = SimpleNamespace(priority=-1, wait_stream=lambda other: None)

    @contextmanager
    def record(graph: Recording, *, stream: object, capture_error_mode: str) -> Iterator[None]:
        yield
        places, output = double.places, double.output
        graph.replay = lambda: output.copy_(2 * places[0]) and None

    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: stream)
    monkeypatch.setattr(torch.cuda, "Stream", lambda device, priority: stream)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: nullcontext())
    monkeypatch.setattr(torch.cuda, "set_stream", lambda stream: None)
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Recording)
    monkeypatch.setattr(torch.cuda, "graph", record)
    return double


def on_cuda(function: Callable[..., Tensor]) -> Captured:
    captured = Captured(function, torch.device("cpu"))
    captured._is_plain = False
    return captured


def test_off_cuda_the_function_is_called_each_time() -> None:
    double = Doubling()
    captured = Captured(double, torch.device("cpu"))
    assert [captured(torch.tensor([n])).item() for n in (1, 2, 3)] == [2, 4, 6]
    assert double.calls == 3


def test_what_was_recorded_once_is_played_back_on_the_inputs_of_each_call(double: Doubling) -> None:
    captured = on_cuda(double)
    given = torch.tensor([1.0])
    assert captured(given).item() == 2
    assert [captured(torch.tensor([n])).item() for n in (5.0, 7.0)] == [10, 14]
    assert double.calls == WARM_UPS + 1
    assert given.item() == 1, "the caller's own tensor is not written into"


def test_where_it_cannot_be_recorded_it_is_said_once_and_called(
    double: Doubling, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    @contextmanager
    def refuse(graph: Recording, **settings: object) -> Iterator[None]:
        raise RuntimeError("operation not permitted when stream is capturing")
        yield

    monkeypatch.setattr(torch.cuda, "graph", refuse)
    captured = on_cuda(double)
    with caplog.at_level(logging.WARNING):
        assert [captured(torch.tensor([n])).item() for n in (1, 2)] == [2, 4]
    assert len(caplog.records) == 1
