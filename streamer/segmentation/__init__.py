"""Finding the person: ``open_segmenter`` is the door to this room."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

from models.checkpoints import WEIGHTS_FOLDER, CheckpointError, load_config, load_network, verify_shipped
from models.doubt import Looks
from models.framing import entering, looking_at, settling
from models.unet_config import COMPACT
from streamer.errors import ConfigError, SegmentationError, WeightsError
from streamer.segmentation.adaptive import AdaptiveSegmenter
from streamer.segmentation.clean_plate import open_clean_plate
from streamer.segmentation.mediapipe_runtime import MediapipeRuntime, mediapipe_framing
from streamer.segmentation.onnx_file import OnnxFileRuntime, read_feeding
from streamer.segmentation.predictor import NO_RULES, NetworkSegmenter
from streamer.segmentation.quality import QualityControl
from streamer.segmentation.rules import MatteRules
from streamer.segmentation.runtimes import FASTEST_FIRST, Runtime, TorchRuntime, open_cpu_runtime
from streamer.stats import Stats

__all__ = ["DEVICES", "RUNTIMES", "MatteRules", "adapted", "open_segmenter"]

_FINE = (1.8, 1.0, 0.75, 0.52, 0.37, 0.26)
INPUT_SHARES = {"normal": _FINE[1:], "fine": _FINE, "finest": _FINE}
"""For each detail of the matte the network's input, and those that follow when the CPU cannot keep up, as shares of the
usual area. For 16:9: 608x352, 448x256, 384x224, 320x192, 256x160 and 224x128."""
GPU_FILES = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
"""What a GPU's driver leaves on Linux: NVIDIA's, AMD's, and that of WSL."""
DEVICES = ("auto", "cpu", "cuda", "mps")
RUNTIMES = ("auto", *FASTEST_FIRST)


def open_segmenter(
    *,
    model: str = "compact",
    weights: Path | None = None,
    device: str = "auto",
    runtime: str = "auto",
    require_gpu: bool = False,
    onnx_file: Path | None = None,
    mediapipe_python: Path | None = None,
    detail: str = "normal",
    clean_plate: str = "off",
    steadiness: float = 0.0,
    rules: MatteRules = NO_RULES,
    stats: Stats | None = None,
) -> NetworkSegmenter:
    """Load the network and what runs it.

    Args:
        model: which network: ``compact``, ``accurate`` or ``classic``.
        weights: a file of weights; None = the shipped ones of ``model``.
        device: one of ``DEVICES``; ``auto`` takes a GPU if torch can use one.
        runtime: one of ``RUNTIMES``; ``auto`` is torch on a GPU and the fastest that is installed on the CPU.
        require_gpu: never run on the CPU.
        onnx_file: a network of the user's own instead; it runs on the CPU, and model, weights and runtime do not count.
        mediapipe_python: MediaPipe's models instead, run by that interpreter; likewise.
        detail: how closely the program's networks look, a key of ``INPUT_SHARES``; ``finest``: at mirror images, too.
        clean_plate: what is known of the room without a person: ``off``, ``learn``, ``snap`` or a picture's path.
        steadiness: how much of the mean of earlier mattes a still pixel keeps, 0 to below 1.
        rules: what the user says about the matte.
        stats: where to note the times of ``network``, ``settle`` and ``refine``; None = nowhere.

    Raises:
        ConfigError: no such picture of the room, an unknown device or runtime, or two that do not go together.
        WeightsError: no such weights, or not for this network.
        MissingExtra: the package of the named runtime is not installed.
        SegmentationError: the device is missing, or the runtime cannot run the network.
    """
    habits: dict[str, Any] = {
        "clean_plate": open_clean_plate(clean_plate),
        "steadiness": steadiness,
        "rules": rules,
        "stats": stats,
    }
    must_have_gpu = require_gpu or device not in ("auto", "cpu")
    if onnx_file is not None:
        if must_have_gpu:
            raise ConfigError(f"a network in an ONNX file ({onnx_file}) runs on the CPU only: use --device cpu")
        feeding = read_feeding(onnx_file)
        own = OnnxFileRuntime(onnx_file, feeding)
        return NetworkSegmenter(onnx_file.stem, feeding.framing, own, **habits)
    if mediapipe_python is not None:
        if must_have_gpu:
            raise ConfigError("segmenter mediapipe runs on the CPU only: use --device cpu")
        return NetworkSegmenter("selfie", mediapipe_framing, MediapipeRuntime(mediapipe_python), **habits)
    _check("device", device, DEVICES)
    _check("runtime", runtime, RUNTIMES)
    if require_gpu and device == "cpu":
        raise ConfigError("--require-gpu and --device cpu exclude each other: leave one out")
    chosen = choose_device(device, require_gpu=require_gpu)
    if chosen != "cpu" and runtime not in ("auto", "torch"):
        raise ConfigError(f"runtime '{runtime}' runs on the CPU only: use --runtime torch, or --device cpu")
    load = partial(load_network, model, weights)
    try:
        config = load_config(model, weights)
        if chosen == "cpu":
            running: Runtime = open_cpu_runtime(runtime, load, find_onnx(model, weights))
        else:
            running = TorchRuntime(load(), chosen)
    except CheckpointError as error:
        raise WeightsError(str(error)) from error
    shares = INPUT_SHARES[detail]
    if detail == "normal" and config == COMPACT and not running.is_fast:  # whoever chose a larger network has time
        shares = shares[1:]
    if chosen != "cpu":
        shares = shares[:1]
    looks: Looks = "twice" if detail == "finest" else "in doubt"
    if looks == "in doubt" and chosen == "cpu":  # to look but once is the first thing that saves time
        shares = shares[:1] + shares
    largest, *smaller = (partial(entering, config=config, share=share) for share in shares)
    # On a GPU frames enter the network where they are, and always whole.
    parts = [partial(looking_at, config=config, share=share) for share in shares] if chosen == "cpu" else []
    return NetworkSegmenter(
        model, largest, running, smaller=smaller, settling=settling, parts=parts, looks=looks, **habits
    )


