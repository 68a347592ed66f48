"""The stages together: order, back-pressure, drops, measurements, and ends that are no failure."""

from __future__ import annotations

import itertools
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction

import pytest
from fakes import SIZE, RecordingSink, ScriptedSource, WindowSink, make_frame, secret_image, wait

from streamer.errors import SourceError
from streamer.frames import Frame, Image
from streamer.interfaces import SourceInfo
from streamer.pipeline import FILE_DEPTH, Pipeline
from streamer.sources.live import NewestFrames
from streamer.stats import Stats

WITHIN_S = 10.0
"""Far more than any end needs, even on a busy machine; the pipeline's own patience is 5 s."""


def same(frame: Frame) -> Frame:
    return frame


def test_file_gives_every_frame_once_in_order() -> None:
    source, sink = ScriptedSource(200), RecordingSink()
    assert Pipeline(source, same, [sink], Stats(), is_live=False).run() == "finished"
    assert sink.indices == list(range(200))
    assert (sink.closed, sink.aborted, source.closed) == (1, 0, 1)


def test_frames_reach_every_sink_and_sinks_close_in_reverse() -> None:
    order: list[str] = []

    class Named(RecordingSink):
        def __init__(self, name: str) -> None:
            super().__init__(on_write=lambda frame: order.append(f"{name} writes"))
            self._name = name

        def close(self) -> None:
            super().close()
            order.append(f"{self._name} closes")

    Pipeline(ScriptedSource(1), same, [Named("first"), Named("second")], Stats(), is_live=False).run()
    assert order == ["first writes", "second writes", "second closes", "first closes"]


def test_slow_sink_holds_back_a_file_source_and_loses_nothing() -> None:
    gate = threading.Event()
    source, sink, stats = ScriptedSource(100), RecordingSink(gate=gate), Stats()
    ahead: list[int] = []

    def watch() -> None:
        wait(sink.entered)
        while len(source.given) < 2 * FILE_DEPTH + 1:  # reached surely: both channels fill up
            threading.Event().wait(0.001)
        ahead.append(len(source.given))
        gate.set()

    watcher = threading.Thread(target=watch)
    watcher.start()
    Pipeline(source, same, [sink], stats, is_live=False).run()
    watcher.join(WITHIN_S)
    # In flight: one in the sink, two full channels, one in each stage's hands.
    assert ahead[0] <= 2 * FILE_DEPTH + 3
    assert sink.indices == list(range(100))
    assert stats.snapshot().dropped == 0


def test_slow_render_holds_back_a_file_source_and_loses_nothing() -> None:
    gate = threading.Event()
    source, sink = ScriptedSource(50), RecordingSink()
    most = []

    def render(frame: Frame) -> Frame:
        if frame.index == 0:
            while len(source.given) < FILE_DEPTH + 1:
                gate.wait(0.001)
        most.append(len(source.given) - frame.index)
        return frame

    Pipeline(source, render, [sink], Stats(), is_live=False).run()
    assert max(most) <= FILE_DEPTH + 2
    assert sink.indices == list(range(50))


def test_slow_sink_makes_live_frames_drop_and_the_newest_wins() -> None:
    source, stats = ScriptedSource(100, is_live=True), Stats()
    sink = RecordingSink(gate=source.exhausted)
    Pipeline(source, same, [sink], stats, is_live=True).run()
    assert sink.indices == sorted(sink.indices)
    assert sink.indices[-1] == 99
    assert len(sink.frames) + stats.snapshot().dropped == 100
    assert len(sink.frames) <= 5


def test_slow_render_makes_live_frames_drop_and_the_newest_wins() -> None:
    source, sink, stats = ScriptedSource(100, is_live=True), RecordingSink(), Stats()

    def render(frame: Frame) -> Frame:
        wait(source.exhausted)
        return frame

    Pipeline(source, render, [sink], stats, is_live=True).run()
    assert sink.indices[-1] == 99
    assert sink.indices == sorted(set(sink.indices))
    assert stats.snapshot().queues["frames"].dropped == 100 - stats.snapshot().stages["render"].count


