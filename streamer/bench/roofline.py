"""What a device can do at most, measured: how fast it copies and multiplies, and what that says of a piece of work."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

ROUNDS = 5
COPIED_BYTES = {"cuda": 2**30, "cpu": 2**26}
"""Size of what is copied to measure the bandwidth: far more than any cache holds on a GPU."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Rates of one device."""

    copy_bytes_per_s: float
    """Bytes read and written in a copy within the device's memory."""
    flops_per_s: float
    """Floating-point operations of a large matrix product."""

    def least_s(self, moved_bytes: float, flops: float) -> float:
        """The least time for work that moves and computes so much, one after the other."""
        return moved_bytes / self.copy_bytes_per_s + flops / self.flops_per_s


def measure_limits(device: str) -> Limits:
    """Copy and multiply, the fastest of some rounds."""
    return Limits(copy_rate(device), matrix_rate(device))


def copy_rate(device: str) -> float:
    """Bytes a second, read and written, in a copy within the device's memory."""
    import torch

    size = COPIED_BYTES["cuda" if device.startswith("cuda") else "cpu"]
    source = torch.zeros(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    target.copy_(source)
    return 2 * size / min(timed(device, lambda: target.copy_(source)) for _ in range(ROUNDS))


def matrix_rate(device: str) -> float:
    """Floating-point operations a second in a large matrix product, in half precision on a GPU."""
    import torch

    side, kind = (8192, torch.float16) if device.startswith("cuda") else (1024, torch.float32)
    left, right = (torch.randn(side, side, device=device, dtype=kind) for _ in range(2))

    def product() -> None:
        left @ right

    product()
    took_s = min(timed(device, product) for _ in range(ROUNDS))
    return 2 * side**3 / took_s


def counted_flops(work: Callable[[], object]) -> int:
    """The floating-point operations of matrix products, convolutions and attention in what ``work`` does.

    On a CPU attention is left out: torch does not count its kernel there.
    """
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()


def timed(device: str, work: Callable[[], object]) -> float:
    """Seconds that the work takes, until the device is done with it."""
    wait_for(device)
    begun_at_s = time.perf_counter()
    work()
    wait_for(device)
    return time.perf_counter() - begun_at_s


def wait_for(device: str) -> None:
    """Until all that was handed to a GPU is done."""
    if device.startswith("cuda"):
        import torch

        torch.cuda.synchronize(device)
