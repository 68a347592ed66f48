"""Tells from a file's outermost structure whether its end is missing. Demuxers read such files without a word."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from streamer.sources.matroska import EBML, segment_end

_MP4_BOXES = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide"}
_LATER_BOXES = _MP4_BOXES | {b"moof", b"mfra", b"sidx", b"styp", b"uuid", b"meta", b"udta", b"pnot", b"prft", b"emsg"}


def is_cut_short(path: Path) -> bool:
    """Whether an MP4, MOV, Matroska or WebM file is shorter than it says itself; False for other kinds.

    A Matroska file of unknown size, as live recorders write them, counts as whole. Raises ``OSError``.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        magic = file.read(8)
        file.seek(0)
        if magic.startswith(EBML):
            return segment_end(file) > size
        if magic[4:] in _MP4_BOXES:
            return _mp4_end(file, size) > size
    return False


def _mp4_end(file: BinaryIO, size: int) -> int:
    """Byte position at which the last top-level box ends by its own header. What is no box ends the file: a trailer."""
    position = 0
    while position + 8 <= size:
        file.seek(position)
        header = file.read(16)
        if header[4:8] not in _LATER_BOXES:
            return size
        length = int.from_bytes(header[:4], "big")
        if length == 1:
            length = int.from_bytes(header[8:16], "big")
        if length < 8:  # 0 = to the end of the file, by definition; less is damage
            return size
        position += length
    return position
