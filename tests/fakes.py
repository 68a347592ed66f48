"""Sources, segmenters, backgrounds and sinks that follow a script. They wait for events, never for time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from itertools import chain

import numpy as np

from streamer.frames import Alpha, Frame, Image, Size
from streamer.interfaces import SourceInfo

WAIT_S = 20.0
"""Longest wait for an event; only a test that is about to fail waits so long."""
SIZE = Size(16, 12)


def wait(event: threading.Event) -> None:
    assert event.wait(WAIT_S), "the event that the script waits for never came"


def secret_image(size: Size = SIZE, seed: int = 0) -> Image:
    """The room: noise in 128..255 in every channel, which no background here reaches."""
    noise = np.random.default_rng(seed).integers(128, 256, (size.height, size.width, 3))
    return noise.astype(np.uint8)


def make_frame(index: int = 0, size: Size = SIZE, image: Image | None = None) -> Frame:
    picture = secret_image(size, seed=index) if image is None else image
    return Frame(picture, index, index / 25, time.monotonic())


class ScriptedSource:
    """Yields ``count`` frames.

    Args:
        fault_at: index of the frame in whose place ``fault`` is raised.
        gates: events to wait for before the frame of that index is given.
        deaf: the gates do not open when the source is closed: a read that hangs for good.
        sizes: sizes of single frames that differ from ``SIZE``.
    """

    def __init__(
        self,
        count: int,
        *,
        is_live: bool = False,
        fault_at: int | None = None,
        fault: BaseException | None = None,
        gates: Mapping[int, threading.Event] | None = None,
        deaf: bool = False,
        sizes: Mapping[int, Size] | None = None,
    ) -> None:
        self.info = SourceInfo("scripted", SIZE, Fraction(25), is_live, frame_count=count)
        self.bad_frames = 0
        self.closed = 0
        self.given: list[Frame] = []
        self.exhausted = threading.Event()
        self.waiting = threading.Event()
        self._count = count
        self._fault_at = fault_at
        self._fault = fault
        self._gates = dict(gates or {})
        self._deaf = deaf
        self._sizes = dict(sizes or {})
        self._hung_up = threading.Event()

    def __iter__(self) -> Iterator[Frame]:
        for index in range(self._count):
            if index in self._gates:
                self.waiting.set()
                self._wait_at(self._gates[index])
            if index == self._fault_at:
                assert self._fault is not None
                raise self._fault
            if self._hung_up.is_set():
                return
            frame = make_frame(index, self._sizes.get(index, SIZE))
            self.given.append(frame)
            yield frame
        self.exhausted.set()

    def _wait_at(self, gate: threading.Event) -> None:
        for _ in range(int(WAIT_S / 0.01)):
            if gate.wait(0.01) or (self._hung_up.is_set() and not self._deaf):
                return
        raise AssertionError("the gate of the source never opened")

    def close(self) -> None:
        self.closed += 1
        self._hung_up.set()


def left_half(image: Image) -> Alpha:
    """The person stands in the left half; a soft column lies between, each picture's a little different."""
    alpha = np.zeros(image.shape[:2], np.float32)
    middle = image.shape[1] // 2
    alpha[:, :middle] = 1
    alpha[:, middle] = 0.5 + 0.1 * float(image.mean()) / 255
    return alpha


class ScriptedSegmenter:
    """Finds the person in the left half, but for the calls in the script.

    Args:
        script: what happens at the n-th call instead: an exception to raise, or a function of the picture whose result
            is returned, whatever it is.
        gate: event to wait for in every call.
    """

    def __init__(
        self,
        script: Mapping[int, Exception | Callable[[Image], object]] | None = None,
        gate: threading.Event | None = None,
    ) -> None:
        self.calls: list[Image] = []
        self.resets = 0
        self.closed = 0
        self.entered = threading.Event()
        self._script = dict(script or {})
        self._gate = gate

    def segment(self, image: Image) -> Alpha:
        call = len(self.calls)
        self.calls.append(image)
        self.entered.set()
        if self._gate is not None:
            wait(self._gate)
        act = self._script.get(call, left_half)
        if isinstance(act, Exception):
            raise act
        return act(image)  # type: ignore[return-value]  # the point of the script

    def reset(self) -> None:
        self.resets += 1

    def close(self) -> None:
        self.closed += 1


