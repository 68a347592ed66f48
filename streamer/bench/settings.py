"""What ``streamer bench`` can be asked for: one class for each word; its fields are the flags and their help."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from streamer.frames import Size

SIZES = {"720p": Size(1280, 720), "1080p": Size(1920, 1080), "4k": Size(3840, 2160)}
RESULTS = Path("bench/results")
"""Where measured results are kept, from the root of a clone."""

Device: TypeAlias = Literal["cpu", "cuda"]
SizeName: TypeAlias = Literal["720p", "1080p", "4k"]


@dataclass(frozen=True)
class Measuring:
    """What everything that measures can be asked for."""

    json: Path | None = None
    """Write everything measured to this file. In a folder that exists: to a file there, named after what was measured
    and on which machine."""


@dataclass(frozen=True)
class OfNetwork(Measuring):
    """What is measured runs the program's own network."""

    device: Device = "cpu"
    """Where the network runs."""
    weights: Path | None = None
    """Weights of the network. Not given: the ones that come with the program."""


@dataclass(frozen=True)
class OfProgram(OfNetwork):
    """What is measured is the program as users run it."""

    runtime: Literal["auto", "torch", "onnxruntime", "openvino"] = "auto"
    """What runs the network on the CPU; auto takes the fastest that is installed."""
    matte_detail: Literal["normal", "fine", "finest"] = "normal"
    """How large a picture the network sees."""


@dataclass(frozen=True)
class OverClips(OfProgram):
    """What is measured runs over videos."""

    input: Path | None = None
    """Video to run on, at its own size. Not given: the demo, made at each of --sizes."""
    sizes: tuple[SizeName, ...] = ("720p", "1080p")
    """Sizes of the demo to run at."""
    frames: int = 100
    """Frames of the clip to run over."""


@dataclass(frozen=True)
class InRounds(OverClips):
    """What is measured takes turns with something else."""

    rounds: int = 5
    """How often each one runs; the medians are shown."""


@dataclass(frozen=True)
class WithPeer:
    """What is measured has a peer in an environment of its own."""

    peer_python: Path | None = None
    """Interpreter that has MediaPipe. Not given: this one if it has it, else .venv-peer/bin/python."""
    no_peer: bool = False
    """Leave the peer out."""


@dataclass(frozen=True)
class BesidePeer(WithPeer, InRounds):
    """What is measured takes turns with the peer."""


@dataclass(frozen=True)
class Mattes(WithPeer, OfProgram):
    """How right the program's mattes are, edges refined and all, beside MediaPipe's, on labelled people and clips.

    The sets are those of `python -m models.evaluate`, which scores the network's own: photos with masks, clips
    composited from them, clips of people who come in and leave, and empty rooms.
    """

    data: Path = Path("data")
    """Folder with the pictures, that the training configuration's names start from."""
    config: Path = Path("configs/train/compact.yaml")
    """Training configuration whose validation sets are scored."""
    model: Literal["compact", "accurate"] = "compact"
    """Network to use."""


@dataclass(frozen=True)
class Speed(BesidePeer):
    """From file to file, beside the loop that a user would write with MediaPipe and OpenCV instead.

    Both run over the same clip, in turns, several times. Frame rates count decoding to the closed file and leave out
    the start-up.
    """

    backgrounds: tuple[str, ...] = ("picture", "blur")
    """Backgrounds to run with: picture (one made for the bench), blur, or the path of a picture."""


@dataclass(frozen=True)
class FramePath(BesidePeer):
    """The frame path alone, in memory: our matte, and matte with composite, beside MediaPipe's `process` alone.

    No decoder and no encoder runs. Ours and the peer take turns, round by round, on the same frames.
    """

    frames: int = 60
    """Frames of a round; all of them are kept in memory, in both processes."""


@dataclass(frozen=True)
class Transcode(InRounds):
    """From file to file, beside a plain decoding and encoding of the same clip with the same encoder settings.

    The plain loop is the limit: it looks at no picture. If there is an ffmpeg on the PATH, it is a further row.
    """

    frames: int = 300
    """Frames of the clip to run over."""
    encoder: str = "auto"
    """Encoder for all of them: auto, nvenc... as for --encoder of the program."""


