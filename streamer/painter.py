"""Opens the painter that settings name, with all that stands around it: plates that are kept, their order, the gate."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from streamer import backgrounds
from streamer.backgrounds import hub
from streamer.config import StreamConfig
from streamer.controls import Controls
from streamer.cues import read_cues
from streamer.errors import ConfigError, MissingExtra, WeightsError
from streamer.frames import Alpha, Image, Size
from streamer.interfaces import Background, PlateGenerator, SourceInfo
from streamer.networks import open_matte, weights_file
from streamer.priorities import painter_threads, take_short_turns
from streamer.stats import Stats

if TYPE_CHECKING:
    from streamer.backgrounds.generated import GeneratedBackground
    from streamer.backgrounds.inpaint_loading import PainterFiles


def check_painter(config: StreamConfig) -> None:
    """Refuse prompts that cannot be painted, before anything is loaded; download the models with ``--yes``.

    Raises:
        ConfigError: the cue file is wrong.
        WeightsError: models are missing; the message says how large they are and how to get them.
        MissingExtra: the libraries are not installed.
    """
    if not config.is_painted:
        return
    if config.cues is not None:
        read_cues(config.cues)
    needed = ["diffusers", "transformers", "accelerate"]
    if config.lora or config.plate_mode != "quality":
        needed.append("peft")
    absent = [name for name in needed if find_spec(name) is None]
    if absent:
        raise MissingExtra(f"painted backgrounds need {', '.join(absent)}: {hub.INSTALL}")
    for lora in config.lora:
        if not Path(lora).expanduser().is_file():
            raise WeightsError(f"LoRA {lora} does not exist; check --lora")
    wanted = _model_files(config)
    missing = [files for files in wanted.values() if hub.locate(files, config.model_dir) is None]
    if missing and config.yes:
        _say(hub.LICENCE_NOTE)
        for files in missing:
            hub.download(files, config.model_dir, say=_say)
    elif missing:
        raise WeightsError(hub.missing_message(missing, config.model_dir))


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def open_generator(config: StreamConfig, *, threads: int | None = None) -> PlateGenerator:
    """Load the painter and its gate; takes seconds. Picklable by name, for a process of its own.

    Args:
        config: the settings.
        threads: that paint on the CPU; None = as many as torch takes.

    Raises:
        StreamerError: as of ``load_painter`` and ``open_matte``.
    """
    from streamer.backgrounds.inpaint import PainterSettings
    from streamer.backgrounds.inpaint_loading import load_painter
    from streamer.backgrounds.plates import PlateMaker, Recipe

    settings = PainterSettings(
        mode=config.plate_mode,
        steps=config.steps,
        guidance=config.guidance,
        control_scale=config.control_scale,
        hint=config.second_hint,
        device=plate_device(config),
        low_memory=config.low_memory,
        compile=config.compile_painter,
        safety_checker=config.safety_checker,
        threads=threads,
    )
    painter = load_painter(_painter_files(config), settings)
    width, height = (int(side) for side in config.plate_size.split("x")) if config.plate_size else (0, 0)
    recipe = Recipe(
        negative=config.negative_prompt,
        fit=config.fit,
        room_strength=config.room_strength,
        size=Size(width, height) if config.plate_size else None,
    )
    if config.allow_people:
        return PlateMaker(painter, None, recipe)
    find_person, on_close = _open_gate(config)
    return PlateMaker(painter, find_person, recipe, on_close=on_close)


def _open_gate(config: StreamConfig) -> tuple[Callable[[Image], Alpha], Callable[[], None]]:
    """Finds people in plates: the matte's network without the user's wishes for the matte, and without a memory."""
    plain = {"steadiness": 0.0, "clean_plate": "off", "people": "all"}
    none = dict.fromkeys(("min_island", "fill_holes", "edge_shift", "feather"), 0)
    segmenter = open_matte(config.model_copy(update={**plain, **none}))

    def find_person(image: Image) -> Alpha:
        segmenter.reset()
        return segmenter.segment(image)

    return find_person, segmenter.close


def plate_device(config: StreamConfig) -> str:
    """Where plates are painted: ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.

    Raises:
        ConfigError: the device that the settings name is not there.
    """
    if config.plate_device == "cpu":
        return "cpu"
    import torch

    has_mps = torch.backends.mps.is_available()
    if config.plate_device == "auto":
        return "cuda" if torch.cuda.is_available() else "mps" if has_mps else "cpu"
    kind, _, number = config.plate_device.partition(":")
    if int(number or 0) >= (torch.cuda.device_count() if kind == "cuda" else int(has_mps)):
        raise ConfigError(f"plate_device {config.plate_device} is not there: streamer doctor says what is; or use auto")
    return config.plate_device


def open_generated(config: StreamConfig, info: SourceInfo, controls: Controls, stats: Stats) -> GeneratedBackground:
    """The background that the prompts of the settings mean, for that source."""
    from streamer.backgrounds.generated import GeneratedBackground
    from streamer.backgrounds.keyframes import KeyframePolicy, RoomWatch
    from streamer.backgrounds.plate_orders import PlateOrders, PlatesAtOnce, PlatesInBackground, Scene
    from streamer.backgrounds.plate_shelf import PlateShelf

    prompt_at = prompts_by_time(config, info, controls)
    orders: PlateOrders
    if info.is_live:
        live = _live_generator(config)
        # An interval asks for another picture of the same room: one from the disk would be the same, and so many on it
        # would push off all the others.
        # What keeps the room's shapes hangs on every pixel of it: no picture of a camera comes twice.
        if config.keyframe_interval is None and config.fit != "room":
            live = _remembered(live, config, exactly=False)
        orders = PlatesInBackground(live, stats)
    else:
        generator = _remembered(open_generator(config), config, exactly=True)
        orders = PlatesAtOnce(generator, stats, should_stop=controls.stop_requested)
    return GeneratedBackground(
        orders,
        lambda pts_s: Scene(prompt_at(pts_s), (config.seed + controls.state.seed_shift) % 2**31),
        _stand_in(config, info),
        watch=RoomWatch(KeyframePolicy(interval_s=config.keyframe_interval), info.picture),
        shelf=PlateShelf(controls.prompts, fills_itself=config.paint_ahead) if info.is_live else None,
        fade_s=config.crossfade_ms / 1000,
        keeps_room=config.fit == "room",
        is_frozen=lambda: controls.state.frozen,
    )


def prompts_by_time(config: StreamConfig, info: SourceInfo, controls: Controls | None = None) -> Callable[[float], str]:
    """What is to be painted at a presentation time: by the cue file, else the prompt that the controls chose."""
    if config.cues is not None:
        sheet, begins_at_s = read_cues(config.cues), info.video.begins_s if info.video else 0.0
        return lambda pts_s: sheet.prompt_at(pts_s - begins_at_s)
    return lambda pts_s: config.prompt[0] if controls is None else controls.state.prompt


def _live_generator(config: StreamConfig) -> PlateGenerator:
    """On the matte's GPU in a thread; elsewhere in a process that gives way to the frames."""
    from streamer.backgrounds.generators import LazyGenerator
    from streamer.backgrounds.plate_process import PlateProcess

    if plate_device(config) in ("cuda", "cuda:0"):
        take_short_turns()
        return LazyGenerator(partial(open_generator, config))
    return PlateProcess(partial(open_generator, config, threads=painter_threads()))


