"""The rooms of training pictures and what stands in them: each function draws one thing, by its caller's generator."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from models.datasets import CutOut, Picture
from models.patterns import pattern


def background(
    rng: np.random.Generator, picture: Picture, width: int, height: int, *, sharpen: bool = False
) -> Picture:
    """A random part of a room, stretched back to a camera's shape, out of focus as often as not.

    ``sharpen`` gives some of the others back the sharpness that they lose where they are enlarged.
    """
    stretch = rng.uniform(0.9, 1.5) if picture.shape[0] == picture.shape[1] else rng.uniform(0.9, 1.1)
    zoom = rng.uniform(1.0, 2.0) if rng.random() < 0.85 else rng.uniform(2.0, 5.0)  # now and then close to a wall
    room_h, room_w = picture.shape[0], picture.shape[1] * stretch
    scale = max(width / room_w, height / room_h) * zoom
    slack_x, slack_y = room_w * scale - width, room_h * scale - height
    matrix = np.array(
        [
            [scale * stretch, 0, -rng.uniform(0, 1) * slack_x],
            [0, scale, -rng.uniform(0, 1) * slack_y],
        ]
    )
    image = cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    if rng.random() < 0.5:
        image = cv2.flip(image, 1)
    dice = rng.random()
    if dice < 0.45:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.6, 4.0))
    elif sharpen and dice < 0.75 and scale > 1:
        soft = cv2.GaussianBlur(image, (0, 0), 0.5 * scale)
        amount = rng.uniform(0.5, 3.0)
        image = cv2.addWeighted(image, 1 + amount, soft, -amount, 0)
    return jitter_color(rng, image, strength=0.6)


def plain_wall(rng: np.random.Generator, image: Picture) -> Picture:
    """A wall of one colour instead of the room, lit unevenly; now and then two walls that meet in a corner."""
    height, width = image.shape[:2]
    color = rng.uniform(0, 255, 3) if rng.random() < 0.5 else rng.uniform(60, 250) + rng.normal(0, 8, 3)
    wall = np.empty((height, width, 3), np.float32)
    wall[:] = color
    if rng.random() < 0.3:
        x = width * rng.uniform(0.1, 0.9)
        beyond = np.array([[x, 0], [width, 0], [width, height], [x + rng.normal(0, 0.05 * width), height]], np.int32)
        cv2.fillPoly(wall, [beyond], [float(value) * rng.uniform(0.6, 1.2) for value in color], lineType=cv2.LINE_AA)
    light = cv2.resize(
        rng.uniform(0.6, 1.15, (2, 3)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC
    )
    if rng.random() < 0.5:  # plaster
        light *= cv2.resize(rng.normal(1, rng.uniform(0.01, 0.06), (height // 2, width // 2)), (width, height))
    return (wall * light[..., None]).clip(0, 255).astype(np.uint8)


def cast_shadow(rng: np.random.Generator, image: Picture, matte: Picture) -> None:
    """Darken the room beside a person, as on a wall close behind them."""
    height, width = matte.shape
    shift = np.array([[1, 0, rng.normal(0, 0.05 * height)], [0, 1, rng.uniform(-0.02, 0.06) * height]])
    cast = cv2.warpAffine(matte, shift, (width, height), borderMode=cv2.BORDER_REPLICATE)
    small = cv2.resize(cast, (max(1, width // 4), max(1, height // 4)), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), height / 4 * rng.uniform(0.008, 0.06))
    cast = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.float32)
    shade = 1 - cast * (rng.uniform(0.1, 0.65) / 255)
    image[:] = (image * shade[..., None]).astype(np.uint8)


def curtain(rng: np.random.Generator, image: Picture) -> Picture:
    """Hang a curtain over all or a part of the room: one colour or the room's own, in folds that shine."""
    height, width = image.shape[:2]
    x = np.linspace(0, 1, width, dtype=np.float32)
    folds = np.zeros(width, np.float32)
    for _ in range(3):
        folds += rng.uniform(0.2, 1) * np.sin(2 * np.pi * (rng.uniform(1, 14) * x + rng.uniform(0, 1)))
    fall = np.linspace(rng.uniform(0.7, 1.3), rng.uniform(0.7, 1.3), height, dtype=np.float32)
    light = np.exp(rng.uniform(0.05, 0.35) * folds)[None] * fall[:, None]
    cloth = np.full((height, width, 3), rng.uniform(20, 235, 3), np.float32)
    pattern = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 6.0)).astype(np.float32)
    own = rng.uniform(0, 0.6)
    cloth = ((1 - own) * cloth + own * pattern) * light[..., None]
    if rng.random() < 0.3:
        cloth = _as_foil(rng, cloth)
    left, right = (0, width) if rng.random() < 0.6 else sorted(rng.integers(0, width + 1, 2))
    hung = image.copy()
    hung[:, left:right] = cloth[:, left:right].clip(0, 255).astype(np.uint8)
    return hung


