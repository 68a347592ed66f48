"""A mark of a room, by which a plate on disk is found again for the same room, day after day.

It must survive a camera's noise, its exposure, and a person who sits elsewhere, and must not be a picture of the room,
since it lies on the disk. So it only says where, on a coarse grid, the picture gets brighter or darker to the right.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import cv2
import numpy as np

from streamer.frames import Alpha, Image, Size
from streamer.scaling import shrink

GRID = Size(17, 9)
"""Cells of a mark; each but the last of a row is compared with the one to its right."""
STEP = 0.06
"""Least difference of two neighbours, as a share of the room's brightness, that counts as one."""
ROOM = 0.05
"""Mean alpha of a cell up to which it counts as room."""
LEAST_SHARED = 30
"""Places that must be room in both, of 144."""
UNLIKE = 0.1
"""Share of contradictions from which it is another room. Two that have nothing in common reach about 0.4."""
LIGHT = 0.3
"""Absolute log of the ratio of brightness from which it is lit differently; the keyframes' own limit is 0.35."""
BRIGHTER, DARKER, LEVEL, HIDDEN = "+", "-", "=", "?"


@dataclass(frozen=True, slots=True)
class RoomMark:
    """What is remembered of a room."""

    steps: str
    """A sign for each place, row by row: brighter to the right, darker, level, or hidden by a person."""
    brightness: float
    """Median of the room, levels 0 to 255; 0 = none of it is seen."""

    def digest(self) -> str:
        """16 hexadecimal digits."""
        return hashlib.sha256(f"{self.steps} {self.brightness:.1f}".encode()).hexdigest()[:16]

    def as_facts(self) -> dict[str, object]:
        """For a side-car, as JSON knows it."""
        return asdict(self)

    def is_like(self, facts: object) -> bool:
        """Whether that is the mark of the same room in like light, as ``as_facts`` gave it; False for anything else."""
        steps, brightness = (facts.get("steps"), facts.get("brightness")) if isinstance(facts, Mapping) else (0, 0)
        if not isinstance(steps, str) or not isinstance(brightness, int | float) or len(steps) != len(self.steps):
            return False
        if not (self.brightness > 0 and 0 < brightness <= 255) or abs(math.log(self.brightness / brightness)) > LIGHT:
            return False
        shared = [pair for pair in zip(self.steps, steps, strict=True) if HIDDEN not in pair]
        # Where one is level and the other is not, noise may have decided.
        against = sum(0.0 if one == other else 0.5 if LEVEL in (one, other) else 1.0 for one, other in shared)
        return len(shared) >= LEAST_SHARED and against <= UNLIKE * len(shared)


def mark_of(image: Image, alpha: Alpha) -> RoomMark:
    """The mark of the room in a picture, RGB uint8 ``(h, w, 3)``, with its alpha, float32 ``(h, w)``."""
    grey = shrink(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), Size(GRID.width * 8, GRID.height * 8))
    cells = cv2.resize(grey.astype(np.float32), GRID, interpolation=cv2.INTER_AREA)
    is_room = cv2.resize(alpha, GRID, interpolation=cv2.INTER_AREA) <= ROOM
    if not is_room.any():
        return RoomMark(HIDDEN * ((GRID.width - 1) * GRID.height), 0.0)
    brightness = float(np.median(cells[is_room]))
    rise = np.diff(cells, axis=1) / max(brightness, 1.0)
    signs = np.where(rise > STEP, BRIGHTER, np.where(rise < -STEP, DARKER, LEVEL))
    signs[~(is_room[:, 1:] & is_room[:, :-1])] = HIDDEN
    return RoomMark("".join(signs.ravel().tolist()), round(brightness, 1))
