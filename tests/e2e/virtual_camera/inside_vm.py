"""Runs inside the virtual machine: a fake camera, the program, a virtual camera, and readers of it.

Prints one line of JSON at the end: what was seen, by name. It judges nothing; test_virtual_machine.py does.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

VIRTUAL = "/dev/video10"
DRIVER = Path("/sys/bus/platform/drivers/vivid")
COLOUR = (32, 160, 96)
SIZE = (320, 180)
LONG_S = 900.0
"""Everything is slow in an emulated machine: loading the program takes minutes on a busy computer, a matte 20 s."""


class Run:
    """The program, and what it says."""

    def __init__(self, log: Path, *flags: str) -> None:
        self.log = log
        self._stats = log.with_suffix(".jsonl")
        command = [sys.executable, "run_stream.py", "--input", "0", "--output", VIRTUAL, "--camera-size", "320x180"]
        command += ["--background", "color:#{:02x}{:02x}{:02x}".format(*COLOUR), "--log-level", "debug"]
        command += ["--runtime", "onnxruntime", "--stats", str(self._stats), *flags]
        self._process = subprocess.Popen(command, stderr=log.open("w"), stdout=subprocess.DEVNULL)

    def cameras(self) -> set[str]:
        """The video devices that the program has open, apart from the virtual camera; also one that is gone."""
        folder, held = f"/proc/{self._process.pid}/fd", set()
        with contextlib.suppress(OSError):
            for name in os.listdir(folder):
                with contextlib.suppress(OSError):
                    held.add(os.readlink(f"{folder}/{name}"))
        return {path for path in held if path.startswith("/dev/video")} - {VIRTUAL}

    def is_sending(self) -> bool:
        """Whether it has opened the virtual camera."""
        with contextlib.suppress(OSError):
            folder = f"/proc/{self._process.pid}/fd"
            return any(os.readlink(f"{folder}/{name}") == VIRTUAL for name in os.listdir(folder))
        return False

    def said(self, text: str) -> bool:
        return text in self.log.read_text(errors="replace")

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> dict[str, Any]:
        """End it as Ctrl-C does; its exit code and its statistics."""
        self._process.send_signal(signal.SIGINT)
        try:
            code = self._process.wait(LONG_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return {"code": "killed"}
        return {"code": code, "stats": self.stats()}

    def stats(self) -> dict[str, Any]:
        """Its statistics so far, a second old at most; nothing before the first second."""
        text = self._stats.read_text() if self._stats.exists() else ""
        whole = text.rpartition("\n")[0].splitlines()  # the last line may be half written
        return dict(json.loads(whole[-1])) if whole else {}

    def has_composed(self) -> bool:
        """Whether a frame with a matte was sent, and not the safe picture alone."""
        return bool(self.stats().get("frames", 0) >= 1)


def within(seconds: float, is_so: Callable[[], bool], *, every_s: float = 0.02) -> float | None:
    """After how many seconds it was so; None = it was not so in time."""
    begun_at_s = time.monotonic()
    while time.monotonic() - begun_at_s < seconds:
        if is_so():
            return round(time.monotonic() - begun_at_s, 2)
        time.sleep(every_s)
    return None


@contextlib.contextmanager
def reader() -> Iterator[Any]:
    """OpenCV, reading the virtual camera; one can be opened only once the first picture was sent."""
    capture = cv2.VideoCapture()
    within(60, lambda: capture.open(VIRTUAL, cv2.CAP_V4L2))
    try:
        yield capture
    finally:
        capture.release()


def error_of(rgb: np.ndarray) -> int:
    """The largest difference from the colour that the background has."""
    return int(np.abs(rgb.astype(int) - COLOUR).max())


def seen_by_opencv(count: int) -> dict[str, Any]:
    with reader() as capture:
        pictures = [bgr for ok, bgr in (capture.read() for _ in range(count)) if ok]
    return {
        "count": len(pictures),
        "size": list(pictures[0].shape[1::-1]) if pictures else None,
        "error": max((error_of(bgr[..., ::-1]) for bgr in pictures), default=None),
    }


def seen_by_ffmpeg() -> dict[str, Any]:
    command = ["ffmpeg", "-v", "error", "-f", "v4l2", "-i", VIRTUAL, "-frames:v", "2", "-fps_mode", "passthrough"]
    command += ["-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    ended = subprocess.run(command, capture_output=True, timeout=LONG_S, check=False)
    pixels = np.frombuffer(ended.stdout, np.uint8)
    is_whole = pixels.size == 2 * SIZE[0] * SIZE[1] * 3
    return {"is_whole": is_whole, "error": error_of(pixels.reshape(-1, 3)) if pixels.size % 3 == 0 else None}


def seen_by_v4l2_ctl() -> dict[str, Any]:
    command = ["v4l2-ctl", "-d", VIRTUAL, "--get-fmt-video", "--stream-mmap", "--stream-count=2"]
    command += ["--stream-to=/tmp/raw"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=LONG_S, check=False)
    raw = np.fromfile("/tmp/raw", np.uint8)
    frame = raw[: SIZE[0] * SIZE[1] * 3 // 2].reshape(-1, SIZE[0])
    rgb = cv2.cvtColor(frame, cv2.COLOR_YUV2RGB_I420)
    return {"code": ended.returncode, "says_size": f"{SIZE[0]}/{SIZE[1]}" in ended.stdout, "error": error_of(rgb)}


def first_run(out: Path) -> dict[str, Any]:
    """With --always-on: three readers, and a camera that is pulled out and put back."""
    seen: dict[str, Any] = {}
    run = Run(out / "first.log", "--always-on")
    seen["starts_s"] = within(LONG_S, run.is_sending)
    seen["opencv"] = seen_by_opencv(10)
    seen["ffmpeg"] = seen_by_ffmpeg()
    seen["v4l2_ctl"] = seen_by_v4l2_ctl()
    seen["composes_s"] = within(LONG_S, run.has_composed, every_s=1.0)
    seen["stays_on_without_a_reader"] = within(8, lambda: not run.cameras()) is None
    (DRIVER / "unbind").write_text("vivid.0")
    seen["loss_is_told_s"] = within(60, lambda: run.said("waiting until it is back"))
    seen["camera_is_given_back_s"] = within(60, lambda: not run.cameras())
    seen["without_camera"] = seen_by_opencv(5)
    (DRIVER / "bind").write_text("vivid.0")
    seen["devices_after"] = sorted(path.name for path in Path("/dev").glob("video*"))
    seen["return_is_told_s"] = within(90, lambda: run.said("camera 0 is back"))
    seen["holds_camera_again"] = sorted(run.cameras())
    seen["after_return"] = seen_by_opencv(5)
    seen["losses_told"] = run.log.read_text().count("waiting until it is back")
    return {**seen, **run.stop()}


def second_run(out: Path) -> dict[str, Any]:
    """Readers wake the camera and let it rest."""
    seen: dict[str, Any] = {}
    run = Run(out / "second.log")
    seen["starts_s"] = within(LONG_S, run.is_sending)
    seen["rests_without_reader_s"] = within(60, lambda: run.is_sending() and not run.cameras())
    time.sleep(2)
    subprocess.run(["v4l2-ctl", "-d", VIRTUAL, "--info"], capture_output=True, check=False)
    seen["a_probe_wakes_it"] = within(3, lambda: bool(run.cameras())) is not None
    with reader() as capture:
        seen["wakes_s"] = within(60, lambda: bool(run.cameras()))
        seen["is_on_s"] = within(60, lambda: run.said("is on again"))
        ok, bgr = capture.read()
        seen["error"] = error_of(bgr[..., ::-1]) if ok else None
    seen["rests_after_reader_s"] = within(60, lambda: not run.cameras())
    with reader():
        seen["wakes_again_s"] = within(60, lambda: bool(run.cameras()))
    rest = run.log.read_text().partition("is off until its picture is wanted")[2].partition("is on again")[0]
    seen["stalls_told"] = "no frame came for" in rest
    seen["alive"] = run.is_alive()
    return {**seen, **run.stop()}


def main() -> None:
    out = Path(sys.argv[1])
    seen = {"first": first_run(out)}
    print("so far:", json.dumps(seen), flush=True)  # noqa: T201 - the answer
    seen["second"] = second_run(out)
    print(json.dumps(seen), flush=True)  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
