"""All rows that are to be measured, with their goals and the commands that measure them; and the table of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from streamer.bench.outcome import Kept
from streamer.bench.settings import RESULTS
from streamer.errors import ConfigError, SinkError

BEGIN, END = "<!-- bench table: made by `streamer bench table --page` -->", "<!-- end of bench table -->"


@dataclass(frozen=True, slots=True)
class Row:
    """One figure that is wanted."""

    key: str
    what: str
    against: str
    command: str
    """The words after ``streamer bench``."""
    at_most: float | None = None
    at_least: float | None = None
    unit: str = ""
    """Empty: a ratio."""

    @property
    def goal(self) -> str:
        """For people; empty = only reported."""
        if self.at_most is not None:
            return f"at most {self.shown(self.at_most)}"
        return f"at least {self.shown(self.at_least)}" if self.at_least is not None else ""

    def is_met(self, value: float) -> bool | None:
        """Whether the goal is reached; None = there is none."""
        if self.at_most is not None:
            return value <= self.at_most
        return value >= self.at_least if self.at_least is not None else None

    def shown(self, value: float) -> str:
        """A value with its unit."""
        return f"{value:.2f} {self.unit}".strip() if self.unit else f"{value:.2f}x"


def _speed(size: str, background: str) -> Row:
    return Row(
        f"speed/cpu/{size}/{background}",
        f"CPU, {size}, file to file, behind: {background}",
        "MediaPipe loop's fps",
        "speed",
        at_least=1.5,
    )


def _path(size: str, part: str, words: str, at_most: float | None) -> Row:
    return Row(
        f"frame-path/cpu/{size}/{part}", f"CPU, {size}, {words}", "MediaPipe `process`", "frame-path", at_most=at_most
    )


def _length(minutes: int) -> tuple[Row, Row]:
    command = "length" if minutes == 10 else f"length --minutes 1 10 {minutes}"
    return (
        Row(f"length/{minutes}/time", f"time per frame, {minutes} minutes", "1 minute", command, at_most=1.03),
        Row(f"length/{minutes}/memory", f"peak memory, {minutes} minutes", "1 minute", command, at_most=1.05),
    )


ROWS = (
    _speed("720p", "picture"),
    _speed("720p", "blur"),
    _speed("1080p", "picture"),
    _speed("1080p", "blur"),
    _path("720p", "segment", "matte", 1.0),
    _path("720p", "whole", "matte and composite", 1.6),
    _path("1080p", "segment", "matte", None),
    _path("1080p", "whole", "matte and composite", None),
    Row("transcode/cpu/720p", "CPU, 720p, file to file, time", "decode and encode alone", "transcode"),
    Row("transcode/cpu/1080p", "CPU, 1080p, file to file, time", "decode and encode alone", "transcode"),
    Row(
        "transcode/cuda/1080p",
        "GPU, 1080p, file to file, time",
        "decode and encode alone",
        "transcode --device cuda --encoder nvenc",
        at_most=1.2,
    ),
    Row("gpu/1080p/peer", "GPU, 1080p, frame path", "RobustVideoMatting's fps", "gpu", at_least=2),
    Row("gpu/4k/peer", "GPU, 4K, frame path", "RobustVideoMatting's fps", "gpu", at_least=2),
    Row("gpu/1080p/limit", "GPU, 1080p, frame path, time", "copies and products at full rate", "gpu"),
    Row("gpu/4k/limit", "GPU, 4K, frame path, time", "copies and products at full rate", "gpu"),
    Row("gpu/1080p/painter", "GPU, 1080p, p99 of frames beside a painter", "p99 alone", "gpu", at_most=1.25),
    Row("start-up/cpu", "CPU, start to first frame written", "", "start-up", at_most=2, unit="s"),
    Row("start-up/cuda", "GPU, start to first frame written", "", "start-up --device cuda", at_most=4, unit="s"),
    *_length(10),
    *_length(60),
    Row("gpu/1080p/streams/2/fps", "GPU, 1080p, two streams, fps of both", "one stream", "gpu"),
    Row("gpu/1080p/streams/2/p99", "GPU, 1080p, two streams, p99", "one stream", "gpu"),
    Row("gpu/1080p/streams/4/fps", "GPU, 1080p, four streams, fps of all", "one stream", "gpu"),
    Row("gpu/1080p/streams/4/p99", "GPU, 1080p, four streams, p99", "one stream", "gpu"),
)


def verdicts(figures: Mapping[str, float]) -> list[str]:
    """One line for each figure that a row asks for: what it is, and whether the goal is met."""
    lines = []
    for row in ROWS:
        if row.key in figures:
            value = figures[row.key]
            met = {None: "", True: ": met", False: ": missed"}[row.is_met(value)]
            against = f" / {row.against}" if row.against else ""
            goal = f" (goal {row.goal}{met})" if row.goal else ""
            lines.append(f"{row.what}{against}: {row.shown(value)}{goal}")
    return lines


def table(results: Sequence[Kept]) -> str:
    """All rows in Markdown: what each machine gave, or the command that measures it."""
    lines = ["| what | against | goal | measured |", "|---|---|---|---|"]
    for row in ROWS:
        found = [f"{row.shown(kept.figures[row.key])} ({kept.machine})" for kept in results if row.key in kept.figures]
        measured = "; ".join(found) or f"not measured here, run: `streamer bench {row.command} --json {RESULTS}`"
        lines.append(f"| {row.what} | {row.against} | {row.goal} | {measured} |")
    return "\n".join(lines)


def put_into(page: Path, lines: str) -> None:
    """Replace what stands between the page's two comments.

    Raises:
        ConfigError: the page does not exist or has no such place.
        SinkError: it cannot be written.
    """
    try:
        text = page.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"--page {page} cannot be read: {error.strerror}") from error
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ConfigError(f"--page {page} has no place for the table: put in the lines {BEGIN} and {END}")
    try:
        page.write_text(f"{before}{BEGIN}\n{lines}\n{END}{after}", encoding="utf-8")
    except OSError as error:
        raise SinkError(f"--page {page} cannot be written: {error.strerror}") from error
