"""The window itself runs in a process of its own under Xvfb: Qt ends the process when its display goes away."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from x_display import x_server

from streamer.errors import SinkError
from streamer.frames import Frame, Size
from streamer.sinks.flatten import checkerboard, flat_rgb
from streamer.sinks.preview import PreviewSink, key_name, with_lines

VIEWER = """
import sys, time
import numpy as np
from streamer.frames import Frame, Size
from streamer.sinks.preview import PreviewSink

def tell(text):
    print(text, flush=True)

keys = []
shows = True
sink = PreviewSink(Size(320, 240), on_key=keys.append, hud=lambda: ["cpu"], shows_hud=lambda: shows)
image = np.full((240, 320, 3), (250, 20, 20), np.uint8)
for index in range(2000):
    sink.write(Frame(image, index, index / 30, time.monotonic()))
    sink.idle()
    if index == 0:
        tell("ready")
    while keys:
        shows ^= keys[0] == "h"
        tell("key " + keys.pop(0))
    if index == 5 and "--closed-by-the-user" in sys.argv:
        import cv2
        cv2.destroyWindow("Backlot")  # as its close button does while events are handled
        sink.idle()
    time.sleep(0.01)
    if sys.stdin in __import__("select").select([sys.stdin], [], [], 0)[0]:
        break
assert image.min() == 20, "the figures were drawn on the frame itself"
sink.close()
sink.close()
sink.abort()
tell("done")
"""


@pytest.fixture
def display() -> Iterator[str]:
    with x_server() as name:
        yield name


class Viewer:
    def __init__(self, display: str, *arguments: str) -> None:
        self.environment = {**os.environ, "DISPLAY": display}
        self.process = subprocess.Popen(
            [sys.executable, "-c", VIEWER, *arguments],
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        if not line:
            raise AssertionError(self.process.communicate()[1])
        return line

    def press(self, key: str) -> None:
        search = ["xdotool", "search", "--sync", "--name", "^Backlot$"]
        window = subprocess.run(search, env=self.environment, check=True, capture_output=True, text=True).stdout.split()
        subprocess.run(["xdotool", "key", "--window", window[0], key], env=self.environment, check=True)

    def end(self) -> None:
        out, err = self.process.communicate("end\n", timeout=60)
        assert self.process.returncode == 0, err
        assert out.strip().endswith("done")


@pytest.fixture
def view(display: str) -> Iterator[Callable[..., Viewer]]:
    viewers: list[Viewer] = []

    def start(*arguments: str) -> Viewer:
        viewers.append(Viewer(display, *arguments))
        assert viewers[-1].line() == "ready"
        return viewers[-1]

    yield start
    for viewer in viewers:
        if viewer.process.poll() is None:
            viewer.process.kill()
            viewer.process.communicate()


def test_keys_are_handed_on_by_their_names(view: Callable[..., Viewer]) -> None:
    if not shutil.which("xdotool"):
        pytest.skip("needs xdotool")
    viewer = view()
    for key, told in (
        ("b", "b"),
        ("M", "m"),
        ("7", "7"),
        ("h", "h"),
        ("Left", None),
        ("Shift_L", None),
        ("Escape", "escape"),
        ("space", "space"),
        ("F1", "f1"),
        ("F12", "f12"),
    ):
        viewer.press(key)
        if told is not None:
            assert viewer.line() == f"key {told}"
    viewer.end()


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (ord("q"), "q"),
        (ord("Q"), "q"),
        (0x100000 | ord("q"), "q"),  # GTK with Num Lock
        (27, "escape"),
        (13, "enter"),
        (0xFFC9, "f12"),
        (0x10FFBE, "f1"),
        (0xF704, "f1"),
        (0x7B0000, "f12"),
        (0xFF51, None),  # the left arrow, whose last byte is a Q
        (0xE9, None),
        (ord(";"), None),
    ],
)
def test_codes_of_every_system_have_names(code: int, name: str | None) -> None:
    assert key_name(code) == name


def test_closing_the_window_is_told_once_and_frames_do_not_open_it_again(view: Callable[..., Viewer]) -> None:
    viewer = view("--closed-by-the-user")
    assert viewer.line() == "key closed"
    viewer.end()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a display")
@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({}, "DISPLAY is not set"),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "Xwayland"),
        ({"DISPLAY": ":9999"}, "nothing answers at DISPLAY=:9999"),
        ({"DISPLAY": "nonsense"}, "nothing answers at DISPLAY=nonsense"),
    ],
)
def test_without_a_display_there_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], told: str
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SinkError, match=told) as caught:
        PreviewSink(Size(64, 48))
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no DISPLAY")
def test_a_display_over_tcp_is_asked_at_its_port(monkeypatch: pytest.MonkeyPatch) -> None:
    from streamer.sinks.preview import check_display

    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("DISPLAY", f"127.0.0.1:{server.getsockname()[1] - 6000}.0")
        check_display()


def test_figures_are_drawn_on_a_copy_in_the_corner_only() -> None:
    image = np.full((240, 320, 3), 200, np.uint8)
    shown = with_lines(image, ["30.0 fps   12 ms", "cpu: onnxruntime"])
    assert (image == 200).all()
    assert shown[:40, :100].min() < 120
    assert shown[:40, :160].max() > 200, "no text"
    assert (shown[120:] == 200).all()


def test_transparency_shows_as_a_checkerboard() -> None:
    board = checkerboard(40, 40)
    assert len(np.unique(board)) == 2
    clear = np.zeros((40, 40, 4), np.uint8)
    np.testing.assert_array_equal(flat_rgb(clear, board), board)
    clear[..., 3] = 255
    assert not flat_rgb(clear, board).any()


def test_half_transparent_white_on_black_is_grey(tmp_path: Path) -> None:
    half = np.full((2, 2, 4), (255, 255, 255, 128), np.uint8)
    assert (flat_rgb(half) == 128).all()


UNPRINTABLE = """
import numpy as np
from streamer.sinks.preview import with_lines

