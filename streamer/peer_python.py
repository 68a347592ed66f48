"""Where the interpreter is that has MediaPipe: it pins an old NumPy and brings an OpenCV of its own, so not here."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

from streamer.errors import ConfigError

PEER_VENV = Path(".venv-peer")
PEER_HINT = "python -m venv .venv-peer && .venv-peer/bin/pip install mediapipe==0.10.21"


def find_peer(python: Path | None, *, flag: str = "--peer-python") -> Path | None:
    """The interpreter that has MediaPipe; None if there is none.

    Args:
        python: where the user says it is; else this one is tried, then the virtual environment ``.venv-peer``.
        flag: with which the user says so.

    Raises:
        ConfigError: there is nothing where the user says.
    """
    if python is not None:
        if not python.is_file():
            raise ConfigError(f"{flag} {python} does not exist; make it with {PEER_HINT}")
        return python
    if find_spec("mediapipe") is not None:
        return Path(sys.executable)
    inside = PEER_VENV / "bin" / "python", PEER_VENV / "Scripts" / "python.exe"
    return next((path for path in inside if path.is_file()), None)
