"""MediaPipe's two selfie models over a folder of pictures, for comparison in the same run.

MediaPipe pins an old NumPy and brings an OpenCV of its own, so it lives in a virtual environment apart; this file is
run by that environment's interpreter and imports nothing of ours::

    python -m venv .venv-peer && .venv-peer/bin/pip install mediapipe==0.10.21
    .venv-peer/bin/python models/peers/mediapipe_matte.py IMAGES OUT

``IMAGES`` holds pictures, or a folder of frames for each clip; a clip's frames go through one graph, in order.
Writes ``OUT/general/NAME.png`` and ``OUT/landscape/NAME.png`` (8-bit alpha at the picture's size) and
``OUT/timing.json`` (median milliseconds of one call for each model).
"""

import json
import statistics
import sys
import time
from pathlib import Path

import cv2
import mediapipe
import numpy as np

MODELS = {"general": 0, "landscape": 1}
SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp"}
"""Those of ``models.datasets``: both have to see the same pictures."""


def main() -> None:
    """Matte every picture or clip of argv[1] with both models into argv[2]."""
    source, target = Path(sys.argv[1]), Path(sys.argv[2])
    clips = sorted(path for path in source.iterdir() if path.is_dir())
    timing = {}
    for name, selection in MODELS.items():
        durations_ms = []
        # A fresh graph for each still: the solution smooths over time, which would mix unrelated pictures.
        for pictures in [pictures_in(clip) for clip in clips] or [[path] for path in pictures_in(source)]:
            out = target / name / (pictures[0].parent.name if clips else "")
            out.mkdir(parents=True, exist_ok=True)
            with mediapipe.solutions.selfie_segmentation.SelfieSegmentation(model_selection=selection) as model:
                model.process(read(pictures[0]))  # the first call also sets the graph up
                for path in pictures:
                    image = read(path)
                    started_s = time.perf_counter()
                    alpha = model.process(image).segmentation_mask
                    durations_ms.append((time.perf_counter() - started_s) * 1e3)
                    picture = np.clip(alpha * 255 + 0.5, 0, 255).astype(np.uint8)
                    cv2.imwrite(str(out / f"{path.stem}.png"), picture)
        timing[name] = {"median_ms": statistics.median(durations_ms), "pictures": len(durations_ms)}
    (target / "timing.json").write_text(json.dumps(timing, indent=2))


def pictures_in(folder: Path) -> list[Path]:
    """Picture files by name."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)


def read(path: Path) -> np.ndarray:
    """RGB uint8 (h, w, 3)."""
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


if __name__ == "__main__":
    main()
