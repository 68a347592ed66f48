"""A background painted from a prompt: plates made now and then, shown on every frame, faded from one to the next."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.backgrounds.keyframes import RoomWatch, View
from streamer.backgrounds.plate_orders import PlateOrder, PlateOrders
from streamer.frames import Alpha, Frame, Image, Keyframe, Plate, Size
from streamer.interfaces import Background

RETRY_AFTER_S, RETRY_AT_MOST_S = 2.0, 60.0
"""Pause before the next attempt after a plate failed; it doubles each time, up to the second value."""
GAIN_STEP = 0.02
"""Brightness of the plate follows the room's in steps of this size: each costs one pass over the picture."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What is to be painted at a moment."""

    prompt: str
    seed: int


class GeneratedBackground:
    """Shows the newest plate, warped with the camera and as bright as the room; orders a new one when one is due.

    Until the first plate is there, and whenever there is none of use, ``stand_in`` is shown: a picture that holds no
    pixel of the room. Plates hold no person (see ``plates.py``), so the plate itself is the safe picture, unless it
    keeps the room's shapes.

    Args:
        orders: makes the plates.
        scene_at: what is to be painted at a presentation time in seconds.
        stand_in: shown before the first plate.
        watch: says when the room has changed.
        fade_s: how long one plate takes to fade into the next, in seconds of presentation time.
        keeps_room: the plates keep the room's shapes; then the stand-in is the safe picture.
        is_frozen: True = order no plate; the one that is shown stays.
        clock: seconds that only go forward, for the age of the plate.
    """

    shows_room = False

    def __init__(
        self,
        orders: PlateOrders,
        scene_at: Callable[[float], Scene],
        stand_in: Background,
        *,
        watch: RoomWatch,
        fade_s: float = 0.4,
        keeps_room: bool = False,
        is_frozen: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if stand_in.shows_room:
            raise ValueError("the stand-in of a painted background must not show the room")
        self._orders = orders
        self._scene_at = scene_at
        self._stand_in = stand_in
        self._watch = watch
        self._fade_s = fade_s
        self._keeps_room = keeps_room
        self._is_frozen = is_frozen
        self._clock = clock
        self._ordered: Scene | None = None
        self._under_way: PlateOrder | None = None
        self._retry_at_s: float | None = None
        self._pause_s = RETRY_AFTER_S
        self._plate: Plate | None = None
        self._plate_count = 0
        self._delivered_at_s: float | None = None
        self._earlier_motion, self._earlier_gain = _still(), 1.0
        self._full: Image | None = None
        self._drawn: tuple[int, Size, float] | None = None
        self._from: Image | None = None
        self._faded_from_s = 0.0
        self._shown: Image | None = None

    @property
    def status(self) -> str:
        """For the HUD: what is shown, in a few words."""
        if self._plate is None:
            return "painting the first background"
        if self._ordered is not None and self._plate.prompt != self._ordered.prompt:
            return f"painting: {self._ordered.prompt}"
        return f"background: {self._plate.prompt}"

    @property
    def plate_age_s(self) -> float | None:
        """Seconds since the plate that is shown was done; None = there is none yet. From any thread."""
        delivered_at_s = self._delivered_at_s
        return None if delivered_at_s is None else self._clock() - delivered_at_s

    def image_for(self, frame: Frame, alpha: Alpha) -> Image:
        """The plate for this frame, at its size. ``GenerationError``: the first plate of a file cannot be made."""
        now_s = frame.pts_s
        if self._shown is not None and self._shown.shape[:2] != frame.image.shape[:2]:
            self._watch.reset()
            self._from = self._shown = None
        self._take_delivery(now_s)
        view = self._watch.look(frame.image, alpha, now_s)
        scene = self._scene_at(now_s)
        is_retry = self._retry_at_s is not None and now_s >= self._retry_at_s
        # The room's reasons wait for the plate under way: else one that takes long is given up again and again.
        is_due = view.reason is not None and (self._under_way is None or self._shown is None)
        if (scene != self._ordered or is_due or is_retry) and not self._is_frozen():
            # The plate that is still shown belongs to the keyframe before: it keeps what became of it since then.
            self._earlier_motion = _chained(view.motion, self._earlier_motion)
            self._earlier_gain *= view.gain
            view = replace(view, motion=None, gain=1.0)
            self._ordered, self._retry_at_s = scene, None
            self._watch.keep(frame.image, alpha, now_s)
            self._under_way = PlateOrder(Keyframe(frame, alpha), scene.prompt, scene.seed)
            self._orders.order(self._under_way)
            self._take_delivery(now_s)
        self._shown = self._faded(self._drawn_plate(frame.size, view), now_s)
        return self._shown

    def safe_image(self, size: Size) -> Image:
        """The plate, else the stand-in: neither holds a person or the room."""
        plate = None if self._keeps_room else self._plate
        return self._stand_in.safe_image(size) if plate is None else _stretched(plate.image, size)

    def close(self) -> None:
        """Give up the plate under way, release the models and the stand-in."""
        self._orders.close()
        self._stand_in.close()

    def _take_delivery(self, now_s: float) -> None:
        delivery = self._orders.delivery()
        if delivery is None or delivery.order is not self._under_way:
            return
        self._under_way = None
        if delivery.plate is None:
            self._retry_at_s = now_s + self._pause_s
            self._pause_s = min(2 * self._pause_s, RETRY_AT_MOST_S)
            return
        self._pause_s = RETRY_AFTER_S
        self._plate = delivery.plate
        self._plate_count += 1
        self._delivered_at_s = self._clock()
        self._earlier_motion, self._earlier_gain = _still(), 1.0
        self._from, self._faded_from_s = self._shown, now_s

    def _drawn_plate(self, size: Size, view: View) -> Image:
        """The plate at the frame's size, as bright as the room is now, moved as the camera has moved."""
        plate = self._plate
        if plate is None:
            return self._stand_in.safe_image(size)
        gain = round(self._earlier_gain * view.gain / GAIN_STEP) * GAIN_STEP
        if self._full is None or self._drawn != (self._plate_count, size, gain):
            self._full = cv2.convertScaleAbs(_stretched(plate.image, size), alpha=gain)
            self._full.flags.writeable = False  # the same array is given out again and again
            self._drawn = (self._plate_count, size, gain)
        motion = _chained(view.motion, self._earlier_motion)
        if np.array_equal(motion, _still()):
            return self._full
        linear, shift = motion[:, :2], motion[:, 2] * size.width
        half_px = np.array(
            [0.5, 0.5], np.float32
        )  # motion counts from the picture's corner, OpenCV from a pixel's centre
        in_pixels = np.column_stack((linear, shift + linear @ half_px - half_px))
        return cv2.warpAffine(self._full, in_pixels, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)

    def _faded(self, image: Image, now_s: float) -> Image:
        """On the way from what was shown when the plate came to the plate."""
        if self._from is None:
            return image
        share = (now_s - self._faded_from_s) / self._fade_s if self._fade_s > 0 else 1.0
        if not 0 <= share < 1:
            self._from = None
            return image
        share = share * share * (3 - 2 * share)  # sets out and arrives gently
        return cv2.addWeighted(self._from, 1 - share, image, share, 0)


def _stretched(image: Image, size: Size) -> Image:
    """The whole plate on the whole frame; their shapes differ by a few percent at most."""
    return cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)


def _still() -> NDArray[np.float32]:
    return np.eye(2, 3, dtype=np.float32)


def _chained(later: NDArray[np.float32] | None, earlier: NDArray[np.float32]) -> NDArray[np.float32]:
    """First ``earlier``, then ``later``; each a 2x3 matrix, None = nothing moved."""
    if later is None:
        return earlier
    last_row = np.array([[0, 0, 1]], np.float32)
    chained: NDArray[np.float32] = later @ np.vstack((earlier, last_row))
    return chained.astype(np.float32)
