"""Where rendered frames go. ``open_sink`` finds the right sink for what the user wrote."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from streamer.errors import ConfigError
from streamer.interfaces import Sink, SourceInfo
from streamer.picture_names import SUFFIXES, is_pattern, is_picture, numbered

if TYPE_CHECKING:
    from streamer.sinks.encoders import Encoding

__all__ = ["VIDEO_SUFFIXES", "check_spec", "is_file", "open_sink"]

VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv", ".webm")
DEVICE = re.compile(r"/dev/video\d+")


def is_file(spec: str) -> bool:
    """Whether an output is a file or several, and not a window, a camera or nothing."""
    return spec not in ("preview", "virtual", "null") and DEVICE.fullmatch(spec) is None


def check_spec(spec: str) -> None:
    """Refuse a folder, and what is of no known kind, before anything is opened.

    Raises:
        ConfigError: the message gives the allowed kinds.
    """
    if not is_file(spec):
        return
    path = Path(spec)
    if path.is_dir() or spec.endswith(("/", "\\")):
        raise ConfigError(
            f"{spec} is a folder; name what to write in it, such as {path / '%06d.png'} or {path / 'out.mp4'}"
        )
    if not (is_pattern(spec) or is_picture(path) or path.suffix.lower() in VIDEO_SUFFIXES):
        raise ConfigError(
            f"{spec!r} is no output: use a video ({' '.join(VIDEO_SUFFIXES)}), pictures such as out/%06d.png "
            f"({' '.join(SUFFIXES)}), preview, virtual, or null"
        )


def open_sink(
    spec: str,
    info: SourceInfo,
    *,
    encoding: Encoding,
    has_alpha: bool,
    virtual_device: str | None = None,
    on_key: Callable[[str], None] | None = None,
    hud: Callable[[], list[str]] | None = None,
    shows_hud: Callable[[], bool] = lambda: True,
) -> Sink:
    """Open what the user named.

    Args:
        spec: a video (``.mp4 .mov .mkv .webm``), numbered pictures (``dir/%06d.png``), one picture for a still,
            ``preview`` (a window), ``virtual`` or ``/dev/videoN`` (a virtual camera), ``null``.
        info: of the source: size, rate, and what a video file takes over.
        encoding: for a video file.
        has_alpha: the frames will be RGBA.
        virtual_device: which camera ``virtual`` means; None = the first that is free.
        on_key: told the name of each key that is pressed in the window, and ``closed`` when the user closes it.
        hud: further lines for the window.
        shows_hud: asked whether the window shows any.

    Raises:
        ConfigError: ``spec`` is of an unknown kind, or cannot hold what will be written.
        SinkError: it cannot be opened.
        MissingExtra: ``virtual`` needs a package that is not installed.
    """
    check_spec(spec)
    path = Path(spec)
    if spec == "null":
        from streamer.sinks.null import NullSink

        return NullSink()
    if spec == "preview":
        from streamer.sinks.preview import PreviewSink

        return PreviewSink(info.size, on_key=on_key, hud=hud, shows_hud=shows_hud)
    if spec == "virtual" or DEVICE.fullmatch(spec):
        from streamer.sinks.virtual_camera import VirtualCameraSink

        return VirtualCameraSink(info.size, info.fps, device=virtual_device if spec == "virtual" else spec)
    if is_pattern(spec):
        from streamer.sinks.pictures import SequenceSink

        return SequenceSink(spec, has_alpha=has_alpha)
    if is_picture(path):
        return _open_picture(path, info, has_alpha)
    return _open_video(path, info, encoding, has_alpha)


def _open_video(path: Path, info: SourceInfo, encoding: Encoding, has_alpha: bool) -> Sink:
    from streamer.sinks.encoders import choose_encoder
    from streamer.sinks.video_file import VideoFileSink

    sink = VideoFileSink(path, info, encoding, has_alpha=has_alpha)
    sink.notes += choose_encoder(path, encoding, has_alpha=has_alpha).notes
    return sink


def _open_picture(path: Path, info: SourceInfo, has_alpha: bool) -> Sink:
    from streamer.sinks.pictures import PictureSink

    if not info.is_still and info.frame_count != 1:
        raise ConfigError(f"{path} is one picture, but {info.name} is a video; write numbered ones to {numbered(path)}")
    return PictureSink(path, has_alpha=has_alpha)
