"""``streamer bench transcode``: the program from file to file, beside decoding and encoding alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from streamer.bench import report
from streamer.bench.contest import OURS, Contest, Run, compete, run_alone, run_ours
from streamer.bench.inputs import BenchClip, background_for, clips_for, program_settings
from streamer.bench.outcome import Bar, Outcome
from streamer.bench.settings import Transcode
from streamer.errors import StreamerError
from streamer.sinks.encoders import Encoding, VideoEncoder, check_present, choose_encoder

if TYPE_CHECKING:
    from rich.console import Console

PLAIN, FFMPEG = "decode and encode (PyAV)", "ffmpeg"
CHART = "file to file beside a transcode"


def measure_transcode(settings: Transcode, folder: Path, console: Console) -> Outcome:
    """Ours over a picture, the plain loop and ffmpeg in turns over each clip."""
    out = folder / "ours.mp4"
    encoder = choose_encoder(out, Encoding(encoder=settings.encoder), has_alpha=False)
    ours = {**program_settings(settings), "output": [str(out)], "overwrite": True, "encoder": settings.encoder}
    ours["background"] = [background_for("picture", folder)]
    ffmpeg = shutil.which("ffmpeg")
    contests: list[object] = []
    figures: dict[str, float] = {}
    bars: list[Bar] = []
    for clip in clips_for(settings, folder):
        check_present(encoder, clip.size)
        programs: dict[str, Callable[[], Run]] = {
            OURS: partial(run_ours, {**ours, "input": str(clip.path)}, folder),
            PLAIN: partial(run_plain, clip.path, encoder, folder),
        }
        if ffmpeg is not None:
            programs[FFMPEG] = partial(run_ffmpeg, ffmpeg, clip, encoder, folder)
        contest = compete(
            clip.label, programs, settings.rounds, lambda line: console.print(line, style="dim"), against=PLAIN
        )
        report.show_contest(console, contest)
        contests.append({**report.contest_facts(contest), "time_ratio": time_ratio(contest)})
        figures[f"transcode/{settings.device}/{clip.name}"] = time_ratio(contest)
        bars += [Bar(CHART, clip.name, name, frame_ms(contest, name), "ms a frame") for name in contest.runs]
    return Outcome({"contests": contests}, figures, bars)


def time_ratio(contest: Contest) -> float:
    """Our time for a frame over that of the plain loop, medians of the rounds."""
    return frame_ms(contest, OURS) / frame_ms(contest, PLAIN)


def frame_ms(contest: Contest, program: str) -> float:
    """Wall time for a frame: the median of the rounds."""
    return contest.median(program, lambda run: run.seconds / run.frames * 1e3)


def run_plain(clip: Path, encoder: VideoEncoder, folder: Path) -> Run:
    """Decode and encode the clip in a process of its own. Raises ``StreamerError``."""
    encoding = folder / "encoding.json"
    encoding.write_text(json.dumps(asdict(encoder)))
    command = [sys.executable, "-m", "streamer.bench.plain_transcode", str(clip), str(folder / "plain.mp4")]
    return Run(**run_alone([*command, str(encoding)], folder / "plain.json", PLAIN))


def run_ffmpeg(ffmpeg: str, clip: BenchClip, encoder: VideoEncoder, folder: Path) -> Run:
    """The same by the program ffmpeg. It tells no first frame, so its start-up, some hundredths, is in its time.

    Raises:
        StreamerError: it failed; the message is the last line of what it said.
    """
    begun_at_s, before = time.perf_counter(), os.times()
    done = subprocess.run(
        ffmpeg_command(ffmpeg, clip.path, encoder, folder / "ffmpeg.mp4"), capture_output=True, text=True, check=False
    )
    seconds, after = time.perf_counter() - begun_at_s, os.times()
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise StreamerError(f"ffmpeg failed in the bench: {said[-1]}")
    cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
    return Run("ffmpeg", clip.frames, seconds, cpu_s, 0.0, {})


def ffmpeg_command(ffmpeg: str, clip: Path, encoder: VideoEncoder, out: Path) -> list[str]:
    """The words that transcode a clip with that encoder and without sound."""
    names = {"b": "b:v"}  # a bit rate could be the sound's, too
    options = [word for name, value in encoder.options.items() for word in (f"-{names.get(name, name)}", value)]
    shape = ["-pix_fmt", encoder.pixel_format, "-movflags", "+faststart"]
    return [ffmpeg, "-v", "error", "-y", "-i", str(clip), "-an", "-c:v", encoder.name, *options, *shape, str(out)]
