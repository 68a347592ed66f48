"""A failure in any stage ends the run promptly with the original error, and leaves the right output."""

from __future__ import annotations

import threading
import time
import traceback

import pytest
from fakes import RecordingSink, ScriptedSource, WindowSink

from streamer.errors import SegmentationError, SinkError, SourceError
from streamer.frames import Frame
from streamer.pipeline import Pipeline
from streamer.stats import Stats

WITHIN_S = 10.0
FAULT_AT = 7


def same(frame: Frame) -> Frame:
    return frame


class Render:
    def __init__(self, fault: BaseException) -> None:
        self._fault = fault

    def __call__(self, frame: Frame) -> Frame:
        if frame.index >= FAULT_AT:
            raise self._fault
        return frame


def make_failing(stage: str, fault: BaseException, *, is_live: bool) -> tuple[Pipeline, ScriptedSource, RecordingSink]:
    """A pipeline that shows at least one frame before one stage fails; all others would go on for ever."""
    at_least_one = threading.Event()
    count = FAULT_AT + 1 if stage == "capture" else 1_000_000
    source = ScriptedSource(
        count,
        is_live=is_live,
        fault_at=FAULT_AT if stage == "capture" else None,
        fault=fault,
        gates={1: at_least_one},
    )
    render = Render(fault) if stage == "render" else same
    sink = RecordingSink(
        fault_at=3 if stage == "output" else None, fault=fault, on_write=lambda frame: at_least_one.set()
    )
    matte = Render(fault) if stage == "matte" else same
    return Pipeline(source, render, [sink], Stats(), matte=matte, is_live=is_live), source, sink


