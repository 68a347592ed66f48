"""MediaPipe's selfie model alone, on the frames of a clip that are kept in memory.

Stands alone, as ``mediapipe_loop.py`` does::

    python mediapipe_segment.py CLIP

It says what it is in one line of JSON once all is loaded. Then each line of standard input that names a model
(``0`` general, ``1`` landscape) has that model run over all frames, answered by one line of JSON: milliseconds a frame,
of the calls of ``process`` and nothing else.
"""

import json
import sys
import time

import cv2
import mediapipe

MODELS = (0, 1)


def main() -> None:
    """Serve rounds until standard input ends."""
    frames = _frames(sys.argv[1])
    make = mediapipe.solutions.selfie_segmentation.SelfieSegmentation
    models = {index: make(model_selection=index) for index in MODELS}
    for model in models.values():
        model.process(frames[0])
    _say({"what": f"MediaPipe {mediapipe.__version__}", "frames": len(frames)})
    for line in sys.stdin:
        model = models[int(line)]
        took_s = 0.0
        for frame in frames:
            begun_at_s = time.perf_counter()
            mask = model.process(frame).segmentation_mask
            took_s += time.perf_counter() - begun_at_s
            if mask.shape != frame.shape[:2]:
                raise ValueError(f"a mask of {mask.shape} for a frame of {frame.shape[:2]}")
        _say({"frame_ms": took_s / len(frames) * 1e3})
    for model in models.values():
        model.close()


def _frames(clip: str) -> list:
    capture, frames = cv2.VideoCapture(clip), []
    while True:
        is_read, frame = capture.read()
        if not is_read:
            return frames
        frames.append(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))


def _say(facts: dict) -> None:
    print(json.dumps(facts), flush=True)  # noqa: T201 - the parent reads it


if __name__ == "__main__":
    main()
