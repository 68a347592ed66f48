"""Whether the network is in doubt about a picture: then it is asked again, about the picture's mirror image.

Its mistakes there are seldom the same, so the mean of both mattes is better than either. Most pictures of somebody
before a webcam leave no doubt, and cost nothing more.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from models.region import PERSON, without_specks

Looks = Literal["once", "in doubt", "twice"]
"""Whether the mirror image is looked at, too: never, after a doubtful matte, or always."""

UNSURE = (0.3, 0.7)
"""Between these alphas the network neither takes a pixel for a person nor for the room."""
SHARE, LEAST_PERSON_PX = 0.004, 200
"""So much that is unsure, as a share of the person, is doubt; of one who has so many pixels there, at least."""


def is_doubtful(alpha: NDArray[np.float32]) -> bool:
    """Whether a matte of the network, ``(h, w)`` in [0, 1], leaves more than its edges unsure.

    Looked at in half the size; the soft edge of a person is thinner than a speck there.
    """
    half = alpha[::2, ::2]
    unsure_px = np.count_nonzero(without_specks((half > UNSURE[0]) & (half < UNSURE[1])))
    return bool(unsure_px > SHARE * max(LEAST_PERSON_PX, int(np.count_nonzero(half > PERSON))))
