# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Time as a port: what the hour is, how long something took, and waiting. Tests put their own clock in its place.

This module util is private to the collection.
"""

from __future__ import annotations

import datetime
import time

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import DeadlineExceeded


class Clock:
    """The clock of the machine the task runs on."""

    def now(self) -> datetime.datetime:
        """The present time, aware, in UTC."""
        return datetime.datetime.now(datetime.timezone.utc)

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never goes back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


class Deadline:
    """The moment at which a task gives up, counted from when this object was made.

    C(seconds=None) means that there is none.
    """

    def __init__(self, clock: Clock, seconds: float | None) -> None:
        self._clock = clock
        self._seconds = seconds
        self._end = None if seconds is None else clock.monotonic() + seconds

    def left(self) -> float | None:
        """Seconds that are left, never below 0; None without a deadline."""
        return None if self._end is None else max(0.0, self._end - self._clock.monotonic())

    def check(self) -> None:
        """Raise DeadlineExceeded when no time is left."""
        if self.left() == 0.0:
            raise DeadlineExceeded(f"the task's deadline of {self._seconds:g} seconds passed")
