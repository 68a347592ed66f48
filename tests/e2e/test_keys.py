"""Keys that people press while the program runs: in a terminal, in the preview window, in every window."""

from __future__ import annotations

import functools
import http.server
import shlex
import sys
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from program import PATIENCE_S, PERSON, ROOT, Program, room, room_clip
from terminals import Tmux
from x_display import press, screen, x_server

from streamer.hotkeys import HELD_S

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither tmux nor Xvfb")

BLUE, BROWN, GREY, WHITE = (32, 64, 96), (160, 80, 16), (40, 40, 40), (224, 224, 224)
BACKGROUNDS = ("--background", "color:#204060", "color:#a05010")
SLACK = 6


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def camera(tmp_path: Path) -> Iterator[str]:
    """The address of a live stream that lasts for minutes, slowly: a camera that needs no device."""
    folder = tmp_path / "camera"
    folder.mkdir()
    room_clip(folder / "clip.mkv", count=1500, fps=Fraction(5))
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/clip.mkv"
        server.shutdown()
        thread.join()


def eventually(holds: Callable[[], bool], what: str, again: Callable[[], object] = lambda: None) -> None:
    """Wait until it holds, and do something again each time it does not."""
    give_up_at_s = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < give_up_at_s, f"{what}: never"
        again()
        time.sleep(0.2)


def stills(folder: Path) -> list[Path]:
    return sorted(folder.glob("backlot-*.png"), key=lambda path: path.stat().st_mtime_ns)


def behind(folder: Path, color: tuple[int, int, int]) -> bool:
    """Whether the last still shows this colour beside the person."""
    found = stills(folder)
    picture = cv2.imread(str(found[-1])) if found else None
    return picture is not None and is_of_color(picture[:12, :, ::-1], color)


def is_of_color(region: NDArray[np.uint8], color: tuple[int, int, int]) -> bool:
    return bool(np.abs(region.reshape(-1, 3).astype(int) - color).max() <= SLACK)


def test_keys_in_the_terminal_change_the_picture_and_end_the_program(camera: str, tmp_path: Path) -> None:
    program, folder = Program(tmp_path), tmp_path / "stills"
    words = ["--input", camera, "--output", "null", *BACKGROUNDS, "--device", "cpu", "--weights", program.weights]
    words += ["--still-folder", folder, "--stats", tmp_path / "stats.json", "--hotkeys", "panic=F9"]
    with Tmux(tmp_path, DISPLAY="", WAYLAND_DISPLAY="", OMP_NUM_THREADS="1") as tmux:
        tmux.type(shlex.join([sys.executable, str(ROOT / "run_stream.py"), *map(str, words)]) + '; echo "ended: $?"')
        tmux.wait_for("keys in this terminal")
        for key, color in ((None, BLUE), ("b", BROWN), ("F9", GREY), ("F9", BROWN)):
            if key is not None:
                time.sleep(HELD_S)  # the same key pressed sooner would count as held down
                tmux.send(key)
            eventually(lambda color=color: behind(folder, color), f"{color} after {key}", lambda: tmux.send("i"))  # type: ignore[misc]
        assert "still saved: " in tmux.text()
        tmux.send("q")
        tmux.wait_for("ended: 0")
        assert (tmp_path / "stats.json").exists()
        tmux.type("stty -a | grep -o -e '-*icanon' -e '-*echo '; echo modes told")
        tmux.wait_for("\nmodes told")
        modes = tmux.text().split("modes told")[-2].splitlines()
        assert "-icanon" not in modes
        assert "icanon" in modes


