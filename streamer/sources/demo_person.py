"""The person of the demo: the astronaut of scikit-image, cut out along a drawn outline, its soft edge measured."""

from __future__ import annotations

from importlib.resources import as_file, files

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.errors import SourceError
from streamer.frames import Alpha, Image

CUT_AT_PX = 345
"""Rows of the picture that are used; below them she holds a helmet."""

OUTLINE = (
    # her right sleeve, upwards
    *((22, 352), (26, 344), (30, 332), (33, 321), (38, 310), (40, 300), (42, 290), (46, 280), (50, 270), (54, 260)),
    *((62, 250), (72, 240), (77, 235), (84, 230), (92, 225), (98, 220), (102, 215), (108, 210), (112, 206)),
    # the neck ring's latch, and the ring up to her jaw
    *((114, 202), (113, 196), (113, 187), (117, 185), (121, 184), (123, 179), (124, 175), (126, 170), (131, 165)),
    *((136, 160), (144, 155), (152, 151), (162, 148), (172, 147), (183, 148)),
    # jaw and ear
    *((183, 144), (182, 138), (182, 132), (176, 130), (172, 124), (170, 119)),
    # hair, over the top
    *((168, 117), (165, 112), (160, 107), (156, 101), (155, 95), (154, 85), (153, 76), (153, 70), (155, 62), (160, 54)),
    *((168, 46), (178, 39), (188, 34), (193, 29), (201, 24), (211, 20), (221, 17), (231, 15), (240, 16), (250, 18)),
    *((261, 22), (272, 28), (280, 34), (287, 40), (292, 48), (296, 57), (298, 65), (300, 74), (301, 85), (300, 93)),
    *((298, 102), (295, 110), (288, 118), (282, 124), (278, 129)),
    # the other ear, jaw and neck
    *((275, 133), (271, 136), (268, 137), (266, 141), (265, 147), (262, 153), (259, 158), (258, 165), (256, 173)),
    # ring and her left shoulder, downwards
    *((260, 176), (265, 180), (270, 184), (278, 192), (286, 201), (293, 210), (299, 220), (302, 228), (304, 235)),
    *((310, 238), (320, 245), (330, 252), (338, 260), (343, 267), (346, 275), (349, 282), (353, 287), (356, 298)),
    *((357, 310), (358, 320), (359, 328), (358, 335), (360, 342), (362, 352)),
)
"""(x, y) in pixels of ``astronaut.png``; true to about 2 px."""

BAND_PX = 3
"""Half the width of the strip along the outline in which the matte is measured."""


def astronaut() -> Image:
    """The upper part of NASA's portrait of Eileen Collins (public domain): RGB (345, 512, 3)."""
    with as_file(files("skimage") / "data" / "astronaut.png") as path:
        picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise SourceError("the demo needs scikit-image's astronaut.png, which is missing: pip install -U scikit-image")
    return np.ascontiguousarray(picture[:CUT_AT_PX, :, ::-1])


def cut_out(picture: Image) -> tuple[Image, Alpha]:
    """Her own colours and her matte, from the picture of ``astronaut``.

    Along the outline a pixel is a mixture ``a * person + (1 - a) * studio``. Both colours are those of the sure pixels
    nearby; ``a`` is read off the line between them, and the studio's share is taken out of the colour.

    Returns:
        Colours, RGB (h, w, 3), continued past her edge; and the matte, float32 (h, w) in [0, 1].
    """
    drawn = _drawn(picture.shape[0], picture.shape[1])
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * BAND_PX + 1, 2 * BAND_PX + 1))
    inside = cv2.erode(drawn, kernel, borderValue=1.0) >= 1.0
    outside = cv2.dilate(drawn, kernel) <= 0.0
    colours = picture.astype(np.float32)
    person = _spread(colours, inside)
    studio = _spread(colours, outside)
    axis = person - studio
    contrast = np.einsum("hwc,hwc->hw", axis, axis)
    mixed = np.einsum("hwc,hwc->hw", colours - studio, axis) / np.maximum(contrast, 1.0)
    trust = np.clip(contrast / 3600.0 - 0.25, 0.0, 1.0)  # colours closer than 30 apart say nothing: keep the outline
    alpha = trust * mixed + (1.0 - trust) * drawn
    # Outside the outline a stray pixel of her colour is the studio's; inside, one of the studio's colour is hers.
    soft = cv2.GaussianBlur(drawn, (0, 0), 1.6)
    alpha = np.clip(alpha, np.clip(2.5 * soft - 1.6, 0, 1), np.clip(2.5 * soft, 0, 1))
    alpha = np.clip(1.08 * cv2.GaussianBlur(alpha, (0, 0), 0.5) - 0.04, 0.0, 1.0)
    alpha[inside], alpha[outside] = 1.0, 0.0
    pure = np.clip((colours - (1 - alpha[..., None]) * studio) / np.maximum(alpha[..., None], 0.3), 0, 255)
    share = np.clip(2.0 * alpha - 0.8, 0.0, 1.0)[..., None]  # thin edges: her colour nearby is surer than a division
    clean = share * pure + (1 - share) * person
    return clean.round().astype(np.uint8), alpha.astype(np.float32)


def _drawn(height: int, width: int) -> Alpha:
    """The outline, filled: 1 inside, antialiased."""
    points = np.array(OUTLINE, np.float32)
    canvas = np.zeros((height, width), np.uint8)
    cv2.fillPoly(canvas, [np.round(points * 16).astype(np.int32)], 255, lineType=cv2.LINE_AA, shift=4)
    return canvas.astype(np.float32) / 255.0


def _spread(colours: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Continue the known colours over the unknown pixels near them: the mean of those within about 3 px."""
    weight = known.astype(np.float32)
    near = cv2.GaussianBlur(weight, (0, 0), 2.5)
    far = cv2.GaussianBlur(weight, (0, 0), 12.0)
    by_near = cv2.GaussianBlur(colours * weight[..., None], (0, 0), 2.5) / np.maximum(near, 1e-6)[..., None]
    by_far = cv2.GaussianBlur(colours * weight[..., None], (0, 0), 12.0) / np.maximum(far, 1e-6)[..., None]
    surely = np.clip(near * 50.0, 0.0, 1.0)[..., None]
    return np.where(known[..., None], colours, surely * by_near + (1 - surely) * by_far)
