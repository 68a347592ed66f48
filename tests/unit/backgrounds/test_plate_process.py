"""The generator in a process of its own: a real process, with a generator that this file scripts."""

import itertools
import os
import threading
import time
from pickle import PicklingError

import numpy as np
import pytest
from fakes import WAIT_S, make_frame, wait

from streamer.backgrounds.plate_process import GIVE_UP_S, PlateProcess
from streamer.errors import GenerationCancelled, GenerationError, WeightsError
from streamer.frames import Keyframe, Plate
from streamer.priorities import PAINTER_NICENESS

pytestmark = pytest.mark.slow


class RemoteGenerator:
    """What runs over there; prompts say what happens."""

    def generate(self, keyframe, prompt, seed, *, should_stop):
        if prompt == "die":
            os._exit(9)
        if prompt == "refuse":
            raise GenerationError("no plate without a person")
        if prompt == "fault":
            raise ZeroDivisionError("by nought")
        deadline_s = time.monotonic() + WAIT_S
        while prompt == "wait":
            if should_stop():
                raise GenerationCancelled("given up")
            assert time.monotonic() < deadline_s
        while prompt == "hang":
            time.sleep(0.01)
        if prompt == "niceness":
            seed = os.getpriority(os.PRIO_PROCESS, 0)
        image = np.full((4, 4, 3), seed, np.uint8)
        return Plate(image, f"{prompt} by {os.getpid()}", seed, keyframe.frame.index, 0.1)

    def close(self):
        pass


def open_remote():
    return RemoteGenerator()


def open_without_weights():
    raise WeightsError("weights are not here")


def never():
    return False


def keyframe():
    frame = make_frame(7)
    return Keyframe(frame, np.zeros(frame.image.shape[:2], np.float32))


@pytest.fixture(scope="module")
def process():
    process = PlateProcess(open_remote)
    yield process
    process.close()


def test_plate_comes_from_another_process_which_stays(process):
    plates = [process.generate(keyframe(), "a", seed, should_stop=never) for seed in (3, 4)]
    assert [plate.image[0, 0, 0] for plate in plates] == [3, 4]
    assert plates[0].keyframe_index == 7
    assert plates[0].prompt == plates[1].prompt != f"a by {os.getpid()}"


@pytest.mark.skipif(not hasattr(os, "nice"), reason="this system knows no niceness")
def test_process_gives_way_to_the_frames(process):
    plate = process.generate(keyframe(), "niceness", 1, should_stop=never)
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert plate.image[0, 0, 0] == min(own + PAINTER_NICENESS, 19)
    assert PAINTER_NICENESS >= 10


def test_errors_come_back_as_themselves(process):
    with pytest.raises(GenerationError, match="no plate without a person"):
        process.generate(keyframe(), "refuse", 1, should_stop=never)
    with pytest.raises(GenerationError, match="ZeroDivisionError: by nought"):
        process.generate(keyframe(), "fault", 1, should_stop=never)


def test_cancelled_plate_ends_and_the_next_one_is_made(process):
    with pytest.raises(GenerationCancelled):
        process.generate(keyframe(), "wait", 1, should_stop=lambda: True)
    assert process.generate(keyframe(), "b", 5, should_stop=never).seed == 5


def test_process_that_died_is_told_and_started_anew(process):
    with pytest.raises(GenerationError, match="has ended"):
        process.generate(keyframe(), "die", 1, should_stop=never)
    assert process.generate(keyframe(), "b", 5, should_stop=never).seed == 5


def test_failure_to_open_is_the_same_error_as_here():
    process = PlateProcess(open_without_weights)
    with pytest.raises(WeightsError, match="not here"):
        process.generate(keyframe(), "a", 1, should_stop=never)
    process.close()
    process.close()


def test_process_that_hangs_is_ended_by_close(monkeypatch):
    monkeypatch.setattr("streamer.backgrounds.plate_process.LEAVE_S", 0.05)
    process = PlateProcess(open_remote)
    process.generate(keyframe(), "a", 1, should_stop=never)
    child = process._process.pid
    caught, waiting = [], threading.Event()

    def ask():
        waiting.set()
        return False

    def work():
        try:
            process.generate(keyframe(), "hang", 1, should_stop=ask)
        except GenerationError as error:
            caught.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    wait(waiting)
    process.close()
    thread.join(WAIT_S)
    assert not thread.is_alive()
    assert len(caught) == 1
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_process_that_does_not_heed_that_a_plate_is_not_wanted_is_ended_in_the_end(monkeypatch, caplog):
    monkeypatch.setattr("streamer.backgrounds.plate_process.LEAVE_S", 0.05)
    looks = itertools.count()
    process = PlateProcess(open_remote, clock=lambda: next(looks) * GIVE_UP_S / 4)
    with pytest.raises(GenerationCancelled, match="did not answer"):
        process.generate(keyframe(), "hang", 1, should_stop=lambda: True)
    assert next(looks) == 6, "it had all of its time"
    assert [record.getMessage() for record in caplog.records] == [
        "the process that paints does not answer, and is ended"
    ]
    assert process.generate(keyframe(), "b", 5, should_stop=never).seed == 5
    process.close()


def test_closed_process_is_not_started_again():
    process = PlateProcess(open_remote)
    process.close()
    with pytest.raises(GenerationCancelled):
        process.generate(keyframe(), "a", 1, should_stop=never)


def test_process_that_cannot_be_started_leaves_nothing_to_close():
    process = PlateProcess(lambda: RemoteGenerator())  # which cannot travel to another process
    for _ in range(2):
        with pytest.raises((AttributeError, PicklingError), match="lambda"):
            process.generate(keyframe(), "a", 1, should_stop=never)
    process.close()
