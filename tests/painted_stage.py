"""A painted background with plates that a test delivers when it likes, and a room that changes when it says so."""

import time

import numpy as np

from streamer.backgrounds.generated import GeneratedBackground
from streamer.backgrounds.keyframes import View
from streamer.backgrounds.plate_orders import Delivery, Scene
from streamer.backgrounds.still import StillBackground, solid
from streamer.frames import Frame, Plate, Size

SIZE = Size(64, 48)
STAND_IN = (10, 20, 30)


class Orders:
    """Takes orders down; a test delivers."""

    def __init__(self):
        self.taken = []
        self.next = None
        self.closed = 0

    def order(self, wanted):
        self.taken.append(wanted)

    def deliver(self, color, order=None, image=None):
        order = order or self.taken[-1]
        picture = np.full((32, 48, 3), color, np.uint8) if image is None else image
        self.next = Delivery(order, Plate(picture, order.prompt, order.seed, order.keyframe.frame.index, 0.1))

    def fail(self):
        self.next = Delivery(self.taken[-1], None)

    def delivery(self):
        delivery, self.next = self.next, None
        return delivery

    def waiting(self):
        return self.next

    def close(self):
        self.closed += 1


class Watch:
    """Sees what a test says."""

    def __init__(self):
        self.view = View(None, 1.0, None)
        self.kept = []
        self.is_first = True

    def look(self, image, alpha, pts_s):
        view = View("first", 1.0, None) if self.is_first else self.view
        self.is_first = False
        return view

    def keep(self, image, alpha, pts_s):
        self.kept.append(pts_s)
        self.view = View(None, 1.0, None)

    def reset(self):
        self.is_first = True


class Stage:
    """A painted background, its orders, its watch, and frames to show it."""

    def __init__(self, fade_s=0.4, keeps_room=False, shelf=None):
        self.orders, self.watch = Orders(), Watch()
        self.scene = Scene("a beach", 7)
        self.frozen = False
        self.now_s = 100.0
        self.background = GeneratedBackground(
            self.orders,
            lambda pts_s: self.scene,
            StillBackground(solid(STAND_IN)),
            watch=self.watch,
            shelf=shelf,
            fade_s=fade_s,
            keeps_room=keeps_room,
            is_frozen=lambda: self.frozen,
            clock=lambda: self.now_s,
        )

    def at(self, pts_s, size=SIZE):
        image = np.full((size.height, size.width, 3), 200, np.uint8)
        alpha = np.zeros((size.height, size.width), np.float32)
        return self.background.image_for(Frame(image, round(pts_s * 25), pts_s, time.monotonic()), alpha)


def is_plain(image, color):
    return np.array_equal(image, np.broadcast_to(np.uint8(color), image.shape))