def test_pictures_that_a_slow_capture_never_took_from_the_camera_are_dropped_ones() -> None:
    """A mirror, another size or a busy machine may make capture slower than the camera's own reader."""
    given = itertools.count()
    all_read, taken = threading.Event(), threading.Event()

    def read() -> Image | None:
        number = next(given)
        if number == 1:
            wait(taken)  # nobody takes the others before the last one is there
        if number == 10:
            all_read.set()
        return secret_image() if number <= 10 else None

    class Slow:
        info = SourceInfo("camera", SIZE, Fraction(25), is_live=True)
        bad_frames = 0

        def __init__(self) -> None:
            self._frames = NewestFrames("camera", SIZE, read, lambda: None, timeout_s=WITHIN_S)
            self.close = self._frames.close

        def __iter__(self) -> Iterator[Frame]:
            for frame in self._frames:
                taken.set()
                wait(all_read)
                yield frame

    sink, stats = RecordingSink(), Stats()
    Pipeline(Slow(), same, [sink], stats, is_live=True).run()
    assert sink.indices[-1] == 10
    assert len(sink.frames) + stats.snapshot().dropped == 11
    assert stats.snapshot().queues["source"].dropped >= 8


def test_stages_run_on_threads_of_their_names_and_output_on_the_callers() -> None:
    threads: dict[str, str] = {}

    class Source(ScriptedSource):
        def __iter__(self):  # type: ignore[no-untyped-def]
            threads["capture"] = threading.current_thread().name
            return super().__iter__()

    def named(stage: str) -> Callable[[Frame], Frame]:
        def step(frame: Frame) -> Frame:
            threads[stage] = threading.current_thread().name
            return frame

        return step

    sink = RecordingSink(on_write=lambda frame: threads.update(output=threading.current_thread().name))
    Pipeline(Source(1), named("render"), [sink], Stats(), matte=named("matte"), is_live=False).run()
    expected = {"capture": "capture", "matte": "matte", "render": "render"}
    assert threads == expected | {"output": threading.current_thread().name}


def test_render_gets_what_matte_made_in_order_while_the_next_is_matted() -> None:
    next_is_matted = threading.Event()
    sink = RecordingSink()

    def matte(frame: Frame) -> tuple[str, Frame]:
        if frame.index == 1:
            next_is_matted.set()
        return "matted", frame

    def render(matted: tuple[str, Frame]) -> Frame:
        word, frame = matted
        assert word == "matted"
        assert next_is_matted.wait(WITHIN_S)  # the first frame is not done before the second is matted
        return frame

    Pipeline(ScriptedSource(50), render, [sink], Stats(), matte=matte, is_live=False).run()
    assert sink.indices == list(range(50))


class Waiting:
    """Lets frames wait for so many others."""

    def __init__(self, count: int) -> None:
        self._count, self._frames = count, list[Frame]()

    def put(self, matted: Frame) -> list[Frame]:
        self._frames.append(matted)
        return [self._frames.pop(0)] if len(self._frames) > self._count else []

    def rest(self) -> list[Frame]:
        frames, self._frames = self._frames, []
        return frames


@pytest.mark.parametrize("waiting", [3, 1000])
def test_frames_that_wait_for_those_behind_them_come_in_order_and_to_the_last(waiting: int) -> None:
    sink = RecordingSink()
    pipeline = Pipeline(ScriptedSource(50), same, [sink], Stats(), matte=same, ahead=Waiting(waiting), is_live=False)
    assert pipeline.run() == "finished"
    assert sink.indices == list(range(50))


def test_after_a_stop_those_that_wait_are_written_too() -> None:
    matted: list[int] = []
    sink = RecordingSink()

    def matte(frame: Frame) -> Frame:
        matted.append(frame.index)
        return frame

    pipeline = Pipeline(
        ScriptedSource(1_000_000),
        same,
        [sink],
        Stats(),
        matte=matte,
        ahead=Waiting(7),
        is_live=False,
        should_stop=lambda: len(sink.frames) >= 5,
    )
    assert pipeline.run() == "stopped"
    assert sink.indices == matted


def test_measurements_cover_every_stage_the_queues_and_the_latency() -> None:
    source, stats = ScriptedSource(10), Stats()
    source.bad_frames = 3
    pipeline = Pipeline(source, same, [RecordingSink()], stats, is_live=False)
    pipeline.run()
    snapshot = pipeline.snapshot()
    assert {name: stage.count for name, stage in snapshot.stages.items()} == dict.fromkeys(
        ("capture", "render", "output"), 10
    )
    assert snapshot.latency.count == 10
    assert set(snapshot.queues) == {"frames", "rendered"}
    assert snapshot.counters["bad_frames"] == 3