class ScriptedBackground:
    """A background that never holds a value above 127, unlike ``secret_image``.

    Args:
        fault_at: frame indices at which ``image_for`` raises.
        shows_room: it claims to be made of the live room.
        transparent: ``image_for`` returns None.
    """

    def __init__(self, *, fault_at: frozenset[int] = frozenset(), shows_room: bool = False, transparent: bool = False):
        self.closed = 0
        self.given: list[Image] = []
        self._fault_at = fault_at
        self.shows_room = shows_room
        self._transparent = transparent

    def image_for(self, frame: Frame, alpha: Alpha) -> Image | None:
        if frame.index in self._fault_at:
            raise OSError("the background file is gone")
        if self._transparent:
            return None
        self.given.append(_ramp(frame.size, offset=frame.index))
        return self.given[-1]

    def safe_image(self, size: Size) -> Image:
        return _ramp(size, offset=50)

    def close(self) -> None:
        self.closed += 1


def _ramp(size: Size, offset: int) -> Image:
    image = np.zeros((size.height, size.width, 3), np.uint8)
    image[..., 0] = np.arange(size.width) % 60 + offset % 60
    image[..., 2] = 100
    return image


class RecordingSink:
    """Keeps what it is given.

    Args:
        fault_at: the write of that number raises ``fault``.
        close_fault: raised by ``close``.
        gate: event to wait for in every write.
        on_write: called with each frame.
    """

    def __init__(
        self,
        *,
        fault_at: int | None = None,
        fault: BaseException | None = None,
        close_fault: Exception | None = None,
        gate: threading.Event | None = None,
        on_write: Callable[[Frame], None] = lambda frame: None,
    ) -> None:
        self.frames: list[Frame] = []
        self.closed = 0
        self.aborted = 0
        self.entered = threading.Event()
        self._fault_at = fault_at
        self._fault = fault
        self._close_fault = close_fault
        self._gate = gate
        self._on_write = on_write

    @property
    def indices(self) -> list[int]:
        return [frame.index for frame in self.frames]

    def write(self, frame: Frame) -> None:
        assert not self.closed
        assert not self.aborted
        self.entered.set()
        if self._gate is not None:
            wait(self._gate)
        if len(self.frames) == self._fault_at:
            assert self._fault is not None
            raise self._fault
        self.frames.append(frame)
        self._on_write(frame)

    def close(self) -> None:
        self.closed += 1
        if self._close_fault is not None:
            raise self._close_fault

    def abort(self) -> None:
        self.aborted += 1


class WindowSink(RecordingSink):
    """A sink that somebody looks at: it counts how often it was pumped, and tells of it."""

    def __init__(self, on_idle: Callable[[int], None] = lambda count: None) -> None:
        super().__init__()
        self.idled = 0
        self._on_idle = on_idle

    def idle(self) -> None:
        self.idled += 1
        self._on_idle(self.idled)


class Connection:
    """One opening of a live source: gives what the script holds, then waits until it is closed.

    Args:
        script: pictures; an exception is raised.
        ends: the source ends by itself after the script.
        runs: after the script ``secret_image()`` comes every few milliseconds, until it is closed.
        bad_frames: what it says of them.
    """

    def __init__(self, *script: Image | Exception, ends: bool = False, runs: bool = False, bad_frames: int = 0) -> None:
        self.info = SourceInfo("camera 7", SIZE, Fraction(25), is_live=True)
        self.bad_frames = bad_frames
        self.has_closed = threading.Event()
        self._script = script
        self._ends = ends
        self._runs = runs

    def __iter__(self) -> Iterator[Frame]:
        begun_at_s = time.monotonic()
        for index, step in enumerate(chain(self._script, self._running())):
            if isinstance(step, Exception):
                raise step
            now_s = time.monotonic()
            yield Frame(step, index, now_s - begun_at_s, now_s)
        if not self._ends:
            wait(self.has_closed)

    def close(self) -> None:
        self.has_closed.set()

    def _running(self) -> Iterator[Image]:
        picture = secret_image()
        while self._runs and not self.has_closed.wait(0.005):
            yield picture


class Openings:
    """Opens one thing of a script after the other; an exception is raised, and the last one is repeated."""

    def __init__(self, *script: Connection | Exception) -> None:
        self.count = 0
        self._script = script

    def __call__(self) -> Connection:
        step = self._script[min(self.count, len(self._script) - 1)]
        self.count += 1
        if isinstance(step, Exception):
            raise step
        return step


class ScriptedClock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s
