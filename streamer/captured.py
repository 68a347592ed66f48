"""Many small steps on a GPU, recorded once and played back as one: a CUDA graph."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

import torch
from torch import Tensor

WARM_UPS = 3
"""Calls before the recording, in which libraries choose their kernels and set aside their memory."""

logger = logging.getLogger(__name__)
_recording = threading.Lock()


Result = TypeVar("Result")


class Captured(Generic[Result]):
    """A function of tensors whose shapes never change; on CUDA it is recorded at the first call. For one thread.

    What it returns is written over by the next call. Off CUDA, and where recording fails, it is simply called.

    Args:
        function: gives tensors, in whatever they lie; nothing in it may wait for the device.
        device: where it computes.
    """

    def __init__(self, function: Callable[..., Result], device: torch.device) -> None:
        self._function = function
        self._device = device
        self._is_plain = device.type != "cuda"
        self._graph: torch.cuda.CUDAGraph | None = None
        self._inputs: list[Tensor] = []
        self._output: Result | None = None

    def __call__(self, *inputs: Tensor) -> Result:
        """The function of the inputs, which lie on the device or in pinned memory."""
        if self._graph is None and not self._is_plain:
            self._record(inputs)
        if self._graph is None or self._output is None:
            return self._function(*(given.to(self._device, non_blocking=True) for given in inputs))
        for place, given in zip(self._inputs, inputs, strict=True):
            place.copy_(given, non_blocking=True)
        self._graph.replay()
        return self._output

    def _record(self, examples: tuple[Tensor, ...]) -> None:
        current = torch.cuda.current_stream(self._device)
        side = torch.cuda.Stream(self._device, priority=current.priority)  # which the recorded kernels keep
        graph = torch.cuda.CUDAGraph()
        self._inputs = [example.to(self._device, copy=True) for example in examples]
        try:
            with _recording:  # else another thread's steps might be recorded, too
                side.wait_stream(current)
                with torch.cuda.stream(side):
                    for _ in range(WARM_UPS):
                        self._function(*self._inputs)
                with torch.cuda.graph(graph, stream=side, capture_error_mode="thread_local"):
                    self._output = self._function(*self._inputs)
                current.wait_stream(side)
            self._graph = graph
        except RuntimeError as error:  # also the driver's errors; slower, but the same result
            torch.cuda.set_stream(current)  # which a recording that ends badly does not put back
            if isinstance(error, torch.OutOfMemoryError):  # step by step there is no more of it
                self._inputs, self._output = [], None
                raise
            logger.warning("steps on the GPU run one by one, for they cannot be recorded: %s", error)
            self._is_plain, self._inputs, self._output = True, [], None
