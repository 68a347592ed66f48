"""How a room without anybody in it is learnt beside the person, and forgotten where it has changed for good."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled, given, made
from streamer.frames import Image

Colours: TypeAlias = NDArray[np.float32]
Counts: TypeAlias = NDArray[np.uint8]
Mask: TypeAlias = NDArray[np.bool_]

LEARNT_AFTER = 3
"""How many of the frames that are learnt from must have shown a pixel of the room before it is known."""
CLEAR_AFTER = 12
"""The same with nobody near, before what differs from it may be taken for a person."""
PATIENCE = 45
"""How many of them must show something else than a pixel's known room, and never that room, before it is forgotten:
the network may lose somebody who walks through for a second or two."""
MEMORY = 12
"""How many of the last of them what is known is about the mean of: the room's light changes slowly."""
WEIGHTS = 1 / (np.minimum(np.arange(MEMORY + 1, dtype=np.float32), MEMORY - 1) + 1)
"""Weight of a new frame by how many have shown that pixel of the room."""


@compiled(
    given("uint8", 2, packed=True),
    *(given("boolean", 2, packed=True) for _ in range(3)),
    made("float32", 2, packed=True),
    *(made("uint8", 2, packed=True) for _ in range(3)),
)
def remember(
    picture: Image,
    is_room: Mask,
    is_other: Mask,
    is_clear: Mask,
    room: Colours,
    seen: Counts,
    clear: Counts,
    other: Counts,
) -> None:
    """Average what a picture shows of the room into what is known of it, and forget it where it has changed for good.

    Near a person only what was never seen clear of one is learnt: what changes there may be the person's foot. With
    nobody near a thing that was put there, and that the network never quite rules out, is the room's, too.

    Args:
        picture: RGB ``(h, 3 w)``; the others ``(h, w)`` but for ``room``.
        is_room: where the network sees nobody, or what is known to be a thing.
        is_other: where the picture is not the known room.
        is_clear: where nobody is near.
        room: its colours, ``(h, 3 w)``. Written to, as the next ones.
        seen: how many frames have shown that pixel of the room, up to ``MEMORY``.
        clear: of those the ones with nobody near.
        other: how many have shown something else there since.
    """
    height, width = seen.shape
    weights, colour_weights = np.empty(width, np.float32), np.empty(3 * width, np.float32)
    for y in range(height):
        for x in range(width):
            may_learn = is_clear[y, x] or clear[y, x] < CLEAR_AFTER
            is_known = seen[y, x] >= LEARNT_AFTER
            is_shown = is_room[y, x] and may_learn
            is_changed = (is_room[y, x] or is_clear[y, x]) and may_learn and is_other[y, x] and is_known
            if is_changed:
                other[y, x] += 1
            elif is_shown:
                other[y, x] = 0
            if other[y, x] > PATIENCE or (is_shown and is_other[y, x] and not is_known):
                seen[y, x] = clear[y, x] = other[y, x] = 0
            weights[x] = 0
            if is_shown and not is_changed:
                weights[x] = WEIGHTS[clear[y, x] if is_clear[y, x] else seen[y, x]]
                seen[y, x] = min(seen[y, x] + 1, MEMORY)
                if is_clear[y, x]:
                    clear[y, x] = min(clear[y, x] + 1, MEMORY)
        for x in range(width):
            colour_weights[3 * x] = colour_weights[3 * x + 1] = colour_weights[3 * x + 2] = weights[x]
        now, known = picture[y], room[y]
        for index in range(3 * width):
            known[index] += (np.float32(now[index]) - known[index]) * colour_weights[index]
