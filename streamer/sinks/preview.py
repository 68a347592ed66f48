"""A window that shows the frames, through OpenCV."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable

import cv2
import numpy as np

from streamer.errors import SinkError
from streamer.frames import Frame, Image, Size
from streamer.sinks.flatten import checkerboard, flat_rgb

TITLE = "Backlot"
LARGEST = Size(1280, 720)
"""The window opens no larger than this; it can be made larger."""
NAMED_KEYS = {10: "enter", 13: "enter", 9: "tab", 27: "escape", 32: "space"}
"""Key codes to names; letters and digits are their own."""
FUNCTION_KEYS = {
    code: f"f{number + 1}" for number in range(12) for code in (0xFFBE + number, 0xF704 + number, 0x70 + number << 16)
}
"""The same on X, macOS and Windows, which have no code in common."""
CLOSED = "closed"
"""Handed on like a key when the user closes the window."""


class PreviewSink:
    """A resizable window with a few lines of figures in its corner.

    Args:
        size: of the frames.
        on_key: told the name of each key (``q``, ``7``, ``space``, ``f12``), and ``closed`` when the user closes the
            window; called on the thread that writes.
        hud: the figures to show, a line each.
        shows_hud: asked with each frame whether to show them.

    Raises:
        SinkError: there is no display, or OpenCV has no windows.
    """

    def __init__(
        self,
        size: Size,
        *,
        on_key: Callable[[str], None] | None = None,
        hud: Callable[[], list[str]] | None = None,
        shows_hud: Callable[[], bool] = lambda: True,
    ) -> None:
        self._on_key = on_key
        self._hud = hud
        self._shows_hud = shows_hud
        self._is_open = False
        self._board: Image | None = None
        self._was_there = False
        check_display()
        scale = min(1.0, LARGEST.width / size.width, LARGEST.height / size.height)
        try:
            cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
            cv2.resizeWindow(TITLE, max(1, round(size.width * scale)), max(1, round(size.height * scale)))
        except cv2.error as error:
            raise SinkError(_no_windows(error)) from None
        self._is_open = True

    def write(self, frame: Frame) -> None:
        """Show a frame; RGBA lies on a checkerboard. Without effect once the user has closed the window."""
        if not self._is_open:
            return
        image = flat_rgb(frame.image, self._behind(frame))
        if self._hud is not None and self._shows_hud():
            image = with_lines(image, self._hud())
        try:
            cv2.imshow(TITLE, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        except cv2.error as error:
            raise SinkError(_no_windows(error)) from None
        self.idle()

    def idle(self) -> None:
        """Handle keys and the window's own events; call it some 60 times a second while no frame comes."""
        if not self._is_open:
            return
        try:
            code = cv2.waitKeyEx(1)
        except cv2.error as error:
            raise SinkError(_no_windows(error)) from None
        is_there = _is_there()
        if self._was_there and not is_there:
            self._is_open = False  # showing another frame would open the window again
            self._press(CLOSED)
        elif code >= 0:
            self._press(key_name(code))
        self._was_there |= is_there  # it is not before the first frame; with GTK OpenCV never says so

    def close(self) -> None:
        """Close the window. May be called twice."""
        if not self._is_open:
            return
        self._is_open = False
        try:
            cv2.destroyWindow(TITLE)
            cv2.waitKeyEx(1)  # it goes only when events are handled
        except cv2.error as error:
            raise SinkError(_no_windows(error)) from None

    def abort(self) -> None:
        """As ``close``: a window leaves nothing behind."""
        self.close()

    def _press(self, key: str | None) -> None:
        if key is not None and self._on_key is not None:
            self._on_key(key)

    def _behind(self, frame: Frame) -> Image | int:
        if frame.image.ndim != 3 or frame.image.shape[2] != 4:
            return 0
        shape = (frame.size.height, frame.size.width, 3)
        if self._board is None or self._board.shape != shape:
            self._board = checkerboard(frame.size.height, frame.size.width)
        return self._board


def key_name(code: int) -> str | None:
    """The name of the key that OpenCV gave this code for; None = it has none."""
    if code in FUNCTION_KEYS:
        return FUNCTION_KEYS[code]
    code &= 0xFFFF  # above stand Shift, Num Lock and their like, where OpenCV was built with GTK
    letter = chr(code).lower()
    return (
        NAMED_KEYS.get(code) or FUNCTION_KEYS.get(code) or (letter if letter.isascii() and letter.isalnum() else None)
    )


def with_lines(image: Image, lines: list[str]) -> Image:
    """A copy of an RGB picture with text on a darkened patch in its upper left corner."""
    lines = [line.encode("utf-8", "replace").decode() for line in lines]  # what is no UTF-8 crashes OpenCV
    copy = image.copy()
    scale = min(2.0, max(0.45, image.shape[0] / 1100))
    step_px = round(34 * scale)
    width_px = max(cv2.getTextSize(line, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)[0][0] for line in lines) + step_px
    patch = copy[: step_px * len(lines) + step_px // 2, :width_px]
    np.copyto(patch, patch // 5 * 2)
    for row, line in enumerate(lines):
        at = (step_px // 2, step_px * (row + 1) - step_px // 5)
        cv2.putText(copy, line, at, cv2.FONT_HERSHEY_SIMPLEX, scale, (235, 235, 235), 1, cv2.LINE_AA)
    return copy


def check_display() -> None:
    """Raise ``SinkError`` where a window cannot open: there OpenCV's Qt ends the whole program instead of failing."""
    if not sys.platform.startswith("linux"):
        return
    display = os.environ.get("DISPLAY", "")
    if not display:
        wayland = " (OpenCV's windows need X; on Wayland install Xwayland)" if os.environ.get("WAYLAND_DISPLAY") else ""
        raise SinkError(f"no display for a preview window: DISPLAY is not set{wayland}; write to a file instead")
    if not _answers(display):
        raise SinkError(
            f"no display for a preview window: nothing answers at DISPLAY={display}; write to a file instead"
        )


def _answers(display: str) -> bool:
    """Whether an X server listens: ``:0`` and ``unix:0`` are local, ``host:0`` is TCP port 6000."""
    host, _, rest = display.rpartition(":")
    number = rest.partition(".")[0]
    if not number.isdigit():
        return False
    path = f"/tmp/.X11-unix/X{number}"
    local: list[tuple[int, str | tuple[str, int]]] = [(socket.AF_UNIX, path), (socket.AF_UNIX, "\0" + path)]
    targets = local if host in ("", "unix") else [(socket.AF_INET, (host, 6000 + int(number)))]
    for family, address in targets:
        with socket.socket(family, socket.SOCK_STREAM) as connection:
            connection.settimeout(3.0)
            try:
                connection.connect(address)
            except OSError:
                continue
            return True
    return False


def _is_there() -> bool:
    """Whether the user has not closed the window. One in the Dock of macOS is invisible, but there."""
    try:
        return bool(cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) >= (0 if sys.platform == "darwin" else 1))
    except cv2.error:  # so Qt and macOS tell that the last window is gone
        return False


def _no_windows(error: cv2.error) -> str:
    if "implement" in str(error):
        return "this OpenCV has no windows: pip uninstall opencv-python-headless, then pip install opencv-python"
    return f"the preview window failed: {error.err or error}"
