"""What would really run on this machine, what is missing, and the line that mends it."""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np
from rich.console import Console

from streamer import devices, painter
from streamer.backgrounds.hub import INSTALL
from streamer.config import StreamConfig
from streamer.errors import StreamerError
from streamer.frames import Size
from streamer.networks import open_matte
from streamer.painter import plate_device
from streamer.priorities import PAINTER_NICENESS, painter_threads, usable_cores

PAINTING = ("diffusers", "transformers", "accelerate", "peft")
"""Packages that paint backgrounds."""
TRIALS = 5
"""Frames timed after the first, which also compiles."""
SIZE = Size(1280, 720)
"""Of the frames that are tried."""
SOFTWARE_ENCODERS = {"x264": "out.mp4", "vp9": "out.webm", "prores": "out.mov", "ffv1": "out.mkv"}
HARDWARE_ENCODERS = ("nvenc", "qsv", "vaapi", "videotoolbox")

State = Literal["ok", "no", "failed"]
"""``no``: absent, and not needed for the rest; ``failed``: what was asked for cannot run."""
STYLES = {"ok": "green", "no": "yellow", "failed": "bold red"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    state: State
    text: str
    mend: str = ""
    """What to type or do; empty if nothing needs mending."""


def examine(config: StreamConfig, console: Console | None = None) -> int:
    """Look at everything and print it; the result is the exit code, 2 when the matte cannot run as the settings say."""
    console = console or Console()
    is_usable = True
    looks: tuple[Callable[[], Iterator[Finding]], ...] = (
        _system, _torch, lambda: _matte(config), lambda: _painter(config), _runtimes, _encoders, _preview,
        _virtual_camera, _cameras,
    )  # fmt: skip
    for look in looks:
        for finding in _looked(look):
            console.print(f"{finding.state:>6}", style=STYLES[finding.state], end="  ")
            mend = f"\n        {'':17}-> {finding.mend}" if finding.mend else ""
            console.print(f"{finding.subject:<16} {finding.text}{mend}", markup=False, highlight=False, soft_wrap=True)
            is_usable &= finding.state != "failed"
    return 0 if is_usable else 2


def _looked(look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """A doctor does not die of the patient's illness: whatever a look stumbles over is a finding, too."""
    try:
        yield from look()
    except Exception as error:
        yield Finding(getattr(look, "__name__", "").strip("_"), "failed", " ".join(f"{error!r}".split()))


def _system() -> Iterator[Finding]:
    yield Finding(
        "system",
        "ok",
        f"backlot {_version('backlot')}, Python {platform.python_version()}, "
        f"{platform.system()} {platform.release()} {platform.machine()}, {usable_cores()} cores",
    )


def _torch() -> Iterator[Finding]:
    import torch

    yield Finding("torch", "ok", torch.__version__)
    for device, is_there in (("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available())):
        if not is_there:
            continue
        try:
            total = float((torch.ones(8, device=device) * 2).sum())
            works = total == 16
            reason = f"2 * 8 gives {total:g}"
        except RuntimeError as error:
            works, reason = False, str(error).splitlines()[0]
        name = torch.cuda.get_device_name() if device == "cuda" else "Apple GPU"
        if works:
            yield Finding("GPU", "ok", f"{name} ({device}), and it computes")
        else:
            yield Finding(
                "GPU", "no", f"{name} ({device}) is there but does not compute: {reason}", "update its driver"
            )
    if not torch.cuda.is_available() and not torch.backends.mps.is_available():
        yield Finding("GPU", "no", "torch finds none; the CPU does the work", _mend_gpu(torch.version.cuda is not None))


def _mend_gpu(is_cuda_build: bool) -> str:
    if platform.system() == "Darwin":
        return ""
    if is_cuda_build:
        return "if there is one: install its driver, until nvidia-smi lists it"
    return "if there is one from NVIDIA: install torch with CUDA, pytorch.org/get-started/locally"


def _matte(config: StreamConfig) -> Iterator[Finding]:
    # Two in turns: over the very picture that it has just seen the network does not run again.
    pictures = np.random.default_rng(0).integers(0, 256, (2, SIZE.height, SIZE.width, 3), np.uint8)
    took_ms = []
    try:
        segmenter = open_matte(config)
        try:
            segmenter.segment(pictures[1])
            for trial in range(TRIALS):
                begun_at_s = time.perf_counter()
                segmenter.segment(pictures[trial % 2])
                took_ms.append(1000 * (time.perf_counter() - begun_at_s))
        finally:
            segmenter.close()
    except StreamerError as error:
        yield Finding("matte", "failed", str(error))
        return
    median_ms = statistics.median(took_ms)
    yield Finding("matte", "ok", f"{segmenter.description}: {median_ms:.0f} ms a frame of {SIZE}, edges included")


def _painter(config: StreamConfig) -> Iterator[Finding]:
    missing = [name for name in PAINTING if find_spec(name) is None]
    if missing:
        yield Finding("painter", "no", f"{', '.join(missing)} not installed: no --prompt", INSTALL)
        return
    try:
        painter.check_painter(config.model_copy(update={"prompt": config.prompt or ("a room",), "yes": False}))
        device = plate_device(config)
    except StreamerError as error:
        yield Finding("painter", "failed" if config.is_painted else "no", str(error))
        return
    text = f"diffusers {_version('diffusers')}, models are here, on {device}"
    if device == "cpu":
        text += f" with {painter_threads()} of {usable_cores()} cores while frames run, at niceness {PAINTER_NICENESS}"
    yield Finding("painter", "ok", text)


def _runtimes() -> Iterator[Finding]:
    from streamer.segmentation.runtimes import FASTEST_FIRST, INSTALL, is_installed

    there = [name for name in FASTEST_FIRST if is_installed(name)]
    yield Finding("CPU runtimes", "ok", f"{', '.join(there)} (the fastest first)")
    for name in FASTEST_FIRST:
        if name not in there:
            yield Finding("CPU runtimes", "no", f"{name} is not installed", INSTALL.get(name, f"pip install {name}"))


def _encoders() -> Iterator[Finding]:
    from streamer.sinks.encoders import Encoding, check_present, choose_encoder

    there, missing = [], []
    for name in (*SOFTWARE_ENCODERS, *HARDWARE_ENCODERS):
        try:
            path = Path(SOFTWARE_ENCODERS.get(name, "out.mp4"))
            check_present(choose_encoder(path, Encoding(encoder=name), has_alpha=False), SIZE)
        except StreamerError:
            missing.append(name)
        else:
            there.append(name)
    yield Finding("encoders", "ok", ", ".join(there))
    lost = [name for name in missing if name in SOFTWARE_ENCODERS]
    if lost:
        yield Finding("encoders", "failed", f"{', '.join(lost)} missing", "pip install --force-reinstall av")
    absent = [name for name in missing if name in HARDWARE_ENCODERS]
    if absent:
        yield Finding("encoders", "no", f"{', '.join(absent)} cannot be started here")


def _preview() -> Iterator[Finding]:
    import cv2

    from streamer.sinks.preview import check_display

    kind = next((line.split(":")[1].strip() for line in cv2.getBuildInformation().splitlines() if "GUI:" in line), "")
    if kind.upper() in ("", "NONE"):
        mend = "pip uninstall opencv-python-headless, then pip install --force-reinstall opencv-python"
        yield Finding("preview", "no", f"OpenCV {cv2.__version__} has no windows", mend)
        return
    try:
        check_display()
    except StreamerError as error:
        yield Finding("preview", "no", str(error))
    else:
        yield Finding("preview", "ok", f"OpenCV {cv2.__version__}, {kind}")


def _virtual_camera() -> Iterator[Finding]:
    if find_spec("pyvirtualcam") is None:
        yield Finding("virtual camera", "no", "pyvirtualcam is not installed", "pip install pyvirtualcam")
    found = devices.list_virtual_cameras()
    for device in found:
        yield Finding("virtual camera", "ok", str(device))
    if found or find_spec("pyvirtualcam") is None:
        return
    if platform.system() == "Linux":
        from streamer.sinks.virtual_setup import why_not_opened

        yield Finding("virtual camera", "no", "none is free", why_not_opened(None))
    else:
        yield Finding("virtual camera", "ok", "pyvirtualcam is installed; it sends to the camera of OBS Studio")


def _cameras() -> Iterator[Finding]:
    found = devices.list_cameras()
    for device in found:
        yield Finding("camera", "no" if device.note else "ok", str(device))
    if not found:
        yield Finding("camera", "no", "none found", "plug one in, or read a file: --input clip.mp4")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "(not installed)"
