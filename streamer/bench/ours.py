"""One run of the program over a clip, timed. ``streamer bench`` starts it in a process of its own.

::

    python -m streamer.bench.ours SETTINGS.json RESULT.json

``SETTINGS.json`` holds settings of ``StreamConfig``; ``RESULT.json`` gets the fields of ``streamer.bench.contest.Run``.
"""

import os
import time

STARTED_AT_S = float(os.environ.get("STREAMER_BENCH_STARTED_AT_S") or time.perf_counter())

import json  # noqa: E402 - the imports below are part of the start-up that is measured
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

from streamer.bench.machine import peak_rss_mb  # noqa: E402
from streamer.build import opened  # noqa: E402
from streamer.config import StreamConfig  # noqa: E402
from streamer.errors import StreamerError  # noqa: E402
from streamer.frames import Frame  # noqa: E402


class FirstFrame:
    """When the first frame was written, and how many were."""

    def __init__(self) -> None:
        self.frames = 0
        self.at_s = 0.0
        self.cpu_at_s = 0.0

    def note(self, frame: Frame) -> None:
        """One more frame is written."""
        if self.frames == 0:
            self.at_s, self.cpu_at_s = time.perf_counter(), time.process_time()
        self.frames += 1


def run(config: StreamConfig) -> dict[str, object]:
    """Run the stream to its end; the time from the first frame written to the closed file counts."""
    first = FirstFrame()
    with opened(config, on_written=first.note) as stream:
        stream.pipeline.run()
        seconds, cpu_s = time.perf_counter() - first.at_s, time.process_time() - first.cpu_at_s
        stages = stream.pipeline.snapshot().stages
        return {
            "what": stream.segmenter.description,
            "frames": first.frames - 1,
            "seconds": seconds,
            "cpu_s": cpu_s,
            "startup_s": first.at_s - STARTED_AT_S,
            "peak_rss_mb": peak_rss_mb(),
            "stages": {name: [stage.p50_ms, stage.p95_ms, stage.p99_ms] for name, stage in stages.items()},
        }


def main() -> int:
    """The command line above."""
    settings, result = sys.argv[1:]
    try:
        measured = run(StreamConfig.model_validate_json(Path(settings).read_text()))
    except StreamerError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    Path(result).write_text(json.dumps(measured))
    return 0


if __name__ == "__main__":
    sys.exit(main())
