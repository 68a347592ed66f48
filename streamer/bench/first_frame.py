"""The program itself, by its command line, timed from the start of the process to the first frame written.

::

    python -m streamer.bench.first_frame [WORDS AND FLAGS OF streamer] RESULT.json

``RESULT.json`` gets ``startup_s``.
"""

import os
import time

STARTED_AT_S = float(os.environ.get("STREAMER_BENCH_STARTED_AT_S") or time.perf_counter())

import json  # noqa: E402 - the imports are part of what is measured
import sys  # noqa: E402
from collections.abc import Callable  # noqa: E402
from contextlib import AbstractContextManager  # noqa: E402
from pathlib import Path  # noqa: E402

from streamer import build, cli  # noqa: E402
from streamer.build import Stream, opened  # noqa: E402
from streamer.config import StreamConfig  # noqa: E402
from streamer.frames import Frame  # noqa: E402


def main() -> int:
    """Run the program to its end and write down when its first frame was written."""
    *words, result = sys.argv[1:]
    startup_s: list[float] = []

    def opened_and_watched(
        config: StreamConfig, *, on_written: Callable[[Frame], None]
    ) -> AbstractContextManager[Stream]:
        def note(frame: Frame) -> None:
            if not startup_s:
                startup_s.append(time.perf_counter() - STARTED_AT_S)
            on_written(frame)

        return opened(config, on_written=note)

    setattr(build, "opened", opened_and_watched)  # noqa: B010 - the command line looks it up when it runs
    status = cli.main(words)
    if status == cli.OK and startup_s:
        Path(result).write_text(json.dumps({"startup_s": startup_s[0]}))
    return status


if __name__ == "__main__":
    sys.exit(main())
