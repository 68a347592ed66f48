"""The whole program with a painter of the real structure and random weights: plates, cues, fades, caches, processes."""

import contextlib
import itertools
import threading
import time
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from fakes import WAIT_S
from networks import red_means_person
from tiny_diffusion import write_base, write_controlnet

from streamer import networks, painter
from streamer.backgrounds.generators import CachedGenerator
from streamer.backgrounds.gradient import gradient
from streamer.backgrounds.plate_cache import PlateCache
from streamer.backgrounds.plates import PlateMaker
from streamer.build import opened
from streamer.config import StreamConfig
from streamer.controls import Controls
from streamer.errors import GenerationCancelled, GenerationError
from streamer.frames import Frame, Keyframe, Plate, Size
from streamer.interfaces import SourceInfo, VideoTraits
from streamer.plate import paint_one
from streamer.stats import Stats

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_torch_thread", "own_cache")]
SIZE = Size(160, 96)
ROOM, PERSON = (20, 110, 60), (230, 30, 40)
FPS = 25
CLIPS = Path(__file__).parents[3] / "shared" / "data" / "clips"


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    write_base(folder / "base")
    write_controlnet(folder / "controlnet")
    red_means_person(folder / "red.safetensors")
    return folder


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setattr("streamer.backgrounds.plate_cache.default_cache_folder", lambda: folder)
    return folder


def left_edge(number):
    return 10 + 2 * number


@pytest.fixture(scope="module")
def shots(tmp_path_factory):
    """Pictures of a green room in which a red person moves to the right."""
    folder = tmp_path_factory.mktemp("shots")
    for number in range(40):
        image = np.full((SIZE.height, SIZE.width, 3), ROOM, np.uint8)
        image[20:80, left_edge(number) : left_edge(number) + 40] = PERSON
        cv2.imwrite(str(folder / f"{number:03}.png"), image[..., ::-1])
    return folder


@pytest.fixture
def settings(models, shots):
    return {
        "input": str(shots),
        "camera_fps": FPS,
        "sd_model": str(models / "base"),
        "controlnet": str(models / "controlnet"),
        "weights": models / "red.safetensors",
        "device": "cpu",
        "plate_device": "cpu",
        "plate_size": "320x256",
        "steps": 1,
        "seed": 7,
        "allow_people": True,
        "plate_cache": 0,
        "clean_plate": "off",
    }


def run(config):
    """Run to the end; the frames written."""
    written = []
    with opened(config, on_written=written.append) as stream:
        assert stream.pipeline.run() == "finished"
    return [frame.image for frame in written]


def config_of(settings, **changes):
    return StreamConfig(**(settings | {"output": ("null",)} | changes))


def clear_of(frames, number):
    """The part of a frame in which the person never was."""
    return frames[number][:, 136:].astype(int)


def test_file_is_painted_from_its_first_frame_on_and_comes_out_the_same_again(settings):
    config = config_of(settings, prompt="a beach", end=0.4)
    first, second = run(config), run(config)
    assert len(first) == 10
    for one, other in zip(first, second, strict=True):
        assert np.array_equal(one, other)
    assert np.abs(clear_of(first, 0) - ROOM).max(axis=2).mean() > 20
    assert np.array_equal(clear_of(first, 0), clear_of(first, 9))
    other_seed = run(config_of(settings, prompt="a beach", end=0.4, seed=8))
    assert np.abs(clear_of(first, 0) - clear_of(other_seed, 0)).mean() > 1


def test_where_the_person_stood_the_plate_is_complete(settings):
    """The plate that the video shows is the one that the generator made, there too: no hole, no ghost."""
    frames = run(config_of(settings, prompt="a beach"))
    config = config_of(settings, prompt="a beach")
    image = cv2.imread(str(Path(settings["input"]) / "000.png"))[..., ::-1].copy()
    segmenter = networks.open_matte(config.model_copy(update={"steadiness": 0.0}))
    keyframe = Keyframe(Frame(image, 0, 0.0, 0.0), segmenter.settled(image).alpha)
    segmenter.close()
    generator = painter.open_generator(config)
    plate = generator.generate(keyframe, "a beach", 7, should_stop=lambda: False)
    generator.close()
    expected = cv2.resize(plate.image, SIZE, interpolation=cv2.INTER_CUBIC)
    stood = np.s_[20:80, left_edge(0) : left_edge(0) + 40]
    assert np.array_equal(frames[39][stood], expected[stood])


