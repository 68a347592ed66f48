"""The last step of a network that OpenVINO runs: from logits, a block of pixels in the channels of each, to the alpha.

OpenVINO takes the sigmoid before it puts the pixels in their places, of channels that it has padded to sixteen: for
four channels that is a tenth of the whole network's time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled, given, made
from streamer.frames import Alpha

if TYPE_CHECKING:
    import openvino

LARGEST_LOGIT = 9.9
"""Farther from 0 the alpha is within 1e-4 of 0 or 1."""


def without_last_step(model: openvino.Model) -> openvino.Model:
    """The model as far as its logits ``(1, 4, h / 2, w / 2)``, if it ends as ours do; else the same model."""
    import openvino

    node = model.get_results()[0].input_value(0).get_node()
    passed = []
    while node.get_type_name() in ("Sigmoid", "DepthToSpace"):
        passed.append(node.get_type_name())
        node = node.input_value(0).get_node()
    channels = node.get_output_partial_shape(0)[1]
    if sorted(passed) != ["DepthToSpace", "Sigmoid"] or channels.is_dynamic or channels.get_length() != 4:
        return model
    return openvino.Model([node.output(0)], model.get_parameters(), model.get_friendly_name())


def alpha_of(logits: NDArray[np.float32]) -> Alpha:
    """The alpha in [0, 1], float32 ``(2 h, 2 w)``, of logits ``(4, h, w)``; within 1e-4 of the sigmoid's.

    All of it is NaN if a single logit is not finite: compiled loops would make a number of it.
    """
    if not np.isfinite(logits.sum()):
        return np.full((2 * logits.shape[1], 2 * logits.shape[2]), np.nan, np.float32)
    alpha = np.empty((2 * logits.shape[1], 2 * logits.shape[2]), np.float32)
    _spread(np.ascontiguousarray(logits), alpha)
    return alpha


@compiled(given("float32", 3, packed=True), made("float32", 2, packed=True))
def _spread(logits: NDArray[np.float32], alpha: Alpha) -> None:
    """Fill in the alpha.

    The sigmoid is that of the hyperbolic tangent's continued fraction (Lambert), which processors compute for many
    pixels at once.
    """
    half, most = np.float32(0.5), np.float32(LARGEST_LOGIT / 2)
    a, b, c = np.float32(135135), np.float32(17325), np.float32(378)
    d, e, f = np.float32(62370), np.float32(3150), np.float32(28)
    for y in range(logits.shape[1]):
        for below in range(2):
            left, right, row = logits[2 * below, y], logits[2 * below + 1, y], alpha[2 * y + below]
            for x in range(left.size):
                for beside in range(2):
                    logit = right[x] if beside else left[x]
                    t = min(max(logit * half, -most), most)
                    s = t * t
                    tanh = t * (a + s * (b + s * (c + s))) / (a + s * (d + s * (e + s * f)))
                    row[2 * x + beside] = half + half * tanh
