"""Whether the network is in doubt about a picture: then it is asked again, about the picture's mirror image.

Its mistakes there are seldom the same, so the mean of both mattes is better than either. Most pictures of somebody
before a webcam leave no doubt, and cost nothing more.
"""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Looks = Literal["once", "in doubt", "twice"]
"""Whether the mirror image is looked at, too: never, after a doubtful matte, or always."""

UNSURE = (0.3, 0.7)
"""Between these alphas the network neither takes a pixel for a person nor for the room."""
PERSON = 0.5
"""Alpha from which a pixel rather is a person's."""
LEAST_PX = 3
"""Side of a square that must be unsure to count, in a matte of half the size: the soft edge of a person is thinner."""
SHARE, LEAST_PERSON_PX = 0.004, 200
"""So much that is unsure, as a share of the person, is doubt; of one who has so many pixels there, at least."""


def is_doubtful(alpha: NDArray[np.float32]) -> bool:
    """Whether a matte of the network, ``(h, w)`` in [0, 1], leaves more than its edges unsure."""
    half = alpha[::2, ::2]
    unsure = ((half > UNSURE[0]) & (half < UNSURE[1])).view(np.uint8)
    unsure = cv2.morphologyEx(unsure, cv2.MORPH_OPEN, np.ones((LEAST_PX, LEAST_PX), np.uint8))
    person_px = int(np.count_nonzero(half > PERSON))
    return int(cv2.countNonZero(unsure)) > SHARE * max(LEAST_PERSON_PX, person_px)
