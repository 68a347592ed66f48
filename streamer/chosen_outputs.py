"""Where to write: the outputs that the settings name or leave out, and whether they can be written."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from streamer import networks, presets, sinks
from streamer.config import StreamConfig
from streamer.errors import ConfigError, SinkError
from streamer.interfaces import SourceInfo
from streamer.live_outputs import live_outputs
from streamer.picture_names import SUFFIXES, NumberedNames, is_pattern
from streamer.sinks.encoders import Encoding, choose_encoder
from streamer.sources.pictures import find_pictures

NO_STATISTICS = (*presets.SUFFIXES, *sinks.VIDEO_SUFFIXES, *SUFFIXES)
"""No file of statistics ends so: it is a preset, or an output, perhaps one that gets its name later."""


def default_outputs(config: StreamConfig, info: SourceInfo) -> tuple[str, ...]:
    """Where to write when nobody said so."""
    if info.is_live:
        return live_outputs(config.virtual_device)
    if info.is_still:
        return ("out.png",)
    return ("out.mov" if has_alpha(config) else "out.mp4",)


def check_outputs(outputs: Sequence[str], config: StreamConfig) -> None:
    """Refuse outputs that cannot be written, or that would cost a file that exists.

    Raises:
        ConfigError: a name or the encoder is none, or a file of that name is there or is what is read.
        SinkError: there is no such folder, or nothing can be written in it.
    """
    read = _what_is_read(config)
    for number, spec in enumerate(outputs):
        sinks.check_spec(spec)
        if not sinks.is_file(spec):
            continue
        path = Path(spec)
        if any(sinks.is_file(other) and _is_same_file(path, Path(other)) for other in outputs[:number]):
            raise ConfigError(f"output {spec} is named twice")
        if is_pattern(spec):
            _check_pattern(spec, config, read)
            continue
        if any(_is_same_file(path, other) for other in read):
            raise ConfigError(f"output {spec} is also what is read: choose another name")
        if path.is_file() and not config.overwrite:
            raise ConfigError(f"output {spec} exists: choose another name, or --overwrite to replace it")
        if path.suffix.lower() in sinks.VIDEO_SUFFIXES:
            choose_encoder(path, encoding(config), has_alpha=has_alpha(config))
        check_folder(path, spec)


def check_statistics(path: Path, config: StreamConfig) -> None:
    """Refuse a file for the statistics that cannot be written, or that would cost another one.

    Raises:
        ConfigError: it is read, or it is an output, or ends as a preset, a video or a picture does.
        SinkError: there is no such folder, or nothing can be written in it.
    """
    suffix = path.suffix.lower()
    if suffix in NO_STATISTICS:
        raise ConfigError(
            f"--stats {path} would be JSON, which does not end in {suffix}: choose another, as stats.json"
        )
    check_folder(path, str(path))
    if any(_is_same_file(path, other) for other in (*_what_is_read(config), *map(Path, config.output))):
        raise ConfigError(f"--stats {path} is also the input, an output or another file that is used: choose another")


def _is_same_file(path: Path, other: Path) -> bool:
    """Whether the two are one file, or will be."""
    if path.exists() and other.exists():
        return path.samefile(other)
    return path.absolute() == other.absolute()


def _what_is_read(config: StreamConfig) -> list[Path]:
    """The files that are there and must stay. Settings that are no file, such as blur, name none that is there."""
    named = [config.input, *map(os.path.expanduser, (*config.background, *config.lora, config.clean_plate))]
    network = networks.weights_file(config), networks.onnx_file(config)
    files = (*network, config.cues, config.api_token_file, config.mediapipe_python)
    named += [os.path.expanduser(file) for file in files if file is not None]
    read = [Path(path) for path in named if os.path.exists(path)]
    is_sequence = os.path.isdir(config.input) or (is_pattern(config.input) and not os.path.exists(config.input))
    return [*read, *find_pictures(config.input)] if is_sequence else read


def is_watched(output: str) -> bool:
    """Whether somebody watches an output while it runs, so that a file has to play at its own speed."""
    return output != "null" and not sinks.is_file(output)


def has_alpha(config: StreamConfig) -> bool:
    """Whether what is written is transparent somewhere."""
    return config.write == "foreground" or (config.write == "composite" and "transparent" in config.background)


def encoding(config: StreamConfig) -> Encoding:
    """What the settings say about how a video is encoded."""
    return Encoding(encoder=config.encoder, crf=config.crf, speed=config.speed, audio=config.audio)


def check_folder(path: Path, spec: str) -> None:
    """Refuse a ``path`` whose folder is not there or takes no file; ``spec`` names it in the ``SinkError``."""
    folder = path.parent
    if not folder.exists():
        raise SinkError(f"{spec} cannot be written: the folder {folder} does not exist; create it first")
    if not folder.is_dir():
        raise SinkError(f"{spec} cannot be written: {folder} is not a folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise SinkError(f"{spec} cannot be written: no permission to write in {folder.absolute()}")


def _check_pattern(spec: str, config: StreamConfig, read: Sequence[Path]) -> None:
    names = NumberedNames(spec)
    if not names.folder.exists():  # it is made; those above it are not
        check_folder(names.folder, spec)
        return
    check_folder(Path(spec), spec)
    there = names.existing()
    inodes = {(found.st_dev, found.st_ino) for found in map(Path.stat, read)}
    for path in there:
        found = path.stat()
        if (found.st_dev, found.st_ino) in inodes:
            raise ConfigError(f"output {spec} is also what is read ({path}): choose another folder or name")
    if there and not config.overwrite:
        raise ConfigError(f"output {spec} exists ({there[0]}): choose another name, or --overwrite to replace pictures")
