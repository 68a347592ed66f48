"""Frames as picture files, through OpenCV: one picture of a still, or a numbered sequence."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import cv2

from streamer.errors import ConfigError, SinkError
from streamer.frames import Frame, Image
from streamer.picture_names import NumberedNames

JPEG_QUALITY = 95
WITH_ALPHA = (".png", ".webp", ".tif", ".tiff")
"""Formats that keep transparency."""


def check_alpha(path: Path | str, *, has_alpha: bool) -> None:
    """Raise ``ConfigError`` when frames have an alpha channel that the format would lose."""
    suffix = Path(path).suffix.lower()
    if has_alpha and suffix not in WITH_ALPHA:
        raise ConfigError(f"{path}: {suffix} cannot hold transparency; use one of {', '.join(WITH_ALPHA)}")


class PictureSink:
    """One picture. It gets its name when the sink is closed.

    Args:
        path: of the picture; its folder must exist.
        has_alpha: the frame will be RGBA.
    """

    def __init__(self, path: Path, *, has_alpha: bool = False) -> None:
        check_alpha(path, has_alpha=has_alpha)
        _check_folder(path.parent, path)
        self._path = path
        self._part = _part_of(path)
        self._is_written = False

    def write(self, frame: Frame) -> None:
        """Take the picture; a second one is an error."""
        if self._is_written:
            numbered = self._path.with_name(f"{self._path.stem}_%06d{self._path.suffix}")
            raise SinkError(f"{self._path} holds one picture, but there are more frames; write them to {numbered}")
        _write_whole(self._part, self._path.suffix, frame.image)
        self._is_written = True

    def close(self) -> None:
        """Give the picture its name. May be called twice."""
        if self._is_written and self._part.exists():
            _rename(self._part, self._path)

    def abort(self) -> None:
        """Leave nothing. May be called twice."""
        _remove(self._part)


class SequenceSink:
    """Numbered pictures, ``mattes/%06d.png``: frame 12 is ``mattes/000012.png``.

    Each picture appears under its name only when it is whole. Pictures that are done stay, also after a failure: each
    is a result of its own.

    Args:
        pattern: where to; the last folder is made if need be, those above it must exist.
        has_alpha: the frames will be RGBA.
    """

    def __init__(self, pattern: str, *, has_alpha: bool = False) -> None:
        self._names = NumberedNames(pattern)
        check_alpha(pattern, has_alpha=has_alpha)
        folder = self._names.folder
        if not folder.exists():
            _check_folder(folder.parent, folder)
            try:
                folder.mkdir()
            except OSError as error:
                raise SinkError(f"the folder {folder} cannot be made: {error.strerror or error}") from None
        _check_folder(folder, Path(pattern))

    def write(self, frame: Frame) -> None:
        """Write the picture with the frame's number; one of that name is replaced."""
        path = self._names.path(frame.index)
        part = _part_of(path)
        _write_whole(part, path.suffix, frame.image)
        _rename(part, path)

    def close(self) -> None:
        """Every picture is done already."""

    def abort(self) -> None:
        """Every picture that is there is whole."""


def _check_folder(folder: Path, path: Path) -> None:
    if not folder.exists():
        raise SinkError(f"{path} cannot be written: the folder {folder} does not exist")
    if not folder.is_dir():
        raise SinkError(f"{path} cannot be written: {folder} is not a folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise SinkError(f"{path} cannot be written: no permission to write in {folder}")


def _part_of(path: Path) -> Path:
    """A name beside the final one (renaming never crosses disks), of this process alone."""
    return path.with_name(f".{path.name}.{os.getpid()}.part")


def _write_whole(part: Path, suffix: str, image: Image) -> None:
    """Encode and write; after a failure nothing is left."""
    data = _encoded(suffix.lower(), image, part)
    try:
        part.write_bytes(data)
    except OSError as error:
        _remove(part)
        raise SinkError(f"a picture cannot be written in {part.parent}: {error.strerror or error}") from None


def _encoded(suffix: str, image: Image, part: Path) -> bytes:
    has_alpha = image.ndim == 3 and image.shape[2] == 4
    if has_alpha and suffix not in WITH_ALPHA:
        raise SinkError(f"{suffix} cannot hold transparency; use one of {', '.join(WITH_ALPHA)}")
    if image.ndim == 3:
        image = cv2.cvtColor(image, cv2.COLOR_RGBA2BGRA if has_alpha else cv2.COLOR_RGB2BGR)
    options = {
        ".jpg": [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY],
        ".jpeg": [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY],
        ".webp": [cv2.IMWRITE_WEBP_QUALITY, 101],  # above 100 = lossless
    }
    try:
        ok, data = cv2.imencode(suffix, image, options.get(suffix, []))
    except cv2.error as error:
        raise SinkError(f"a picture cannot be written as {suffix}: {error.err or 'OpenCV failed'}") from None
    if not ok:
        raise SinkError(f"a picture in {part.parent} cannot be written as {suffix}: OpenCV refused it")
    encoded: bytes = data.tobytes()
    return encoded


def _rename(part: Path, path: Path) -> None:
    try:
        os.replace(part, path)
    except OSError as error:
        _remove(part)
        raise SinkError(f"{path} cannot be written: {error.strerror or error}") from None


def _remove(part: Path) -> None:
    with contextlib.suppress(OSError):  # a disk that is gone keeps what it has
        part.unlink(missing_ok=True)
