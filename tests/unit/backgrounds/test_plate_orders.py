"""Orders of plates with a generator that follows a script: it waits for events, never for time."""

import logging
import threading

import numpy as np
import pytest
from fakes import WAIT_S, make_frame, wait

from streamer.backgrounds.plate_orders import PlateOrder, PlatesAtOnce, PlatesInBackground
from streamer.errors import GenerationCancelled, GenerationError
from streamer.frames import Keyframe, Plate
from streamer.stats import Stats


class ScriptedGenerator:
    """Makes a plate of one grey; waits for the gate of its prompt first, asking meanwhile whether to go on."""

    def __init__(self, gates=None, faults=None):
        self.gates = gates or {}
        self.faults = faults or {}
        self.begun = {}
        self.made = []
        self.cancelled = []
        self.closed = threading.Event()
        self.threads = set()

    def started(self, prompt):
        return self.begun.setdefault(prompt, threading.Event())

    def generate(self, keyframe, prompt, seed, *, should_stop):
        self.threads.add(threading.current_thread().name)
        self.started(prompt).set()
        gate = self.gates.get(prompt)
        while gate is not None and not gate.wait(0.005):
            if should_stop():
                self.cancelled.append(prompt)
                raise GenerationCancelled(prompt)
        if prompt in self.faults:
            raise self.faults[prompt]
        self.made.append(prompt)
        return Plate(np.full((8, 8, 3), seed, np.uint8), prompt, seed, keyframe.frame.index, 0.0)

    def close(self):
        self.closed.set()


def order(prompt, seed=1, *, is_ahead=False):
    frame = make_frame()
    return PlateOrder(Keyframe(frame, np.zeros(frame.image.shape[:2], np.float32)), prompt, seed, is_ahead)


def delivered(orders):
    """The next delivery, waited for and taken."""
    assert waited_for(orders)
    return orders.delivery()


def waited_for(orders):
    """The next delivery, waited for and left there."""
    deadline = threading.Event()
    for _ in range(int(WAIT_S / 0.005)):
        if (delivery := orders.waiting()) is not None:
            return delivery
        deadline.wait(0.005)
    raise AssertionError("nothing was delivered")


@pytest.fixture
def stats():
    return Stats()


def test_plate_of_a_file_is_there_when_the_order_returns(stats):
    orders = PlatesAtOnce(ScriptedGenerator(), stats)
    wanted = order("a beach", 5)
    orders.order(wanted)
    assert orders.waiting().order is wanted
    delivery = orders.delivery()
    assert delivery.order is wanted
    assert delivery.plate.seed == 5
    assert orders.delivery() is None
    assert stats.snapshot().stages["plate"].count == 1


def test_first_plate_of_a_file_that_fails_is_an_error(stats):
    orders = PlatesAtOnce(ScriptedGenerator(faults={"a": GenerationError("no")}), stats)
    with pytest.raises(GenerationError, match="no"):
        orders.order(order("a"))


def test_first_plate_of_a_file_that_fails_of_anything_is_the_same_error(stats):
    orders = PlatesAtOnce(ScriptedGenerator(faults={"a": MemoryError("full")}), stats)
    with pytest.raises(GenerationError, match="MemoryError: full"):
        orders.order(order("a"))


def test_end_of_the_run_gives_up_the_plate_of_a_file(stats):
    stopping = threading.Event()
    generator = ScriptedGenerator({"a": threading.Event()})
    orders = PlatesAtOnce(generator, stats, should_stop=stopping.is_set)
    caught = []

    def work():
        try:
            orders.order(order("a"))
        except GenerationCancelled as error:
            caught.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    wait(generator.started("a"))
    stopping.set()
    thread.join(WAIT_S)
    orders.close()
    assert len(caught) == 1
    assert generator.closed.is_set()


def test_generator_of_a_file_is_closed_only_when_its_plate_is_given_up(stats):
    generator = ScriptedGenerator({"a": threading.Event()})
    orders = PlatesAtOnce(generator, stats)

    def work():
        with pytest.raises(GenerationCancelled):
            orders.order(order("a"))
        closed_before.append(generator.closed.is_set())

    closed_before = []
    thread = threading.Thread(target=work)
    thread.start()
    wait(generator.started("a"))
    orders.close()
    thread.join(WAIT_S)
    assert generator.cancelled == ["a"]
    assert generator.closed.is_set()


