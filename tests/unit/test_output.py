"""What sinks that somebody watches get while no frame comes."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from fakes import SIZE, ScriptedClock, WindowSink, make_frame

from streamer.controls import Controls
from streamer.frames import Frame, Image
from streamer.interfaces import Sink
from streamer.output import Output
from streamer.sinks.virtual_camera import VirtualCameraSink
from streamer.stats import Stats

PERSON, SAFE = 200, 7


class Camera:
    """A virtual camera that keeps the grey level of what it was sent."""

    device = "/dev/video10"

    def __init__(self) -> None:
        self.sent: list[int] = []

    def send(self, image: Image) -> None:
        self.sent.append(int(image[0, 0, 0]))

    def close(self) -> None:
        pass


def grey(level: int) -> Image:
    return np.full((SIZE.height, SIZE.width, 3), level, np.uint8)


def output(controls: Controls, *sinks: Sink) -> Output:
    def last_look(frame: Frame) -> Frame:
        return frame.with_image(grey(SAFE)) if controls.state.panic else frame

    return Output(
        sinks,
        Stats(),
        size=SIZE,
        is_live=True,
        on_stall=lambda size: grey(SAFE),
        last_look=last_look,
        state=lambda: controls.state,
        is_resting=lambda: False,
        on_shown=lambda frame: None,
    )


def test_a_virtual_camera_does_not_send_the_picture_before_a_panic_once_more() -> None:
    controls, camera, clock = Controls(), Camera(), ScriptedClock()
    sink = VirtualCameraSink(SIZE, Fraction(30), open_camera=lambda *_: camera, clock=clock)
    shown = output(controls, sink)
    shown.write(make_frame(image=grey(PERSON)))
    clock.now_s = 1.0
    controls.set_panic(True)  # from the remote control's thread
    shown.idle()
    assert camera.sent[0] == PERSON
    assert set(camera.sent[1:]) == {SAFE}


def test_a_window_that_hears_the_panic_key_keeps_the_camera_behind_it_from_the_picture_before() -> None:
    controls, camera, clock = Controls(), Camera(), ScriptedClock()
    window = WindowSink(on_idle=lambda count: controls.set_panic(True))
    sink = VirtualCameraSink(SIZE, Fraction(30), open_camera=lambda *_: camera, clock=clock)
    shown = output(controls, window, sink)
    shown.write(make_frame(image=grey(PERSON)))
    clock.now_s = 1.0
    shown.idle()
    assert camera.sent[0] == PERSON
    assert set(camera.sent[1:]) == {SAFE}
    assert [int(frame.image[0, 0, 0]) for frame in window.frames] == [PERSON, SAFE]


def test_the_last_window_is_followed_at_once() -> None:
    controls, camera, clock = Controls(), Camera(), ScriptedClock()
    window = WindowSink(on_idle=lambda count: controls.set_panic(True))
    sink = VirtualCameraSink(SIZE, Fraction(30), open_camera=lambda *_: camera, clock=clock)
    shown = output(controls, sink, window)
    shown.write(make_frame(image=grey(PERSON)))
    shown.idle()
    assert camera.sent[-1] == SAFE
