"""Which encoder writes a video file: the defaults for each container, and what the user may ask for instead."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal, cast

from av.codec.codec import Codec, UnknownCodecError
from av.codec.context import CodecContext
from av.codec.hwaccel import HWAccel
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext

from streamer.errors import ConfigError, SinkError
from streamer.frames import Size

SPEEDS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")
"""Effort of an encoder, by x264's names, for every encoder that has such a choice."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a video file is to be written."""

    encoder: str = "auto"
    """``auto``, or the name of an encoder (``libx264``, ``libvpx-vp9``, ``h264_nvenc``, ``nvenc`` ...)."""
    crf: int | None = None
    """Constant quality, lower is better and larger; None = the encoder's default here (20 for x264)."""
    speed: str | None = None
    """One of ``SPEEDS``; None = fast enough to keep up with the frames on two cores."""
    audio: Literal["copy", "none"] = "copy"
    """``copy`` keeps every sound track of the input, ``none`` leaves them out."""


@dataclass(frozen=True, slots=True)
class VideoEncoder:
    """An encoder with the settings that it is opened with."""

    name: str
    pixel_format: str
    """FFmpeg's name of the pixel format that it is fed with."""
    options: dict[str, str] = field(default_factory=dict)
    needs_even_size: bool = True
    """Whether width and height must be even (4:2:0 H.264 cannot say otherwise)."""
    notes: tuple[str, ...] = ()
    """Settings that it does not have and that are left away: they may be a preset's, made for other encoders."""


@dataclass(frozen=True, slots=True)
class _Family:
    """What is the same for an encoder wherever it is used."""

    pixel_format: str
    alpha_format: str | None = None
    needs_even_size: bool = True
    quality_option: str = ""
    default_quality: int = 0
    max_quality: int = 51
    fixed: tuple[tuple[str, str], ...] = ()
    speeds: tuple[tuple[tuple[str, str], ...], ...] = ()
    """Options for each of ``SPEEDS``; empty = the encoder has no such choice."""
    default_speed: str = "medium"


def _one_option(name: str, values: str) -> tuple[tuple[tuple[str, str], ...], ...]:
    return tuple(((name, value),) for value in values.split())


def _vp9_speed(deadline: str, cpu_used: int) -> tuple[tuple[str, str], ...]:
    # Without look-ahead in real-time mode: it would hold 25 frames and gain nothing there.
    lag = (("lag-in-frames", "0"),) if deadline == "realtime" else ()
    return (("deadline", deadline), ("cpu-used", str(cpu_used)), *lag)


_FAMILIES = {
    # Measured on 1080p30 with two cores, CRF 20, CPU ms a frame / KB a frame / PSNR of luma: ultrafast 11 / 54 / 47.8,
    # superfast 24 / 33 / 46.7, veryfast 38 / 23 / 45.7, medium 102 / 26 / 46.7. The frame path is worth more than bits.
    "libx264": _Family(
        "yuv420p",
        quality_option="crf",
        default_quality=20,
        speeds=_one_option("preset", " ".join(SPEEDS)),
        default_speed="superfast",
    ),
    # Real-time mode at 6: 32 CPU ms a frame; "good" at 6 takes 285 for 24 % fewer bytes.
    "libvpx-vp9": _Family(
        "yuv420p",
        alpha_format="yuva420p",
        needs_even_size=False,
        quality_option="crf",
        default_quality=30,
        max_quality=63,
        # The alpha plane is a stream of its own that alternate reference frames would put out of step.
        fixed=(("b", "0"), ("row-mt", "1"), ("tile-columns", "2"), ("auto-alt-ref", "0")),
        speeds=(
            *(_vp9_speed("realtime", cpu_used) for cpu_used in (8, 7, 6, 5)),
            *(_vp9_speed("good", cpu_used) for cpu_used in (5, 4, 3, 2, 1)),
        ),
        default_speed="veryfast",
    ),
    "prores_ks": _Family("yuv422p10le", alpha_format="yuva444p10le", needs_even_size=False),
    "ffv1": _Family("bgr0", alpha_format="bgra", needs_even_size=False, fixed=(("level", "3"), ("slicecrc", "1"))),
    "h264_nvenc": _Family(
        "yuv420p",
        quality_option="cq",
        default_quality=23,
        fixed=(("rc", "vbr"), ("b", "0")),
        speeds=_one_option("preset", "p1 p1 p2 p3 p4 p4 p5 p6 p7"),
    ),
    "h264_qsv": _Family(
        "nv12",
        quality_option="global_quality",
        default_quality=23,
        speeds=_one_option("preset", "veryfast veryfast veryfast faster fast medium slow slower veryslow"),
    ),
    "h264_vaapi": _Family("nv12", quality_option="qp", default_quality=23, fixed=(("rc_mode", "CQP"),)),
    "h264_videotoolbox": _Family("nv12", fixed=(("b", "8000000"),)),
}
_SHORT_NAMES = {
    "x264": "libx264",
    "vp9": "libvpx-vp9",
    "prores": "prores_ks",
    "nvenc": "h264_nvenc",
    "qsv": "h264_qsv",
    "vaapi": "h264_vaapi",
    "videotoolbox": "h264_videotoolbox",
}
_H264 = ("libx264", "h264_nvenc", "h264_qsv", "h264_vaapi", "h264_videotoolbox")
_FITTING = {
    ".mp4": _H264,
    ".mov": (*_H264, "prores_ks"),
    ".mkv": (*_H264, "ffv1", "libvpx-vp9"),
    ".webm": ("libvpx-vp9",),
}
_FITTING_ALPHA = {".mov": ("prores_ks",), ".mkv": ("ffv1", "libvpx-vp9"), ".webm": ("libvpx-vp9",)}

