"""One frame of the room in, one picture for the viewer out. What keeps the room private is decided here.

The rule: a pixel of a frame leaves only as far as that frame's own alpha says person, which in a recording the frames
around it may mend once it is believed (``ahead.py``). Whenever there is no usable alpha
(the segmenter raised, returned NaN, another shape or what cannot be true, the camera is off) the viewer gets the safe
picture instead.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from streamer.auto_center import AutoCenter
from streamer.blending import Blending
from streamer.compositing import Compositor, estimate_foreground, with_alpha
from streamer.controls import Controls, ControlState
from streamer.errors import GenerationError, SegmentationError, StreamerError
from streamer.frames import Alpha, Area, Frame, Image, Size
from streamer.interfaces import Background, ComposingMatte, HeldMatte, Segmenter
from streamer.plausibility import PlausibilityGate
from streamer.stats import Stats
from streamer.usable import check_held, usable_alpha, usable_background

Write: TypeAlias = Literal["composite", "alpha", "foreground"]
"""What is written: the person over the background, the matte alone, or the person with straight alpha."""

LAST_RESORT_GREY = 40
"""Grey level shown in a panic, and when even the background's safe picture cannot be had."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Matted:
    """A frame with its own alpha; None = it has none that could be trusted, and is not to be shown."""

    frame: Frame
    alpha: Alpha | HeldMatte | None