def _as_foil(rng: np.random.Generator, cloth: NDArray[np.float32]) -> NDArray[np.float32]:
    """The cloth as crinkled foil: reflections in upright streaks, two colours, a glaring line across the folds."""
    height, width = cloth.shape[:2]

    def streaks(long: float) -> NDArray[np.float32]:
        noise = rng.normal(0, 1, (height, width)).astype(np.float32)
        noise = cv2.GaussianBlur(noise, (0, 0), sigmaX=rng.uniform(0.8, 3.0), sigmaY=long)
        return np.asarray(noise / max(float(noise.std()), 1e-6), np.float32)

    tint = np.array([1.0, rng.uniform(0.6, 1.0), rng.uniform(0.2, 1.0)], np.float32) * rng.uniform(80, 230)
    share = np.clip(0.3 + 0.4 * streaks(rng.uniform(8, 30)), 0, 1)[..., None]
    foil = cloth * (1 - share) + tint * share + rng.uniform(15, 45) * streaks(rng.uniform(1.5, 8))[..., None]
    if rng.random() < 0.5:
        x = np.arange(0, width + 8, 8)
        y = height * rng.uniform(0, 0.4) + rng.normal(0, 0.05 * height, len(x)).cumsum() * 0.5
        line = np.stack((x, y), axis=1).astype(np.int32)
        cv2.polylines(foil, [line], False, (255, 240, 200), int(rng.integers(1, 5)), lineType=cv2.LINE_AA)
    return np.asarray(foil, np.float32)


def shelf(rng: np.random.Generator, image: Picture) -> None:
    """Cover a part of the room, seldom all of it, with something of a fine sharp pattern, level or tilted a little."""
    height, width = image.shape[:2]
    wide, high = (int(side * rng.uniform(0.15, 0.8)) for side in (width, height))
    if rng.random() < 0.1:
        wide, high = width, height
    center = (width * rng.uniform(0, 1), height * rng.uniform(0, 1))
    _paste(rng, image, pattern(rng, wide, high), center, float(rng.normal(0, 6)))


def _paste(rng: np.random.Generator, image: Picture, patch: Picture, center: tuple[float, float], angle: float) -> None:
    """Lay a patch into the picture, lit unevenly, sometimes a little out of focus."""
    high, wide = patch.shape[:2]
    corners = cv2.boxPoints((center, (wide, high), angle))
    left, top, right, bottom = (
        int(np.clip(value, 0, limit))
        for value, limit in zip((*corners.min(axis=0), *corners.max(axis=0) + 1), 2 * image.shape[1::-1], strict=True)
    )
    spot = image[top:bottom, left:right]
    if spot.size == 0:
        return
    matrix = cv2.getRotationMatrix2D((wide / 2, high / 2), -angle, 1.0)
    matrix[:, 2] += (center[0] - wide / 2 - left, center[1] - high / 2 - top)
    light = np.linspace(rng.uniform(0.5, 1.1), rng.uniform(0.5, 1.1), wide, dtype=np.float32)[None, :, None]
    patch = (patch * light).clip(0, 255).astype(np.uint8)
    if rng.random() < 0.3:
        patch = cv2.GaussianBlur(patch, (0, 0), rng.uniform(0.4, 2.0)).astype(np.uint8)
    size = (spot.shape[1], spot.shape[0])
    cover = cv2.warpAffine(np.full((high, wide), 255, np.uint8), matrix, size)
    laid = cv2.warpAffine(patch, matrix, size, borderMode=cv2.BORDER_REPLICATE)
    np.copyto(spot, laid, where=cover[..., None] > 127)


