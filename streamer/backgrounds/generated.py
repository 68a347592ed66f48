"""A background painted from a prompt: plates made now and then, shown on every frame, faded from one to the next."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace

from streamer.backgrounds.keyframes import RoomWatch, View
from streamer.backgrounds.plate_drawing import PlateDrawing, stretched
from streamer.backgrounds.plate_orders import PlateOrder, PlateOrders, Scene
from streamer.backgrounds.plate_shelf import PlacedPlate, PlateShelf
from streamer.frames import Alpha, Frame, Image, Keyframe, Size
from streamer.interfaces import Background

RETRY_AFTER_S, RETRY_AT_MOST_S = 2.0, 60.0
"""Pause before the next attempt after a plate failed; it doubles each time, up to the second value."""


class GeneratedBackground:
    """Shows the newest plate, warped with the camera and as bright as the room; orders a new one when one is due.

    Until the first plate is there, and whenever there is none of use, ``stand_in`` is shown: a picture that holds no
    pixel of the room. Plates hold no person (see ``plates.py``), so the plate itself is the safe picture, unless it
    keeps the room's shapes. A prompt whose plate is on the shelf is shown at once, also as the safe picture while no
    frames come; while no plate is waited for, those that are missing there are made ahead.

    Args:
        orders: makes the plates.
        scene_at: what is to be painted at a presentation time in seconds.
        stand_in: shown before the first plate.
        watch: says when the room has changed.
        shelf: keeps plates at hand; None = none, which makes the result independent of what was shown before.
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
        shelf: PlateShelf | None = None,
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
        self._shelf = shelf or PlateShelf()
        self._keeps_room = keeps_room
        self._is_frozen = is_frozen
        self._scene: Scene | None = None
        self._clock = clock
        self._under_way: PlateOrder | None = None
        self._retry_at_s: float | None = None
        self._pause_s = RETRY_AFTER_S
        self._ahead_from_s, self._ahead_pause_s = -math.inf, 0.0
        self._drawing = PlateDrawing(stand_in, fade_s)
        self._seen_at_s = 0.0
        self._preview: tuple[PlacedPlate, Image] | None = None

    @property
    def status(self) -> str:
        """For the HUD: what is shown, in a few words, and how many prompts can be shown at once."""
        wished, next_one = self._wished(), self._next_one()
        scene = wished or self._scene
        placed = next_one or self._drawing.placed
        has_failed = self._retry_at_s is not None
        if scene is None or placed is None:
            return "the first background failed and is tried again" if has_failed else "painting the first background"
        if wished is not None and next_one is None:
            status = f"to be painted: {scene.prompt}"  # from a frame: the camera is off, or another background is shown
        else:
            is_there = placed.plate.prompt == scene.prompt
            doing = "background" if is_there else "failed and tried again" if has_failed else "painting"
            status = f"{doing}: {scene.prompt}"
        ready = self._shelf.status(scene)
        return f"{status} ({ready})" if ready else status

    @property
    def plate_age_s(self) -> float | None:
        """Seconds since the plate that is shown was done; None = there is none yet. From any thread."""
        placed = self._drawing.placed
        return None if placed is None else self._clock() - placed.done_at_s

    def image_for(self, frame: Frame, alpha: Alpha) -> Image:
        """The plate for this frame, at its size. ``GenerationError``: the first plate of a file cannot be made."""
        now_s = self._seen_at_s = frame.pts_s
        preview, self._preview = self._preview, None
        if preview is not None and preview[0].scene == self._scene_at(now_s):
            self._drawing.shown = preview[1]  # to fade from what was seen last
        shown = self._drawing.shown
        if shown is not None and shown.shape[:2] != (frame.size.height, frame.size.width):
            self._watch.reset()
            self._drawing.forget_shown()
        self._take_delivery(now_s)
        view = self._watch.look(frame.image, alpha, now_s)
        if not self._is_frozen():
            # RGB alone: it may go to another process, and is kept while a decoder's planes had better not be.
            view = self._order_what_is_due(Keyframe(frame.with_image(frame.image), alpha), view)
        return self._drawing.draw(frame.size, view, now_s)

    def safe_image(self, size: Size) -> Image:
        """What was shown last, else the plate, else the stand-in: none holds a person or the room.

        If a plate is there that the next frame will show, that plate: none may come for long. So nothing is half faded.
        """
        next_one = None if self._keeps_room else self._next_one()
        if next_one is not None:
            return self._previewed(next_one, size)
        self._preview = None
        shown = None if self._keeps_room else self._drawing.unfaded
        if shown is not None and shown.shape[:2] == (size.height, size.width):
            return shown  # as bright as the room is now, and moved with the camera
        placed = None if self._keeps_room else self._drawing.placed
        return self._stand_in.safe_image(size) if placed is None else stretched(placed.plate.image, size)

    def close(self) -> None:
        """Give up the plate under way, release the models and the stand-in."""
        self._orders.close()
        self._stand_in.close()

    def _wished(self) -> Scene | None:
        """What is to be shown by now, if no frame has heeded that yet; while the camera is off none comes."""
        scene = self._scene_at(self._seen_at_s)
        return None if self._scene is None or scene == self._scene or self._is_frozen() else scene

    def _next_one(self) -> PlacedPlate | None:
        """The plate that the next frame will show in place of the present one, if it is there by now."""
        wished = self._wished()
        at_hand = self._shelf.get(wished) if wished is not None else None
        done = self._orders.waiting()
        if at_hand is not None or done is None or done.plate is None or done.order is not self._under_way:
            return at_hand
        is_frozen = self._is_frozen() and self._drawing.placed is not None
        return None if is_frozen or done.order.scene != (wished or self._scene) else PlacedPlate(done.plate)

    def _previewed(self, placed: PlacedPlate, size: Size) -> Image:
        """A plate before a frame shows it, at that size; made once."""
        preview = self._preview
        if preview is None or preview[0].plate is not placed.plate or preview[1].shape[:2] != (size.height, size.width):
            preview = self._preview = (placed, stretched(placed.plate.image, size))
        return preview[1]

    def _order_what_is_due(self, seen: Keyframe, view: View) -> View:
        """Heed the prompt and the room of a frame; the result is its view of the keyframe that holds from now on."""
        now_s = seen.frame.pts_s
        scene = self._scene_at(now_s)
        is_due = False
        if scene != self._scene:
            self._scene, self._retry_at_s, self._pause_s = scene, None, RETRY_AFTER_S
            at_hand = self._shelf.get(scene)
            if at_hand is not None:
                self._drawing.show(at_hand, now_s)
            is_due = at_hand is None or at_hand.is_outdated
        is_due |= view.reason is not None
        if self._under_way is not None and self._under_way.scene == scene and self._drawing.shown is not None:
            is_due = False  # else a plate that takes long is given up again and again
        if is_due or (self._retry_at_s is not None and now_s >= self._retry_at_s):
            return self._order(seen, scene, view)
        if self._under_way is None and self._retry_at_s is None and now_s >= self._ahead_from_s:
            ahead = self._shelf.order_ahead(scene)
            if ahead is not None:
                self._under_way = ahead
                self._orders.order(ahead)
        return view

    def _order(self, seen: Keyframe, scene: Scene, view: View) -> View:
        """Make this frame the keyframe and order a plate for it."""
        self._drawing.carry_over(view)
        self._shelf.keep(seen, view)
        self._retry_at_s = None
        self._watch.keep(seen.frame.image, seen.alpha, seen.frame.pts_s)
        self._under_way = PlateOrder(seen, scene.prompt, scene.seed)
        self._orders.order(self._under_way)
        self._take_delivery(seen.frame.pts_s)
        return replace(view, motion=None, gain=1.0)

    def _note_ahead(self, now_s: float, *, has_failed: bool) -> None:
        """After two failures nothing is made ahead for a while: a painter that dies need not die for each prompt."""
        if has_failed:
            self._ahead_from_s = now_s + self._ahead_pause_s
            self._ahead_pause_s = min(max(2 * self._ahead_pause_s, RETRY_AFTER_S), RETRY_AT_MOST_S)
        else:
            self._ahead_pause_s = 0.0

    def _take_delivery(self, now_s: float) -> None:
        if self._is_frozen() and self._drawing.placed is not None:
            return  # it is there when the plate may change again
        delivery = self._orders.delivery()
        if delivery is None or delivery.order is not self._under_way or self._scene is None:
            return
        self._under_way = None
        wished = self._scene_at(now_s)  # this frame's; anything but the stand-in is better than what is not wished
        is_wanted = delivery.order.scene == self._scene and (wished == self._scene or self._drawing.placed is None)
        if delivery.order.is_ahead:
            self._note_ahead(now_s, has_failed=delivery.plate is None)
        if delivery.plate is None:
            self._shelf.note_failure(delivery.order.scene)
            if is_wanted:
                self._retry_at_s = now_s + self._pause_s
                self._pause_s = min(2 * self._pause_s, RETRY_AT_MOST_S)
            return
        placed = PlacedPlate(delivery.plate, self._clock())
        self._shelf.put(placed, self._scene)
        if is_wanted:
            self._pause_s = RETRY_AFTER_S
            self._drawing.show(placed, now_s)
