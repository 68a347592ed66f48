"""Still pictures and sequences of them, through OpenCV."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from streamer.errors import SourceError
from streamer.frames import Frame, Image, Size
from streamer.interfaces import SourceInfo
from streamer.picture_files import decode_picture
from streamer.picture_names import SUFFIXES, NumberedNames, is_picture
from streamer.sources.camera import silence_opencv

STILL_FPS = Fraction(25)
"""Rate of a sequence when none is given, and of a still that is shown again and again."""


def read_picture(path: Path) -> Image:
    """A picture upright as RGB ``(h, w, 3)``, transparency laid on black; see ``decode_picture``.

    Raises:
        SourceError: it cannot be read.
    """
    try:
        data = np.fromfile(path, np.uint8)  # not cv2.imread: it cannot open every name on Windows
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror or error}") from None
    if not data.size:
        raise SourceError(f"{path} is empty (0 bytes)")
    silence_opencv()
    picture = decode_picture(data, behind=(0, 0, 0))
    if picture is None:
        raise SourceError(f"{path} cannot be read as a picture: it is damaged, too large, or of another kind")
    return picture


class StillSource:
    """One picture.

    Args:
        path: of the picture.
        is_endless: give it again and again, as a camera that sees nothing move; for a window or a virtual camera.
    """

    def __init__(self, path: Path, *, is_endless: bool = False) -> None:
        self._image = read_picture(path)
        self._image.flags.writeable = False
        self._is_endless = is_endless
        self._is_closed = False
        height, width = self._image.shape[:2]
        self.info = SourceInfo(
            name=path.name,
            size=Size(width, height),
            fps=STILL_FPS,
            is_live=False,
            frame_count=None if is_endless else 1,
            is_still=not is_endless,
        )

    @property
    def bad_frames(self) -> int:
        """Always 0."""
        return 0

    def __iter__(self) -> Iterator[Frame]:
        """Yield the picture."""
        index = 0
        while not self._is_closed:
            yield Frame(self._image, index, float(index / STILL_FPS), time.monotonic())
            index += 1
            if not self._is_endless:
                return

    def close(self) -> None:
        """Stop at the next frame. May be called twice, from any thread."""
        self._is_closed = True


class SequenceSource:
    """Numbered pictures as a video. Holds one picture at a time.

    Args:
        paths: in order, at least one.
        name: for people.
        fps: how many a second.
        start_s: first presentation time to give.
        end_s: presentation time at which it stops; None = at the end.

    Raises:
        SourceError: the first picture cannot be read; later, that another one cannot, or has another size.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        name: str,
        fps: Fraction = STILL_FPS,
        start_s: float = 0.0,
        end_s: float | None = None,
    ) -> None:
        past = len(paths) if end_s is None else min(len(paths), _index_at(end_s, fps))
        self._indices = range(_index_at(start_s, fps), past)
        if not self._indices:
            length_s = float(len(paths) / fps)
            raise SourceError(
                f"{name} has no picture at {start_s:g} s: it is {length_s:g} s long at {float(fps):g} fps"
            )
        self._paths = tuple(paths)
        self._fps = fps
        self._is_closed = False
        first = read_picture(self._paths[self._indices[0]])
        self._size = Size(first.shape[1], first.shape[0])
        self.info = SourceInfo(name=name, size=self._size, fps=fps, is_live=False, frame_count=len(self._indices))

    @property
    def bad_frames(self) -> int:
        """Always 0: a picture that cannot be read ends a sequence with an error."""
        return 0

    def __iter__(self) -> Iterator[Frame]:
        """Yield the pictures in order; ``index`` counts from the first one given, whatever its number."""
        for index, at in enumerate(self._indices):
            if self._is_closed:
                return
            path = self._paths[at]
            frame = Frame(read_picture(path), index, float(at / self._fps), time.monotonic())
            if frame.size != self._size:
                raise SourceError(
                    f"{path} is {frame.size}, but {self._paths[self._indices[0]].name} is {self._size}: the pictures "
                    "of a sequence need one size"
                )
            yield frame

    def close(self) -> None:
        """Stop at the next frame. May be called twice, from any thread."""
        self._is_closed = True


def find_pictures(spec: str) -> list[Path]:
    """The pictures of a folder in natural order (2 before 10), or those that a pattern as ``dir/%06d.png`` names.

    A pattern takes every number that exists: gaps are skipped.

    Raises:
        ConfigError: the pattern is not one that is understood.
        SourceError: there are none.
    """
    path = Path(spec)
    if path.is_dir():
        inside = [entry for entry in path.iterdir() if is_picture(entry) and not entry.name.startswith(".")]
        if not inside:
            raise SourceError(f"{spec} is a folder without pictures ({', '.join(SUFFIXES)})")
        return sorted(inside, key=_natural)
    names = NumberedNames(spec)
    if not names.folder.is_dir():
        raise SourceError(f"{spec} does not exist: there is no folder {names.folder}")
    numbered = names.existing()
    if not numbered:
        raise SourceError(f"{spec} does not exist: no picture in {names.folder} has such a name")
    return numbered


def _natural(path: Path) -> list[tuple[int, int, str]]:
    parts = re.split(r"([0-9]+)", path.name)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part.lower()) for part in parts if part]


def _index_at(time_s: float, fps: Fraction) -> int:
    return max(0, int(np.ceil(time_s * float(fps) - 1e-6)))