def test_each_written_frame_is_told_after_its_sinks_have_it() -> None:
    sink = RecordingSink()
    told: list[tuple[int, int]] = []
    Pipeline(
        ScriptedSource(3),
        same,
        [sink],
        Stats(),
        is_live=False,
        on_written=lambda frame: told.append((frame.index, len(sink.frames))),
    ).run()
    assert told == [(0, 1), (1, 2), (2, 3)]


def test_pipeline_runs_only_once() -> None:
    pipeline = Pipeline(ScriptedSource(1), same, [RecordingSink()], Stats(), is_live=False)
    pipeline.run()
    with pytest.raises(RuntimeError, match="runs once"):
        pipeline.run()


@pytest.mark.parametrize("is_live", [False, True])
def test_source_without_a_frame_is_an_error_and_leaves_no_output(is_live: bool) -> None:
    source, sink = ScriptedSource(0), RecordingSink()
    with pytest.raises(SourceError, match="scripted holds no frame"):
        Pipeline(source, same, [sink], Stats(), is_live=is_live).run()
    assert (sink.closed, sink.aborted, source.closed) == (0, 1, 1)


# -- stop ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_live", [False, True])
def test_stop_from_another_thread_finishes_what_was_rendered(is_live: bool) -> None:
    source, sink = ScriptedSource(1_000_000, is_live=is_live), RecordingSink()
    pipeline = Pipeline(source, same, [sink], Stats(), is_live=is_live)

    def stop() -> None:
        wait(sink.entered)
        pipeline.stop()

    stopper = threading.Thread(target=stop)
    stopper.start()
    begun_at_s = time.monotonic()
    assert pipeline.run() == "stopped"
    assert time.monotonic() - begun_at_s < WITHIN_S
    stopper.join(WITHIN_S)
    assert sink.frames
    assert (sink.closed, sink.aborted, source.closed) == (1, 0, 1)


def test_stop_before_the_first_frame_leaves_no_output() -> None:
    source, sink = ScriptedSource(1, gates={0: threading.Event()}), RecordingSink()
    pipeline = Pipeline(source, same, [sink], Stats(), is_live=False)
    pipeline.stop()
    assert pipeline.run() == "stopped"
    assert (sink.closed, sink.aborted) == (0, 1)


def test_stop_can_be_asked_for_by_the_controls() -> None:
    sink = RecordingSink()
    pipeline = Pipeline(
        ScriptedSource(1_000_000), same, [sink], Stats(), is_live=False, should_stop=lambda: len(sink.frames) >= 5
    )
    assert pipeline.run() == "stopped"
    assert 5 <= len(sink.frames) <= 5 + 2 * FILE_DEPTH + 3


def test_after_a_stop_every_frame_that_was_rendered_is_written() -> None:
    rendered: list[int] = []
    sink = RecordingSink()
    pipeline = Pipeline(
        ScriptedSource(1_000_000),
        lambda frame: (rendered.append(frame.index), frame)[1],  # type: ignore[func-returns-value]
        [sink],
        Stats(),
        is_live=False,
        should_stop=lambda: len(sink.frames) >= 5,
    )
    pipeline.run()
    assert sink.indices == rendered


@pytest.mark.parametrize("is_live", [False, True])
def test_stuck_read_that_closing_ends_does_not_hang_the_exit(is_live: bool) -> None:
    source = ScriptedSource(5, is_live=is_live, gates={2: threading.Event()})
    sink = RecordingSink()
    pipeline = Pipeline(
        source,
        same,
        [sink],
        Stats(),
        is_live=is_live,
        should_stop=lambda: source.waiting.is_set() and bool(sink.frames),
    )
    begun_at_s = time.monotonic()
    assert pipeline.run() == "stopped"
    assert time.monotonic() - begun_at_s < WITHIN_S
    assert (sink.closed, source.closed) == (1, 1)


def test_read_that_hangs_for_good_is_left_behind_by_name(caplog: pytest.LogCaptureFixture) -> None:
    gate = threading.Event()
    source, sink = ScriptedSource(5, gates={2: gate}, deaf=True), RecordingSink()
    pipeline = Pipeline(source, same, [sink], Stats(), is_live=False, should_stop=source.waiting.is_set, patience_s=0.1)
    begun_at_s = time.monotonic()
    try:
        assert pipeline.run() == "stopped"
        assert time.monotonic() - begun_at_s < WITHIN_S
        assert "left behind, still busy after 0.1 s: capture" in caplog.text
    finally:
        gate.set()


