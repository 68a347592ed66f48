"""MediaPipe behind its process: the real worker with a module in MediaPipe's place, and with MediaPipe where it is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from fakes import WAIT_S, ScriptedClock
from numpy.typing import NDArray
from skimage.data import astronaut

from streamer import build
from streamer.config import StreamConfig
from streamer.errors import ConfigError, MissingExtra, SegmentationError
from streamer.frames import Image, Size
from streamer.networks import open_matte
from streamer.peer_python import find_peer
from streamer.scaling import cover
from streamer.segmentation import open_segmenter
from streamer.segmentation.mediapipe_runtime import AGAIN_S, ANSWER_S, MediapipeRuntime

STAND_IN = '''
import os, threading, types
import numpy as np

__version__ = "0.stand-in"
print("this library talks")

class SelfieSegmentation:
    """Red is person. The upper left pixel says what else happens, and gets how many pictures came since a reset."""

    def __init__(self, model_selection):
        self.selection, self.count = model_selection, 0

    def reset(self):
        self.count = 0

    def process(self, picture):
        act = tuple(picture[0, 0])
        if act == (1, 1, 1):
            open(__file__ + ".hangs", "w").close()
            threading.Event().wait()
        if act == (2, 2, 2):
            print("it fell over", flush=True)
            os._exit(7)
        assert picture.shape == ((144, 256, 3) if self.selection else (256, 256, 3))
        self.count += 1
        alpha = picture[..., 0].astype(np.float32) / 255
        alpha[0, 0] = self.count / 100
        return types.SimpleNamespace(segmentation_mask=alpha)

solutions = types.SimpleNamespace(selfie_segmentation=types.SimpleNamespace(SelfieSegmentation=SelfieSegmentation))
'''
HANGS, DIES = 1, 2


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This interpreter, which finds the module in MediaPipe's place."""
    (tmp_path / "mediapipe.py").write_text(STAND_IN)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return Path(sys.executable)


@pytest.fixture
def clock() -> ScriptedClock:
    return ScriptedClock()


@pytest.fixture
def runtime(stand_in: Path, clock: ScriptedClock) -> Iterator[MediapipeRuntime]:
    runtime = MediapipeRuntime(stand_in, clock=clock)
    clock.now_s = AGAIN_S
    yield runtime
    runtime.close()
    runtime.close()


WIDE, SQUARE = Size(256, 144), Size(256, 256)


def batch(act: int = 0, size: Size = WIDE) -> NDArray[np.float32]:
    values = np.zeros((1, 3, size.height, size.width), np.float32)
    values[0, 0, 20:, 100:200] = 1
    values[0, :, 0, 0] = act / 255
    return values


def pid_of(runtime: MediapipeRuntime) -> int:
    assert runtime._worker is not None
    return runtime._worker._process.pid


def is_running(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(is_so: Callable[[], bool]) -> None:
    give_up_at_s = time.monotonic() + WAIT_S
    while not is_so():
        assert time.monotonic() < give_up_at_s, "it never was so"
        time.sleep(0.01)


def assert_gone(pid: int) -> None:
    wait_until(lambda: not is_running(pid))


def test_pictures_go_there_and_mattes_come_back_whatever_the_library_prints(runtime: MediapipeRuntime) -> None:
    assert runtime.name == "CPU (MediaPipe 0.stand-in)"
    for size in (WIDE, SQUARE, WIDE):
        alpha = runtime.alpha(batch(size=size))
        assert alpha.dtype == np.float32
        assert np.array_equal(alpha[1:], batch(size=size)[0, 0, 1:])


def test_a_reset_reaches_the_graph_with_the_next_picture(runtime: MediapipeRuntime) -> None:
    def count() -> int:
        return round(float(runtime.alpha(batch())[0, 0]) * 100)

    assert [count(), count(), count()] == [1, 2, 3]
    runtime.reset()
    assert [count(), count()] == [1, 2]


def test_a_process_that_dies_costs_one_picture_and_says_why(runtime: MediapipeRuntime) -> None:
    pid = pid_of(runtime)
    with pytest.raises(SegmentationError, match=r"^MediaPipe's process has ended \(it fell over\)$"):
        runtime.alpha(batch(DIES))
    assert_gone(pid)
    assert runtime.alpha(batch())[30, 150] == 1
    assert pid_of(runtime) != pid


def test_a_process_that_dies_at_once_again_is_left_alone_for_a_while(
    runtime: MediapipeRuntime, clock: ScriptedClock
) -> None:
    for _ in range(2):
        with pytest.raises(SegmentationError, match="has ended"):
            runtime.alpha(batch(DIES))
    with pytest.raises(SegmentationError, match="started again in a few seconds"):
        runtime.alpha(batch())
    clock.now_s += AGAIN_S
    assert runtime.alpha(batch())[30, 150] == 1


def test_a_process_that_hangs_is_ended(stand_in: Path, clock: ScriptedClock) -> None:
    runtime = MediapipeRuntime(stand_in, answer_s=0.2, clock=clock)
    pid = pid_of(runtime)
    with pytest.raises(SegmentationError, match=r"^MediaPipe's process gave no answer for 0\.2 s and was ended$"):
        runtime.alpha(batch(HANGS))
    assert_gone(pid)
    runtime.close()


def test_closing_ends_a_process_that_is_being_asked(runtime: MediapipeRuntime, tmp_path: Path) -> None:
    pid, failures = pid_of(runtime), []

    def ask() -> None:
        try:
            runtime.alpha(batch(HANGS))
        except SegmentationError as error:
            failures.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    wait_until((tmp_path / "mediapipe.py.hangs").exists)
    begun_at_s = time.monotonic()
    runtime.close()
    asking.join(WAIT_S)
    assert time.monotonic() - begun_at_s < ANSWER_S
    assert not asking.is_alive()
    assert len(failures) == 1
    assert_gone(pid)
    with pytest.raises(SegmentationError, match="closed"):
        runtime.alpha(batch())


def test_closing_beside_a_question_that_was_not_sent_yet_leaves_nobody_waiting(runtime: MediapipeRuntime) -> None:
    worker = runtime._worker
    assert worker is not None
    runtime.close()
    with pytest.raises(SegmentationError, match="has ended"):
        worker.ask(b"", 4, WAIT_S)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL") or not Path("/proc/self").exists(), reason="needs /proc")
@pytest.mark.parametrize("act", [0, HANGS], ids=["idle", "hanging"])
def test_the_process_ends_with_a_program_that_is_killed(act: int, stand_in: Path, tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from test_mediapipe_runtime import *;"
        f"runtime = MediapipeRuntime(Path(sys.executable)); print(pid_of(runtime), flush=True);"
        f"runtime.alpha(batch({act})); threading.Event().wait()"
    )
    here = [str(Path(__file__).parent), *sys.path, os.environ["PYTHONPATH"]]
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(here)},
    ) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        assert is_running(pid)
        if act == HANGS:
            wait_until((tmp_path / "mediapipe.py.hangs").exists)
        process.kill()
    assert_gone(pid)


