"""What ``streamer bench`` can be asked for: flags and help come from here."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from streamer.frames import Size

SIZES = {"720p": Size(1280, 720), "1080p": Size(1920, 1080)}


@dataclass(frozen=True)
class BenchSettings:
    """Measure the CPU path from file to file beside the loop a user would write with MediaPipe and OpenCV instead.

    Both run over the same clip, in turns, several times. Frame rates count decoding to the closed file and leave out
    the start-up.
    """

    input: Path | None = None
    """Video to run on, at its own size. Not given: the demo, made at each of --sizes."""
    sizes: tuple[Literal["720p", "1080p"], ...] = ("720p", "1080p")
    """Sizes of the demo to run at."""
    backgrounds: tuple[str, ...] = ("picture", "blur")
    """Backgrounds to run with: picture (one made for the bench), blur, or the path of a picture."""
    frames: int = 100
    """Frames of the clip to run over."""
    rounds: int = 3
    """How often each program runs; the medians are shown."""
    peer_python: Path | None = None
    """Interpreter that has MediaPipe. Not given: this one if it has it, else .venv-peer/bin/python."""
    no_peer: bool = False
    """Leave the peer out."""
    runtime: Literal["auto", "torch", "onnxruntime", "openvino"] = "auto"
    """What runs the network on the CPU; auto takes the fastest that is installed."""
    weights: Path | None = None
    """Weights of the network. Not given: the ones that come with the program."""
    memory: bool = False
    """Instead: compare the peak memory of a long video with that of a short one; exit status 1 if it grows by more
    than 5 %."""
    memory_s: tuple[float, float] = field(default=(60.0, 600.0))
    """Lengths of the short and the long video in seconds, at 720p and 30 frames a second."""
    plates: bool = False
    """Instead: how long a painted background takes, with networks of the real size and random weights, and what it
    costs the frames. Needs the extra diffusion; meant for a GPU, on a CPU it takes hours."""
    plate_device: str = "cuda"
    """Where --plates paints."""
    beside_painter: bool = False
    """Instead: rate and latency of live frames (a clip played at its own speed), alone and beside a painter that works
    on the CPU without pause, on a tiny network. Needs the extra diffusion."""
    json: Path | None = None
    """Write everything measured to this file."""