def test_source_whose_close_hangs_does_not_hang_the_exit(caplog: pytest.LogCaptureFixture) -> None:
    gate = threading.Event()

    class Source(ScriptedSource):
        def close(self) -> None:
            wait(gate)

    source = Source(5, gates={2: gate}, deaf=True)
    pipeline = Pipeline(
        source, same, [RecordingSink()], Stats(), is_live=False, should_stop=source.waiting.is_set, patience_s=0.1
    )
    try:
        assert pipeline.run() == "stopped"
        assert "capture, close of the source" in caplog.text
    finally:
        gate.set()


def test_render_that_hangs_is_left_behind_and_what_was_written_counts(caplog: pytest.LogCaptureFixture) -> None:
    gate, hung = threading.Event(), threading.Event()
    sink = RecordingSink()

    def render(frame: Frame) -> Frame:
        if frame.index == 3:
            hung.set()
            wait(gate)
        return frame

    pipeline = Pipeline(
        ScriptedSource(100), render, [sink], Stats(), is_live=False, should_stop=hung.is_set, patience_s=0.1
    )
    try:
        assert pipeline.run() == "stopped"
        assert sink.indices == [0, 1, 2]
        assert sink.closed == 1
        assert "render" in caplog.text
    finally:
        gate.set()


def test_errors_of_a_read_that_was_cut_off_are_no_failure() -> None:
    class Source(ScriptedSource):
        def __iter__(self):  # type: ignore[no-untyped-def]
            yield from super().__iter__()
            raise SourceError("read from a closed file")

    source = Source(2, gates={1: threading.Event()})
    pipeline = Pipeline(source, same, [RecordingSink()], Stats(), is_live=False, should_stop=source.waiting.is_set)
    assert pipeline.run() == "stopped"


# -- Ctrl-C and SIGTERM ----------------------------------------------------------------------------------------------

posix = pytest.mark.skipif(sys.platform == "win32", reason="os.kill sends no such signal on Windows")


