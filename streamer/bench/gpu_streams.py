"""Several streams at once on one device: each a process, as when a user starts the program several times."""

from __future__ import annotations

import time
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from streamer.bench.gpu_paths import our_path
from streamer.bench.roofline import timed
from streamer.errors import StreamerError
from streamer.frames import Size

START_S, RUN_S, LEAVE_S = 300.0, 3600.0, 30.0
"""Longest times until a stream is ready, until it is done, and until its process has ended."""


@dataclass(frozen=True, slots=True)
class StreamTimes:
    """So many streams at once, as fast as they can."""

    streams: int
    total_fps: float
    """Of all of them together."""
    p99_ms: float
    """Of all their frames."""


def measure_streams(count: int, device: str, size: Size, frames: int, weights: Path | None = None) -> StreamTimes:
    """Run ``frames`` frames through each of ``count`` streams, all at once.

    Raises:
        StreamerError: a stream failed; the message is its own.
    """
    context = get_context("spawn")  # a CUDA context does not survive a fork
    pairs = [context.Pipe() for _ in range(count)]
    processes = [
        context.Process(target=_stream, args=(theirs, device, size, frames, weights), daemon=True)
        for _, theirs in pairs
    ]
    try:
        for process, (_, theirs) in zip(processes, pairs, strict=True):
            process.start()
            theirs.close()  # else the end of the process is not heard
        for ours, _ in pairs:
            _heard(ours, START_S)
        begun_at_s = time.perf_counter()
        for ours, _ in pairs:
            ours.send("go")
        times_ms = [_heard(ours, RUN_S) for ours, _ in pairs]
        seconds = time.perf_counter() - begun_at_s
    finally:
        for (ours, _), process in zip(pairs, processes, strict=True):
            ours.close()
            if process.pid is not None:
                process.join(LEAVE_S)
                process.kill()
                process.join()
                process.close()
    return StreamTimes(count, count * frames / seconds, float(np.percentile(np.concatenate(times_ms), 99)))


def _heard(connection: Connection, wait_s: float) -> list[float]:
    """What a stream says; a text is why it failed."""
    try:
        said = connection.recv() if connection.poll(wait_s) else "it says nothing"
    except EOFError:
        said = "its process ended"
    if isinstance(said, str):
        raise StreamerError(f"a stream of the bench failed: {said}")
    times_ms: list[float] = said
    return times_ms


def _stream(connection: Connection, device: str, size: Size, frames: int, weights: Path | None) -> None:
    """In the other process: get ready, say so with an empty list, wait for the word, run, tell each frame's time."""
    try:
        with our_path(device, size, weights) as one_frame:
            connection.send([])
            connection.recv()
            times_ms = [1e3 * timed("cpu", one_frame) for _ in range(frames)]
        connection.send(times_ms)
    except EOFError:  # nobody waits any more
        return
    except Exception as error:
        connection.send(f"{type(error).__name__}: {error}")
