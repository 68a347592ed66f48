"""A plate generator in a process of its own, so that painting on the CPU takes no time from the frames' threads.

Python runs one thread at a time; a painter beside the frames costs each of them milliseconds. A process does not, and
it can be ended when it hangs. It also gives way to the frames where the system knows niceness. Pictures travel through
a pipe: a megabyte every few seconds.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from streamer.errors import GenerationCancelled, GenerationError, StreamerError
from streamer.frames import Keyframe, Plate
from streamer.interfaces import PlateGenerator
from streamer.priorities import PAINTER_NICENESS
from streamer.signals import interrupts_held_back

POLL_S = 0.05
"""How often a waiting thread looks up to see whether the plate is still wanted."""
LEAVE_S = 3.0
"""How long the process may take to leave by itself."""
GIVE_UP_S = 300.0
"""How long it may take to give up a plate: the networks that it may be loading heed nothing meanwhile."""

logger = logging.getLogger(__name__)


class PlateProcess:
    """A ``PlateGenerator`` whose work is done by another process; it is started with the first plate.

    A process that died, or had to be ended, is started anew with the next plate.

    Args:
        open_generator: opens the generator over there; it must be picklable, as a function of a module is.
        clock: seconds that only go forward.
    """

    def __init__(
        self, open_generator: Callable[[], PlateGenerator], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._open_generator = open_generator
        self._clock = clock
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None
        self._is_closed = False

    def generate(self, keyframe: Keyframe, prompt: str, seed: int, *, should_stop: Callable[[], bool]) -> Plate:
        """See ``PlateGenerator``; raises what the generator over there raised. Once closed, it is closed for good."""
        if self._is_closed:
            raise GenerationCancelled("the process that paints is closed")
        pipe = self._started()
        cancelled_at_s: float | None = None
        try:
            pipe.send((keyframe, prompt, seed))
            while not pipe.poll(POLL_S):
                if self._is_closed:
                    self._end()
                    raise GenerationCancelled("the process that paints is closed")
                if cancelled_at_s is None:
                    if should_stop():
                        pipe.send(None)
                        cancelled_at_s = self._clock()
                elif self._clock() - cancelled_at_s > GIVE_UP_S:
                    logger.warning("the process that paints does not answer, and is ended")
                    self._end()
                    raise GenerationCancelled("the process that paints did not answer")
            answer = pipe.recv()
        except (EOFError, OSError, TypeError) as error:  # TypeError: of a pipe that another thread closes meanwhile
            self._end()
            raise GenerationError("the process that paints has ended: is there enough memory?") from error
        if isinstance(answer, BaseException):
            raise answer
        plate: Plate = answer
        return plate

    def close(self) -> None:
        """End the process, also under a ``generate`` on another thread, which then raises. May be called twice."""
        self._is_closed = True
        self._end()

    def _started(self) -> Connection:
        if self._process is not None and self._pipe is not None and self._process.is_alive():
            return self._pipe
        self._end()
        # Not fork: threads are running here, and CUDA and OpenMP do not survive it.
        context = multiprocessing.get_context("spawn")
        pipe, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self._open_generator), name="plates", daemon=True)
        try:
            with interrupts_held_back():
                process.start()
        except BaseException:
            pipe.close()
            raise
        finally:
            theirs.close()
        self._pipe, self._process = pipe, process
        return pipe

    def _end(self) -> None:
        pipe, self._pipe = self._pipe, None
        process, self._process = self._process, None
        if pipe is not None:
            pipe.close()
        if process is not None:
            process.join(LEAVE_S)
            if process.is_alive():
                process.kill()
                process.join()
            process.close()


def _serve(pipe: Any, open_generator: Callable[[], PlateGenerator]) -> None:
    """The other process: paint what comes through the pipe until its other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the program, which then closes the pipe
    if hasattr(os, "nice"):
        os.nice(PAINTER_NICENESS)
    generator: PlateGenerator | None = None
    try:
        while True:
            request = pipe.recv()
            if request is None:
                continue  # what was to be given up is done already
            try:
                generator = generator or open_generator()
                # Whatever comes now, or the end of the pipe, means that the plate is not wanted any more.
                answer: object = generator.generate(*request, should_stop=pipe.poll)
            except Exception as error:
                answer = _portable(error)
            pipe.send(answer)
    except (EOFError, OSError):
        pass  # the other end is closed: nobody wants a plate any more
    finally:
        if generator is not None:
            generator.close()


def _portable(error: Exception) -> StreamerError:
    """An error that can travel: ours by its message, another one as a ``GenerationError``."""
    if isinstance(error, GenerationCancelled):
        return GenerationCancelled(str(error))
    if isinstance(error, StreamerError):
        return type(error)(str(error))
    return GenerationError(f"the plate cannot be painted: {type(error).__name__}: {error}")
