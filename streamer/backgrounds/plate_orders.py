"""Who makes the plates that are ordered: at once for a file, on a thread of its own when live.

Live, one order waits at most and the newest wins: an older one is given up within a step of the painter. So a plate
that is made ahead, in idle time, stands in nobody's way. A failure costs that plate and nothing else.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from streamer.channels import Latest
from streamer.errors import GenerationCancelled, GenerationError, StreamerError
from streamer.frames import Keyframe, Plate
from streamer.interfaces import PlateGenerator
from streamer.stats import Stats

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Scene:
    """What is to be painted at a moment."""

    prompt: str
    seed: int


@dataclass(frozen=True, slots=True)
class PlateOrder:
    """A plate that is wanted."""

    keyframe: Keyframe
    prompt: str
    seed: int
    is_ahead: bool = False
    """True: made in idle time, in case that it is wanted; nobody waits for it, and it may fail quietly."""

    @property
    def scene(self) -> Scene:
        """What it is to show."""
        return Scene(self.prompt, self.seed)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of an order: a plate, or none because it failed."""

    order: PlateOrder
    plate: Plate | None


class PlateOrders(Protocol):
    """Takes orders, gives plates."""

    def order(self, wanted: PlateOrder) -> None:
        """Order a plate; an older order that is not done yet is dropped."""
        ...

    def delivery(self) -> Delivery | None:
        """The newest delivery that was not yet taken; None if there is none. Never waits."""
        ...

    def waiting(self) -> Delivery | None:
        """What ``delivery`` would give, without taking it. From any thread."""
        ...

    def close(self) -> None:
        """Give up what is under way and release the generator. May be called twice."""
        ...


class PlatesAtOnce:
    """Makes each plate while the frame waits: for files, whose result must not depend on how fast the machine is.

    Args:
        generator: makes the plates; closed with this.
        stats: times ``plate``, counts ``failed_plates``.
        should_stop: asked between two steps; True = the run ends, give the plate up.
        patience_s: how long ``close`` waits for the step that is under way.
    """

    def __init__(
        self,
        generator: PlateGenerator,
        stats: Stats,
        *,
        should_stop: Callable[[], bool] = lambda: False,
        patience_s: float = 5.0,
    ) -> None:
        self._generator = generator
        self._stats = stats
        self._should_stop = should_stop
        self._patience_s = patience_s
        self._painting = threading.Lock()
        self._done: Delivery | None = None
        self._has_plate = False
        self._closing = threading.Event()

    def order(self, wanted: PlateOrder) -> None:
        """Make the plate.

        Raises:
            GenerationError: the first one cannot be made, whatever the reason; a later one is done without.
            GenerationCancelled: the run ends.
        """

        def is_unwanted() -> bool:
            return self._closing.is_set() or self._should_stop()

        plate: Plate | None = None
        try:
            with self._painting, self._stats.time("plate"):
                plate = self._generator.generate(wanted.keyframe, wanted.prompt, wanted.seed, should_stop=is_unwanted)
        except GenerationCancelled:
            raise
        except Exception as error:
            if not self._has_plate:
                raise _as_ours(error) from error
            self._stats.count("failed_plates")
            logger.warning("no new background, keeping the one before: %s", _as_ours(error))
        self._has_plate |= plate is not None
        self._done = Delivery(wanted, plate)

    def delivery(self) -> Delivery | None:
        """See ``PlateOrders``."""
        done, self._done = self._done, None
        return done

    def waiting(self) -> Delivery | None:
        """See ``PlateOrders``."""
        return self._done

    def close(self) -> None:
        """See ``PlateOrders``."""
        self._closing.set()
        if self._painting.acquire(timeout=self._patience_s):  # nothing is pulled away from under the painter
            self._painting.release()
            self._generator.close()
        else:
            logger.warning("a plate is still being painted after %g s: left behind", self._patience_s)