@pytest.mark.parametrize("is_live", [False, True], ids=["file", "live"])
@pytest.mark.parametrize(
    ("stage", "fault"),
    [
        ("capture", SourceError("the camera was unplugged")),
        ("matte", SegmentationError("the card is gone")),
        ("render", SegmentationError("the card is gone")),
        ("output", SinkError("the disk is full")),
        ("capture", ValueError("a bug")),
        ("render", ValueError("a bug")),
        ("output", ValueError("a bug")),
        ("render", SystemExit(3)),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_failure_ends_the_run_with_the_original_error(stage: str, fault: BaseException, is_live: bool) -> None:
    pipeline, source, sink = make_failing(stage, fault, is_live=is_live)
    begun_at_s = time.monotonic()
    with pytest.raises(type(fault)) as caught:
        pipeline.run()
    assert time.monotonic() - begun_at_s < WITHIN_S
    assert caught.value is fault
    assert source.closed == 1
    assert sink.closed + sink.aborted == 1
    # that no thread is left is checked by conftest


@pytest.mark.parametrize("stage", ["capture", "matte", "render", "output"])
def test_error_keeps_the_traceback_of_the_stage_it_comes_from(stage: str) -> None:
    pipeline, _, _ = make_failing(stage, ValueError("a bug"), is_live=False)
    with pytest.raises(ValueError, match="a bug") as caught:
        pipeline.run()
    functions = {entry.name for entry in traceback.extract_tb(caught.value.__traceback__)}
    assert {"capture": "__iter__", "matte": "__call__", "render": "__call__", "output": "write"}[stage] in functions


def test_source_that_fails_midway_leaves_a_finished_output_of_its_good_frames() -> None:
    pipeline, _, sink = make_failing("capture", SourceError("damaged"), is_live=False)
    with pytest.raises(SourceError):
        pipeline.run()
    assert sink.indices == list(range(FAULT_AT))
    assert (sink.closed, sink.aborted) == (1, 0)


@pytest.mark.parametrize("stage", ["matte", "render", "output"])
def test_file_that_could_not_be_rendered_or_written_leaves_no_output(stage: str) -> None:
    pipeline, _, sink = make_failing(stage, ValueError("a bug"), is_live=False)
    with pytest.raises(ValueError, match="a bug"):
        pipeline.run()
    assert (sink.closed, sink.aborted) == (0, 1)


def test_live_recording_is_kept_when_rendering_fails() -> None:
    pipeline, _, sink = make_failing("render", ValueError("a bug"), is_live=True)
    with pytest.raises(ValueError, match="a bug"):
        pipeline.run()
    assert (sink.closed, sink.aborted) == (1, 0)


def test_source_that_fails_at_once_leaves_no_output() -> None:
    sink = RecordingSink()
    source = ScriptedSource(1, fault_at=0, fault=SourceError("nothing in it"))
    with pytest.raises(SourceError, match="nothing in it"):
        Pipeline(source, same, [sink], Stats(), is_live=False).run()
    assert (sink.closed, sink.aborted) == (0, 1)


@pytest.mark.parametrize("is_live", [False, True], ids=["file", "live"])
def test_one_failing_sink_of_two_spoils_a_file_run_but_not_a_live_recording(is_live: bool) -> None:
    failing = RecordingSink(fault_at=2, fault=SinkError("the device is gone"))
    recording = RecordingSink()
    with pytest.raises(SinkError, match="the device is gone"):
        Pipeline(ScriptedSource(1_000_000, is_live=is_live), same, [recording, failing], Stats(), is_live=is_live).run()
    assert (failing.closed, failing.aborted) == (0, 1)
    assert (recording.closed, recording.aborted) == ((1, 0) if is_live else (0, 1))


def test_sink_that_cannot_be_finished_is_given_up_and_the_other_is_finished() -> None:
    first = RecordingSink()
    second = RecordingSink(close_fault=SinkError("the disk is full"))
    source = ScriptedSource(3)
    with pytest.raises(SinkError, match="the disk is full"):
        Pipeline(source, same, [first, second], Stats(), is_live=True).run()
    assert (second.closed, second.aborted) == (1, 1)
    assert (first.closed, first.aborted) == (1, 0)
    assert source.closed == 1


def test_window_that_fails_while_pumped_ends_the_run() -> None:
    def fail(count: int) -> None:
        raise SinkError("the display is gone")

    window = WindowSink(on_idle=fail)
    source = ScriptedSource(1, gates={0: threading.Event()}, is_live=True)
    with pytest.raises(SinkError, match="the display is gone"):
        Pipeline(source, same, [window], Stats(), is_live=True).run()
    assert (window.closed, window.aborted, source.closed) == (0, 1, 1)


def test_later_failures_are_notes_on_the_first() -> None:
    first = SinkError("the disk is full")
    one_is_written = threading.Event()
    sinks = [
        RecordingSink(close_fault=SinkError("cannot finish either")),
        RecordingSink(fault_at=1, fault=first, on_write=lambda frame: one_is_written.set()),
    ]
    source = ScriptedSource(2, is_live=True, gates={1: one_is_written})
    with pytest.raises(SinkError, match="the disk is full") as caught:
        Pipeline(source, same, sinks, Stats(), is_live=True).run()
    assert caught.value is first
    assert caught.value.__notes__ == ["then output failed, too: SinkError: cannot finish either"]


def test_sink_that_cannot_even_be_given_up_does_not_hide_the_failure(caplog: pytest.LogCaptureFixture) -> None:
    class Stubborn(RecordingSink):
        def abort(self) -> None:
            raise OSError("no such file")

    other = RecordingSink()
    sinks = [other, Stubborn(fault_at=1, fault=SinkError("the disk is full"))]
    with pytest.raises(SinkError, match="the disk is full"):
        Pipeline(ScriptedSource(5), same, sinks, Stats(), is_live=False).run()
    assert other.aborted == 1
    assert "could not be given up cleanly" in caplog.text


def test_source_that_cannot_be_closed_is_only_logged(caplog: pytest.LogCaptureFixture) -> None:
    class Source(ScriptedSource):
        def close(self) -> None:
            raise OSError("device busy")

    sink = RecordingSink()
    assert Pipeline(Source(3), same, [sink], Stats(), is_live=False).run() == "finished"
    assert sink.closed == 1
    assert "the source could not be closed cleanly" in caplog.text
    assert "device busy" in caplog.text


def test_error_in_the_progress_display_is_a_failure_of_the_output() -> None:
    def fail(frame: Frame) -> None:
        raise ValueError("a bug in the bar")

    sink = RecordingSink()
    with pytest.raises(ValueError, match="a bug in the bar"):
        Pipeline(ScriptedSource(5), same, [sink], Stats(), is_live=False, on_written=fail).run()
    assert sink.aborted == 1