def _remembered(generator: PlateGenerator, config: StreamConfig, *, exactly: bool) -> PlateGenerator:
    """The generator with its cache on disk; ``exactly``: see ``CachedGenerator``."""
    if config.plate_cache == 0:
        return generator
    from streamer.backgrounds.generators import CachedGenerator
    from streamer.backgrounds.plate_cache import PlateCache, default_cache_folder

    cache = PlateCache(default_cache_folder(), config.plate_cache * 10**6)
    return CachedGenerator(generator, cache, _what_decides(config), exactly=exactly)


def _what_decides(config: StreamConfig) -> dict[str, object]:
    """All that a plate depends on beside keyframe, prompt and seed."""
    names = (
        "negative_prompt", "plate_mode", "fit", "room_strength", "steps", "guidance", "control_scale", "plate_size",
        "sd_model", "controlnet", "second_controlnet", "second_hint", "depth_model", "lora", "allow_people",
        "safety_checker", "model", "segmenter", "low_memory",
    )  # fmt: skip
    decides: dict[str, object] = {name: getattr(config, name) for name in names}
    files = _painter_files(config)
    parts = (
        files.base,
        files.controlnet,
        files.lora,
        *files.styles,
        files.decoder,
        files.second_controlnet,
        files.depth,
    )
    decides["files"] = [_identity(part) for part in (*parts, weights_file(config))]
    decides["device"] = plate_device(config).partition(":")[0]
    for package in ("torch", "diffusers", "transformers"):
        try:
            decides[package] = version(package)
        except PackageNotFoundError:  # said when it is needed
            decides[package] = None
    return decides


def _identity(path: Path | None) -> list[object]:
    """What tells a file of weights, or a folder of them, from another one that takes its place."""
    if path is None:
        return []
    files = sorted(path.rglob("*.safetensors")) if path.is_dir() else [path]
    facts = [(file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return [str(path.resolve()), facts]


def _stand_in(config: StreamConfig, info: SourceInfo) -> Background:
    """What is shown before the first plate: the first still among the backgrounds, else a gradient."""
    for spec in config.background:
        if backgrounds.is_still(spec):
            return backgrounds.open_background(spec, size=info.size, is_live=info.is_live)
    return backgrounds.open_background("gradient", size=info.size, is_live=info.is_live)


def _model_files(config: StreamConfig) -> dict[str, hub.ModelFiles]:
    """The models that the settings name, by the part that they play."""
    found = {
        "base": hub.base_files(config.sd_model, safety_checker=config.safety_checker),
        "controlnet": hub.controlnet_files(config.controlnet),
    }
    if config.second_controlnet is not None:
        found["second_controlnet"] = hub.controlnet_files(config.second_controlnet)
        if config.second_hint == "depth":
            found["depth"] = hub.depth_files(config.depth_model)
    if config.plate_mode == "fast":
        found["lora"] = hub.lora_files(hub.HYPER_SD, hub.HYPER_SD_FILE)
    if config.plate_mode == "fastest":
        found["lora"] = hub.lora_files(hub.LCM_LORA, hub.LCM_LORA_FILE)
        found["decoder"] = hub.autoencoder_files()
    return found


def _painter_files(config: StreamConfig) -> PainterFiles:
    from streamer.backgrounds.inpaint_loading import PainterFiles

    folders: dict[str, Path] = {}
    for part, files in _model_files(config).items():
        folder = hub.locate(files, config.model_dir)
        if folder is None:
            raise WeightsError(hub.missing_message([files], config.model_dir))
        folders[part] = folder
    lora_file = hub.HYPER_SD_FILE if config.plate_mode == "fast" else hub.LCM_LORA_FILE
    return PainterFiles(
        base=folders["base"],
        controlnet=folders["controlnet"],
        lora=folders["lora"] / lora_file if "lora" in folders else None,
        styles=tuple(Path(path).expanduser() for path in config.lora),
        decoder=folders.get("decoder"),
        second_controlnet=folders.get("second_controlnet"),
        depth=folders.get("depth"),
    )
