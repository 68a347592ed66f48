"""Guards around every test: no thread left, no ERROR logged unawares, logging and random numbers as before, offline."""

from __future__ import annotations

import logging
import os
import random
import sys
import threading
from collections.abc import Iterator

import numpy as np
import pytest

os.environ["HF_HUB_OFFLINE"] = "1"

STAGE_NAMES = {"capture", "matte", "render", "background", "terminal keys", "global keys", "api", "stats", "mediapipe"}
JOIN_S = 2.0


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu") is None:
        return
    import torch

    if torch.cuda.is_available():
        return
    if os.environ.get("REQUIRE_GPU") == "1":
        pytest.fail("REQUIRE_GPU=1, but torch sees no CUDA device", pytrace=False)
    pytest.skip("needs a CUDA device")


@pytest.fixture(autouse=True)
def no_thread_left_over() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    left = [
        thread
        for thread in threading.enumerate()
        if thread not in before and (not thread.daemon or thread.name in STAGE_NAMES)
    ]
    for thread in left:
        thread.join(JOIN_S)
    names = [thread.name for thread in left if thread.is_alive()]
    assert not names, f"threads left over: {names}"


class _Errors(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.name}: {record.getMessage()}")


@pytest.fixture(autouse=True)
def no_error_logged(request: pytest.FixtureRequest) -> Iterator[None]:
    errors = _Errors()
    root = logging.getLogger()
    root.addHandler(errors)
    yield
    root.removeHandler(errors)
    if request.node.get_closest_marker("expects_error_log"):
        assert errors.lines, "the test is marked expects_error_log, but nothing was logged at ERROR"
    else:
        assert not errors.lines, f"logged at ERROR: {errors.lines}"


@pytest.fixture(autouse=True)
def logging_restored() -> Iterator[None]:
    """The command line sets up the program's logger; the next test shall find it as it was."""
    logger = logging.getLogger("streamer")
    level, handlers = logger.level, list(logger.handlers)
    yield
    logger.setLevel(level)
    logger.handlers[:] = handlers


@pytest.fixture(autouse=True)
def random_numbers_restored() -> Iterator[None]:
    python_state, numpy_state = random.getstate(), np.random.get_state()
    torch = sys.modules.get("torch")  # not imported only for this
    torch_state = torch.get_rng_state() if torch is not None else None
    yield
    random.setstate(python_state)
    np.random.set_state(numpy_state)
    if torch is not None:
        torch.set_rng_state(torch_state)


@pytest.fixture
def usual_turns() -> Iterator[float]:
    """How long threads keep Python's lock, put back after the test."""
    usual = sys.getswitchinterval()
    yield usual
    sys.setswitchinterval(usual)


@pytest.fixture(scope="session")
def one_torch_thread() -> None:
    """Keep torch to one thread: on a busy machine the threads of tiny networks wait for each other most of the time."""
    import torch

    torch.set_num_threads(1)
