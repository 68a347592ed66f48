"""A camera that goes and comes back, and one that rests, while the whole engine runs."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import (
    SIZE,
    WAIT_S,
    Connection,
    Openings,
    ScriptedBackground,
    ScriptedSegmenter,
    WindowSink,
    secret_image,
    wait,
)
from networks import red_means_person

from streamer import build, readers, sinks, sources
from streamer.config import StreamConfig
from streamer.controls import Controls
from streamer.errors import SourceError
from streamer.frames import Frame, Image
from streamer.pipeline import Pipeline
from streamer.rendering import Renderer
from streamer.sinks.virtual_camera import VirtualCameraSink
from streamer.sources.kept_camera import KeptCamera
from streamer.stats import Stats

SECRET = secret_image()
HALF = SIZE.width // 2


def holds_room(frame: Frame) -> bool:
    """Whether anything beside the person, who stands in the left half, is of the room."""
    return bool((frame.image[:, HALF + 1 :] > 127).any())


def shows_person(frame: Frame) -> bool:
    return bool((frame.image[:, : HALF - 1] > 127).all())


def test_while_the_camera_is_gone_nobody_is_shown_and_then_it_goes_on() -> None:
    may_return = threading.Event()
    back = Connection(*[SECRET] * 3)
    openings: list[Callable[[], Connection]] = [lambda: Connection(*[SECRET] * 3, SourceError("unplugged"))]

    def reopen() -> Connection:
        wait(may_return)
        return back

    source = KeptCamera(lambda: (openings.pop(0) if openings else reopen)(), first_pause_s=0.0)
    stats, controls = Stats(), Controls()
    background = ScriptedBackground()
    renderer = Renderer(ScriptedSegmenter(), [background], controls, stats)
    has_seen_person = False

    def stop_after_return(frame: Frame) -> None:
        nonlocal has_seen_person
        if shows_person(frame):
            has_seen_person = True
            if may_return.is_set():
                controls.request_stop()
        elif has_seen_person:
            may_return.set()  # the safe picture stands in for the camera

    window = WindowSink()
    window._on_write = stop_after_return
    Pipeline(
        source,
        renderer.render,
        [window],
        stats,
        is_live=True,
        on_stall=renderer.safe_image,
        should_stop=controls.stop_requested,
        stall_after_s=0.05,
    ).run()
    assert {frame.size for frame in window.frames} == {SIZE}
    assert not any(holds_room(frame) for frame in window.frames)
    persons = [frame for frame in window.frames if shows_person(frame)]
    assert [frame.index for frame in persons] == sorted({frame.index for frame in persons})
    assert back.has_closed.is_set()
    assert stats.snapshot().counters["stalls"] >= 1


def test_a_camera_that_rests_is_no_stall_but_nobody_is_shown(caplog: pytest.LogCaptureFixture) -> None:
    wanted = threading.Event()
    wanted.set()
    source = KeptCamera(Openings(Connection(runs=True)))
    source.keep_open_while(wanted.is_set)
    stats = Stats()
    renderer = Renderer(ScriptedSegmenter(), [ScriptedBackground()], Controls(), stats)

    def rest_then_stop(frame: Frame) -> None:
        if shows_person(frame):
            wanted.clear()
        elif not wanted.is_set():
            pipeline.stop()

    window = WindowSink()
    window._on_write = rest_then_stop
    pipeline = Pipeline(
        source,
        renderer.render,
        [window],
        stats,
        is_live=True,
        on_stall=renderer.safe_image,
        is_resting=lambda: source.is_asleep,
        stall_after_s=0.5,  # on a busy machine it takes the camera a while to fall asleep
    )
    pipeline.run()
    assert not shows_person(window.frames[-1])
    assert not any(holds_room(frame) for frame in window.frames)
    assert "stalls" not in stats.snapshot().counters
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


class LoopbackFile:
    """A virtual camera whose device is an ordinary file."""

    def __init__(self, device: Path) -> None:
        self.device = str(device)
        self._file = device.open("r+b")

    def send(self, image: Image) -> None:
        assert image.shape == (SIZE.height, SIZE.width, 3)

    def close(self) -> None:
        self._file.close()


class Life:
    """The program with a scripted camera and a virtual camera that is a file; it runs until the test stops it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.device = folder / "video10"
        self.device.touch()
        self.opened = [threading.Event() for _ in range(4)]
        self.connections = [Connection(runs=True) for _ in range(4)]
        self._count = 0
        self._weights = red_means_person(folder / "red.safetensors")
        self._controls: list[Controls] = []
        monkeypatch.setattr(readers, "LINGER_S", 0.0)
        monkeypatch.setattr(sources, "open_source", lambda spec, **wishes: KeptCamera(self._open))
        monkeypatch.setattr(sinks, "open_sink", self._open_sink)
        monkeypatch.setattr(build, "Controls", self._noted_controls)

    @property
    def controls(self) -> Controls:
        return self._controls[-1]

    def run(self, act: Callable[[], None], **settings: Any) -> None:
        """Run the program, and ``act`` on a thread beside it; the end of that is the end of both."""
        config = StreamConfig(
            input="0", background=("color:#204060",), weights=self._weights, device="cpu", steadiness=0, **settings
        )
        failures: list[BaseException] = []

        def beside() -> None:
            try:
                act()
            except BaseException as error:
                failures.append(error)
            finally:
                self.controls.request_stop()

        with build.opened(config, on_written=lambda frame: None) as stream:
            actor = threading.Thread(target=beside)
            actor.start()
            stream.pipeline.run()
            actor.join(WAIT_S)
        if failures:
            raise failures[0]

    def _open(self) -> Connection:
        connection = self.connections[self._count]
        self.opened[self._count].set()
        self._count += 1
        return connection

    def _open_sink(self, spec: str, info: Any, **wishes: Any) -> object:
        if spec == "preview":
            return WindowSink()
        return VirtualCameraSink(info.size, info.fps, open_camera=lambda *_: LoopbackFile(self.device))

    def _noted_controls(self, *arguments: Any, **options: Any) -> Controls:
        self._controls.append(Controls(*arguments, **options))
        return self._controls[-1]