class PlatesInBackground:
    """Makes plates on the thread ``background``, one at a time; the frames never wait.

    Args:
        generator: makes the plates, on that thread alone; closed with this.
        stats: times ``plate``; counts ``failed_plates`` and ``dropped_plates``, those made ahead apart from the others
            as ``failed_plates_ahead`` and ``dropped_plates_ahead``.
        patience_s: how long ``close`` waits for the step that is under way.
    """

    def __init__(self, generator: PlateGenerator, stats: Stats, *, patience_s: float = 5.0) -> None:
        self._generator = generator
        self._stats = stats
        self._patience_s = patience_s
        self._waiting: PlateOrder | None = None
        self._under_way: PlateOrder | None = None
        self._newest: PlateOrder | None = None
        self._is_closing = False
        self._complained_of: Scene | None = None
        self._has_complained_ahead = False
        self._changed = threading.Condition()
        self._delivered: Latest[Delivery | None] = Latest(None)
        self._taken: Delivery | None = None
        self._thread = threading.Thread(target=self._work, name="background", daemon=True)
        self._thread.start()

    def order(self, wanted: PlateOrder) -> None:
        """See ``PlateOrders``."""
        with self._changed:
            if (dropped := self._waiting or self._under_way) is not None:
                self._stats.count("dropped_plates_ahead" if dropped.is_ahead else "dropped_plates")
            self._waiting = self._newest = wanted
            self._changed.notify_all()

    def delivery(self) -> Delivery | None:
        """See ``PlateOrders``."""
        newest = self.waiting()
        if newest is not None:
            self._taken = newest
        return newest

    def waiting(self) -> Delivery | None:
        """See ``PlateOrders``."""
        newest = self._delivered.get()
        return None if newest is self._taken else newest

    def close(self) -> None:
        """See ``PlateOrders``."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        self._thread.join(self._patience_s)
        if self._thread.is_alive():
            self._generator.close()  # a process is ended by this, and the thread with it
            self._thread.join(1.0)
        if self._thread.is_alive():
            logger.warning("a plate is still being painted after %g s: left behind", self._patience_s)

    def _work(self) -> None:
        try:
            while (order := self._next()) is not None:
                plate = self._made(order)
                with self._changed:
                    self._under_way = None
                    if order is self._newest and not self._is_closing:
                        self._delivered.set(Delivery(order, plate))
        finally:
            self._generator.close()

    def _next(self) -> PlateOrder | None:
        """Wait for an order; None = the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting is not None or self._is_closing)
            if self._is_closing:
                return None
            self._under_way, self._waiting = self._waiting, None
            return self._under_way

    def _made(self, order: PlateOrder) -> Plate | None:
        def is_unwanted() -> bool:
            return self._is_closing or order is not self._newest

        try:
            with self._stats.time("plate"):
                plate = self._generator.generate(order.keyframe, order.prompt, order.seed, should_stop=is_unwanted)
        except GenerationCancelled:
            logger.debug("gave up a plate for '%s'", order.prompt)
            return None
        except Exception as error:  # whatever it was: the video goes on with the plate it has
            if is_unwanted():
                return None
            self._note_failure(order, _as_ours(error))
            return None
        self._complained_of = None
        return plate

    def _note_failure(self, order: PlateOrder, error: GenerationError) -> None:
        """Say the first failure in a row for a prompt; of plates that nobody waits for, the first of the run."""
        if order.is_ahead:
            self._stats.count("failed_plates_ahead")
            level = logging.DEBUG if self._has_complained_ahead else logging.WARNING
            logger.log(level, "no background made ahead for '%s': %s", order.prompt, error)
            self._has_complained_ahead = True
            return
        self._stats.count("failed_plates")
        if order.scene != self._complained_of:
            self._complained_of = order.scene
            logger.warning("no new background, keeping the one before: %s", error)


def _as_ours(error: Exception) -> GenerationError:
    """Any failure as a ``GenerationError`` whose message is for people."""
    if isinstance(error, GenerationError):
        return error
    text = str(error) if isinstance(error, StreamerError) else f"{type(error).__name__}: {error}"
    return GenerationError(f"the background cannot be painted: {text}")
