"""The network that finds the person, as the settings name it, and where its frames are composed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from streamer.config import StreamConfig
from streamer.errors import MissingExtra, WeightsError
from streamer.interfaces import Segmenter, SourceInfo
from streamer.peer_python import PEER_HINT, find_peer
from streamer.profiles import find_profile
from streamer.stats import Stats

if TYPE_CHECKING:
    from streamer.device_path.path import DevicePath
    from streamer.segmentation.predictor import NetworkSegmenter


def open_matte(config: StreamConfig, stats: Stats | None = None, *, is_still: bool = False) -> NetworkSegmenter:
    """The segmenter that the settings name, for one picture or for many; see ``open_segmenter``."""
    from streamer.segmentation import MatteRules, open_segmenter

    return open_segmenter(
        model=config.model,
        weights=weights_file(config),
        device=config.device,
        runtime=config.runtime,
        require_gpu=config.require_gpu,
        onnx_file=onnx_file(config),
        mediapipe_python=mediapipe_python(config),
        detail=matte_detail(config, is_still=is_still),
        clean_plate=config.clean_plate,
        steadiness=config.steadiness,
        rules=MatteRules(
            people=config.people,
            min_island=config.min_island,
            fill_holes=config.fill_holes,
            edge_shift_px=config.edge_shift,
            feather_px=config.feather,
        ),
        stats=stats,
    )


def open_frame_path(config: StreamConfig, segmenter: Segmenter, info: SourceInfo) -> DevicePath | None:
    """The frame path on the matte's GPU, for composites; None where frames are composed on the CPU."""
    from streamer.segmentation.predictor import NetworkSegmenter
    from streamer.segmentation.runtimes import TorchRuntime

    if not isinstance(segmenter, NetworkSegmenter):
        return None
    runtime = segmenter.runtime
    if not isinstance(runtime, TorchRuntime) or runtime.device.type != "cuda":
        return None
    needs_cpu = segmenter.moves_edge or info.picture is not None or config.write != "composite"
    if needs_cpu or config.frame_path != "gpu":
        return None
    from streamer.device_path import open_device_path

    return open_device_path(segmenter)


def matte_detail(config: StreamConfig, *, is_still: bool = False) -> str:
    """How closely the network looks, a key of ``INPUT_SHARES``: whoever has one picture only can wait for the best."""
    if config.matte_detail != "auto":
        return config.matte_detail
    return "finest" if is_still else "normal"


def weights_file(config: StreamConfig) -> Path | None:
    """The weights that ``--weights`` or ``--profile`` names; None = the shipped ones.

    Raises:
        ConfigError: there is no such profile.
    """
    return config.weights if config.profile is None else find_profile(config.profile).weights


def onnx_file(config: StreamConfig) -> Path | None:
    """The file of ``--segmenter onnx:FILE``; None = the program's own network."""
    _, _, path = config.segmenter.partition("onnx:")
    return Path(path).expanduser() if path else None


def mediapipe_python(config: StreamConfig) -> Path | None:
    """The interpreter that runs ``--segmenter mediapipe``; None = another segmenter.

    Raises:
        ConfigError: there is none where ``--mediapipe-python`` says.
        MissingExtra: nobody said where, and there is none in the usual places.
    """
    if config.segmenter != "mediapipe":
        return None
    python = find_peer(config.mediapipe_python, flag="--mediapipe-python")
    if python is None:
        raise MissingExtra(
            f"segmenter mediapipe needs an interpreter that has MediaPipe: {PEER_HINT}, or name one with "
            "--mediapipe-python"
        )
    return python


def check_matte(config: StreamConfig) -> None:
    """Refuse a network that is not there, before anything is opened.

    Raises:
        WeightsError: there is no such file of weights, or no such ONNX file.
        ConfigError, MissingExtra: as of ``mediapipe_python`` and ``weights_file``.
    """
    weights_file(config)
    if config.weights is not None and not config.weights.is_file():
        raise WeightsError(f"weights {config.weights} do not exist; check --weights")
    network = onnx_file(config)
    if network is not None and not network.is_file():
        raise WeightsError(f"segmenter {network} does not exist; check --segmenter onnx:FILE")
    mediapipe_python(config)
