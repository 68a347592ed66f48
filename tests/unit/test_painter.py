"""Which painter the settings mean, with a generator in the real one's place."""

import sys
import time
from fractions import Fraction

import numpy as np
import pytest
from fakes import WAIT_S, make_frame

from streamer import painter
from streamer.backgrounds.generators import LazyGenerator
from streamer.backgrounds.plate_process import PlateProcess
from streamer.config import StreamConfig
from streamer.controls import Controls
from streamer.errors import ConfigError
from streamer.frames import Area, Plate, Size
from streamer.interfaces import SourceInfo
from streamer.stats import Stats


class Generator:
    """Makes a grey plate."""

    def generate(self, keyframe, prompt, seed, *, should_stop):
        return Plate(np.full((8, 8, 3), 90, np.uint8), prompt, seed, keyframe.frame.index, 0.1)

    def close(self):
        pass


@pytest.mark.parametrize("name", ["cuda", "cuda:1", "mps"])
def test_device_that_is_not_there_is_refused_before_anything_is_loaded(name, monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    with pytest.raises(ConfigError, match=f"plate_device {name} is not there"):
        painter.plate_device(StreamConfig(plate_device=name))


def test_device_that_is_there_is_taken(monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert painter.plate_device(StreamConfig(plate_device="cuda:1")) == "cuda:1"
    with pytest.raises(ConfigError, match="cuda:2"):
        painter.plate_device(StreamConfig(plate_device="cuda:2"))


@pytest.mark.parametrize(
    ("name", "kind"),
    [("cuda", LazyGenerator), ("cuda:0", LazyGenerator), ("cuda:1", PlateProcess), ("cpu", PlateProcess)],
)
def test_gpu_of_the_matte_is_painted_on_from_this_process_and_any_other_device_from_its_own(
    name, kind, monkeypatch, usual_turns
):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert type(painter._live_generator(StreamConfig(plate_device=name))) is kind
    assert (sys.getswitchinterval() < usual_turns) == (kind is LazyGenerator)  # whose thread would hold frames up


def test_room_is_watched_where_the_picture_lies(monkeypatch):
    made = []
    monkeypatch.setattr("streamer.backgrounds.keyframes.RoomWatch", lambda *given: made.append(given))
    monkeypatch.setattr(painter, "_live_generator", lambda config: Generator())
    picture = Area(4, 0, 8, 12)
    info = SourceInfo("camera 0", Size(16, 12), Fraction(25), is_live=True, picture=picture)
    config = StreamConfig(prompt="a beach", plate_cache=0)
    painter.open_generated(config, info, Controls(("painted",), ("a beach",)), Stats()).close()
    assert made[0][1] == picture


@pytest.mark.parametrize(("options", "kept"), [({}, 1), ({"keyframe_interval": 5.0}, 0), ({"fit": "room"}, 0)])
def test_plates_that_never_come_again_do_not_push_those_off_the_disk_that_can_be_found(
    options, kept, tmp_path, monkeypatch
):
    monkeypatch.setattr("streamer.backgrounds.plate_cache.default_cache_folder", lambda: tmp_path)
    monkeypatch.setattr(painter, "_live_generator", lambda config: Generator())
    monkeypatch.setattr(painter, "_what_decides", lambda config: {})
    config = StreamConfig(prompt="a beach", **options)
    info = SourceInfo("camera 0", Size(16, 12), Fraction(25), is_live=True)
    background = painter.open_generated(config, info, Controls(("painted",), ("a beach",)), Stats())
    frame = make_frame()
    background.image_for(frame, np.zeros(frame.image.shape[:2], np.float32))
    deadline_s = time.monotonic() + WAIT_S
    while background.plate_age_s is None:
        assert time.monotonic() < deadline_s, "the plate never came"
        time.sleep(0.005)
        background.image_for(frame, np.zeros(frame.image.shape[:2], np.float32))
    background.close()
    assert len(list(tmp_path.glob("*.png"))) == kept
