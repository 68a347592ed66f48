"""Loops over pixels in plain Python, compiled to machine code by Numba.

What only a few pixels need, such as those at the edge, is done pixel by pixel there, in one go: with whole-array calls
each step would read and write the picture once more. The machine code is kept on disk: only the first start of a
version waits some seconds for it. Numba itself takes half a second to load, so that is left for the first call, or for
``load`` on a thread of its own.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import update_wrapper
from importlib import import_module
from typing import Any, Generic, Literal, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
Kind = TypeVar("Kind", np.uint8, np.float32)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Argument:
    """What a loop takes: an array, or with no dimensions one number."""

    kind: str
    """NumPy's name of what it is or holds."""
    dimensions: int = 0
    packed: bool = False
    """Whether it must be C-contiguous, which is faster. Else it may be part of a larger one."""
    is_written: bool = False


INTEGER, BOOLEAN = Argument("int64"), Argument("boolean")


def given(kind: str, dimensions: int, *, packed: bool = False) -> Argument:
    """An array that is only read, see ``Argument``."""
    return Argument(kind, dimensions, packed)


def made(kind: str, dimensions: int, *, packed: bool = False) -> Argument:
    """An array that is written to, see ``Argument``."""
    return Argument(kind, dimensions, packed, is_written=True)


class Loop(Generic[Arguments]):
    """A function that returns nothing, compiled when it is first called. It runs without holding the GIL."""

    def __init__(self, function: Callable[Arguments, None], arguments: tuple[Argument, ...]) -> None:
        self._function = function
        self._arguments = arguments
        self._machine_code: Callable[Arguments, None] | None = None
        update_wrapper(self, function)

    def __call__(self, *args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        """Run it; arguments of other types raise ``TypeError``."""
        (self._machine_code or self.load())(*args, **kwargs)

    def load(self) -> Callable[Arguments, None]:
        """The machine code, from disk if it lies there."""
        with _loading:
            if self._machine_code is None:
                self._machine_code = _compiled(self._function, self._arguments)
            return self._machine_code


_loading = threading.RLock()
_loops: list[Loop[Any]] = []
_parts: list[Callable[..., Any]] = []


def part_of_loops(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Let loops of the same file call this function.

    What is kept on disk is made anew when that file changes, and only then: constants of other files are arguments.
    """
    _parts.append(function)
    return function


def compiled(*arguments: Argument) -> Callable[[Callable[Arguments, None]], Loop[Arguments]]:
    """Make a function a loop that is compiled for arguments of these types.

    Sums may be reordered, and infinities and NaN are taken not to occur.
    """

    def decorate(function: Callable[Arguments, None]) -> Loop[Arguments]:
        loop = Loop(function, arguments)
        _loops.append(loop)
        return loop

    return decorate


def rows_of(colours: NDArray[Kind]) -> NDArray[Kind]:
    """``(h, w, 3)`` as ``(h, 3 w)``, which loops are quicker with; a copy only of what is part of a larger array."""
    return np.ascontiguousarray(colours).reshape(colours.shape[0], -1)


def load() -> None:
    """Load all loops that there are so far."""
    for loop in tuple(_loops):
        loop.load()


def _compiled(function: Callable[..., None], arguments: tuple[Argument, ...]) -> Callable[..., None]:
    import numba
    from numba import types
    from numba.extending import register_jitable

    if "numba.np.arraymath" not in sys.modules and "scipy.linalg" not in sys.modules:
        # It would load SciPy, a quarter of a second, to know whether there is linear algebra, which no loop here wants.
        sys.modules["scipy.linalg"] = None  # type: ignore[assignment]
        import_module("numba.np.arraymath")
        del sys.modules["scipy.linalg"]

    def numba_type(argument: Argument) -> Any:
        kind: Any = getattr(types, argument.kind)
        if argument.dimensions == 0:
            return kind
        layout: Literal["C", "A"] = "C" if argument.packed else "A"
        return types.Array(kind, argument.dimensions, layout, readonly=not argument.is_written)

    while _parts:
        register_jitable(_parts.pop())
    signature = types.void(*(numba_type(argument) for argument in arguments))
    fast = {"nnan", "ninf", "nsz", "arcp", "contract"}
    settings: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": fast}
    machine_code: Callable[..., None]
    try:
        machine_code = numba.njit(signature, cache=True, **settings)(function)
    except RuntimeError as error:  # there is no place for it that may be written to
        logger.info("compiled code is not kept, so that each start takes some seconds more: %s", error)
        machine_code = numba.njit(signature, **settings)(function)
    return machine_code