def clutter(rng: np.random.Generator, image: Picture, texture: Picture) -> None:
    """Put boards, poles, boxes and discs into the room, plain or with another room's texture."""
    height, width = image.shape[:2]
    for _ in range(int(rng.integers(1, 5))):
        center = (width * rng.uniform(0.0, 1.0), height * rng.uniform(0, 0.9))
        _thing(rng, image, texture, center, height * rng.uniform(0.15, 0.9), height * rng.uniform(0.02, 0.3))


def things_at_outline(rng: np.random.Generator, image: Picture, matte: Picture, texture: Picture) -> None:
    """Put things right behind a person so that they stick out at head, neck or shoulders: a chair, a stand, a board."""
    height = image.shape[0]
    rows, columns = np.nonzero((matte > 127) & (cv2.erode(matte, np.ones((3, 3), np.uint8)) < 128))
    if len(rows) == 0:
        return
    upper = rows < rows.min() + 0.6 * (rows.max() - rows.min() + 1)
    rows, columns = rows[upper], columns[upper]
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.integers(len(rows)))
        center = (float(columns[at]), float(rows[at]))
        _thing(rng, image, texture, center, height * rng.uniform(0.06, 0.5), height * rng.uniform(0.02, 0.15))


def _thing(
    rng: np.random.Generator,
    image: Picture,
    texture: Picture,
    center: tuple[float, float],
    long: float,
    thin: float,
) -> None:
    height, width = image.shape[:2]
    angle = rng.choice([0.0, 90.0]) + rng.normal(0, 6) if rng.random() < 0.7 else rng.uniform(0, 180)
    if rng.random() < 0.3:
        _paste(rng, image, pattern(rng, max(2, int(long)), max(2, int(thin))), center, float(angle))
        return
    cover = np.zeros((height, width), np.uint8)
    if rng.random() < 0.6:
        corners = cv2.boxPoints((center, (long, thin), float(angle)))
        cv2.fillPoly(cover, [corners.astype(np.int32)], 255, lineType=cv2.LINE_AA)
    else:
        cv2.ellipse(cover, (center, (long, thin), float(angle)), 255, -1, lineType=cv2.LINE_AA)
    dice = rng.random()
    plain = np.full(3, rng.uniform(150, 255)) if dice < 0.2 else rng.uniform(0, 60 if dice < 0.4 else 255, 3)
    left, top, wide, high = cv2.boundingRect(cover)
    place = np.s_[top : top + high, left : left + wide]
    spot = image[place]
    filling = np.broadcast_to(plain.astype(np.float32), spot.shape)
    if rng.random() < 0.5:
        other = cv2.resize(texture, (width, height), interpolation=cv2.INTER_AREA)
        mix = rng.uniform(0.1, 1)
        other = np.roll(other, int(rng.integers(width)), axis=1)[place]
        filling = ((1 - mix) * plain + mix * other).astype(np.float32)
    blend = cover[place][..., None].astype(np.float32) / 255
    spot[:] = (spot * (1 - blend) + filling * blend).astype(np.uint8)


