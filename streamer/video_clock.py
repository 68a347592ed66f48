"""Clocks of recordings: where they begin, and what to do where they begin anew."""

from __future__ import annotations

from fractions import Fraction

from streamer.errors import ConfigError

MOST_S = 1e9
"""No video is longer, in seconds: 31 years."""
BROADCAST_FORMATS = frozenset({"mpegts", "mpeg"})
"""Demuxers of recordings whose clock began at the broadcaster, and may begin anew where two were put together."""
BACK_S, AHEAD_S = Fraction(1), Fraction(10 * 3600)
"""A time that is so much earlier than the one before, or so much later, is one on another clock."""


def check_range(start_s: float, end_s: float | None) -> None:
    """``ConfigError`` where no time lies between start and end, in seconds; an end of None is the file's own."""
    if not 0 <= start_s < MOST_S:
        raise ConfigError(f"start must be 0 or more seconds, {MOST_S:g} at most, not {start_s:g}")
    if end_s is not None and not start_s < end_s < MOST_S:
        raise ConfigError(f"end ({end_s:g} s) must come after start ({start_s:g} s)")


class ClockSteadier:
    """Makes one clock of several that follow each other in a recording."""

    def __init__(self) -> None:
        self.shift_s = Fraction(0)
        """What is to be added to the times of the clock seen last, in seconds."""
        self._next_s: Fraction | None = None
        self._last_s: Fraction | None = None

    def see(self, time_s: Fraction, duration_s: Fraction) -> Fraction:
        """The time of a frame, seen in the order of the file, on the one clock.

        Args:
            time_s: on its own clock.
            duration_s: until the next one.
        """
        last_s, next_s = self._last_s, self._next_s
        if last_s is not None and next_s is not None:
            ahead_s = time_s + self.shift_s - last_s
            if ahead_s < -BACK_S or ahead_s > AHEAD_S:
                self.shift_s = next_s - time_s
        steadied_s = time_s + self.shift_s
        self._last_s, self._next_s = steadied_s, steadied_s + duration_s
        return steadied_s
