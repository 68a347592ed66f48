"""An X server of a test's own, somebody who presses its keys, and a look at its screen."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from numpy.typing import NDArray

SIZE = (800, 600)


@contextmanager
def x_server(*programs: str) -> Iterator[str]:
    """The name of a fresh display. Skips the test where Xvfb or one of the other programs is missing."""
    missing = [name for name in ("Xvfb", *programs) if not shutil.which(name)]
    if sys.platform != "linux" or missing:
        pytest.skip(f"needs {', '.join(missing) or 'Linux'}")
    reading, writing = os.pipe()
    # -r: no key repeats itself, however late it is let go on a busy machine
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", f"{SIZE[0]}x{SIZE[1]}x24", "-noreset", "-r"],
        pass_fds=[writing],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    with os.fdopen(reading) as answers:
        number = answers.readline().strip()
    try:
        assert number, "Xvfb did not start"
        yield f":{number}"
    finally:
        server.terminate()
        server.wait(20)


def press(display: str, *words: str) -> str:
    """Have xdotool press keys, or do what else it can, as a person at that screen; the result is what it says."""
    command = ["xdotool", *words]
    environment = {**os.environ, "DISPLAY": display}
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=60).stdout


def screen(display: str) -> NDArray[np.uint8]:
    """What is on the screen: RGB, ``(h, w, 3)``."""
    from Xlib import X
    from Xlib.display import Display

    server = Display(display)
    try:
        image = server.screen().root.get_image(0, 0, *SIZE, X.ZPixmap, 0xFFFFFFFF)
    finally:
        server.close()
    return np.frombuffer(image.data, np.uint8).reshape(SIZE[1], SIZE[0], 4)[..., 2::-1]