def chair(rng: np.random.Generator, image: Picture) -> None:
    """Draw the back of a chair into the room, where a head-rest would stand behind shoulders."""
    height, width = image.shape[:2]
    back_w, top = int(width * rng.uniform(0.15, 0.45)), int(height * rng.uniform(0.15, 0.6))
    left = int(width * rng.uniform(0.1, 0.9) - back_w / 2)
    color = (
        [int(value) for value in rng.uniform(5, 90, 3)]
        if rng.random() < 0.7
        else [int(v) for v in rng.uniform(0, 255, 3)]
    )
    radius = max(3, back_w // 5)
    cv2.rectangle(image, (left, top + radius), (left + back_w, height), color, -1)
    cv2.rectangle(image, (left + radius, top), (left + back_w - radius, top + radius), color, -1)
    for x in (left + radius, left + back_w - radius):
        cv2.circle(image, (x, top + radius), radius, color, -1)
    if rng.random() < 0.5:
        shade = [int(value * rng.uniform(0.6, 1.5)) for value in color]
        cv2.rectangle(image, (left + radius, top + radius), (left + back_w - radius, height), shade, -1)


def hang_clothes(rng: np.random.Generator, image: Picture, person: CutOut) -> None:
    """Hang somebody's coat on the wall: a trunk without head, arms or legs that touches no edge is not a person."""
    height, width = image.shape[:2]
    body_h, body_w = person.mask.shape
    trunk = np.s_[int(0.2 * body_h) : int(0.55 * body_h), int(0.25 * body_w) : int(0.75 * body_w)]
    tall = int(height * rng.uniform(0.2, 0.5))
    wide = max(8, int(tall * rng.uniform(0.3, 0.7)))
    coat, matte = (cv2.resize(plane[trunk], (wide, tall)) for plane in (person.image, person.mask))
    coat = jitter_color(rng, coat, strength=1.0)
    top, left = int(rng.uniform(0.05, 0.4) * height), int(rng.uniform(0, 1) * (width - wide))
    spot = np.s_[top : top + tall, left : left + wide]
    blend = matte[: height - top, :, None].astype(np.float32) / 255
    image[spot] = (image[spot] * (1 - blend) + coat[: height - top] * blend).astype(np.uint8)


def desk(rng: np.random.Generator, image: Picture, alpha: Picture, texture: Picture) -> None:
    """Put a desk's edge or a monitor's back in front of the person; what it hides is not person."""
    height, width = alpha.shape
    y, tilt = height * rng.uniform(0.78, 0.97), height * rng.normal(0, 0.03)
    left, right = (0, width) if rng.random() < 0.6 else sorted(rng.uniform(0, width, 2))
    corners = np.array([[left, y - tilt], [right, y + tilt], [right, height], [left, height]], np.int32)
    cover = np.zeros_like(alpha)
    cv2.fillPoly(cover, [corners], 255, lineType=cv2.LINE_AA)
    wood = cv2.GaussianBlur(cv2.resize(texture, (width, height)), (0, 0), 3)
    blend = cover[..., None].astype(np.float32) / 255
    image[:] = (image * (1 - blend) + wood * blend).astype(np.uint8)
    alpha[:] = (alpha * (1 - blend[..., 0])).astype(np.uint8)


def jitter_color(rng: np.random.Generator, image: Picture, *, strength: float) -> Picture:
    """Exposure, contrast, gamma, white balance and saturation, as one table a channel and one mix with grey."""
    ramp = np.linspace(0, 1, 256)
    gamma = np.exp(rng.normal(0, 0.3 * strength))
    gain = np.exp(rng.normal(0, 0.2 * strength))
    lift = rng.normal(0, 0.05 * strength)
    balance = np.exp(rng.normal(0, 0.1 * strength, 3))
    curves = (ramp[:, None] ** gamma * gain - 0.5 * (gain - 1) * 0.5 + lift) * balance
    image = cv2.LUT(image, (curves * 255).clip(0, 255).astype(np.uint8)[None]).astype(np.uint8)
    if rng.random() < 0.5:
        grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        amount = rng.uniform(1 - 0.7 * strength, 1 + 0.5 * strength)
        image = cv2.addWeighted(image, amount, grey, 1 - amount, 0).astype(np.uint8)
    return image
