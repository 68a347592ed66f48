"""The loop a user would write instead: OpenCV reads and writes, MediaPipe's selfie model finds the person, hard mask.

Stands alone: MediaPipe pins an old NumPy and brings an OpenCV of its own, so ``streamer bench`` runs this file with the
interpreter of another virtual environment, and it imports nothing of ours::

    python mediapipe_loop.py CLIP OUT.mp4 BACKGROUND RESULT.json

``BACKGROUND`` is a picture or ``blur``, which is the blur of MediaPipe's own example. ``RESULT.json`` gets the fields
of ``streamer.bench.contest.Run``.
"""

import os
import time

STARTED_AT_S = float(os.environ.get("STREAMER_BENCH_STARTED_AT_S") or time.perf_counter())

import json  # noqa: E402 - the imports below are part of the start-up that is measured
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

import cv2  # noqa: E402
import mediapipe  # noqa: E402
import numpy as np  # noqa: E402

LANDSCAPE = 1
"""``model_selection`` of the model for pictures wider than high: 256x144."""
BLUR_KERNEL_PX = (55, 55)
STAGES = ("decode", "matte", "background", "composite", "encode")


def main() -> None:
    """Run over the clip once and write down how long it took."""
    clip, out, background, result = sys.argv[1:]
    capture = cv2.VideoCapture(clip)
    width, height = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
    fourcc = cv2.VideoWriter_fourcc(*"mp4v")
    writer = cv2.VideoWriter(out, fourcc, capture.get(cv2.CAP_PROP_FPS), (width, height))
    still = None if background == "blur" else cv2.resize(cv2.imread(background), (width, height))
    marks_s: list[list[float]] = []
    with mediapipe.solutions.selfie_segmentation.SelfieSegmentation(model_selection=LANDSCAPE) as model:
        while True:
            marks = [time.perf_counter()]
            is_read, frame = capture.read()
            if not is_read:
                break
            marks.append(time.perf_counter())
            mask = model.process(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)).segmentation_mask
            marks.append(time.perf_counter())
            behind = cv2.GaussianBlur(frame, BLUR_KERNEL_PX, 0) if still is None else still
            marks.append(time.perf_counter())
            composite = np.where(mask[..., None] > 0.5, frame, behind)
            marks.append(time.perf_counter())
            writer.write(composite)
            marks.append(time.perf_counter())
            marks_s.append(marks)
            if len(marks_s) == 1:
                cpu_at_first_s = time.process_time()
        writer.release()
        seconds, cpu_s = time.perf_counter() - marks_s[0][-1], time.process_time() - cpu_at_first_s
    capture.release()
    run = {
        "what": f"MediaPipe {mediapipe.__version__}, OpenCV {cv2.__version__}",
        "frames": len(marks_s) - 1,
        "seconds": seconds,
        "cpu_s": cpu_s,
        "startup_s": marks_s[0][-1] - STARTED_AT_S,
        "stages": _stages(marks_s),
    }
    Path(result).write_text(json.dumps(run))


def _stages(marks_s: list[list[float]]) -> dict[str, list[float]]:
    """50th, 95th and 99th percentile of each stage in milliseconds, without the first frame."""
    took_ms = np.diff(np.array(marks_s[1:]), axis=1).T * 1e3
    return {
        name: np.percentile(times_ms, (50, 95, 99)).tolist() for name, times_ms in zip(STAGES, took_ms, strict=True)
    }


if __name__ == "__main__":
    main()
