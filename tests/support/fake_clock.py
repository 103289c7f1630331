# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A clock that only moves when a test, a sleep or a look at it moves it."""

from __future__ import annotations

import datetime

from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Clock

START = datetime.datetime(2026, 1, 1, 12, 34, 56, tzinfo=datetime.UTC)


class FakeClock(Clock):
    """C(slept) records every sleep in seconds; C(tick) seconds pass at every look at monotonic()."""

    def __init__(self, now: datetime.datetime = START, tick: float = 0.0) -> None:
        self._now = now
        self._monotonic = 1000.0
        self._tick = tick
        self.slept: list[float] = []

    def now(self) -> datetime.datetime:
        return self._now

    def monotonic(self) -> float:
        self.advance(self._tick)
        return self._monotonic

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += datetime.timedelta(seconds=seconds)
        self._monotonic += seconds
