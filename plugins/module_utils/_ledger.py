# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ledger: when the tokens of one registry were issued, and when the next one can be. Pure.

This module util is private to the collection.

Our own issues are written down. Those of others are deduced from the service's listing, which tells when a token
expires but not when it was issued. A token lives 1 to 24 whole hours, so one that still lives for R hours may have been
issued at several times; only if R is more than 23 is there a single one, 24 hours before its expiry, and it lies within
the last hour. Nothing else is certain, and what is not certain does not count: then the service itself refuses.
"""

from __future__ import annotations

import datetime
import typing as t

ISSUES_AN_HOUR = 5
WINDOW = datetime.timedelta(hours=1)
LONGEST_LIFE = datetime.timedelta(hours=24)
# Our clock follows the service's by Dates of whole seconds (_call): behind the service by up to a second if the local
# clock is behind, ahead by up to one if that is ahead. A local clock that is set between an issue and the question
# whether it still counts adds up both, so an issue of our own counts that much longer than the service counts it.
_COUNTED = WINDOW + datetime.timedelta(seconds=2)
# An issue of our own is written down when it is asked for and again when it is answered. A deduced issue this near to
# one of ours is taken for the same one.
_SAME = datetime.timedelta(minutes=2)
_MARGIN = datetime.timedelta(minutes=1)  # by which the service's time may be known wrongly

Times = t.Iterable[datetime.datetime]


class Ledger(t.NamedTuple):
    """The issues of the last hour: C(known) ones were written down here, C(deduced) ones are of others.

    Both are sorted, the oldest first.
    """

    known: tuple[datetime.datetime, ...] = ()
    deduced: tuple[datetime.datetime, ...] = ()

    @classmethod
    def of(cls, issues: Times, expiries: Times, now: datetime.datetime) -> Ledger:
        """From what was written down, and from the expiries that the service lists; C(now) is the service's time.

        An issue from the future was written by a wrong clock: it counts as made now.
        """
        known = sorted(min(issue, now) for issue in issues if now - issue < _COUNTED)
        return cls(tuple(known), tuple(_without_same(_certain_issues(expiries, now), known)))

    @property
    def issues(self) -> list[datetime.datetime]:
        """All of them, the oldest first."""
        return sorted([*self.known, *self.deduced])

    @property
    def next_slot_at(self) -> datetime.datetime | None:
        """When the next token can be issued, as whole seconds tell it; None if one can be now."""
        ends = sorted([*(issue + _COUNTED for issue in self.known), *(issue + WINDOW for issue in self.deduced)])
        return _whole_second(ends[-ISSUES_AN_HOUR]) if len(ends) >= ISSUES_AN_HOUR else None

    def told(self) -> str:
        """How many there are and how that is known, for a message."""
        text = f"{len(self.issues)} were issued within the last hour"
        if self.deduced:
            text += (
                f" ({len(self.known)} written down here, {len(self.deduced)} deduced from the service's list: "
                "they still live for more than 23 of at most 24 hours)"
            )
        return text


def _whole_second(moment: datetime.datetime) -> datetime.datetime:
    """The first one that is not before C(moment)."""
    return moment if not moment.microsecond else moment.replace(microsecond=0) + datetime.timedelta(seconds=1)


def _certain_issues(expiries: Times, now: datetime.datetime) -> list[datetime.datetime]:
    """When tokens were issued that cannot have been issued but within the last hour, the oldest first."""
    issues = (expiry - LONGEST_LIFE for expiry in expiries)
    # What expires later than a token can was misread, and tells nothing.
    return sorted(min(issue, now) for issue in issues if now - WINDOW + _MARGIN < issue <= now + _MARGIN)


def _without_same(found: list[datetime.datetime], known: list[datetime.datetime]) -> t.Iterator[datetime.datetime]:
    """What of C(found) cannot be one of C(known), each of which is at most one of them; both are sorted."""
    left = list(known)
    for issue in found:
        while left and left[0] < issue - _SAME:
            del left[0]
        if left and left[0] <= issue + _SAME:
            del left[0]
        else:
            yield issue
