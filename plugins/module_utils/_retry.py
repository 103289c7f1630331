# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What to do after a failed attempt: wait and send again, read back what became of it, or stop. Pure.

This module util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import math
import typing as t

FIRST_BACKOFF = 0.5  # seconds; doubled with each attempt
LONGEST_BACKOFF = 20.0
LONGEST_BACKOFF_UNREACHED = 0.5  # before anything was ever reached, an address is more likely wrong than busy
LONGEST_RETRY_AFTER = 300.0  # a service that asks for more is not waited for, deadline or not
_QUOTA = "QUOTA_EXCEEDED"  # the one status of a 429 that waiting does not cure


class Repeatable(t.Protocol):
    """An operation, as far as it matters here; C(repeat) is C(safe), C(by_name) or C(never)."""

    @property
    def repeat(self) -> str:
        """Whether it may be sent again when its outcome is not known."""


@dataclasses.dataclass(frozen=True)
class Safe:
    """What may be sent again whatever became of it, because it is named by its content."""

    repeat: str = "safe"


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How one attempt failed.

    C(sent) is False only if the request provably never left (no name, no connection, no TLS), C(reached) only if the
    other side has never answered before. C(http_status) is None without an answer. C(status) is the API's own word
    (C(QUOTA_EXCEEDED)), None if the answer has none. C(intelligible) is False for an answer that is not the service's:
    HTML, cut JSON, missing fields. C(retry_after) is in seconds from now.
    """

    sent: bool
    reached: bool = True
    http_status: int | None = None
    status: str | None = None
    intelligible: bool = True
    retry_after: float | None = None


@dataclasses.dataclass(frozen=True)
class Wait:
    """Wait this long, then send the request again, signed anew."""

    seconds: float


@dataclasses.dataclass(frozen=True)
class ReadBack:
    """The write may or may not have been done: find out by reading, never by sending it again."""


@dataclasses.dataclass(frozen=True)
class Stop:
    """The failure is final."""


Decision = t.Union[Wait, ReadBack, Stop]


def decide(
    operation: Repeatable,
    attempt: int,
    outcome: Outcome,
    *,
    retries: int,
    time_left: float | None,
    jitter: float,
) -> Decision:
    """What to do after attempt number C(attempt) (the first is 1) failed.

    C(retries) is how many attempts may follow the first. C(time_left) is in seconds, None without a deadline; where a
    wait would use it all up, there is no wait. C(jitter) is a random number in [0, 1).
    """
    provably_not_done = not outcome.sent or _refused(outcome)
    if operation.repeat != "safe" and not provably_not_done:
        return ReadBack()
    if operation.repeat == "never" and outcome.sent:
        return Stop()
    if attempt > retries or not _may_pass(outcome):
        return Stop()
    longest = LONGEST_BACKOFF if outcome.sent or outcome.reached else LONGEST_BACKOFF_UNREACHED
    seconds = _pause(attempt, outcome.retry_after, longest, jitter)
    if seconds is None or (time_left is not None and seconds >= time_left):
        return Stop()
    return Wait(seconds)


def _refused(outcome: Outcome) -> bool:
    """Whether the answer proves that the service did not do what it was asked for."""
    if outcome.http_status in (429, 501):
        return True  # whoever said it, and in whatever words
    gave_up_on_the_way = outcome.http_status in (408, 499)
    return outcome.intelligible and _is(outcome, 400) and not gave_up_on_the_way


def _may_pass(outcome: Outcome) -> bool:
    """Whether the same request may well succeed a little later."""
    if outcome.status == _QUOTA or outcome.http_status == 501 or _is(outcome, 300):
        return False
    if not outcome.sent or outcome.http_status in (None, 408, 429) or not outcome.intelligible:
        return True
    return _is(outcome, 500)


def _is(outcome: Outcome, hundred: int) -> bool:
    return outcome.http_status is not None and hundred <= outcome.http_status < hundred + 100


def _pause(attempt: int, retry_after: float | None, longest: float, jitter: float) -> float | None:
    """Seconds to wait; None if the service asks for more than anybody would wait."""
    if retry_after is not None and not math.isnan(retry_after):
        # The jitter keeps those who were told the same moment from coming back at once.
        return max(0.0, retry_after) + jitter * FIRST_BACKOFF if retry_after <= LONGEST_RETRY_AFTER else None
    backoff = min(longest, FIRST_BACKOFF * 2.0 ** min(attempt - 1, 16))
    return backoff * (1 + jitter) / 2
