# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The emulator's clock: it runs like the machine's own, can be set and moved, and can be made to stand still."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta


class Clock:
    """All times of the emulator come from here: expiry, the hour of the token limit, signatures, the Date header."""

    def __init__(self, now: datetime | None = None) -> None:
        self._start = now
        self.reset()

    def now(self) -> datetime:
        """The time as an aware datetime in UTC."""
        return self._frozen_at or datetime.now(UTC) + self._offset

    def set(self, now: datetime) -> None:
        """Make it this time now; the clock goes on from there, or stands there if it is frozen."""
        self._offset = now - datetime.now(UTC)
        self._frozen_at = now if self._frozen_at else None

    def advance(self, seconds: float) -> None:
        """Move the clock by this many seconds (backwards if negative)."""
        self.set(self.now() + timedelta(seconds=seconds))

    def freeze(self, frozen: bool) -> None:
        """Make the clock stand still, or run again from where it stood."""
        if frozen:
            self._frozen_at = self.now()
        elif self._frozen_at:
            self._offset = self._frozen_at - datetime.now(UTC)
            self._frozen_at = None

    def reset(self) -> None:
        """Go back to the time of the start (option --now) or to the machine's time."""
        self._frozen_at: datetime | None = None
        self._offset = timedelta()
        if self._start:
            self.set(self._start)


def parse(text: str) -> datetime:
    """Read C(20260101T123456Z), RFC 3339, or seconds since 1970; ValueError for anything else."""
    if text.replace(".", "", 1).isdecimal():
        return datetime.fromtimestamp(float(text), UTC)
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} says no time zone; end it with Z")
    return moment.astimezone(UTC)


def rfc3339(moment: datetime) -> str:
    """Write a time as C(2026-01-01T12:34:56Z)."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def http_date(moment: datetime) -> str:
    """Write a time as the Date header wants it, in English whatever the locale."""
    parts = time.gmtime(moment.timestamp())
    day = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[parts.tm_wday]
    month = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")[parts.tm_mon - 1]
    return f"{day}, {parts.tm_mday:02} {month} {parts.tm_year} {time.strftime('%H:%M:%S', parts)} GMT"
