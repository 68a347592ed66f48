"""Files of pictures, as they are found on a disk: decoded, or known for what cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.frames import Image

_JPEG = b"\xff\xd8"
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"mif1")


def decode_picture(data: NDArray[np.uint8], behind: tuple[int, int, int]) -> Image | None:
    """A picture upright (EXIF) as RGB ``(h, w, 3)``: grey is spread, 16 bits become 8, transparency shows a colour.

    A picture with an alpha channel is taken as it lies: such files come from programs, not from turned cameras.

    Args:
        data: all of the file.
        behind: RGB of what shows through.

    Returns:
        None if it is no picture, damaged, or too large.
    """
    try:
        bgr = cv2.imdecode(data, cv2.IMREAD_COLOR)
        stored = bgr if data[:2].tobytes() == _JPEG else cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    if bgr is None or stored is None:
        return None
    if stored.ndim == 3 and stored.shape[2] == 4:
        return _laid_on(stored, behind)
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)


def _laid_on(bgra: NDArray[Any], behind: tuple[int, int, int]) -> Image:
    top = float(np.iinfo(bgra.dtype).max) if np.issubdtype(bgra.dtype, np.integer) else 1.0
    scaled = bgra.astype(np.float32) / top
    alpha = scaled[..., 3:]
    rgb = scaled[..., 2::-1] * alpha * 255 + np.array(behind, np.float32) * (1 - alpha)
    return np.ascontiguousarray(np.clip(rgb + 0.5, 0, 255).astype(np.uint8))


def is_heif(path: Path) -> bool:
    """Whether the file is a photo as telephones store them (HEIF), of which FFmpeg shows one tile only.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        beginning = file.read(12)
    return beginning[4:8] == b"ftyp" and beginning[8:] in _HEIF_BRANDS
