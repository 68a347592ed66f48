"""The stages and their threads: capture, matte, render, and output on the caller's own thread.

::

    source -capture-> frames -matte-> matted -render-> rendered -output-> sinks

A stage that leaves, for whatever reason, closes the channels it touches, so that the end of the video, a failure and a
stop are one path. Live, each channel holds one frame and the newest wins; for a file all wait, and every frame passes
once, in order. The matte of the next frame is computed while this one is composited.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, Protocol, TypeAlias

from streamer.channels import Channel, ChannelClosed
from streamer.errors import GenerationCancelled, SourceError
from streamer.frames import Frame, Image, Size
from streamer.interfaces import FrameSource, Sink
from streamer.output import Output
from streamer.signals import signals_heeded
from streamer.stats import Snapshot, Stats

FILE_DEPTH = 4
"""Frames that may wait before each stage of a file: enough to even out the stages; a 4K frame takes 25 MB."""
TICK_S = 0.015
"""How often the output stage looks up from an empty channel: windows react, a stop is heeded, and a virtual camera gets
its 60 pictures a second."""
GRACE_S = 0.5
"""How long capture may take to leave by itself before its source is closed under it."""

Ending: TypeAlias = Literal["finished", "stopped", "interrupted", "terminated"]
"""How a run ends that does not fail: the source ended; somebody asked it to stop; Ctrl-C."""

logger = logging.getLogger(__name__)


class Ahead(Protocol):
    """Where what was made of frames waits for what is made of later ones."""

    def put(self, matted: Any) -> Sequence[object]:
        """Take the next; gives those that need not wait any longer, in order."""
        ...

    def rest(self) -> Iterable[object]:
        """Those that still wait, once no more come; to be taken all."""
        ...


class _LeftInSource:
    """The cell in which a device's reader keeps its newest frame, as far as gaps in the numbers of frames tell."""

    capacity = 1

    def __init__(self) -> None:
        self.dropped = 0
        self._next: int | None = None

    def __len__(self) -> int:
        return 0

    def note(self, index: int) -> None:
        """A frame of this number came; those that are missing before it gave way to it."""
        self.dropped += max(0, index - (index if self._next is None else self._next))
        self._next = index + 1


