"""Every runtime keeps the promises of ``Segmenter`` with the shipped network, and all of them give the same alpha."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable

import numpy as np
import pytest
from skimage.data import astronaut

from models.checkpoints import load_network
from models.framing import framing
from streamer.frames import Image, Size
from streamer.interfaces import Segmenter
from streamer.scaling import cover, shrink
from streamer.segmentation import find_onnx, open_segmenter
from streamer.segmentation.predictor import as_batch
from streamer.segmentation.runtimes import TorchRuntime, is_installed, open_cpu_runtime

RUNTIMES = ["torch", "onnxruntime", "openvino"]
SIZES = [Size(320, 180), Size(180, 320), Size(641, 359), Size(512, 512)]


def portrait(size: Size) -> Image:
    """A woman in front of a flag and a model of a space ship."""
    return cover(astronaut(), size)


@pytest.fixture(params=RUNTIMES)
def runtime(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if not is_installed(name):  # importing OpenVINO here would let its telemetry in
        pytest.skip(f"{name} is not installed")
    return name


@pytest.fixture
def open_one(runtime: str) -> Callable[[], Segmenter]:
    return lambda: open_segmenter(device="cpu", runtime=runtime)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_alpha_has_the_size_of_the_picture_and_lies_between_0_and_1(
    open_one: Callable[[], Segmenter], size: Size
) -> None:
    alpha = open_one().segment(portrait(size))
    assert alpha.shape == (size.height, size.width)
    assert alpha.dtype == np.float32
    assert 0 <= alpha.min() <= alpha.max() <= 1


def test_the_person_is_found_and_the_empty_room_stays_empty(open_one: Callable[[], Segmenter]) -> None:
    segmenter = open_one()
    alpha = segmenter.segment(portrait(Size(512, 512)))
    assert alpha[100:160, 200:250].mean() > 0.95, "the face"
    assert alpha[300:430, 110:260].mean() > 0.95, "the torso, left of the helmet that lies before it"
    assert segmenter.segment(np.full((180, 320, 3), 128, np.uint8)).mean() < 0.01


@pytest.mark.parametrize("model", ["compact"])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_all_runtimes_agree(runtime: str, size: Size, model: str) -> None:
    network = load_network(model)
    content, padded, _ = framing(*size, network.config)
    batch = as_batch(shrink(portrait(size), Size(*content)), Size(*padded))
    expected = TorchRuntime(network, "cpu").alpha(batch)
    alpha = open_cpu_runtime(runtime, lambda: load_network(model), find_onnx(model, None)).alpha(batch)
    assert expected.max() > 0.9
    difference = np.abs(alpha - expected)
    assert difference.mean() < 0.003
    # In bfloat16, which OpenVINO uses where the CPU has it, single pixels of a steep edge are further off.
    assert difference.max() < (0.05 if runtime == "openvino" else 0.01)


def test_a_picture_is_left_alone_and_its_alpha_too(open_one: Callable[[], Segmenter]) -> None:
    segmenter = open_one()
    image = portrait(Size(320, 180))
    image.flags.writeable = False
    first = segmenter.segment(image)
    kept = first.copy()
    segmenter.segment(np.ascontiguousarray(image[:, ::-1]))
    assert np.array_equal(first, kept)


def test_same_picture_same_alpha_whatever_came_before(open_one: Callable[[], Segmenter]) -> None:
    segmenter = open_one()
    first = segmenter.segment(portrait(Size(320, 180)))
    segmenter.segment(portrait(Size(180, 320)))
    segmenter.reset()
    assert np.array_equal(segmenter.segment(portrait(Size(320, 180))), first)


def test_close_may_be_called_twice(open_one: Callable[[], Segmenter]) -> None:
    segmenter = open_one()
    segmenter.close()
    segmenter.close()


def test_openvino_is_loaded_without_its_telemetry() -> None:
    if not is_installed("openvino"):
        pytest.skip("openvino is not installed")
    threads = set(threading.enumerate())
    open_segmenter(device="cpu", runtime="openvino")
    assert sys.modules["openvino.tools.ovc"] is None
    assert "openvino_telemetry" not in sys.modules
    assert set(threading.enumerate()) == threads, "its sender has a thread"


@pytest.mark.parametrize("name", ["openvino", "onnxruntime"])
def test_a_runtime_that_has_its_own_file_loads_no_torch(name: str) -> None:
    """It would cost a second at the start and half a gigabyte."""
    if not is_installed(name):
        pytest.skip(f"{name} is not installed")
    program = (
        "import sys, numpy; from streamer.segmentation import open_segmenter;"
        f"open_segmenter(device='cpu', runtime='{name}').segment(numpy.zeros((90, 160, 3), numpy.uint8));"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
