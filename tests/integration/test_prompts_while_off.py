"""A prompt that is switched to while the camera is off, through controls, renderer and output to a window."""

from __future__ import annotations

import numpy as np
from fakes import ScriptedSegmenter, WindowSink, make_frame, secret_image
from painted_stage import SIZE, Stage

from streamer.backgrounds.plate_orders import Scene
from streamer.backgrounds.plate_shelf import PlateShelf
from streamer.controls import Controls
from streamer.output import Output
from streamer.rendering import Renderer
from streamer.stats import Stats

GREYS = {"beach": 40, "library": 90}


def test_its_plate_shows_at_once_and_no_room_and_the_camera_comes_back_before_it() -> None:
    controls, stats, window = Controls(("painted",), tuple(GREYS)), Stats(), WindowSink()
    stage = Stage(shelf=PlateShelf(controls.prompts))
    stage.background._scene_at = lambda pts_s: Scene(controls.state.prompt, 7)
    renderer = Renderer(ScriptedSegmenter(), [stage.background], controls, stats)
    output = Output(
        [window],
        stats,
        size=SIZE,
        is_live=True,
        on_stall=renderer.safe_image,
        last_look=renderer.last_look,
        state=lambda: controls.state,
        is_resting=lambda: controls.state.paused,
        on_shown=lambda frame: None,
    )
    number = 0

    def show_frame() -> None:
        nonlocal number
        number += 1
        output.write(renderer.render(make_frame(number * 100, SIZE, secret_image(SIZE, number))))

    def behind() -> int:
        """The grey level beside the person, who stands in the left half."""
        beside = window.frames[-1].image[:, SIZE.width // 2 + 2 :]
        assert beside.min() == beside.max()
        return int(beside[0, 0, 0])

    def shows_person() -> bool:
        return bool((window.frames[-1].image[:, : SIZE.width // 2 - 2] > 127).all())

    for _ in range(2 * len(GREYS) + 1):
        show_frame()
        if stage.orders.taken:
            order = stage.orders.taken.pop()
            stage.orders.deliver(GREYS[order.prompt], order)
    assert (behind(), shows_person()) == (GREYS["beach"], True)
    controls.act("camera-off")
    output.idle()
    assert np.all(window.frames[-1].image == GREYS["beach"])
    for is_stalled in (False, True):
        if is_stalled:
            output.note_stall(1.0)
        for prompt in ("library", "beach", "library", "beach"):
            controls.act("next-prompt")
            output.idle()
            assert np.all(window.frames[-1].image == GREYS[prompt])
    controls.act("next-prompt")
    output.idle()
    controls.act("camera-off")
    show_frame()
    assert (behind(), shows_person()) == (GREYS["library"], True)
    assert not stage.orders.taken