VIDEO_SUFFIXES = tuple(_FITTING)
"""The endings of the video files that can be written."""


def choose_encoder(path: Path, encoding: Encoding, *, has_alpha: bool) -> VideoEncoder:
    """The encoder for a file name and the user's wishes.

    Raises:
        ConfigError: the container or encoder is unknown, they do not fit, or a setting is out of range.
    """
    suffix = path.suffix.lower()
    if suffix not in _FITTING:
        raise ConfigError(f"{path.name}: video is written to {_listed(VIDEO_SUFFIXES)}, not {suffix or 'no ending'!r}.")
    fitting = _FITTING_ALPHA.get(suffix, ()) if has_alpha else _FITTING[suffix]
    if not fitting:
        raise ConfigError(f"{path.name}: {suffix} cannot hold transparency; use {_listed(tuple(_FITTING_ALPHA))}.")
    name = fitting[0] if encoding.encoder == "auto" else _SHORT_NAMES.get(encoding.encoder, encoding.encoder)
    if name not in _FAMILIES:
        raise ConfigError(f"Unknown encoder {encoding.encoder!r}; for {suffix} there are auto, {_listed(fitting)}.")
    if name not in fitting:
        what = "transparent video" if has_alpha else "video"
        raise ConfigError(f"{name} does not write {what} to {suffix}; there it is auto, {_listed(fitting)}.")
    family = _FAMILIES[name]
    options = dict(family.fixed) | _quality(name, family, encoding.crf) | _speed(name, family, encoding.speed)
    if name == "prores_ks":
        options["profile"] = "4444" if has_alpha else "hq"
    pixel_format = family.alpha_format if has_alpha and family.alpha_format else family.pixel_format
    return VideoEncoder(name, pixel_format, options, family.needs_even_size, _left_away(name, family, encoding))


def check_present(encoder: VideoEncoder, size: Size) -> None:
    """Make sure that an encoder exists and, for a hardware one, starts at this size.

    Raises:
        ConfigError: the installed PyAV was built without it.
        SinkError: the hardware or its driver is missing or refuses.
    """
    try:
        Codec(encoder.name, "w")
    except UnknownCodecError as error:
        raise ConfigError(f"The installed PyAV has no encoder {encoder.name}; use --encoder auto.") from error
    if encoder.name not in _H264 or encoder.name == "libx264":
        return
    try:
        probe = cast(VideoCodecContext, CodecContext.create(encoder.name, "w", hardware_device(encoder)))
        probe.width, probe.height = size.width + size.width % 2, size.height + size.height % 2
        probe.pix_fmt = encoder.pixel_format
        probe.framerate = Fraction(30)
        probe.options = dict(encoder.options)
        probe.open()
    except (FFmpegError, ValueError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SinkError(
            f"{encoder.name} cannot be started on this machine at {size} ({reason}); use --encoder auto."
        ) from error


def hardware_device(encoder: VideoEncoder) -> HWAccel | None:
    """The device that the encoder wants its frames on; None = it takes them from memory."""
    return HWAccel("vaapi") if encoder.name == "h264_vaapi" else None


def _quality(name: str, family: _Family, crf: int | None) -> dict[str, str]:
    if not family.quality_option:
        return {}
    if crf is not None and not 0 <= crf <= family.max_quality:
        raise ConfigError(f"crf must lie in 0 to {family.max_quality} for {name}, not {crf}.")
    return {family.quality_option: str(family.default_quality if crf is None else crf)}


def _speed(name: str, family: _Family, speed: str | None) -> dict[str, str]:
    if speed is not None and speed not in SPEEDS:
        raise ConfigError(f"Unknown encoder speed {speed!r}; there are {_listed(SPEEDS)}.")
    if not family.speeds:
        return {}
    return dict(family.speeds[SPEEDS.index(speed or family.default_speed)])


def _left_away(name: str, family: _Family, encoding: Encoding) -> tuple[str, ...]:
    notes = []
    if encoding.crf is not None and not family.quality_option:
        notes.append(f"{name} has no constant quality to set: crf {encoding.crf} is left away.")
    if encoding.speed is not None and not family.speeds:
        notes.append(f"{name} has no speed to set: {encoding.speed} is left away.")
    return tuple(notes)


def _listed(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