def test_keys_in_the_preview_change_what_is_on_the_screen(tmp_path: Path) -> None:
    pytest.importorskip("Xlib", reason="needs python-xlib, to see the screen")
    with x_server("xdotool") as display:
        program = Program(tmp_path, display=display)
        cv2.imwrite(str(tmp_path / "room.png"), room(20)[..., ::-1])
        words = ("--input", "room.png", "--output", "preview", *BACKGROUNDS, "--global-hotkeys", "off")
        with program.running(*words) as process:
            window = press(display, "search", "--sync", "--name", "^Backlot$").split()[0]

            def hit(key: str) -> None:
                press(display, "windowfocus", "--sync", window, "key", key)

            def shows(*colors: tuple[int, int, int]) -> bool:
                assert process.poll() is None, process.communicate()[1]
                seen = colors_of(screen(display), window_area(display, window))
                return all(near in seen for near in map(rounded, colors))

            eventually(lambda: shows(WHITE), "the figures, which cover much of a picture so small")
            hit("h")
            eventually(lambda: is_of_color(picture(display, window)[:8], BLUE), "no figures")
            eventually(lambda: shows(BLUE, PERSON), "the person before blue")
            hit("b")
            eventually(lambda: shows(BROWN, PERSON) and not shows(BLUE), "the person before brown")
            hit("x")
            eventually(lambda: is_of_color(picture(display, window), GREY), "one grey alone")
            time.sleep(HELD_S)  # pressed sooner it would count as held down
            hit("x")
            eventually(lambda: shows(BROWN, PERSON), "the person again")
            hit("q")
            _, err = process.communicate(timeout=PATIENCE_S)
            assert process.returncode == 0, err


def test_keys_work_in_every_window_and_one_that_is_taken_is_told(camera: str, tmp_path: Path) -> None:
    pytest.importorskip("Xlib", reason="needs python-xlib")
    from Xlib import XK, X
    from Xlib.display import Display

    with x_server("xdotool") as display:
        other = Display(display)
        key = other.keysym_to_keycode(XK.string_to_keysym("n"))
        other.screen().root.grab_key(key, X.ControlMask | X.Mod1Mask, False, X.GrabModeAsync, X.GrabModeAsync)
        other.sync()
        program, folder = Program(tmp_path, display=display), tmp_path / "stills"
        words = ("--input", camera, "--output", "null", *BACKGROUNDS, "--still-folder", str(folder))
        with program.running(*words, "--log-level", "info") as process:
            assert process.stderr is not None
            said = []
            while not any("keys in every window" in line for line in said):
                said.append(process.stderr.readline())
                assert said[-1], said
            taken = [line for line in said if line.startswith("WARNING") and "ctrl+alt+n (next-prompt)" in line]
            assert len(taken) == 1, said
            press(display, "key", "ctrl+alt+b", "q", "ctrl+q")
            eventually(lambda: behind(folder, BROWN), "brown", lambda: press(display, "key", "ctrl+alt+i"))
            assert process.poll() is None, "a plain q is for typing"
            press(display, "key", "ctrl+alt+q")
            _, err = process.communicate(timeout=PATIENCE_S)
            assert process.returncode == 0, err
        other.close()


def window_area(display: str, window: str) -> tuple[slice, slice]:
    facts = dict(
        fact.split("=") for fact in press(display, "getwindowgeometry", "--shell", window).splitlines() if "=" in fact
    )
    left, top = int(facts["X"]), int(facts["Y"])
    return slice(max(0, top), top + int(facts["HEIGHT"])), slice(max(0, left), left + int(facts["WIDTH"]))


def picture(display: str, window: str) -> NDArray[np.uint8]:
    """What is in the window, without its rim."""
    return screen(display)[window_area(display, window)][4:-4, 4:-4]


def rounded(color: tuple[int, int, int]) -> tuple[int, ...]:
    return tuple(round(value / 32) for value in color)


def colors_of(seen: NDArray[np.uint8], area: tuple[slice, slice]) -> set[tuple[int, ...]]:
    """The colours that cover at least a hundredth of the window, roughly."""
    pixels = np.rint(seen[area].reshape(-1, 3) / 32).astype(int)
    colors, counts = np.unique(pixels, axis=0, return_counts=True)
    return {tuple(color.tolist()) for color, count in zip(colors, counts, strict=True) if count * 100 >= len(pixels)}
