"""When the matte is to be computed at a smaller size, and when at a larger one again: pure arithmetic of times."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

WINDOW_S = 2.0
"""Times are judged over so many last seconds."""
LEAST_TIMES = 3
"""Fewer times in the window than that say nothing."""
TOO_SLOW = 0.9
"""The machine cannot keep up when one matte in ten takes more than this share of the time between two pictures."""
COMFORTABLE = 0.6
"""Share of it that the next larger size may be expected to take at most, before it is tried."""
CALM_S, MOST_CALM_S = 10.0, 320.0
"""How long that must have been so; doubled, up to the second value, each time that a larger size failed."""
RELAPSE_S = 60.0
"""A size that is too slow within this time after it was tried has failed; one that is not was worth the trial."""
IDLE_S = 0.5
"""After a longer wait for a picture the times before it count no more: the camera was off, or stalled."""


class QualityControl:
    """Chooses among sizes by how long the matte took at the present one. Not thread-safe.

    The time between two pictures is measured too: a camera gives fewer than it claims in a dim room. Where the machine
    cannot keep up that is the time of the matte itself, so it tells both.

    Args:
        shares: the most work of each size as a share of the first one's, falling from 1.
    """

    def __init__(self, shares: Sequence[float]) -> None:
        if not shares or list(shares) != sorted(set(shares), reverse=True):
            raise ValueError(f"shares must fall, not {list(shares)}")
        self._shares = tuple(shares)
        self._times: deque[tuple[float, float]] = deque()
        self._is_first = True
        self._calm_since_s: float | None = None
        self._calm_s = CALM_S
        self._tried_at_s: float | None = None
        self.step = 0
        """Which size to use."""

    def note(self, begun_at_s: float, took_s: float) -> bool:
        """Take note of one matte, made at the size of ``step``; the result is whether ``step`` has changed.

        Args:
            begun_at_s: when it was begun, on a clock that only goes forward.
            took_s: how long it took.
        """
        if self._times and begun_at_s - sum(self._times[-1]) > IDLE_S:
            self._restart()
        if self._is_first:  # it may have had to set things up
            self._is_first = False
            return False
        self._times.append((begun_at_s, took_s))
        now_s = begun_at_s + took_s
        if len(self._times) < LEAST_TIMES or now_s - self._times[0][0] < WINDOW_S:
            return False
        while len(self._times) > LEAST_TIMES and now_s - self._times[1][0] >= WINDOW_S:
            self._times.popleft()
        interval_s = (begun_at_s - self._times[0][0]) / (len(self._times) - 1)
        ninth_s = sorted(took for _, took in self._times)[math.ceil(0.9 * len(self._times)) - 1]
        if self._tried_at_s is not None and now_s - self._tried_at_s >= RELAPSE_S:
            self._tried_at_s, self._calm_s = None, CALM_S
        if ninth_s > TOO_SLOW * interval_s:
            return self._step_down(now_s)
        return self._step_up(now_s, ninth_s, interval_s)

    def _step_down(self, now_s: float) -> bool:
        self._calm_since_s = None
        if self.step + 1 == len(self._shares):
            return False
        if self._tried_at_s is not None:  # a trial fails once, however many steps down follow
            self._tried_at_s, self._calm_s = None, min(2 * self._calm_s, MOST_CALM_S)
        return self._take(self.step + 1)

    def _step_up(self, now_s: float, took_s: float, interval_s: float) -> bool:
        """At most to the next size; what does not grow with it makes the expectation too long, never too short."""
        if self.step == 0:
            return False
        expected_s = took_s * self._shares[self.step - 1] / self._shares[self.step]
        if expected_s >= COMFORTABLE * interval_s:
            self._calm_since_s = None
            return False
        if self._calm_since_s is None:
            self._calm_since_s = now_s
        if now_s - self._calm_since_s < self._calm_s:
            return False
        self._tried_at_s = now_s
        return self._take(self.step - 1)

    def _take(self, step: int) -> bool:
        self.step = step
        self._calm_since_s = None
        self._restart()
        return True

    def _restart(self) -> None:
        self._times.clear()
        self._is_first = True
