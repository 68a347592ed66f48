"""Frames that stay on a CUDA device, with a network whose matte is known. Skipped without one, unless REQUIRE_GPU=1."""

from collections import Counter

import numpy as np
import pytest
from device_frames import MATRICES, as_decoded, compute_whole_pictures, farthest, frame_of, open_path, textured

from streamer import networks
from streamer.compositing import replace_background
from streamer.config import StreamConfig
from streamer.controls import Controls
from streamer.frames import Size
from streamer.interfaces import HeldMatte
from streamer.rendering import Renderer
from streamer.stats import Stats
from streamer.yuv import to_planes

pytestmark = pytest.mark.gpu

SIZE = Size(320, 192)


@pytest.fixture
def opened(tmp_path):
    segmenter, path = open_path(tmp_path, "cuda")
    yield segmenter, path
    assert not path._failure
    segmenter.close()


def hold(path, frame):
    matte = path.hold(frame)
    assert isinstance(matte, HeldMatte), path._failure
    return matte


@pytest.mark.parametrize("size", [SIZE, Size(213, 121), Size(1280, 720)], ids=str)
def test_matte_and_composite_are_the_cpus(opened, size, tmp_path, monkeypatch):
    compute_whole_pictures(monkeypatch)
    _, path = opened
    on_cpu, plain = open_path(tmp_path, "cpu")
    for seed in range(3):  # recorded at the first, played at the others
        frame, background = frame_of(seed, size), textured(seed + 9, size)
        matte = hold(path, frame)
        assert np.abs(matte.full() - hold(plain, frame).full()).mean() < 2 / 255  # in half precision
        image, planes = matte.over(background)
        assert planes is None
        assert farthest(image, replace_background(frame.image, matte.full(), background)) <= 1
    on_cpu.close()


@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize("full_range", [False, True])
def test_planes_are_composed_as_planes(opened, matrix, full_range, monkeypatch):
    compute_whole_pictures(monkeypatch)
    _, path = opened
    for seed in range(2):
        frame, background = as_decoded(frame_of(seed, SIZE), matrix, full_range=full_range), textured(9, SIZE)
        matte = hold(path, frame)
        image, planes = matte.over(background)
        plain = replace_background(frame.image, matte.full(), background)
        assert farthest(image, plain) <= 1
        expected = to_planes(plain, matrix, full_range=full_range)
        for name in ("y", "u", "v"):
            have, want, own = (getattr(each, name) for each in (planes, expected, frame.planes))
            assert ((np.abs(have.astype(int) - want) <= 2) | (have == own)).all()


def test_both_steps_were_recorded_as_cuda_graphs_at_high_priority(opened):
    segmenter, path = opened
    hold(path, frame_of(1, SIZE)).over(textured(2, SIZE))
    assert path._matting[1]._graph is not None
    assert path._composing[1]._graph is not None
    assert segmenter.runtime.stream.priority < 0


def test_one_upload_and_one_download_of_the_frames_size(opened):
    import torch
    from torch.profiler import ProfilerActivity, profile

    _, path = opened
    frame, background = as_decoded(frame_of(1, SIZE), MATRICES[0], full_range=False), textured(2, SIZE)
    for _ in range(2):
        hold(path, frame).over(background)
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiler:
        hold(path, frame).over(background)
        torch.cuda.synchronize()
    names = [event.name for event in profiler.events() if event.name.startswith("Memcpy")]
    if not names:
        pytest.skip("the profiler sees no copies here")
    # The frame and, back up, its small alpha; that alpha with the small picture, and the composite.
    copies = Counter(name.split()[1] for name in names)
    assert copies["HtoD"] == 2, names
    assert copies["DtoH"] == 2, names
    assert not [name for name in names if "Pageable" in name]


def test_plates_and_sizes_may_change_between_frames_in_flight(opened):
    _, path = opened
    sizes = (SIZE, Size(200, 120), SIZE)
    frames = [frame_of(index, size) for index, size in enumerate(sizes)]
    mattes = [hold(path, frame) for frame in frames]
    for level, (frame, matte) in enumerate(zip(frames, mattes, strict=True)):
        image, _ = matte.over(np.full_like(frame.image, level))
        assert (image[0] == level).all()
        middle = np.s_[frame.size.height // 2, frame.size.width // 2]
        assert np.array_equal(image[middle], frame.image[middle])


@pytest.mark.parametrize("fault", ["nan", "everything", "shape"])
def test_a_network_that_fails_shows_no_pixel_of_the_frame(opened, fault):
    from fakes import ScriptedBackground

    segmenter, path = opened
    network = segmenter.runtime.network
    good = network.alpha
    network.alpha = {
        "nan": lambda batch: good(batch) * float("nan"),
        "everything": lambda batch: good(batch) * 0 + 1,
        "shape": lambda batch: good(batch)[..., 2:],
    }[fault]
    background = ScriptedBackground()
    renderer = Renderer(segmenter, [background], Controls(), Stats(), hold=path.hold)
    assert np.array_equal(renderer.render(frame_of(1, SIZE)).image, background.safe_image(SIZE))


def test_it_is_what_runs_where_it_is_asked_for(opened):
    from fractions import Fraction

    from streamer.interfaces import SourceInfo

    segmenter, _ = opened
    info = SourceInfo("test", SIZE, Fraction(25), is_live=False)
    assert networks.open_frame_path(StreamConfig(frame_path="gpu"), segmenter, info) is not None
    assert networks.open_frame_path(StreamConfig(), segmenter, info) is None
