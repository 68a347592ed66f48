"""Loops over pixels in plain Python, compiled to machine code by Numba when their module is loaded.

What only a few pixels need, such as those at the edge, is done pixel by pixel there, in one go: with whole-array calls
each step would read and write the picture once more. The machine code is kept on disk: only the first start of a
version waits some seconds for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
from numba import types

Function = TypeVar("Function", bound=Callable[..., Any])


def given(kind: str, dimensions: int, *, packed: bool = False) -> types.Array:
    """The type of an array that is only read: of ``uint8``, ``float32`` and so on.

    Args:
        kind: NumPy's name of what it holds.
        dimensions: how many.
        packed: whether it must be C-contiguous, which is faster. Else it may be part of a larger one.
    """
    return types.Array(getattr(types, kind), dimensions, "C" if packed else "A", readonly=True)


def made(kind: str, dimensions: int, *, packed: bool = False) -> types.Array:
    """The type of an array that is written to, see ``given``."""
    return types.Array(getattr(types, kind), dimensions, "C" if packed else "A")


def compiled(*arguments: Any) -> Callable[[Function], Function]:
    """Compile a function that returns nothing for arguments of those Numba types. It runs without holding the GIL.

    Sums may be reordered, and infinities and NaN are taken not to occur.
    """
    fast = {"nnan", "ninf", "nsz", "arcp", "contract"}
    decorate = numba.njit(types.void(*arguments), nogil=True, cache=True, error_model="numpy", fastmath=fast)
    return cast(Callable[[Function], Function], decorate)
