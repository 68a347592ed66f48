"""Loops that are compiled: what they take, when they are compiled, and that it happens once."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray

from models import compiled
from models.compiled import BOOLEAN, INTEGER, Loop, given, made, part_of_loops

Bytes = NDArray[np.uint8]
DOUBLED = """
def doubled(values, by, stops, result):
    for index in range(values.size):
        result[index] = values[index] * by
        if stops:
            return
"""


def loop(path: str = __file__) -> Loop[...]:
    """Multiplies; as if it were defined in that file."""
    names: dict[str, object] = {"__name__": __name__}
    exec(compile(DOUBLED, path, "exec"), names)
    function = names["doubled"]
    assert callable(function)
    return Loop(function, (given("uint8", 1), INTEGER, BOOLEAN, made("uint8", 1)))


def test_a_loop_runs_over_parts_of_arrays_and_those_that_may_not_be_written_to() -> None:
    values = np.arange(12, dtype=np.uint8)
    values.flags.writeable = False
    result = np.zeros(12, np.uint8)
    loop()(values[::-2], 3, False, result[::2])
    assert result.tolist() == [33, 0, 27, 0, 21, 0, 15, 0, 9, 0, 3, 0]


@pytest.mark.parametrize("kind", [np.float32, np.int64])
def test_an_array_of_another_kind_is_refused(kind: type) -> None:
    with pytest.raises(TypeError, match="No matching definition"):
        loop()(np.zeros(4, kind), 3, False, np.zeros(4, np.uint8))


def test_what_may_not_be_written_to_is_no_result() -> None:
    result = np.zeros(4, np.uint8)
    result.flags.writeable = False
    with pytest.raises(TypeError, match="No matching definition"):
        loop()(np.zeros(4, np.uint8), 3, False, result)


def test_threads_that_call_it_at_once_compile_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    once, compilations, barrier = loop(), [], Barrier(4)
    plain = compiled._compiled

    def counted(*args: object) -> object:
        compilations.append(args)
        return plain(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(compiled, "_compiled", counted)

    def call(_: int) -> list[int]:
        result = np.zeros(2, np.uint8)
        barrier.wait(10)
        once(np.array([1, 2], np.uint8), 3, False, result)
        return result.tolist()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(call, range(4))) == [[3, 6]] * 4
    assert len(compilations) == 1


def test_without_a_place_to_keep_the_code_it_is_compiled_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    result = np.zeros(2, np.uint8)
    with caplog.at_level(logging.INFO):
        loop("<nowhere>")(np.array([1, 2], np.uint8), 3, True, result)
    assert result.tolist() == [3, 0]
    assert "not kept" in caplog.text


def test_all_loops_are_loaded_ahead() -> None:
    from models import steady
    from streamer import compositing, edge_colours
    from streamer.segmentation import clean_plate, mending, refine

    compiled.load()
    loops = [
        each for room in (steady, compositing, edge_colours, clean_plate, mending, refine) for each in loops_of(room)
    ]
    assert len(loops) == 9
    assert all(each._machine_code is not None for each in loops)


def loops_of(room: ModuleType) -> list[Loop[...]]:
    return [each for each in vars(room).values() if isinstance(each, Loop) and each.__module__ == room.__name__]


def test_a_loop_may_call_a_part_of_loops() -> None:
    result = np.zeros(3, np.uint8)
    _tripled(np.array([1, 2, 3], np.uint8), result)
    assert result.tolist() == [3, 6, 9]


@part_of_loops
def _three_times(value: int) -> int:
    return 3 * value


@compiled.compiled(given("uint8", 1), made("uint8", 1))
def _tripled(values: Bytes, result: Bytes) -> None:
    for index in range(values.size):
        result[index] = _three_times(values[index])