def test_later_plate_of_a_file_that_fails_keeps_the_one_before(stats, caplog):
    orders = PlatesAtOnce(ScriptedGenerator(faults={"b": GenerationError("no")}), stats)
    orders.order(order("a"))
    assert orders.delivery().plate.prompt == "a"
    with caplog.at_level(logging.WARNING):
        orders.order(order("b"))
    assert orders.delivery().plate is None
    assert stats.snapshot().counters["failed_plates"] == 1
    assert "keeping the one before: no" in caplog.text


def test_live_order_returns_at_once_and_the_plate_is_made_on_another_thread(stats):
    gate = threading.Event()
    generator = ScriptedGenerator({"a": gate})
    orders = PlatesInBackground(generator, stats)
    orders.order(order("a"))
    assert orders.delivery() is None
    gate.set()
    assert waited_for(orders).plate.prompt == "a"
    assert delivered(orders).plate.prompt == "a"
    assert orders.delivery() is None
    assert orders.waiting() is None
    assert generator.threads == {"background"}
    orders.close()
    assert generator.closed.is_set()


def test_of_a_burst_of_orders_only_the_newest_is_delivered(stats):
    generator = ScriptedGenerator({"a": threading.Event()})
    orders = PlatesInBackground(generator, stats)
    orders.order(order("a"))
    wait(generator.started("a"))
    for prompt in "bcd":
        orders.order(order(prompt))
    assert delivered(orders).plate.prompt == "d"
    assert generator.cancelled == ["a"]
    assert generator.made == ["d"] or generator.made[-1] == "d"
    assert stats.snapshot().counters["dropped_plates"] == 3
    orders.close()


def test_live_failure_is_delivered_logged_once_for_a_prompt_and_followed_by_the_next_plate(stats, caplog):
    faults = {"a": GenerationError("no room"), "b": RuntimeError("odd")}
    orders = PlatesInBackground(ScriptedGenerator(faults=faults), stats)
    with caplog.at_level(logging.WARNING):
        for prompt in "aabb":
            orders.order(order(prompt))
            assert delivered(orders).plate is None
        orders.order(order("c"))
        assert delivered(orders).plate.prompt == "c"
    assert [record.getMessage() for record in caplog.records] == [
        "no new background, keeping the one before: no room",
        "no new background, keeping the one before: the background cannot be painted: RuntimeError: odd",
    ]
    assert stats.snapshot().counters["failed_plates"] == 4
    orders.close()


def test_order_that_somebody_waits_for_gives_up_one_made_ahead(stats):
    generator = ScriptedGenerator({"ahead": threading.Event()})
    orders = PlatesInBackground(generator, stats)
    orders.order(order("ahead", is_ahead=True))
    wait(generator.started("ahead"))
    orders.order(order("a"))
    assert delivered(orders).plate.prompt == "a"
    assert generator.cancelled == ["ahead"]
    assert stats.snapshot().counters == {"dropped_plates_ahead": 1}
    orders.close()


def test_failures_of_plates_made_ahead_are_told_once_in_a_run_and_counted_apart(stats, caplog):
    faults = dict.fromkeys("bd", GenerationError("a person on it"))
    orders = PlatesInBackground(ScriptedGenerator(faults=faults), stats)
    with caplog.at_level(logging.WARNING):
        for prompt in "bcdb":
            orders.order(order(prompt, is_ahead=True))
            assert (delivered(orders).plate is None) == (prompt in faults)
        orders.order(order("b"))
        assert delivered(orders).plate is None
    assert [record.getMessage() for record in caplog.records] == [
        "no background made ahead for 'b': a person on it",
        "no new background, keeping the one before: a person on it",
    ]
    assert stats.snapshot().counters == {"failed_plates_ahead": 3, "failed_plates": 1}
    orders.close()


@pytest.mark.parametrize("is_ahead", [False, True])
def test_closing_gives_up_the_plate_under_way(stats, is_ahead):
    generator = ScriptedGenerator({"a": threading.Event()})
    orders = PlatesInBackground(generator, stats)
    orders.order(order("a", is_ahead=is_ahead))
    wait(generator.started("a"))
    orders.close()
    orders.close()
    assert generator.cancelled == ["a"]
    assert generator.closed.is_set()
    assert orders.delivery() is None


def test_generator_that_hears_nothing_is_closed_under_its_work(stats):
    class Deaf(ScriptedGenerator):
        def generate(self, keyframe, prompt, seed, *, should_stop):
            self.started(prompt).set()
            wait(self.closed)
            raise GenerationError("closed under me")

    generator = Deaf()
    orders = PlatesInBackground(generator, stats, patience_s=0.01)
    orders.order(order("a"))
    wait(generator.started("a"))
    orders.close()
    assert generator.closed.is_set()
