"""What is made of a person who was cut out: other views of a standing figure, other clothes."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from models.datasets import CutOut, Picture

CHIN, HIP = 0.15, 0.55
"""Where a standing figure's clothes begin, and where a webcam hardly sees further down, as shares of its height."""
SKIN = (np.array([0, 136, 80], np.uint8), np.array([255, 175, 125], np.uint8))
"""Bounds of skin in YCrCb, about: what has clothes of such colours keeps them."""


def seen_from_above(rng: np.random.Generator, person: CutOut) -> CutOut:
    """A standing figure as a high camera shows it: shortened, and narrower towards the feet."""
    height, width = person.mask.shape
    short = max(2, round(height * rng.uniform(0.6, 0.95)))
    inset = width * rng.uniform(0.0, 0.25)
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    seen = np.array([[0, 0], [width, 0], [width - inset, short], [inset, short]], np.float32)
    matrix = cv2.getPerspectiveTransform(corners, seen)
    size = (width, short)
    image = cv2.warpPerspective(person.image, matrix, size, borderMode=cv2.BORDER_REPLICATE).astype(np.uint8)
    mask = cv2.warpPerspective(person.mask, matrix, size).astype(np.uint8)
    return replace(person, image=image, mask=mask)


def under_camera(rng: np.random.Generator, person: CutOut) -> CutOut:
    """Somebody who walks in right under a high camera: hair and shoulders from above, cut by the lower edge."""
    height = person.mask.shape[0]
    person = turned_away(rng, person)
    upper = round(height * rng.uniform(0.25, 0.45))
    size = (person.mask.shape[1], max(2, round(upper * rng.uniform(0.35, 0.8))))
    image, mask = (
        cv2.resize(plane[:upper], size, interpolation=cv2.INTER_AREA) for plane in (person.image, person.mask)
    )
    return replace(person, image=image.astype(np.uint8), mask=mask.astype(np.uint8), cut_bottom=True)


def turned_away(rng: np.random.Generator, person: CutOut) -> CutOut:
    """A standing figure whose head shows hair only, as from behind; the hair may hang down the back."""
    height, width = person.mask.shape
    head_h = height * rng.uniform(0.105, 0.125)
    columns = np.nonzero(person.mask[: round(0.08 * height)].max(axis=0) > 127)[0]
    if len(columns) == 0:
        return person
    center = ((columns.min() + columns.max()) / 2, head_h * 0.5)
    cover = np.zeros((height, width), np.float32)
    cv2.ellipse(cover, (center, (head_h * 1.2, head_h * 1.2), 0.0), 1.0, -1)
    if rng.random() < 0.5:  # long hair
        half = head_h * rng.uniform(0.3, 0.5)
        bottom = head_h * rng.uniform(1.1, 2.0)
        cv2.rectangle(
            cover, (round(center[0] - half), round(center[1])), (round(center[0] + half), round(bottom)), 1.0, -1
        )
    cover = cv2.GaussianBlur(cover, (0, 0), max(0.5, head_h * 0.05))
    strands = cv2.blur(rng.uniform(0.4, 1.6, (height, width)).astype(np.float32), (1, max(1, round(head_h * 0.4))))
    tone = np.array([1.0, rng.uniform(0.65, 0.95), rng.uniform(0.4, 0.9)], np.float32) * rng.uniform(15, 170)
    hair = strands[..., None] * tone
    image = person.image * (1 - cover[..., None]) + hair * cover[..., None]
    return replace(person, image=image.clip(0, 255).astype(np.uint8))


def in_plain_clothes(rng: np.random.Generator, person: CutOut, room: Picture) -> CutOut:
    """A standing figure in one plain colour, as often as not one of the room's: nothing but the outline tells.

    Args:
        rng: decides.
        person: head at the top.
        room: RGB ``(h, w, 3)``, where the person will be.
    """
    height = person.mask.shape[0]
    top, bottom = round(CHIN * height), round(HIP * height)
    columns = np.nonzero(person.mask[: round(0.08 * height)].max(axis=0) > 127)[0]
    if len(columns) == 0 or bottom - top < 4:
        return person
    if rng.random() < 0.6:
        room_h, room_w = room.shape[:2]
        y, x = int(rng.uniform(0.3, 0.9) * room_h), int(rng.uniform(0, 0.9) * room_w)
        color = room[y : y + max(1, room_h // 10), x : x + max(1, room_w // 10)].mean(axis=(0, 1))
    else:
        color = rng.uniform(20, 240) + rng.normal(0, 20, 3)
    body = person.image[top:bottom]
    cover = cv2.bitwise_not(cv2.inRange(cv2.cvtColor(body, cv2.COLOR_RGB2YCrCb), *SKIN))
    # Over the shirt's own pattern and straps, but not over a bare neck and bare arms.
    cover = cv2.morphologyEx(cover, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    neck = (round(float(columns.mean())), round(0.01 * height))
    cv2.ellipse(
        cover,
        neck,
        (round(rng.uniform(0.03, 0.05) * height), round(rng.uniform(0.02, 0.05) * height)),
        0,
        0,
        360,
        0,
        -1,
    )
    blend = cv2.GaussianBlur(cover, (0, 0), 1.0).astype(np.float32)[..., None] / 255
    light = cv2.GaussianBlur(cv2.cvtColor(body, cv2.COLOR_RGB2GRAY), (0, 0), height * rng.uniform(0.005, 0.04))
    folds = ((light.astype(np.float32) + 20) / (float(light.mean()) + 20)) ** rng.uniform(0.0, 0.5)
    weave = rng.normal(1, rng.uniform(0, 0.03), light.shape).astype(np.float32)
    cloth = (folds * weave)[..., None] * color.astype(np.float32)
    image = person.image.copy()
    image[top:bottom] = (body * (1 - blend) + cloth * blend).clip(0, 255).astype(np.uint8)
    return replace(person, image=image)
