"""Pictures and masks on disk, and the cut-outs made of them.

A people folder holds ``image/NAME.jpg`` and ``mask/NAME.png`` (grey, 255 = person; optionally ``ignore/NAME.png``, 255
= nobody knows). A background folder holds pictures without people. Everything is decoded once and kept in memory.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]

PICTURE_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp"}
LONGEST_SIDE_PX = 640


class DatasetError(Exception):
    """A data folder is missing, empty, or a picture has no mask."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One labelled picture: RGB ``(h, w, 3)``, mask and known ``(h, w)``, all uint8."""

    name: str
    image: Picture
    mask: Picture
    """255 = person."""
    known: Picture | None = None
    """255 where the mask can be trusted; None = everywhere."""


@dataclass(frozen=True, slots=True)
class CutOut:
    """A person alone: RGB with the old background's colour taken out of the rim, mask, and where the frame cut it."""

    image: Picture
    mask: Picture
    cut_sides: bool
    """True if the picture's left or right edge cuts through the person."""
    cut_bottom: bool
    """True if the picture's lower edge cuts through the person."""


def is_validation(name: str) -> bool:
    """The split that makes numbers comparable: a file whose number ends in 9."""
    digits = "".join(character for character in name if character.isdigit())
    return digits.endswith("9")


def read_rgb(path: Path) -> Picture:
    """RGB uint8 ``(h, w, 3)``, at most ``LONGEST_SIDE_PX`` on its longer side."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise DatasetError(f"{path} cannot be read as a picture")
    return _limit(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))


def read_grey(path: Path) -> Picture:
    """Grey uint8 ``(h, w)``, at most ``LONGEST_SIDE_PX`` on its longer side."""
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise DatasetError(f"{path} cannot be read as a picture")
    return _limit(image)


def _limit(image: NDArray[np.generic]) -> Picture:
    scale = LONGEST_SIDE_PX / max(image.shape[:2])
    if scale < 1:
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(image, dtype=np.uint8)


def pictures_in(folder: Path) -> list[Path]:
    """The picture files of a folder, sorted by name."""
    if not folder.is_dir():
        raise DatasetError(f"{folder} is not a folder")
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)
    if not found:
        raise DatasetError(f"{folder} holds no pictures ({' '.join(sorted(PICTURE_SUFFIXES))})")
    return found


def load_pairs(folder: Path, *, validation: bool) -> list[Pair]:
    """All pairs of one people folder that belong to the asked-for side of the split."""
    images = [path for path in pictures_in(folder / "image") if is_validation(path.stem) == validation]
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda path: _load_pair(folder, path), images))


def _load_pair(folder: Path, path: Path) -> Pair:
    mask_path = folder / "mask" / f"{path.stem}.png"
    if not mask_path.is_file():
        raise DatasetError(f"{path} has no mask: expected {mask_path}")
    image, mask = read_rgb(path), read_grey(mask_path)
    if mask.shape != image.shape[:2]:
        mask = cv2.resize(mask, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_LINEAR).astype(np.uint8)
    ignore_path = folder / "ignore" / f"{path.stem}.png"
    known = None
    if ignore_path.is_file():
        ignore = cv2.resize(read_grey(ignore_path), (image.shape[1], image.shape[0]))
        known = (255 - ignore).astype(np.uint8)
    return Pair(path.stem, image, mask, known)


def load_backgrounds(folder: Path, left_out: Collection[str], *, validation: bool) -> list[Picture]:
    """The pictures of a background folder on the asked-for side of the split, but those named in ``left_out``."""
    paths = [path for path in pictures_in(folder) if path.name not in left_out]
    with ThreadPoolExecutor() as pool:
        return list(pool.map(read_rgb, (path for path in paths if is_validation(path.stem) == validation)))


def cut_out(pair: Pair) -> CutOut | None:
    """The person of a pair, cropped to their box; None if the mask is all but empty.

    The rim's colour is replaced by the person's own colours near it, so that a hard cut from a blue wall shows no blue.
    """
    rows, columns = np.nonzero(pair.mask > 127)
    if len(rows) < 400:
        return None
    height, width = pair.mask.shape
    top, bottom, left, right = rows.min(), rows.max() + 1, columns.min(), columns.max() + 1
    box = np.s_[max(0, top - 2) : bottom + 2, max(0, left - 2) : right + 2]
    mask = pair.mask[box]
    core = cv2.erode((mask > 250).astype(np.float32), np.ones((3, 3), np.uint8))
    image = pair.image[box].astype(np.float32)
    weight = cv2.blur(core, (11, 11))
    inner = cv2.blur(image * core[..., None], (11, 11)) / np.maximum(weight, 1e-3)[..., None]
    rim = ((core < 0.5) & (weight > 0.02))[..., None]
    return CutOut(
        np.where(rim, inner, image).round().clip(0, 255).astype(np.uint8),
        np.ascontiguousarray(mask),
        cut_sides=bool(left <= 1 or right >= width - 1),
        cut_bottom=bool(bottom >= height - 2),
    )


def cut_outs(pairs: list[Pair]) -> Iterator[CutOut]:
    """The cut-outs of all pairs that hold a person."""
    for pair in pairs:
        found = cut_out(pair)
        if found is not None:
            yield found
