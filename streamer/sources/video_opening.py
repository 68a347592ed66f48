"""Opening a video file: what is wrong with it is said in words, before or instead of the demuxer's own."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError, InvalidDataError
from av.stream import Disposition
from av.video.stream import VideoStream

from streamer.errors import SourceError
from streamer.picture_files import is_heif
from streamer.sources.truncation import is_cut_short
from streamer.video_clock import BROADCAST_FORMATS


def check_file(path: Path) -> bool:
    """``SourceError`` if it is no file to be read; returns whether the file's end is missing."""
    try:
        if path.is_dir():
            raise SourceError(f"{path}: this is a folder, not a video file.")
        if path.exists() and not path.is_file():
            raise SourceError(f"{path}: this is a device or pipe, not a video file.")
        if path.is_file() and path.stat().st_size == 0:
            raise SourceError(f"{path}: the file is empty (0 bytes).")
        if path.is_file() and is_heif(path):
            raise SourceError(f"{path}: this is a HEIF photo, which cannot be read; convert it to JPEG.")
        return is_cut_short(path)
    except FileNotFoundError as error:
        raise SourceError(f"{path}: no such file.") from error
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror}.") from error


def open_container(path: Path) -> InputContainer:
    """The file, ready to be read; ``SourceError`` says what it is instead of a video."""
    try:
        # Absolute, or a name such as "http:x.mp4" would be taken for an address.
        return av.open(str(path.absolute()), "r", metadata_errors="replace")
    except FFmpegError as error:
        if isinstance(error, InvalidDataError) and _is_mp4(path):
            hint = "an MP4 file without its index (moov): the recording was cut off and has to be made again"
            raise SourceError(f"{path}: {hint}.") from error
        raise SourceError(f"{path}: not a video file, or damaged from its start ({error.strerror}).") from error


def _is_mp4(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(8)[4:] == b"ftyp"


def video_stream(container: InputContainer, path: Path) -> VideoStream:
    """The first moving picture in it; ``SourceError`` if there is none, or no decoder for it."""
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            if getattr(stream, "codec_context", None) is None:
                raise SourceError(f"{path}: there is no decoder for its video; convert it to H.264 first.")
            return stream
    what = "only sound" if container.streams.audio else "no video"
    raise SourceError(f"{path}: the file holds {what}; a video is needed.")


def beginning(container: InputContainer) -> Fraction:
    """When the file begins, in seconds on its own clock, as a recording may that was cut out of a longer one."""
    return max(Fraction(0), Fraction(container.start_time or 0, av.time_base))


def clock_start(container: InputContainer) -> Fraction:
    """What of that is to be 0 in a whole output. Only a broadcast recording's clock begins anywhere."""
    return beginning(container) if container.format.name in BROADCAST_FORMATS else Fraction(0)