def test_cue_file_switches_prompts_at_their_time_through_a_fade(settings, tmp_path):
    cues = tmp_path / "cues.yaml"
    cues.write_text("00:00: a beach\n00:00.4: a library at night\n", encoding="utf-8")
    frames = run(config_of(settings, cues=cues))
    way = np.abs(clear_of(frames, 30) - clear_of(frames, 0)).mean()
    assert way > 1
    share = [np.abs(clear_of(frames, number) - clear_of(frames, 0)).mean() / way for number in range(40)]
    assert max(share[:11]) == 0
    assert all(earlier < later for earlier, later in itertools.pairwise(share[10:20]))
    assert share[15] == pytest.approx(0.5, abs=0.05)
    assert min(share[20:]) > 0.999


def test_second_run_takes_its_plates_from_the_disk(settings, monkeypatch, own_cache):
    config = config_of(settings, prompt="a beach", end=0.2, plate_cache=10)
    first = run(config)
    assert len(list(own_cache.glob("*.png"))) == 1

    def refuse(*args, **kwargs):
        raise AssertionError("a plate was painted that lies on the disk")

    monkeypatch.setattr(PlateMaker, "generate", refuse)
    for one, other in zip(first, run(config), strict=True):
        assert np.array_equal(one, other)


def test_plate_command_writes_one_picture_and_no_other(settings, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = paint_one(StreamConfig(**settings, prompt="a beach", output="plate.png"))
    assert said.startswith("plate.png: 320x256, seed 7, painted in ")
    assert cv2.imread("plate.png").shape == (256, 320, 3)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["plate.png"]


def test_gate_of_the_program_itself_looks_at_the_plates(settings):
    """The network that takes red for a person finds one in the noise of random weights, or not; either way it ends."""
    config = config_of(settings, prompt="a beach", end=0.08, allow_people=False)
    generator = painter.open_generator(config)
    looked = []
    find_person = generator._find_person

    def look(image):
        looked.append(image.shape)
        return find_person(image)

    generator._find_person = look
    image = np.full((SIZE.height, SIZE.width, 3), ROOM, np.uint8)
    keyframe = Keyframe(Frame(image, 0, 0.0, 0.0), np.zeros(image.shape[:2], np.float32))
    plate = None
    with contextlib.suppress(GenerationError):  # every plate holds somebody
        plate = generator.generate(keyframe, "a beach", 7, should_stop=lambda: False)
    assert plate is None or (find_person(plate.image) > 0.5).mean() <= 0.004
    assert looked[0] == (256, 320, 3)
    generator.close()


def test_gate_does_not_heed_what_the_user_wants_of_the_matte(settings):
    config = config_of(settings, prompt="a beach", allow_people=False, people="center", min_island=50, edge_shift=-20)
    find_person, close = painter._open_gate(config)
    image = np.full((SIZE.height, SIZE.width, 3), ROOM, np.uint8)
    image[10:30, 100:120] = PERSON
    assert (find_person(image) > 0.5).mean() > 0.01
    close()


def test_file_is_stopped_while_its_first_plate_is_painted(settings, monkeypatch):
    begun = threading.Event()

    def paint_for_ever(self, keyframe, prompt, seed, *, should_stop):
        begun.set()
        while not should_stop():
            time.sleep(0.005)
        raise GenerationCancelled("the run ends")

    monkeypatch.setattr(PlateMaker, "generate", paint_for_ever)
    written = []
    with opened(config_of(settings, prompt="a beach"), on_written=written.append) as stream:

        def stop_once_begun():
            assert begun.wait(WAIT_S)
            stream.pipeline.stop()

        thread = threading.Thread(target=stop_once_begun)
        thread.start()
        started_s = time.monotonic()
        assert stream.pipeline.run() == "stopped"
        thread.join()
    assert not written
    assert time.monotonic() - started_s < WAIT_S


def test_plate_that_was_made_smaller_is_not_kept(own_cache):
    class Short:
        def generate(self, keyframe, prompt, seed, *, should_stop):
            return Plate(np.zeros((4, 4, 3), np.uint8), prompt, seed, 0, 0.1, is_full_size=False)

        def close(self):
            pass

    generator = CachedGenerator(Short(), PlateCache(own_cache, 10**6), {}, exactly=True)
    image = np.zeros((SIZE.height, SIZE.width, 3), np.uint8)
    keyframe = Keyframe(Frame(image, 0, 0.0, 0.0), np.zeros(image.shape[:2], np.float32))
    generator.generate(keyframe, "a beach", 1, should_stop=lambda: False)
    assert not own_cache.exists() or not list(own_cache.iterdir())


def test_cues_count_from_where_the_file_begins(tmp_path):
    (tmp_path / "cues.yaml").write_text("0: a beach\n1: a library\n", encoding="utf-8")
    video = VideoTraits(tmp_path / "clip.ts", Fraction(1, 90000), begins_s=3600.0)
    info = SourceInfo("clip.ts", SIZE, Fraction(FPS), is_live=False, video=video)
    prompt_at = painter.prompts_by_time(StreamConfig(cues=tmp_path / "cues.yaml"), info)
    assert [prompt_at(pts_s) for pts_s in (3600, 3600.9, 3601)] == ["a beach", "a beach", "a library"]


def test_live_stand_in_shows_until_the_first_plate_comes_from_its_own_process(settings):
    info = SourceInfo("camera 0", SIZE, Fraction(FPS), is_live=True)
    stats = Stats()
    background = painter.open_generated(
        config_of(settings, prompt="a beach"), info, Controls(("painted", "blur"), ("a beach",)), stats
    )
    image = np.full((SIZE.height, SIZE.width, 3), ROOM, np.uint8)
    alpha = np.zeros(image.shape[:2], np.float32)
    first = background.image_for(Frame(image, 0, 0.0, time.monotonic()), alpha)
    assert np.array_equal(first, gradient(SIZE))
    deadline_s = time.monotonic() + 10 * WAIT_S
    number = 0
    while background.status != "background: a beach":
        assert time.monotonic() < deadline_s, "the plate never came"
        number += 1
        time.sleep(0.02)
        background.image_for(Frame(image, number, number / FPS, time.monotonic()), alpha)
    faded = background.image_for(Frame(image, number + 99, number / FPS + 4, time.monotonic()), alpha)
    assert np.abs(faded.astype(int) - first).mean() > 5
    assert stats.snapshot().stages["plate"].count == 1
    background.close()


class NothingToPaint:
    """A generator that must not be asked."""

    def generate(self, keyframe, prompt, seed, *, should_stop):
        raise AssertionError("a plate was painted that lies on the disk")

    def close(self):
        pass


def test_live_prompts_are_made_ahead_switched_to_at_once_and_found_by_the_next_run(settings, monkeypatch):
    prompts = ("a beach", "a library")
    info = SourceInfo("camera 0", SIZE, Fraction(FPS), is_live=True)
    config = config_of(settings, prompt=prompts, plate_cache=10)
    alpha = np.zeros((SIZE.height, SIZE.width), np.float32)
    noise = np.random.default_rng(0)

    def run_live():
        """Wait for both plates, switch, and fade; what was seen, and how many plates were painted or fetched."""
        stats, controls = Stats(), Controls(("painted",), prompts)
        background = painter.open_generated(config, info, controls, stats)

        def frame(number):
            image = np.clip(noise.normal(ROOM, 4, (SIZE.height, SIZE.width, 3)), 0, 255).astype(np.uint8)
            return background.image_for(Frame(image, number, number / FPS, time.monotonic()), alpha)

        deadline_s, number = time.monotonic() + 10 * WAIT_S, 0
        while background.status != "background: a beach (ready: 2 of 2 prompts)":
            assert time.monotonic() < deadline_s, f"still {background.status}"
            frame(number)
            number += 1
            time.sleep(0.02)
        beach = frame(number + 100)
        controls.step_prompt(1)
        faded = [frame(number + 100 + step).astype(int) for step in range(1, 13)]
        assert background.status == "background: a library (ready: 2 of 2 prompts)"
        background.close()
        return beach.astype(int), faded, stats.snapshot()

    beach, faded, stats = run_live()
    way = np.abs(faded[-1] - beach).mean()
    share = [np.abs(image - beach).mean() / way for image in faded]
    assert way > 1
    assert share[0] == 0
    assert 0 < share[1] < share[4] < share[8] < 1
    assert share[11] == 1, "400 ms are ten frames and a bit"
    assert stats.stages["plate"].count == 2
    assert stats.counters == {}

    monkeypatch.setattr(painter, "_live_generator", lambda config: NothingToPaint())
    beach_again, faded_again, _ = run_live()
    assert np.array_equal(beach_again, beach)
    assert np.array_equal(faded_again[-1], faded[-1])


@pytest.mark.skipif(not CLIPS.is_dir(), reason="needs the clips beside the repository")
@pytest.mark.parametrize("clip", ["desk_1080p30.mp4", "people_enter_empty_room_768x432_10fps.mp4"])
def test_real_clips_are_painted(settings, clip):
    changes = {"input": str(CLIPS / clip), "camera_fps": None, "weights": None, "end": 0.3}
    frames = run(config_of(settings | changes, prompt="a beach"))
    assert len(frames) == {"d": 9, "p": 3}[clip[0]]
    corner = [frame[:40, :40].astype(int) for frame in frames]
    assert all(np.array_equal(corner[0], other) for other in corner)
