"""What the viewer sees behind the person: ``open_background`` is the door to this room.

A background is given as one string, the *spec*: see ``FORMS``.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from streamer.errors import ConfigError
from streamer.frames import Size
from streamer.interfaces import Background

__all__ = ["FORMS", "check_spec", "is_still", "open_background"]

FORMS = (
    "gradient, blur, blur:STRENGTH (1 to 100), color:#rrggbb, transparent, "
    "or the path of a picture, a video or an animated gif"
)
DEFAULT_BLUR = 50
"""Strength of plain ``blur``."""
STRENGTHS = range(1, 101)
"""Allowed strengths of the blur."""


class _Spec(NamedTuple):
    """A spec taken apart; only what its kind needs is set."""

    kind: str
    strength: int = 0
    color: tuple[int, int, int] = (0, 0, 0)
    path: Path = Path()


def check_spec(spec: str) -> None:
    """Refuse what ``open_background`` could not open, before anything is opened.

    Raises:
        ConfigError: unknown form, value out of range, or no such file; the message gives the allowed forms.
    """
    _parse(spec)


def is_still(spec: str) -> bool:
    """Whether the spec means one picture that never changes and holds nothing of the room."""
    return _parse(spec).kind in ("gradient", "color", "picture")


def open_background(spec: str, *, size: Size, is_live: bool) -> Background:
    """Open the background that ``spec`` means.

    Args:
        spec: one of ``FORMS``.
        size: of the frames to come; a frame of another size is still answered at its own.
        is_live: frames come from a camera, so that nothing may block; a video then runs by the wall clock.

    Raises:
        ConfigError: the spec is wrong, or its file cannot be read as a picture or video.
    """
    parsed = _parse(spec)
    if parsed.kind == "blur":
        from streamer.backgrounds.blur import BlurBackground

        return BlurBackground(parsed.strength)
    if parsed.kind == "gradient":
        from streamer.backgrounds.gradient import GradientBackground

        return GradientBackground()
    if parsed.kind == "video":
        from streamer.backgrounds.video import open_video

        return open_video(parsed.path, size=size, is_live=is_live)
    from streamer.backgrounds import still

    if parsed.kind == "color":
        return still.StillBackground(still.solid(parsed.color))
    if parsed.kind == "transparent":
        return still.TransparentBackground()
    return still.StillBackground(still.read_picture(parsed.path))


def _parse(spec: str) -> _Spec:
    kind, colon, value = spec.partition(":")
    if spec in ("transparent", "gradient"):
        return _Spec(spec)
    if kind == "blur" and (colon or not value):
        return _Spec("blur", strength=_strength(value) if colon else DEFAULT_BLUR)
    if kind == "color" and colon:
        return _Spec("color", color=_color(value))
    return _file(spec)


def _strength(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,3}", text) or int(text) not in STRENGTHS:
        raise ConfigError(f"blur strength '{text}' is not a whole number from {STRENGTHS[0]} to {STRENGTHS[-1]}")
    return int(text)


def _color(text: str) -> tuple[int, int, int]:
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", text):
        raise ConfigError(f"color '{text}' is not of the form #rrggbb, e.g. color:#204060")
    red, green, blue = bytes.fromhex(text[1:])
    return red, green, blue


def _file(spec: str) -> _Spec:
    path = os.path.expanduser(spec)  # unlike pathlib, os.path takes any text without raising
    if not os.path.exists(path):
        raise ConfigError(f"background '{spec}' is neither a known form nor a file: use {FORMS}")
    if not os.path.isfile(path):
        raise ConfigError(f"background '{spec}' is not a file: use {FORMS}")
    from streamer.backgrounds.still import is_picture
    from streamer.picture_files import is_heif

    if is_picture(Path(path)):
        return _Spec("picture", path=Path(path))
    try:
        is_photo = is_heif(Path(path))
    except OSError as error:
        raise ConfigError(f"background '{spec}' cannot be read: {error.strerror}") from error
    if is_photo:
        raise ConfigError(f"background '{spec}' is a HEIF photo, which cannot be read: convert it to JPEG")
    return _Spec("video", path=Path(path))
