"""The bench of live frames beside a painter, with a painter that a test scripts, in a real process."""

import numpy as np
import pytest

from streamer.bench.beside_painter import measure
from streamer.bench.clips import write_demo_clip
from streamer.config import StreamConfig
from streamer.errors import GenerationError
from streamer.frames import Plate, Size

pytestmark = pytest.mark.slow
FRAMES = 20


class Painter:
    def generate(self, keyframe, prompt, seed, *, should_stop):
        return Plate(np.zeros((4, 4, 3), np.uint8), prompt, seed, 0, 0.0)

    def close(self):
        pass


def open_without_memory():
    raise GenerationError("no memory")


@pytest.fixture
def clip(tmp_path):
    write_demo_clip(tmp_path / "clip.mp4", Size(160, 90), FRAMES)
    return tmp_path / "clip.mp4"


def test_live_frames_are_measured_alone_and_beside_a_painter(clip):
    alone, beside = measure(clip, StreamConfig(device="cpu"), Painter)
    assert alone.plates == 0
    assert beside.plates > 0
    for times in (alone, beside):
        assert 0 < times.frames <= FRAMES
        assert times.frames + times.dropped <= FRAMES
        assert 0 < times.p50_ms <= times.p95_ms <= times.p99_ms
        assert (times.rate_fps > 0) == (times.frames > 1)  # one frame alone has no rate


def test_painter_that_cannot_be_opened_is_told(clip):
    with pytest.raises(GenerationError, match="no memory"):
        measure(clip, StreamConfig(device="cpu"), open_without_memory)