with_lines(np.zeros((240, 320, 3), np.uint8), [b"a b\\xfccherei".decode("utf-8", "surrogateescape")])
"""


def test_a_prompt_of_a_terminal_that_does_not_speak_utf_8_is_no_end_of_the_program() -> None:
    subprocess.run([sys.executable, "-c", UNPRINTABLE], check=True)  # apart: OpenCV ends the process by a signal


class ScriptedWindows:
    """OpenCV's windows, one of which is or is not visible."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.visible = 1.0
        for name in ("namedWindow", "resizeWindow", "imshow", "destroyWindow"):
            monkeypatch.setattr(cv2, name, lambda *_: None)
        monkeypatch.setattr(cv2, "waitKeyEx", lambda delay_ms: -1)
        monkeypatch.setattr(cv2, "getWindowProperty", self._property)

    def _property(self, title: str, what: int) -> float:
        if self.visible < 0:
            raise cv2.error("NULL window")
        return self.visible


@pytest.mark.parametrize(("system", "ends"), [("darwin", False), ("win32", True)])
def test_a_window_in_the_dock_is_not_closed(monkeypatch: pytest.MonkeyPatch, system: str, ends: bool) -> None:
    monkeypatch.setattr(sys, "platform", system)
    windows = ScriptedWindows(monkeypatch)
    keys: list[str] = []
    sink = PreviewSink(Size(64, 48), on_key=keys.append)
    frame = Frame(np.zeros((48, 64, 3), np.uint8), 0, 0.0, 0.0)
    sink.write(frame)
    windows.visible = 0.0  # macOS says so of a window in the Dock; the others do of one that was closed
    sink.write(frame)
    assert keys == (["closed"] if ends else [])
    windows.visible = -1.0
    sink.write(frame)
    assert keys == ["closed"]


def test_windows_that_do_not_tell_whether_they_are_visible_are_not_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    ScriptedWindows(monkeypatch)
    monkeypatch.setattr(cv2, "getWindowProperty", lambda title, what: -1.0)  # OpenCV built with GTK
    monkeypatch.setattr("streamer.sinks.preview.check_display", lambda: None)
    keys: list[str] = []
    sink = PreviewSink(Size(64, 48), on_key=keys.append)
    for index in range(3):
        sink.write(Frame(np.zeros((48, 64, 3), np.uint8), index, 0.0, 0.0))
    assert keys == []
