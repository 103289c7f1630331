# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What happened in the last so many seconds, by the emulator's clock: calls for the rate limit, nonces for replays."""

from __future__ import annotations

import collections

from tests.emulator.clock import Clock


class Recent:
    """Events with a name, in the order they came."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._events: collections.deque[tuple[float, str]] = collections.deque()
        self._names: collections.Counter[str] = collections.Counter()

    def add(self, name: str = "") -> None:
        """Note an event now."""
        self._events.append((self._clock.now().timestamp(), name))
        self._names[name] += 1

    def count(self, seconds: float) -> int:
        """How many events the last seconds brought; older ones are forgotten for good."""
        self._forget(seconds)
        return len(self._events)

    def knows(self, name: str, seconds: float) -> bool:
        """Whether an event of this name came in the last seconds; older ones are forgotten for good."""
        self._forget(seconds)
        return self._names[name] > 0

    def clear(self) -> None:
        """Forget everything."""
        self._events.clear()
        self._names.clear()

    def _forget(self, seconds: float) -> None:
        oldest = self._clock.now().timestamp() - seconds
        while self._events and self._events[0][0] <= oldest:
            _at, name = self._events.popleft()
            self._names[name] -= 1
            if not self._names[name]:
                del self._names[name]