def adapted(segmenter: NetworkSegmenter, detail: str = "normal") -> NetworkSegmenter | AdaptiveSegmenter:
    """The segmenter for live work: it computes at a smaller size while the machine cannot keep up, if it has one."""
    if segmenter.steps == 1:
        return segmenter
    sizes = segmenter.steps - 1 if segmenter.looks == "in doubt" else segmenter.steps
    work = INPUT_SHARES[detail][-sizes:]  # the largest may be too much for this CPU
    if segmenter.looks == "in doubt":
        work = (2 * work[0], *work)
    return AdaptiveSegmenter(segmenter, QualityControl([each / work[0] for each in work]))


def choose_device(device: str, *, require_gpu: bool = False) -> str:
    """The device that will really run: ``cuda``, ``mps`` or ``cpu``.

    Raises:
        SegmentationError: the one asked for is missing; the message says why and how to mend it.
    """
    if device == "cpu" or (device == "auto" and not require_gpu and not may_have_gpu()):
        return "cpu"
    import torch

    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    wanted = ("cuda", "mps") if device == "auto" else (device,)
    for name in wanted:
        if present[name]:
            return name
    if device == "auto" and not require_gpu:
        return "cpu"
    raise SegmentationError(f"no GPU for --device {device}: {_why_no_gpu(device)}")


def may_have_gpu() -> bool:
    """False where it is plain without loading torch, which takes a second, that it would find no GPU."""
    return not sys.platform.startswith("linux") or any(os.path.exists(path) for path in GPU_FILES)


def _why_no_gpu(device: str) -> str:
    import torch

    if device == "mps":
        return (
            "this torch finds no Apple GPU (it needs an Apple-silicon Mac with macOS 12.3 or later); use --device cpu"
        )
    if torch.version.cuda is None:
        return (
            f"torch {torch.__version__} was built without CUDA; install one with it (pytorch.org/get-started/locally)"
        )
    return (
        f"torch {torch.__version__} finds no CUDA device; check that nvidia-smi lists one and its driver is new enough"
    )


def find_onnx(model: str, weights: Path | None) -> Path | None:
    """The network as ONNX, beside its weights; None if there is none or it is older than weights of the user's own.

    Raises:
        CheckpointError: the shipped one is damaged.
    """
    path = (weights or WEIGHTS_FOLDER / f"{model}.safetensors").with_suffix(".onnx")
    if not path.is_file():
        return None
    if weights is not None and path.stat().st_mtime < weights.stat().st_mtime:
        return None
    if weights is None:
        verify_shipped(path)
    return path


def _check(what: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ConfigError(f"unknown {what} '{value}': choose one of {', '.join(allowed)}")
