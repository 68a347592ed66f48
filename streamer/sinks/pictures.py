"""Frames as picture files, through OpenCV: one picture of a still, or a numbered sequence."""

from __future__ import annotations

from pathlib import Path

import cv2

from streamer.errors import ConfigError, SinkError
from streamer.frames import Frame, Image
from streamer.picture_names import NumberedNames, numbered
from streamer.sinks.part_file import PartFile

OPTIONS = {
    ".jpg": [cv2.IMWRITE_JPEG_QUALITY, 95],
    ".jpeg": [cv2.IMWRITE_JPEG_QUALITY, 95],
    ".webp": [cv2.IMWRITE_WEBP_QUALITY, 101],  # above 100 = lossless
}
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

    Raises:
        ConfigError: the format cannot hold what will be written.
        SinkError: nothing can be created there.
    """

    def __init__(self, path: Path, *, has_alpha: bool = False) -> None:
        check_alpha(path, has_alpha=has_alpha)
        self._path = path
        self._part: PartFile | None = PartFile(path)
        self._is_written = False

    def write(self, frame: Frame) -> None:
        """Take the picture; a second one is an error."""
        if self._part is None:
            raise SinkError(f"{self._path} is closed already; no frame can be added")
        if self._is_written:
            pattern = numbered(self._path)
            raise SinkError(f"{self._path} holds one picture, but there are more frames; write them to {pattern}")
        _write(self._part, frame.image)
        self._is_written = True

    def close(self) -> None:
        """Give the picture its name. May be called twice. Raises ``SinkError`` also when there was none."""
        part, self._part = self._part, None
        if part is None:
            return
        if not self._is_written:
            part.discard()
            raise SinkError(f"{self._path} is not written, for not one frame came")
        part.commit()

    def abort(self) -> None:
        """Leave nothing. May be called twice."""
        part, self._part = self._part, None
        if part is not None:
            part.discard()


class SequenceSink:
    """Numbered pictures, ``mattes/%06d.png``: frame 12 is ``mattes/000012.png``.

    Each picture appears under its name only when it is whole. Pictures that are done stay, also after a failure: each
    is a result of its own. Older ones that no frame replaces stay, too, and are noted: nobody else may have them.

    Args:
        pattern: where to; the last folder is made if need be, those above it must exist.
        has_alpha: the frames will be RGBA.

    Raises:
        ConfigError: the pattern is none, or the format cannot hold what will be written.
        SinkError: nothing can be created there.
    """

    def __init__(self, pattern: str, *, has_alpha: bool = False) -> None:
        self._names = NumberedNames(pattern)
        check_alpha(pattern, has_alpha=has_alpha)
        self._is_closed = False
        folder = self._names.folder
        if not folder.parent.is_dir():
            raise SinkError(f"{pattern} cannot be written: the folder {folder.parent} does not exist; create it first")
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise SinkError(f"the folder {folder} cannot be made: {error.strerror or error}") from None
        PartFile(self._names.path(0)).discard()  # now is a better time to fail than after the first frame
        self._older = set(self._names.existing())

    @property
    def notes(self) -> list[str]:
        """That there are older pictures among the new ones, if so."""
        count = len(self._older)
        if not count:
            return []
        what = "1 older picture is" if count == 1 else f"{count} older pictures are"
        return [f"{what} still among the new ones, such as {min(self._older)}."]

    def write(self, frame: Frame) -> None:
        """Write the picture with the frame's number; one of that name is replaced."""
        if self._is_closed:
            raise SinkError(f"the pictures in {self._names.folder} are closed already; no frame can be added")
        path = self._names.path(frame.index)
        part = PartFile(path)
        _write(part, frame.image)
        part.commit()
        self._older.discard(path)

    def close(self) -> None:
        """Every picture is done already. May be called twice."""
        self._is_closed = True

    def abort(self) -> None:
        """Every picture that is there is whole. May be called twice."""
        self._is_closed = True


def _write(part: PartFile, image: Image) -> None:
    """Encode and write; after a failure nothing is left."""
    try:
        part.path.write_bytes(encoded(part.final, image))
    except OSError as error:
        part.discard()
        raise SinkError(f"{part.final} cannot be written: {error.strerror or error}") from None
    except BaseException:
        part.discard()
        raise


def encoded(path: Path, image: Image) -> bytes:
    """The picture as a file of the kind that the path ends with. Raises ``SinkError``."""
    suffix = path.suffix.lower()
    has_alpha = image.ndim == 3 and image.shape[2] == 4
    if has_alpha and suffix not in WITH_ALPHA:
        raise SinkError(f"{path}: {suffix} cannot hold transparency; use one of {', '.join(WITH_ALPHA)}")
    if image.ndim == 3:
        image = cv2.cvtColor(image, cv2.COLOR_RGBA2BGRA if has_alpha else cv2.COLOR_RGB2BGR)
    try:
        ok, data = cv2.imencode(suffix, image, OPTIONS.get(suffix, []))
    except cv2.error as error:
        raise SinkError(f"{path} cannot be written: {error.err or 'OpenCV failed'}") from None
    if not ok:
        raise SinkError(f"{path} cannot be written: OpenCV has no writer for {suffix}, or not for this size")
    encoded: bytes = data.tobytes()
    return encoded
