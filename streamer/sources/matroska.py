"""The structure of Matroska and WebM files (RFC 9559, RFC 8794), as far as it tells whether one is whole.

FFmpeg skips what it cannot make sense of up to the next cluster, some seconds further on, and says so to nobody.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

EBML = b"\x1a\x45\xdf\xa3"
"""A Matroska file begins with these."""
_SEGMENT = 0x18538067
_CLUSTER = 0x1F43B675
_BLOCK_GROUP = 0xA0
_ANYWHERE = {0xEC, 0xBF}
"""Void and CRC-32."""
_IN_SEGMENT = {_CLUSTER, 0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1C53BB6B, 0x1941A469, 0x1043A770, 0x1254C367} | _ANYWHERE
"""Besides clusters: SeekHead, Info, Tracks, Cues, Attachments, Chapters, Tags."""
_IN_CLUSTER = {_BLOCK_GROUP, 0xE7, 0xA3, 0xA7, 0xAB, 0xAF, 0x5854} | _ANYWHERE
"""Besides groups: Timestamp, SimpleBlock, Position, PrevSize, EncryptedBlock, SilentTracks."""
_IN_GROUP = {0xA1, 0xA2, 0x75A1, 0x75A2, 0x9B, 0xA4, 0xFA, 0xFB, 0xFD, 0x8E, 0xC8} | _ANYWHERE
"""Block, BlockVirtual, BlockAdditions, DiscardPadding, BlockDuration, CodecState, and what refers to other blocks."""
_UNKNOWN = -1
_CHILDREN = {_SEGMENT: _IN_SEGMENT, _CLUSTER: _IN_CLUSTER, _BLOCK_GROUP: _IN_GROUP}


def segment_end(file: BinaryIO) -> int:
    """Byte position at which the segment of a file that begins with EBML ends by its own header; 0 = does not say."""
    file.seek(4)
    file.seek(_size(file), 1)
    if _number(file) != _SEGMENT:
        return 0
    length = _size(file)
    return file.tell() + length if length != _UNKNOWN else 0


def is_sound(path: Path) -> bool:
    """Whether each element down to the single blocks is what may stand there and ends where it may.

    Takes about a second for an hour of video with sound: it reads the elements' headers only. ``OSError`` if it cannot.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        end = segment_end(file) or size
        return _is_sound(file, min(end, size))


def _is_sound(file: BinaryIO, end: int) -> bool:
    """From within the segment on."""
    open_elements = [(_SEGMENT, end)]
    while (position := file.tell()) < end:
        while position == open_elements[-1][1]:
            open_elements.pop()
        name, length = _number(file), _size(file)
        if open_elements[-1] == (_CLUSTER, end) and name in _IN_SEGMENT - _IN_CLUSTER:
            open_elements.pop()  # one of unknown length ends where the next begins
        parent, limit = open_elements[-1]
        stop = end if length == _UNKNOWN else file.tell() + length
        if name not in _CHILDREN[parent] or stop > limit:
            return False
        if name in _CHILDREN:
            open_elements.append((name, stop))
        else:
            file.seek(stop)
    return True


def _number(file: BinaryIO) -> int:
    """Read the number that says which element begins here; 0 = none does."""
    first = file.read(1)
    if not first or first[0] < 0x10:
        return 0
    return int.from_bytes(first + file.read(8 - first[0].bit_length()), "big")


def _size(file: BinaryIO) -> int:
    """Read one length: a variable-length integer."""
    first = file.read(1)
    if not first or first[0] == 0:
        return 0
    extra = 8 - first[0].bit_length()
    mask = (1 << (7 * (extra + 1))) - 1
    value = int.from_bytes(first + file.read(extra), "big") & mask
    return _UNKNOWN if value == mask else value