def send(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


@posix
def test_ctrl_c_writes_what_is_rendered_and_says_so() -> None:
    rendered: list[int] = []

    def render(frame: Frame) -> Frame:
        rendered.append(frame.index)
        return frame

    sink = RecordingSink(on_write=lambda frame: send(signal.SIGINT) if frame.index == 5 else None)
    source = ScriptedSource(1_000_000)
    assert Pipeline(source, render, [sink], Stats(), is_live=False).run() == "interrupted"
    assert sink.indices == rendered
    assert (sink.closed, sink.aborted, source.closed) == (1, 0, 1)


@posix
def test_ctrl_c_ends_a_live_run_whose_camera_gives_nothing() -> None:
    window = WindowSink(on_idle=lambda count: send(signal.SIGINT) if count == 2 else None)
    source = ScriptedSource(2, is_live=True, gates={1: threading.Event()})
    assert Pipeline(source, same, [window], Stats(), is_live=True).run() == "interrupted"
    assert source.closed == 1


@posix
@pytest.mark.parametrize("is_live", [False, True])
def test_second_ctrl_c_gives_up(is_live: bool) -> None:
    def twice(frame: Frame) -> None:
        send(signal.SIGINT)
        send(signal.SIGINT)

    sink, source = RecordingSink(on_write=twice), ScriptedSource(1_000_000, is_live=is_live)
    with pytest.raises(KeyboardInterrupt):
        Pipeline(source, same, [sink], Stats(), is_live=is_live).run()
    assert (sink.closed, sink.aborted, source.closed) == (0, 1, 1)


@posix
def test_second_ctrl_c_while_the_outputs_are_finished_gives_up() -> None:
    class Slow(RecordingSink):
        def close(self) -> None:
            send(signal.SIGINT)
            super().close()

    sink = Slow(on_write=lambda frame: send(signal.SIGINT) if frame.index == 0 else None)
    with pytest.raises(KeyboardInterrupt):
        Pipeline(ScriptedSource(1_000_000), same, [sink], Stats(), is_live=False).run()
    assert (sink.closed, sink.aborted) == (0, 1)


@posix
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_to_end_stops_as_stop_does_and_is_told(name: str) -> None:
    number = getattr(signal, name)
    before = signal.signal(number, signal.SIG_DFL)  # nohup ignores one of them
    sink = RecordingSink(on_write=lambda frame: send(number) if frame.index == 5 else None)
    try:
        assert Pipeline(ScriptedSource(1_000_000), same, [sink], Stats(), is_live=False).run() == "terminated"
    finally:
        signal.signal(number, before)
    assert (sink.closed, sink.aborted) == (1, 0)


@posix
def test_signals_are_as_before_once_the_run_is_over() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    Pipeline(ScriptedSource(1), same, [RecordingSink()], Stats(), is_live=False).run()
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


@posix
def test_ignored_ctrl_c_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        sink = RecordingSink(on_write=lambda frame: send(signal.SIGINT))
        assert Pipeline(ScriptedSource(20), same, [sink], Stats(), is_live=False).run() == "finished"
        assert len(sink.frames) == 20
    finally:
        signal.signal(signal.SIGINT, before)


def test_pipeline_runs_on_a_thread_that_gets_no_signals() -> None:
    sink, endings = RecordingSink(), []
    pipeline = Pipeline(ScriptedSource(3), same, [sink], Stats(), is_live=False)
    runner = threading.Thread(target=lambda: endings.append(pipeline.run()))
    runner.start()
    runner.join(WITHIN_S)
    assert endings == ["finished"]


# -- stalls ----------------------------------------------------------------------------------------------------------


def test_window_is_pumped_while_a_source_gives_nothing() -> None:
    gate = threading.Event()
    window = WindowSink(on_idle=lambda count: gate.set() if count == 3 else None)
    assert Pipeline(ScriptedSource(1, gates={0: gate}), same, [window], Stats(), is_live=False).run() == "finished"
    assert window.idled >= 3


def test_stalls_show_the_safe_picture_to_watched_sinks_alone_and_are_counted_once_each(
    caplog: pytest.LogCaptureFixture,
) -> None:
    gates = {1: threading.Event(), 2: threading.Event()}
    safe = make_frame().image // 4
    window, recording, stats = WindowSink(), RecordingSink(), Stats()

    def open_after_two_safe_pictures_in_a_row(frame: Frame) -> None:
        shown = [frame.image is safe for frame in window.frames]
        if shown[-2:] == [True, True] and shown.count(False):
            gates[shown.count(False)].set()

    window._on_write = open_after_two_safe_pictures_in_a_row
    with caplog.at_level(logging.WARNING, "streamer.pipeline"):
        Pipeline(
            ScriptedSource(3, is_live=True, gates=gates),
            same,
            [window, recording],
            stats,
            is_live=True,
            on_stall=lambda size: safe,
            stall_after_s=0.02,
        ).run()
    assert recording.indices == [0, 1, 2]
    assert window.frames[0].image is safe  # before the first frame
    assert [frame.index for frame in window.frames if frame.image is not safe] == [0, 1, 2]
    stalls = stats.snapshot().counters["stalls"]
    safe_pictures = len(window.frames) - 3
    assert 2 <= stalls < safe_pictures
    assert caplog.text.count("no frame came for 0.02 s") == stalls


@pytest.mark.parametrize("stalled", [False, True])
def test_a_changed_state_shows_at_once_though_no_frame_comes(stalled: bool) -> None:
    gate, state = threading.Event(), [object()]
    safe, veiled = make_frame().image // 4, make_frame().image // 8
    window = WindowSink()

    def change(count: int) -> None:
        shown = [frame.image for frame in window.frames]
        if len(state) == 1 and len(shown) >= (3 if stalled else 2):
            state.append(object())
        elif len(state) == 2:
            gate.set()

    window._on_idle = change
    Pipeline(
        ScriptedSource(2, is_live=True, gates={1: gate}),
        same,
        [window],
        Stats(),
        is_live=True,
        on_stall=lambda size: safe,
        last_look=lambda frame: frame.with_image(veiled) if len(state) == 2 else frame,
        state=lambda: state[-1],
        stall_after_s=0.02 if stalled else 1e9,
    ).run()
    after_first = [frame.image for frame in window.frames][2:-1]
    assert len(after_first) >= 1
    if stalled:
        assert all(image is safe for image in after_first)
    else:
        assert after_first[0] is veiled


def test_file_that_is_slow_to_read_does_not_stall() -> None:
    gate = threading.Event()
    window = WindowSink(on_idle=lambda count: gate.set() if count == 5 else None)
    source = ScriptedSource(1, gates={0: gate})
    Pipeline(
        source,
        same,
        [window],
        Stats(),
        is_live=False,
        on_stall=lambda size: pytest.fail("a file has no stall"),
        stall_after_s=0.001,
    ).run()
    assert window.indices == [0]
