"""Running a peer in an interpreter of its own."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from models.datasets import DatasetError

MEDIAPIPE = Path(__file__).parent / "mediapipe_matte.py"


def run_mediapipe(pictures: Path, out: Path, interpreter: Path) -> dict[str, float]:
    """MediaPipe's two selfie models over a folder of pictures or clips; see ``mediapipe_matte.py``.

    Returns:
        Median milliseconds of one picture, by the model's name, which is also that of its folder in ``out``.

    Raises:
        DatasetError: it cannot be run, or failed; the message ends with the last line of what it said.
    """
    command = [str(interpreter), str(MEDIAPIPE), str(pictures), str(out)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise DatasetError(f"--peer-python {interpreter} cannot be run: {error.strerror}") from error
    if done.returncode:
        raise DatasetError(f"MediaPipe failed under {interpreter}: {(done.stderr.strip() or '?').splitlines()[-1]}")
    timing = json.loads((out / "timing.json").read_text())
    return {name: float(row["median_ms"]) for name, row in timing.items()}
