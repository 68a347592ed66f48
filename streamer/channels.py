"""How frames pass from one thread to the next: a bounded channel, and a cell that holds the latest value."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class ChannelClosed(Exception):  # noqa: N818 - an end, not an error
    """Nothing more goes into this channel, or nothing more comes out of it."""


class Channel(Generic[T]):
    """A bounded first-in-first-out channel between threads.

    Blocking: ``put`` waits for room, so a slow reader slows the writer (back-pressure) and nothing is lost.
    Leaky: ``put`` never waits; when the channel is full it drops the oldest item and counts it.

    Args:
        capacity: how many items it holds, at least 1.
        leaky: drop the oldest item instead of waiting.
    """

    def __init__(self, capacity: int, *, leaky: bool = False) -> None:
        if capacity < 1:
            raise ValueError(f"a channel holds at least one item, not {capacity}")
        self._capacity = capacity
        self._leaky = leaky
        self._items: deque[T] = deque()
        self._dropped = 0
        self._closed = False
        self._changed = threading.Condition(threading.Lock())

    @property
    def capacity(self) -> int:
        """How many items it can hold."""
        return self._capacity

    @property
    def dropped(self) -> int:
        """Items that a reader never saw because newer ones took their place."""
        return self._dropped

    @property
    def is_closed(self) -> bool:
        """True once it takes no more items."""
        return self._closed

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T) -> None:
        """Add an item; raises ``ChannelClosed`` if the channel is closed, also while waiting for room."""
        with self._changed:
            while not self._closed and not self._leaky and len(self._items) >= self._capacity:
                self._changed.wait()
            if self._closed:
                raise ChannelClosed
            if len(self._items) >= self._capacity:
                self._items.popleft()
                self._dropped += 1
            self._items.append(item)
            self._changed.notify_all()

    def get(self, timeout_s: float | None = None) -> T:
        """Take the oldest item, waiting for one.

        Args:
            timeout_s: how long to wait; None = until there is an item or the channel is closed.

        Raises:
            ChannelClosed: the channel is closed and drained.
            TimeoutError: no item came in time.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._closed, timeout_s)
            if not self._items:
                raise ChannelClosed if self._closed else TimeoutError
            item = self._items.popleft()
            self._changed.notify_all()
            return item

    def __iter__(self) -> Iterator[T]:
        """Yield items until the channel is closed and drained."""
        while True:
            try:
                item = self.get()
            except ChannelClosed:
                return
            yield item

    def close(self, *, discard: bool = False) -> None:
        """Take no more items and wake everyone who waits. What is inside can still be read. May be called twice.

        Args:
            discard: also throw away what is inside; these items do not count as dropped.
        """
        with self._changed:
            self._closed = True
            if discard:
                self._items.clear()
            self._changed.notify_all()


class Latest(Generic[T]):
    """A cell for one value: the newest wins, and neither side ever waits for the other."""

    def __init__(self, value: T) -> None:
        self._value = value

    def set(self, value: T) -> None:
        """Put a new value in place of the old one."""
        self._value = value  # one reference, swapped in one step: no lock is needed

    def get(self) -> T:
        """The newest value."""
        return self._value