def test_an_interpreter_that_cannot_run_it_is_refused_in_one_line(stand_in: Path, tmp_path: Path) -> None:
    (tmp_path / "mediapipe.py").write_text("raise ImportError('built for another machine')")
    with pytest.raises(SegmentationError) as caught:
        MediapipeRuntime(stand_in)
    message = str(caught.value)
    assert message.startswith(f"{stand_in} cannot run MediaPipe: ")
    assert "(ImportError: built for another machine); make one that can: python -m venv" in message
    assert "\n" not in message
    with pytest.raises(SegmentationError, match="cannot run MediaPipe: Permission denied"):
        MediapipeRuntime(tmp_path / "mediapipe.py")


def test_what_cannot_be_is_refused_before_anything_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("streamer.peer_python.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"pip install mediapipe.* or name one with --mediapipe-python"):
        build.check(StreamConfig(segmenter="mediapipe"))
    with pytest.raises(ConfigError, match="--mediapipe-python nowhere does not exist"):
        build.check(StreamConfig(segmenter="mediapipe", mediapipe_python=Path("nowhere")))
    build.check(StreamConfig(mediapipe_python=Path("nowhere")))
    with pytest.raises(ConfigError, match="runs on the CPU only"):
        open_segmenter(mediapipe_python=Path(sys.executable), device="cuda")


def test_the_program_steadies_and_refines_its_mattes_too(stand_in: Path) -> None:
    segmenter = open_matte(StreamConfig(segmenter="mediapipe", mediapipe_python=stand_in))
    image = np.full((360, 640, 3), (0, 40, 40), np.uint8)
    image[120:, 200:400] = (255, 40, 40)
    alpha = segmenter.segment(image)
    assert segmenter.description == "selfie 256x144 on CPU (MediaPipe 0.stand-in)"
    assert alpha.shape == (360, 640)
    assert alpha[130:, 210:390].min() == 1
    assert alpha[:, :190].max() == 0
    assert segmenter.steps == 1, "its models take one size"
    segmenter.segment(np.ascontiguousarray(image[:, 200:400]))
    assert segmenter.description.startswith("selfie 256x256")
    segmenter.close()
    with pytest.raises(SegmentationError, match="closed"):
        segmenter.segment(image)


@pytest.fixture(scope="module")
def real() -> Path:
    """An interpreter that has MediaPipe, where the program would look for it, or where BACKLOT_PEER_PYTHON says."""
    named = os.environ.get("BACKLOT_PEER_PYTHON")
    python = find_peer(Path(named) if named else None)
    if python is None:
        pytest.skip("no interpreter with MediaPipe: BACKLOT_PEER_PYTHON names one")
    return python


def test_mediapipe_itself_finds_the_person(real: Path) -> None:
    segmenter = open_segmenter(mediapipe_python=real, steadiness=0.9)
    portrait: Image = cover(astronaut(), Size(512, 512))
    alpha = segmenter.segment(portrait)
    assert alpha[100:160, 200:250].mean() > 0.95, "the face"
    assert alpha[:60, 400:].mean() < 0.1, "the room"
    segmenter.reset()
    assert np.abs(segmenter.segment(portrait) - alpha).mean() < 0.01
    wide: Image = cover(astronaut(), Size(640, 360))
    assert segmenter.segment(wide).shape == (360, 640)
    segmenter.reset()
    assert segmenter.segment(np.full((360, 640, 3), 128, np.uint8)).mean() < 0.05
    segmenter.close()
