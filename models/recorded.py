"""Steps on a GPU recorded as CUDA graphs, one for each shape of input: hundreds of launches become one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor

WARM_UPS = 3
"""Calls before a recording, in which libraries choose their kernels and set aside their memory."""


class Recorded:
    """A function of tensors that neither waits for the device nor looks at a value; off CUDA it is simply called.

    On CUDA what it returns is written over by a later call, and it runs ``WARM_UPS`` times more at the first call of
    each shape. All recordings of a device share their memory, so only one may run at a time.

    Args:
        function: of tensors or None; gives tensors.
        device: where it computes.
    """

    def __init__(self, function: Callable[..., tuple[Tensor, Tensor]], device: torch.device) -> None:
        self._function = function
        self._device = device
        self._made: dict[tuple[torch.Size | None, ...], _Recording] = {}

    def __call__(self, *inputs: Tensor | None) -> tuple[Tensor, Tensor]:
        """The function of the inputs, which lie on the device."""
        if self._device.type != "cuda":
            return self._function(*inputs)
        kind = tuple(None if given is None else given.shape for given in inputs)
        if kind not in self._made:
            self._made[kind] = _Recording(self._function, inputs, self._device)
        return self._made[kind].play(inputs)


class _Recording:
    _shared: ClassVar[dict[torch.device, tuple[torch.cuda.Stream, Any]]] = {}
    """By device: the stream on which is recorded, and the memory."""

    def __init__(
        self, function: Callable[..., tuple[Tensor, Tensor]], inputs: tuple[Tensor | None, ...], device: torch.device
    ) -> None:
        with torch.cuda.device(device):
            if device not in self._shared:
                self._shared[device] = (torch.cuda.Stream(device), torch.cuda.graph_pool_handle())
            (side, pool), current = self._shared[device], torch.cuda.current_stream(device)
            self._device = device
            self._inputs = [None if given is None else given.clone() for given in inputs]
            side.wait_stream(current)
            with torch.cuda.stream(side):
                for _ in range(WARM_UPS):
                    function(*self._inputs)
            current.wait_stream(side)
            self._graph = torch.cuda.CUDAGraph()
            # Of this thread only: a loader's thread pins memory meanwhile.
            with torch.cuda.graph(self._graph, pool=pool, stream=side, capture_error_mode="thread_local"):
                self._outputs = function(*self._inputs)

    def play(self, inputs: tuple[Tensor | None, ...]) -> tuple[Tensor, Tensor]:
        with torch.cuda.device(self._device):
            for place, given in zip(self._inputs, inputs, strict=True):
                if place is not None and given is not None:
                    place.copy_(given)
            self._graph.replay()
        return self._outputs