@dataclass(frozen=True)
class StartUp(BesidePeer):
    """From the start of a fresh process to the first composited frame written, through the command line, caches warm.

    One run before the first round warms the caches and is not counted.
    """

    sizes: tuple[SizeName, ...] = ("720p",)
    """Sizes of the demo to run at."""
    frames: int = 30
    """Frames of the clip to run over."""


@dataclass(frozen=True)
class Length(OfProgram):
    """Time per frame and peak memory of long videos beside those of a short one, at 720p and 30 frames a second.

    All are made from the same packets. The shortest runs once more at the end, so that drift of the machine shows.
    Exit status 1 if a long one needs more than 3 % more time per frame, or more than 5 % more memory.
    """

    minutes: tuple[float, ...] = (1, 10)
    """Lengths of the videos in minutes, rising. An hour (1 10 60) needs 3 GB of disk."""


@dataclass(frozen=True)
class Live(OverClips):
    """Rate and latency of live frames, alone and beside a painter that works on the CPU without pause.

    A clip is played at its own speed, as from a camera; the painter's network is tiny. Needs the extra diffusion.
    """

    sizes: tuple[SizeName, ...] = ("720p",)
    """Sizes of the demo to run at."""
    frames: int = 1800
    """Frames of the clip to run over, at 30 a second."""


@dataclass(frozen=True)
class Plates(Measuring):
    """How long a painted background takes, with networks of the real size and random weights, and what it costs frames.

    Needs the extra diffusion; meant for a GPU, on a CPU it takes hours.
    """

    device: Device = "cuda"
    """Where to paint."""


@dataclass(frozen=True)
class Gpu(OfNetwork):
    """The frame path on a GPU, beside RobustVideoMatting's network and what the device could do at most.

    Also what a painter on the same GPU costs the frames, and what several streams share. All pictures are in memory.
    """

    device: Device = "cuda"
    """cpu runs the same code, to try it; its figures say nothing about a GPU."""
    sizes: tuple[SizeName, ...] = ("1080p", "4k")
    """Sizes of the frames."""
    frames: int = 300
    """Frames of a round."""
    rounds: int = 5
    """How often each one runs; the medians are shown."""
    streams: tuple[int, ...] = (2, 4)
    """How many streams at once to try, beside one; each is a process. 0 = none."""
    painter: Literal["full", "tiny", "none"] = "full"
    """Network that paints beside the frames: as large as Stable Diffusion 1.5 with ControlNet, tiny, or none. Needs
    the extra diffusion."""


@dataclass(frozen=True)
class Trace(OfProgram):
    """Where the time goes, as a picture, with the three largest costs named.

    On the CPU a flame graph of the program's threads (SVG), running from file to file; on a GPU a timeline of the
    frame path by torch's profiler (PNG or SVG; JSON for a trace viewer).
    """

    out: Path = Path("trace.svg")
    """File to write."""
    size: SizeName = "720p"
    """Size of the demo to run at."""
    frames: int = 600
    """Frames to run over; on a GPU only three are recorded."""


@dataclass(frozen=True)
class Table:
    """The table of all that is to be measured, in Markdown: its results, or the command that measures it."""

    results: Path = RESULTS
    """Folder of what --json wrote."""
    page: Path | None = None
    """Put the table into this page, between its two comments, instead of printing it."""


@dataclass(frozen=True)
class Plot:
    """One picture of ours beside the peers, from results that were written. Needs matplotlib (extra train)."""

    results: Path = RESULTS
    """Folder of what --json wrote."""
    out: Path = Path("docs/images/bench.png")
    """Picture to write: PNG or SVG."""


WORDS: dict[str, type] = {
    "speed": Speed,
    "frame-path": FramePath,
    "transcode": Transcode,
    "start-up": StartUp,
    "length": Length,
    "live": Live,
    "mattes": Mattes,
    "plates": Plates,
    "gpu": Gpu,
    "trace": Trace,
    "table": Table,
    "plot": Plot,
}
"""What may follow ``streamer bench``; the first is meant when nothing does."""