class Renderer:
    """Mattes each frame and lays the person over the chosen background.

    ``matte`` and ``compose`` may each have a thread of their own, and ``safe_image`` be called from a third.

    Args:
        segmenter: finds the person. Whatever it raises, or returns that is no alpha, costs this frame its matte.
        backgrounds: one or more; ``controls`` say which is shown.
        controls: background, view and pause, read once per frame.
        stats: times ``segment``, ``center``, ``background``, ``composite``; counts ``failed_frames`` and
            ``failed_backgrounds``.
        write: ``composite`` gives RGB ``(h, w, 3)``, or RGBA over a transparent background; ``alpha`` gives grey
            ``(h, w)``; ``foreground`` gives RGBA ``(h, w, 4)`` with straight alpha.
        failures_allowed: how many frames in a row may go without a usable alpha before ``render`` raises;
            None = any number, for live work.
        auto_center: moves the person of a composite into the middle; None = nothing moves.
        picture: where in each frame the picture lies, beside which there is nothing to see; None = everywhere.
        blending: fits the person of a composite to the background's light; None = they stay as they were taken.
        hold: mattes a frame in the segmenter's place, and may leave it on the GPU, or its edges undone, until it is
            composed; None = the segmenter does.
    """

    def __init__(
        self,
        segmenter: Segmenter,
        backgrounds: Sequence[Background],
        controls: Controls,
        stats: Stats,
        *,
        write: Write = "composite",
        failures_allowed: int | None = None,
        auto_center: AutoCenter | None = None,
        blending: Blending | None = None,
        picture: Area | None = None,
        hold: Callable[[Frame], HeldMatte | Alpha] | None = None,
    ) -> None:
        if len(backgrounds) != len(controls.backgrounds):
            raise ValueError(f"{len(backgrounds)} backgrounds, but controls for {len(controls.backgrounds)}")
        self._segmenter = segmenter
        self._hold = hold or (lambda frame: segmenter.segment(frame.image))
        self._backgrounds = tuple(backgrounds)
        self._controls = controls
        self._stats = stats
        self._write = write
        self._failures_allowed = failures_allowed
        self._auto_center = auto_center
        self._blending = blending
        self._failures_in_a_row = 0
        self._gate = PlausibilityGate(is_live=failures_allowed is None, picture=picture)
        self._scene: tuple[int, Size] | None = None
        self._is_new_scene = False
        self._composed_size: Size | None = None
        self._must_reset = False
        self._is_transparent = False
        self._last_backgrounds: dict[int, Image] = {}
        self._compositor = Compositor()
        self._complaints: set[str] = set()

    def add_background(self, background: Background) -> None:
        """Have one more background, behind the others. From one other thread at a time, while frames are rendered.

        It may be chosen from then on; the controls must hear of it only after this.
        """
        self._backgrounds += (background,)

    def render(self, frame: Frame) -> Frame:
        """``matte`` and ``compose``, one after the other."""
        return self.compose(self.matte(frame))

    def matte(self, frame: Frame) -> Matted:
        """The frame with its own alpha.

        Raises:
            SegmentationError: more than ``failures_allowed`` frames in a row had no usable alpha.
        """
        scene = (frame.scene, frame.size)
        self._is_new_scene |= scene != (self._scene or scene)
        self._scene = scene
        if self._controls.state.paused or self._controls.state.panic:
            self._is_new_scene = True  # what the segmenter remembers is of another moment: somebody may have left
            return Matted(frame, None)
        if self._is_new_scene:
            self._is_new_scene, self._must_reset = False, True
            self._gate.restart()
            self._alpha_of(frame)  # not used: a segmenter that is a picture late would give the old scene's
        return Matted(frame, self._plausible(frame, self._alpha_of(frame)))

    def compose(self, matted: Matted) -> Frame:
        """The picture for the viewer, with the time and number of the frame.

        Raises:
            GenerationError: the background of a file cannot be painted.
        """
        frame, matte, state = matted.frame, matted.alpha, self._controls.state
        if frame.size != self._composed_size:
            self._composed_size = frame.size
            self._last_backgrounds.clear()
        if matte is None or state.paused or state.panic:
            return frame.with_image(self.safe_image(frame.size))
        try:
            if isinstance(matte, HeldMatte):
                composed = self._compose_held(frame, matte, state)
            else:
                composed = self._compose_here(frame, matte, state)
        except Exception as error:
            if self._failures_allowed is not None:
                raise  # nobody wants a file that lacks a frame
            self._stats.count("failed_frames")
            self._complain("composite", f"no composite, showing the safe picture instead: {_cause(error)}")
            return frame.with_image(self.safe_image(frame.size))
        self._complaints.discard("composite")
        return composed

    def last_look(self, frame: Frame) -> Frame:
        """The composed frame, or the safe picture if the camera went off or panic was pressed since it was composed."""
        state = self._controls.state
        return frame.with_image(self.safe_image(frame.size)) if state.paused or state.panic else frame

    def safe_image(self, size: Size) -> Image:
        """What is shown without a usable alpha, of the kind that is written: no pixel of any frame is in it.

        That is the background without a person; in a panic one solid grey.
        """
        if self._write == "alpha":
            return np.zeros((size.height, size.width), np.uint8)
        if self._write == "foreground" or self._is_transparent:
            return np.zeros((size.height, size.width, 4), np.uint8)
        state = self._controls.state
        if state.panic:
            return np.full((size.height, size.width, 3), LAST_RESORT_GREY, np.uint8)
        background = self._backgrounds[state.background]
        try:
            return usable_background(background.safe_image(size), size)
        except Exception as error:
            self._complain("safe picture", f"the background's safe picture failed, showing grey: {_cause(error)}")
            return np.full((size.height, size.width, 3), LAST_RESORT_GREY, np.uint8)

    def close(self) -> None:
        """Close the segmenter and the backgrounds. May be called twice."""
        self._segmenter.close()
        for background in self._backgrounds:
            background.close()

    def _alpha_of(self, frame: Frame) -> Alpha | HeldMatte | None:
        """This frame's own alpha, in [0, 1]; None when it has none that could be trusted."""
        try:
            if self._must_reset:
                self._segmenter.reset()
                self._must_reset = False
            with self._stats.time("segment"):
                alpha = self._hold(frame)
            if isinstance(alpha, HeldMatte):
                check_held(alpha, frame.size)
            else:
                alpha = usable_alpha(alpha, frame.size)
        except Exception as error:  # whatever it was: without an alpha nothing of the frame is shown
            self._note_failure(error)
            return None
        if self._failures_in_a_row:
            logger.info("the matte is back after %d frames without one", self._failures_in_a_row)
            self._failures_in_a_row = 0
        return alpha

    def _plausible(self, frame: Frame, alpha: Alpha | HeldMatte | None) -> Alpha | HeldMatte | None:
        """The alpha, unless it cannot be true."""
        doubt = self._gate.doubt(frame, alpha.small if isinstance(alpha, HeldMatte) else alpha)
        if doubt is None:
            self._complaints.discard("matte")
            return alpha
        self._must_reset = True
        self._stats.count("implausible_frames")
        self._complain("matte", f"the matte is not believed, showing the safe picture instead: {doubt}")
        return None

    def _note_failure(self, error: Exception) -> None:
        self._must_reset = True  # its memory may hold the very NaN that spoilt this frame
        self._stats.count("failed_frames")
        self._failures_in_a_row += 1
        if self._failures_in_a_row == 1:
            logger.warning("no usable matte, showing the safe picture instead: %s", _cause(error))
        allowed = self._failures_allowed
        if allowed is not None and self._failures_in_a_row > allowed:
            raise SegmentationError(
                f"{self._failures_in_a_row} frames in a row could not be matted; the last one: {_cause(error)}"
            ) from error

    def _compose_here(self, frame: Frame, alpha: Alpha, state: ControlState) -> Frame:
        if self._write == "composite" and state.view == "composite":
            return self._composite(frame, alpha, state.background)
        with self._stats.time("composite"):
            if self._write == "foreground":
                return frame.with_image(_cut_out(frame.image, alpha))
            matte = _grey(alpha)
            return frame.with_image(matte if self._write == "alpha" else np.stack((matte,) * 3, axis=-1))

    def _compose_held(self, frame: Frame, matte: HeldMatte, state: ControlState) -> Frame:
        """Where it is held, if nothing but the composite needs the alpha; else from the full-size alpha."""
        shows_room = self._backgrounds[state.background].shows_room
        is_plain = self._auto_center is None and self._blending is None and not shows_room
        if isinstance(matte, ComposingMatte) and is_plain and self._write == "composite" and state.view == "composite":
            return self._composite_held(frame, matte, state.background)
        return self._compose_here(frame, usable_alpha(matte.full(), frame.size), state)

    def _composite(self, frame: Frame, alpha: Alpha, index: int) -> Frame:
        shows_room = self._backgrounds[index].shows_room
        person, alpha_behind = frame, alpha
        if self._auto_center is not None:
            with self._stats.time("center"):
                placed = self._auto_center.place(frame, alpha, with_room=shows_room)
            alpha = placed.alpha
            if placed.image is not frame.image:
                person = frame.with_image(placed.image)
            if shows_room:  # the room moves with the person; any other background stands still
                frame, alpha_behind = person, placed.alpha_behind
        with self._stats.time("background"):
            background = self._background_image(frame, alpha_behind, index)
        self._is_transparent = background is None
        with self._stats.time("composite"):
            if background is None:
                return frame.with_image(_cut_out(person.image, alpha))
            if self._blending is not None and not shows_room:  # the room lights the person already
                blended = self._blending.blend(person.image, alpha, background, frame.pts_s)
                person = person if blended is person.image else person.with_image(blended)
            return frame.with_image(*self._compositor.compose(person, alpha, background))

    def _composite_held(self, frame: Frame, matte: ComposingMatte, index: int) -> Frame:
        with self._stats.time("background"):
            background = self._background_image(frame, matte.small, index)
        self._is_transparent = background is None
        with self._stats.time("composite"):
            if background is None:
                return frame.with_image(_cut_out(frame.image, usable_alpha(matte.full(), frame.size)))
            return frame.with_image(*matte.over(background))

    def _background_image(self, frame: Frame, alpha: Alpha, index: int) -> Image | None:
        try:
            image = self._backgrounds[index].image_for(frame, alpha)
            if image is not None:
                self._last_backgrounds[index] = usable_background(image, frame.size)
        except Exception as error:
            if isinstance(error, GenerationError) and self._failures_allowed is not None:
                raise  # a file without the background that was asked for is not what anybody wants
            self._stats.count("failed_backgrounds")
            self._complain(f"background {index}", f"the background failed, showing a safe one: {_cause(error)}")
            return self._fallback(index, frame.size)
        self._complaints.discard(f"background {index}")
        return image

    def _fallback(self, index: int, size: Size) -> Image | None:
        """The last background of this size if it cannot hold the live room, else the safe one."""
        if self._is_transparent:
            return None
        safe = self.safe_image(size)
        return safe if self._backgrounds[index].shows_room else self._last_backgrounds.get(index, safe)

    def _complain(self, subject: str, message: str) -> None:
        """Log once until the subject works again."""
        if subject not in self._complaints:
            self._complaints.add(subject)
            logger.warning(message)


def _cut_out(image: Image, alpha: Alpha) -> Image:
    """The person with straight alpha; black where nothing is seen, for straight colours there are still the room's."""
    picture = with_alpha(estimate_foreground(image, alpha), alpha)
    np.copyto(picture.view(np.uint32), 0, where=picture[..., 3:] == 0)  # four bytes at once: ten times as fast
    return picture


def _grey(alpha: Alpha) -> Image:
    """0..1 to 0..255, rounded."""
    return np.rint(alpha * 255).astype(np.uint8)


def _cause(error: Exception) -> str:
    """An error in one line."""
    text = str(error).strip().splitlines()
    if isinstance(error, StreamerError) and text:
        return text[0]  # made for people already
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
