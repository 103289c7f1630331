# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The request log: what came in, never what was secret in it."""

from __future__ import annotations

import collections
import dataclasses
import typing as t

from tests.emulator.clock import Clock, rfc3339

_KEPT = 100_000


@dataclasses.dataclass
class Entry:
    """One request; it is in the log from its first byte on, and filled in as it is answered.

    C(write) says that the request is one that changes something, whatever came of it; C(token_issued) that a token was
    really issued. C(fault) is the kind of a scripted fault that struck it. Sizes are those of the bodies.
    """

    index: int
    at: str
    plane: str
    operation: str | None
    method: str
    path: str
    registry: str | None
    user_agent: str
    write: bool
    status: int | None = None
    token_issued: bool = False
    bytes_received: int = 0
    bytes_sent: int = 0
    request_id: str | None = None
    fault: str | None = None


class RequestLog:
    """The latest requests to both planes, numbered from 1; the admin API itself is not logged."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: collections.deque[Entry] = collections.deque(maxlen=_KEPT)
        self._last = 0

    def begin(self, **facts: t.Any) -> Entry:
        """Open an entry; the facts are those of Entry that are known at the start."""
        self._last += 1
        entry = Entry(index=self._last, at=rfc3339(self._clock.now()), **facts)
        self._entries.append(entry)
        return entry

    def since(self, index: int) -> list[dict[str, t.Any]]:
        """The entries after this number, as JSON objects."""
        return [dataclasses.asdict(entry) for entry in self._entries if entry.index > index]

    def clear(self) -> None:
        """Forget all entries and number from 1 again."""
        self._entries.clear()
        self._last = 0