@pytest.fixture
def life(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Life]:
    life = Life(tmp_path, monkeypatch)
    yield life
    assert all(connection.has_closed.is_set() for connection in life.connections[: life._count])


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="readers can be told on Linux only")
@pytest.mark.parametrize("output", [("virtual",), ()], ids=["virtual", "not named, without a display"])
def test_the_camera_is_on_only_while_a_program_reads_the_virtual_one(
    output: tuple[str, ...], life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamer.live_outputs.find_spec", lambda name: name)
    monkeypatch.setattr("streamer.devices.list_virtual_cameras", lambda: [str(life.device)])
    monkeypatch.delenv("DISPLAY", raising=False)

    def act() -> None:
        wait(life.connections[0].has_closed)
        with subprocess.Popen(["sh", "-c", f"exec 3<'{life.device}'; read line"], stdin=subprocess.PIPE) as reader:
            wait(life.opened[1])
            reader.communicate(b"\n", timeout=WAIT_S)
        wait(life.connections[1].has_closed)

    life.run(act, output=output)


@pytest.mark.parametrize(
    "settings",
    [{"output": ("virtual",), "always_on": True}, {"output": ("virtual", "preview")}],
    ids=["always on", "with a preview"],
)
def test_with_always_on_or_a_preview_only_camera_off_closes_it(settings: dict[str, Any], life: Life) -> None:
    def act() -> None:
        assert not life.connections[0].has_closed.wait(0.3)
        life.controls.set_paused(True)
        wait(life.connections[0].has_closed)
        life.controls.set_paused(False)
        wait(life.opened[1])

    life.run(act, **settings)


def test_a_recording_keeps_the_camera_open(life: Life, tmp_path: Path) -> None:
    def act() -> None:
        life.controls.set_paused(True)
        assert not life.connections[0].has_closed.wait(0.3)

    life.run(act, output=("preview", "null"))
