"""The size of the matte while a machine is too slow and then is not, through renderer, segmenter and fake runtime."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from fakes import WAIT_S, ScriptedClock
from media import constant
from networks import red_means_person
from numpy.typing import NDArray

from models.doubt import Looks
from models.framing import framing
from models.unet_config import COMPACT
from streamer import build
from streamer.backgrounds.still import StillBackground, solid
from streamer.config import StreamConfig
from streamer.controls import Controls
from streamer.frames import Alpha, Frame, Image, Size
from streamer.rendering import Renderer
from streamer.segmentation import INPUT_SHARES, adapted
from streamer.segmentation.adaptive import AdaptiveSegmenter
from streamer.segmentation.clean_plate import SNAP_FRAMES, CleanPlate
from streamer.segmentation.predictor import NetworkSegmenter
from streamer.segmentation.quality import QualityControl
from streamer.segmentation.rules import MatteRules
from streamer.segmentation.runtimes import Runtime
from streamer.stats import Stats

FRAME = Size(384, 216)
FPS = 5
"""Few, so that minutes are played in seconds."""
FULL_PX = 448 * 256
ROOM, BEHIND = (40, 90, 60), (0, 0, 200)


class SlowRuntime(Runtime):
    """Red is person; a picture takes time in proportion to its area, by a clock that only this moves."""

    name = "CPU (slow)"

    def __init__(self, clock: ScriptedClock) -> None:
        self.full_s = 0.3
        self.takes_one_size = False
        self.prepared: list[tuple[int, ...]] = []
        self.sizes: list[Size] = []
        self.may_prepare = threading.Event()
        self.may_prepare.set()
        self._clock = clock

    def alpha(self, batch: NDArray[np.float32]) -> Alpha:
        height, width = batch.shape[2:]
        if self.takes_one_size and width * height != FULL_PX:
            raise RuntimeError("this network takes 448x256 only")
        self._clock.now_s += self.full_s * width * height / FULL_PX
        self.sizes.append(Size(width, height))
        return batch[0, 0].copy()

    def prepare(self, shape: tuple[int, int, int, int]) -> None:
        assert threading.current_thread().name == "size of the matte"
        assert self.may_prepare.wait(WAIT_S)
        self.prepared.append(shape)


def picture(number: int, doubt: int = 0) -> Image:
    image = np.full((FRAME.height, FRAME.width, 3), ROOM, np.uint8)
    left = 100 + number % 20
    image[40:, left : left + 90] = (255, 40, 40)
    image[75:125, 10:60] = (255, 40, 40)  # somebody else
    image[5:35, 200:250, 0] = doubt or ROOM[0]
    return image


class Run:
    """A live run, frame by frame on a clock of its own."""

    def __init__(self, clean_plate: CleanPlate | None = None, fps: float = FPS, looks: Looks = "once") -> None:
        self.clock = ScriptedClock()
        self.runtime = SlowRuntime(self.clock)
        shares = INPUT_SHARES["normal"]
        work = shares if looks == "once" else (2.0, *shares)
        usual, *smaller = (partial(framing, config=COMPACT, share=min(1.0, share)) for share in work)
        self.network = NetworkSegmenter(
            "compact",
            usual,
            self.runtime,
            smaller=smaller,
            steadiness=0.9,
            clean_plate=clean_plate,
            rules=MatteRules(people="largest", min_island=0.3),
            looks=looks,
        )
        control = QualityControl([each / work[0] for each in work])
        self.segmenter = AdaptiveSegmenter(self.network, control, clock=self.clock)
        self.stats = Stats()
        self.renderer = Renderer(self.segmenter, [StillBackground(solid(BEHIND))], Controls(), self.stats)
        self.number, self.doubt = 0, 0
        self._fps = fps

    def until(self, end_s: float) -> list[Image]:
        """The pictures that the viewer gets until that moment."""
        shown = []
        while self.clock.now_s < end_s:
            self.number += 1
            begun_at_s = self.clock.now_s
            frame = Frame(picture(self.number, self.doubt), self.number, begun_at_s, begun_at_s)
            shown.append(self.renderer.render(frame).image)
            if self.runtime.may_prepare.is_set():
                self._wait_for_preparation()
            self.clock.now_s = max(self.clock.now_s, begun_at_s + 1 / self._fps)
        return shown

    def _wait_for_preparation(self) -> None:
        preparing = self.segmenter._preparing
        if preparing is not None:
            preparing.join(WAIT_S)


@pytest.fixture
def run() -> Iterator[Run]:
    run = Run()
    yield run
    run.renderer.close()


def is_right(image: Image) -> bool:
    """Nothing of the room or of the other one, whatever the size of the matte, and the person in the middle."""
    room = np.abs(image.astype(int) - ROOM).max(axis=-1) < 12
    return not room[:, :85].any() and bool((image[75:125, 10:60] == BEHIND).all()) and image[100, 150, 0] == 255


def test_the_matte_gets_smaller_and_larger_again_and_no_frame_suffers(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "streamer")
    shown = run.until(20)
    assert run.network.description == "compact 320x192 on CPU (slow)"
    run.runtime.full_s = 0.036
    shown += run.until(60)
    assert run.network.description == "compact 448x256 on CPU (slow)"
    assert [record.getMessage() for record in caplog.records] == [
        "the machine cannot keep up: the matte is computed at 384x224 instead of 448x256",
        "the machine cannot keep up: the matte is computed at 320x192 instead of 384x224",
        "the machine has time again: the matte is computed at 384x224 instead of 320x192",
        "the machine has time again: the matte is computed at 448x256 instead of 384x224",
    ]
    assert len(shown) > 200
    assert all(is_right(image) for image in shown)
    assert run.stats.snapshot().counters == {}


def test_the_second_look_is_the_first_to_be_left_out(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "streamer")
    run = Run(looks="in doubt")
    run.doubt = 128
    run.runtime.full_s = 0.1
    run.until(20)
    assert run.network.step == 1
    run.runtime.full_s = 0.03
    run.until(60)
    assert run.network.step == 0
    run.renderer.close()
    assert [record.getMessage() for record in caplog.records] == [
        "the machine cannot keep up: the matte is computed at 448x256 instead of 448x256 (twice in doubt)",
        "the machine has time again: the matte is computed at 448x256 (twice in doubt) instead of 448x256",
    ]
    assert set(run.runtime.sizes) == {Size(448, 256)}
    assert run.stats.snapshot().counters == {}


def test_a_size_that_is_being_prepared_does_not_hold_up_the_old_one(run: Run) -> None:
    run.runtime.may_prepare.clear()
    run.until(10)
    assert set(run.runtime.sizes) == {Size(448, 256)}
    run.runtime.may_prepare.set()
    run.until(11)
    assert run.runtime.prepared[0] == (1, 3, 224, 384)
    assert run.runtime.sizes[-1] == Size(384, 224)


def test_a_network_that_takes_one_size_only_loses_one_frame_and_goes_on(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    run.runtime.takes_one_size = True
    shown = run.until(60)
    assert [is_right(image) for image in shown].count(False) == 1
    assert run.stats.snapshot().counters == {"failed_frames": 1}
    assert run.network.description == "compact 448x256 on CPU (slow)"
    assert "goes back to the usual one" in caplog.text


def test_the_room_is_snapped_at_one_size_and_then_serves_all() -> None:
    clean_plate = CleanPlate("snap")
    run = Run(clean_plate, fps=4)
    run.runtime.full_s = 0.4
    run.until(SNAP_FRAMES * 0.4 - 1)
    assert clean_plate.is_snapping
    assert set(run.runtime.sizes) == {Size(448, 256)}, "another one would begin anew"
    run.until(60)
    assert not clean_plate.is_snapping
    assert run.runtime.sizes[-1] == Size(320, 192)
    assert run.stats.snapshot().counters == {}
    run.renderer.close()


def test_closing_does_not_wait_for_good_for_a_size_that_is_being_prepared(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamer.segmentation.adaptive.LEAVE_S", 0.01)
    run.runtime.may_prepare.clear()
    run.until(5)
    preparing = run.segmenter._preparing
    assert preparing is not None
    run.segmenter.close()
    run.runtime.may_prepare.set()
    preparing.join(WAIT_S)


def test_a_segmenter_with_one_size_is_used_as_it_is() -> None:
    segmenter = NetworkSegmenter("compact", partial(framing, config=COMPACT), SlowRuntime(ScriptedClock()))
    assert adapted(segmenter) is segmenter


@pytest.mark.parametrize(
    ("settings", "adapts"),
    [
        ({"output": ("null", "preview")}, True),
        ({"output": ("null", "preview"), "adaptive_quality": False}, False),
        ({"output": ("null",)}, False),
    ],
    ids=["live", "turned off", "a file"],
)
def test_only_live_and_unless_it_is_turned_off_the_size_adapts(
    settings: dict[str, object], adapts: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class FarEnoughError(Exception):
        pass

    def look(segmenter: object, *arguments: object, **options: object) -> None:
        assert isinstance(segmenter, AdaptiveSegmenter if adapts else NetworkSegmenter)
        raise FarEnoughError

    monkeypatch.setattr(build, "Renderer", look)
    clip = constant(tmp_path / "clip.mp4", count=2)
    weights = red_means_person(tmp_path / "red.safetensors")
    config = StreamConfig.model_validate({"input": str(clip), "weights": weights, "device": "cpu", **settings})
    with pytest.raises(FarEnoughError), build.opened(config, on_written=lambda frame: None):
        pass


def test_openvino_is_ready_for_a_size_that_was_prepared() -> None:
    from streamer.segmentation import find_onnx
    from streamer.segmentation.runtimes import KEPT_SIZES, OpenVinoRuntime, is_installed

    if not is_installed("openvino"):
        pytest.skip("openvino is not installed")
    onnx = find_onnx("compact", None)
    assert onnx is not None
    runtime = OpenVinoRuntime(onnx)
    preparing = threading.Thread(target=runtime.prepare, args=((1, 3, 128, 224),))
    preparing.start()
    runtime.alpha(np.zeros((1, 3, 256, 448), np.float32))
    preparing.join(WAIT_S)
    known = dict(runtime._requests)
    assert set(known) == {(1, 3, 256, 448), (1, 3, 128, 224)}
    assert runtime.alpha(np.zeros((1, 3, 128, 224), np.float32)).shape == (128, 224)
    assert runtime._requests == known
    for width in range(64, 64 + 32 * KEPT_SIZES, 32):
        runtime.alpha(np.zeros((1, 3, 64, width), np.float32))
    assert len(runtime._requests) == KEPT_SIZES