class Pipeline:
    """Runs a source through ``render`` into the sinks, once. Owns the source and the sinks: it closes them.

    Args:
        source: read on the thread ``capture``.
        render: one frame, or what ``matte`` made of it, in, one frame out; called on the thread ``render``.
        sinks: written in this order on the thread that calls ``run``; closed in the reverse order.
        stats: gets the stages ``capture``, ``matte``, ``render`` and ``output``, the queues between them, the latency;
            live, what the source let go before it was taken is the queue ``source``.
        matte: the first and longest part of the work on a frame, if it can be done apart; called on the thread
            ``matte``. None = ``render`` gets the frames themselves.
        ahead: what ``matte`` made waits there for what it makes of later frames. None = nothing waits.
        is_live: True = the newest frame wins; False = every frame once.
        on_stall: makes the picture of a given size that watched sinks show before the first frame of a live source,
            and whenever no frame came for ``stall_after_s``. Called on the output thread.
        last_look: what goes to the sinks in a composed frame's place; called on the output thread.
        state: any object that is another one when the picture shown may no longer be the right one; live, it is then
            shown again, if no new frame is there, after another ``last_look``.
        on_written: told each frame once all sinks have it; for a progress bar. Called on the output thread.
        on_shown: told each picture that went to sinks, also the safe ones that only watched sinks get.
        should_stop: asked some 60 times a second, beside ``stop()``, whether to end.
        on_stop: told once when the run is to end early, by whatever sign.
        is_resting: asked when no frame came for ``stall_after_s``: True = none was wanted, so that this is no stall to
            warn of and to count, though the safe picture is shown all the same.
        stall_after_s: after how long without a frame a live source has stalled.
        patience_s: how long a stage may take to leave when everything ends; a later one is left behind.
    """

    def __init__(
        self,
        source: FrameSource,
        render: Callable[[Any], Frame],
        sinks: Sequence[Sink],
        stats: Stats,
        *,
        matte: Callable[[Frame], object] | None = None,
        ahead: Ahead | None = None,
        is_live: bool,
        on_stall: Callable[[Size], Image] | None = None,
        last_look: Callable[[Frame], Frame] = lambda frame: frame,
        state: Callable[[], object] = lambda: None,
        on_written: Callable[[Frame], None] = lambda frame: None,
        on_shown: Callable[[Frame], None] = lambda frame: None,
        should_stop: Callable[[], bool] = lambda: False,
        on_stop: Callable[[], None] = lambda: None,
        is_resting: Callable[[], bool] = lambda: False,
        stall_after_s: float = 1.0,
        patience_s: float = 5.0,
    ) -> None:
        self._source = source
        self._matte_frame = matte
        self._ahead = ahead
        self._render_frame = render
        self._output = Output(
            sinks,
            stats,
            size=source.info.size,
            is_live=is_live,
            on_stall=on_stall,
            last_look=last_look,
            state=state,
            is_resting=is_resting,
            on_shown=on_shown,
        )
        self._stats = stats
        self._is_live = is_live
        self._on_written = on_written
        self._should_stop = should_stop
        self._on_stop = on_stop
        self._stall_after_s = stall_after_s
        self._patience_s = patience_s
        depth = 1 if is_live else FILE_DEPTH
        self._frames: Channel[Frame] = Channel(depth, leaky=is_live)
        self._matted: Channel[Any] = Channel(1, leaky=is_live) if matte else self._frames
        self._rendered: Channel[Frame] = Channel(depth, leaky=is_live)
        self._left = _LeftInSource()
        if is_live:
            stats.watch("source", self._left)
        stats.watch("frames", self._frames)
        if matte:
            stats.watch("matted", self._matted)
        stats.watch("rendered", self._rendered)
        self._asked: Ending | None = None
        self._ending: Ending = "finished"
        self._leave_at_s: float | None = None
        self._stages: list[threading.Thread] = []
        self._failures: list[tuple[str, BaseException]] = []

    def run(self) -> Ending:
        """Run to the end of the source, a stop or a failure; then close the sinks and the source.

        Sinks are closed, so that their output counts, when the source ended, failed midway (what it gave is kept, but
        replaces nothing) or the run was asked to stop, by Ctrl-C, SIGTERM and SIGHUP too. They are aborted when not one
        frame was written, when rendering or writing failed, and on a second Ctrl-C. Live work cannot be repeated, so
        there a failure costs only the sink that failed.

        Returns:
            How it ended.

        Raises:
            KeyboardInterrupt: on a second Ctrl-C.
            SourceError: the source held no frame.
            Exception: the first failure of a stage, with its own traceback; later ones are notes on it.
        """
        if self._stages:
            raise RuntimeError("a pipeline runs once")
        with signals_heeded(lambda: self._ask("interrupted"), lambda: self._ask("terminated")):
            try:
                self._start()
                self._write_all()
            except BaseException as error:
                self._failures.append(("output", error))
            try:
                self._close_output()
            except BaseException as error:  # a second Ctrl-C: whoever presses it wants no output
                self._failures.append(("output", error))
                self._close_output()
            self._leave()
        self._raise_failure()
        return self._ending

    def stop(self) -> None:
        """Ask the run to end; what is rendered is still written. From any thread; returns at once."""
        self._ask("stopped")

    def snapshot(self) -> Snapshot:
        """The measurements so far, with the source's count of ``bad_frames``. From any thread."""
        self._stats.set_count("bad_frames", self._source.bad_frames)
        return self._stats.snapshot()

    # -- stages ------------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        bodies: list[tuple[str, Callable[[], None], tuple[Channel[Any], ...]]] = [
            ("capture", self._capture, (self._frames,)),
            ("render", self._render, (self._matted, self._rendered)),
        ]
        if self._matte_frame is not None:
            bodies.insert(1, ("matte", self._matte, (self._frames, self._matted)))
        for name, body, channels in bodies:
            stage = threading.Thread(target=self._supervise, args=(name, body, channels), name=name, daemon=True)
            self._stages.append(stage)
            stage.start()

    def _supervise(self, name: str, body: Callable[[], None], channels: Sequence[Channel[Any]]) -> None:
        try:
            body()
        except (ChannelClosed, GenerationCancelled):
            logger.debug("%s leaves: its neighbour has left, or the run ends", name)
        except BaseException as error:  # carried to whoever called run()
            self._failures.append((name, error))
        finally:
            for channel in channels:
                channel.close()

    def _capture(self) -> None:
        frames = iter(self._source)
        while True:
            begun_at_s = time.monotonic()
            try:
                frame = next(frames, None)
            except Exception:
                if not self._frames.is_closed:
                    raise
                logger.debug("the source was closed while it was read", exc_info=True)
                return
            if frame is None:
                return
            self._stats.record("capture", time.monotonic() - begun_at_s)
            self._left.note(frame.index)
            self._frames.put(frame)

    def _matte(self) -> None:
        assert self._matte_frame is not None
        for frame in self._frames:
            with self._stats.time("matte"):
                matted = self._matte_frame(frame)
                ready = [matted] if self._ahead is None else self._ahead.put(matted)
            for each in ready:
                self._matted.put(each)
        for each in self._ahead.rest() if self._ahead is not None else ():
            self._matted.put(each)

    def _render(self) -> None:
        for matted in self._matted:
            with self._stats.time("render"):
                rendered = self._render_frame(matted)
            self._rendered.put(rendered)

    def _write_all(self) -> None:
        waiting_since_s = time.monotonic()
        if self._is_live:
            self._output.show_safe_picture()  # nobody waits before a black or an old picture while the network warms up
        while True:
            self._heed_stop()
            try:
                frame = self._rendered.get(TICK_S)
            except ChannelClosed:
                return
            except TimeoutError:
                if self._leave_at_s is not None and time.monotonic() >= self._leave_at_s:
                    return
                self._output.idle()
                if self._is_live and time.monotonic() - waiting_since_s >= self._stall_after_s:
                    self._output.note_stall(self._stall_after_s)
                    waiting_since_s = time.monotonic()
                continue
            self._on_written(self._output.write(frame))
            waiting_since_s = time.monotonic()

    # -- the end -----------------------------------------------------------------------------------------------------

    def _ask(self, ending: Ending) -> None:
        if self._asked is None:
            self._asked = ending  # no lock: the main thread may hold it when a signal comes

    def _heed_stop(self) -> None:
        """On the first sign of a stop take in no more frames; those under way get ``patience_s``."""
        if self._asked is None and self._should_stop():
            self.stop()
        if self._asked is not None and self._leave_at_s is None:
            if self._asked == "interrupted":
                logger.info("finishing what is done; Ctrl-C again gives up")
            self._ending = self._asked
            self._on_stop()
            self._leave_at_s = time.monotonic() + self._patience_s
            self._frames.close(discard=True)

    def _close_output(self) -> None:
        is_broken = any(not isinstance(error, Exception) for _, error in self._failures)
        is_lossy = not self._is_live and any(stage != "capture" for stage, _ in self._failures)
        is_whole = self._is_live or (self._ending == "finished" and not self._failures)
        errors = self._output.close(is_spoilt=is_broken or is_lossy, is_whole=is_whole)
        self._failures += [("output", error) for error in errors]

    def _leave(self) -> None:
        """Wait for the stages, closing the source under a read that hangs, and never for longer than ``patience_s``."""
        for channel in (self._frames, self._matted, self._rendered):
            channel.close(discard=True)
        leave_at_s = time.monotonic() + self._patience_s
        capture = self._stages[0]
        capture.join(min(GRACE_S, self._patience_s))
        if capture.is_alive():  # in a read that hangs; then closing may hang as well
            self._stages.append(threading.Thread(target=self._close_source, name="close of the source", daemon=True))
            self._stages[-1].start()
        else:
            self._close_source()
        for stage in self._stages:
            stage.join(max(0.0, leave_at_s - time.monotonic()))
        late = [stage.name for stage in self._stages if stage.is_alive()]
        if late:
            logger.warning("left behind, still busy after %g s: %s", self._patience_s, ", ".join(late))

    def _close_source(self) -> None:
        try:
            self._source.close()
        except Exception:
            logger.warning("the source could not be closed cleanly", exc_info=True)

    def _raise_failure(self) -> None:
        if not self._failures:
            if self._output.is_empty and self._ending == "finished":
                raise SourceError(f"{self._source.info.name} holds no frame that can be shown")
            return
        interrupts = [failure for failure in self._failures if isinstance(failure[1], KeyboardInterrupt)]
        first = (interrupts or self._failures)[0]
        for stage, error in self._failures:
            if error is not first[1]:
                first[1].add_note(f"then {stage} failed, too: {type(error).__name__}: {error}")
        raise first[1]
