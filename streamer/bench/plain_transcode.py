"""The least that any program must do from file to file: decode and encode. Timed, in a process of its own.

::

    python -m streamer.bench.plain_transcode CLIP OUT.mp4 ENCODING.json RESULT.json

``ENCODING.json`` holds the fields of ``VideoEncoder``; ``RESULT.json`` gets those of ``streamer.bench.contest.Run``.
Decoder and encoder have as many threads as the program's own.
"""

import os
import time

STARTED_AT_S = float(os.environ.get("STREAMER_BENCH_STARTED_AT_S") or time.perf_counter())

import json  # noqa: E402 - the imports below are part of the start-up that is measured
import sys  # noqa: E402
from fractions import Fraction  # noqa: E402
from pathlib import Path  # noqa: E402

import av  # noqa: E402
from av.video.frame import PictureType  # noqa: E402

from streamer.bench.machine import peak_rss_mb  # noqa: E402


def transcode(clip: Path, out: Path, name: str, pixel_format: str, options: dict[str, str]) -> dict[str, object]:
    """Decode every frame and encode it again; the time from the first frame encoded to the closed file counts."""
    frames, first_at_s, first_cpu_s = 0, 0.0, 0.0
    with av.open(str(clip)) as reader, av.open(str(out), "w", container_options={"movflags": "+faststart"}) as writer:
        source = reader.streams.video[0]
        source.thread_type = "AUTO"
        stream = writer.add_stream(name, rate=source.average_rate or 30, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = source.width, source.height, pixel_format
        stream.codec_context.time_base = source.time_base or Fraction(1, 90000)
        for frame in reader.decode(source):
            frame.pict_type = PictureType.NONE  # else every key frame of the clip is one again
            writer.mux(stream.encode(frame))
            if frames == 0:
                first_at_s, first_cpu_s = time.perf_counter(), time.process_time()
            frames += 1
        writer.mux(stream.encode(None))
    return {
        "what": f"PyAV {av.__version__}, {name} {options}",
        "frames": frames - 1,
        "seconds": time.perf_counter() - first_at_s,
        "cpu_s": time.process_time() - first_cpu_s,
        "startup_s": first_at_s - STARTED_AT_S,
        "peak_rss_mb": peak_rss_mb(),
        "stages": {},
    }


def main() -> int:
    """The command line above."""
    clip, out, encoding, result = (Path(word) for word in sys.argv[1:])
    encoder = json.loads(encoding.read_text())
    measured = transcode(clip, out, encoder["name"], encoder["pixel_format"], encoder["options"])
    result.write_text(json.dumps(measured))
    return 0


if __name__ == "__main__":
    sys.exit(main())
