"""A network's calls as CUDA graphs: a denoiser has a thousand small steps, and launching each one can take longer."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from streamer.captured import Captured

KEPT = 4
"""Recordings: one for each size of plate and way of guiding."""


class RecordedCalls:
    """Stands in for a network's ``forward``; every kind of call is recorded once and then played back.

    What it returns is written over by the next call of the same kind. For one thread.

    Args:
        forward: what is recorded; nothing in it may wait for the device.
        device: where it computes.
    """

    def __init__(self, forward: Callable[..., Any], device: torch.device) -> None:
        self._forward = forward
        self._device = device
        self._made: OrderedDict[object, Captured[Any]] = OrderedDict()

    def forget(self) -> None:
        """Let go of all recordings and of their memory."""
        self._made.clear()

    def __call__(self, *args: Any, **named: Any) -> Any:
        """The network's result."""
        leaves, form = pytree.tree_flatten((args, named))
        places = [index for index, leaf in enumerate(leaves) if isinstance(leaf, Tensor)]
        tensors = [leaves[index] for index in places]
        rest = [None if isinstance(leaf, Tensor) else leaf for leaf in leaves]
        kind = (str(form), str(rest), *((tensor.shape, tensor.dtype) for tensor in tensors))
        if kind not in self._made:

            def call(*given: Tensor) -> Any:
                filled = list(rest)
                for index, tensor in zip(places, given, strict=True):
                    filled[index] = tensor
                own_args, own_named = pytree.tree_unflatten(filled, form)
                return self._forward(*own_args, **own_named)

            self._made[kind] = Captured(call, self._device)
        self._made.move_to_end(kind)
        while len(self._made) > KEPT:
            self._made.popitem(last=False)
        return self._made[kind](*tensors)
