from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.channels import Channel, ChannelClosed, Latest

JOIN_S = 10.0


def test_items_come_out_in_order() -> None:
    channel: Channel[int] = Channel(3)
    for item in range(3):
        channel.put(item)
    channel.close()
    assert list(channel) == [0, 1, 2]
    assert channel.dropped == 0


def test_live_channel_drops_the_oldest_item_and_counts_it() -> None:
    channel: Channel[int] = Channel(2, leaky=True)
    for item in range(5):
        channel.put(item)
    channel.close()
    assert list(channel) == [3, 4]
    assert channel.dropped == 3


def test_blocking_channel_makes_the_writer_wait_for_room() -> None:
    channel: Channel[int] = Channel(1)
    channel.put(0)
    second_is_in = threading.Event()

    def put_second() -> None:
        channel.put(1)
        second_is_in.set()

    writer = threading.Thread(target=put_second)
    writer.start()
    assert not second_is_in.wait(0.05)
    assert len(channel) == 1
    assert channel.get() == 0
    assert second_is_in.wait(JOIN_S)
    writer.join(JOIN_S)
    assert channel.get() == 1


def test_put_into_a_closed_channel_raises() -> None:
    channel: Channel[int] = Channel(1)
    channel.close()
    channel.close()
    with pytest.raises(ChannelClosed):
        channel.put(0)


def test_get_from_a_closed_channel_drains_it_first() -> None:
    channel: Channel[int] = Channel(2)
    channel.put(0)
    channel.close()
    assert channel.get() == 0
    with pytest.raises(ChannelClosed):
        channel.get()


def test_close_with_discard_leaves_nothing_to_read_and_counts_no_drop() -> None:
    channel: Channel[int] = Channel(2)
    channel.put(0)
    channel.close(discard=True)
    assert len(channel) == 0
    assert channel.dropped == 0
    with pytest.raises(ChannelClosed):
        channel.get()


def test_get_gives_up_after_its_timeout() -> None:
    with pytest.raises(TimeoutError):
        Channel[int](1).get(timeout_s=0.01)


def test_close_wakes_every_waiting_reader() -> None:
    channel: Channel[int] = Channel(1)
    ends: list[str] = []

    def read() -> None:
        try:
            channel.get()
        except ChannelClosed:
            ends.append("closed")

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    channel.close()
    for reader in readers:
        reader.join(JOIN_S)
    assert ends == ["closed"] * 3


def test_close_wakes_a_writer_that_waits_for_room() -> None:
    channel: Channel[int] = Channel(1)
    channel.put(0)
    ends: list[str] = []

    def write() -> None:
        try:
            channel.put(1)
        except ChannelClosed:
            ends.append("closed")

    writer = threading.Thread(target=write)
    writer.start()
    channel.close()
    writer.join(JOIN_S)
    assert ends == ["closed"]
    assert list(channel) == [0]


def test_a_channel_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one item, not 0"):
        Channel[int](0)


@given(st.lists(st.one_of(st.integers(), st.none())), st.integers(1, 4))
def test_leaky_channel_accounts_for_every_item_and_keeps_the_order(script: list[int | None], capacity: int) -> None:
    channel: Channel[int] = Channel(capacity, leaky=True)
    taken: list[int] = []
    put: list[int] = []
    for step in script:  # None = read one, if there is one
        if step is not None:
            put.append(step)
            channel.put(step)
        elif len(channel):
            taken.append(channel.get())
    depth = len(channel)
    channel.close()
    taken += list(channel)
    assert depth <= capacity
    assert len(taken) + channel.dropped == len(put)
    remaining = iter(put)
    assert all(item in remaining for item in taken)  # a subsequence


def test_items_of_a_fast_writer_all_reach_a_reader_in_order() -> None:
    channel: Channel[int] = Channel(2)
    seen: list[int] = []
    reader = threading.Thread(target=lambda: seen.extend(channel))
    reader.start()
    for item in range(500):
        channel.put(item)
    channel.close()
    reader.join(JOIN_S)
    assert seen == list(range(500))


def test_latest_gives_the_newest_value_as_often_as_asked() -> None:
    cell: Latest[int | None] = Latest(None)
    assert cell.get() is None
    cell.set(1)
    cell.set(2)
    assert (cell.get(), cell.get()) == (2, 2)
