# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why no token can be issued now, when the next one can be, and whether it is worth waiting for. Pure.

This module util is private to the collection.
"""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import TokenBudgetExceeded
from ansible_collections.jdcloud.jcr.plugins.module_utils._times import format_time
from ansible_collections.jdcloud.jcr.plugins.module_utils._tokenstate import KeptToken

_POLL = 60.0  # seconds between two tries when the service refuses and the ledger cannot tell until when
_LONGEST_WAIT = 2 * 3600.0  # seconds of waiting after which even a task without a deadline gives up


class Refusal(t.NamedTuple):
    """C(where) names the registry; C(next_slot_at) is None if only the service knows.

    C(shorter) is the longest living token that on_rate_limit: reuse would take; None where there is none, or where a
    token that is there does not serve the caller.
    """

    where: str
    cause: str
    next_slot_at: datetime.datetime | None
    shorter: KeptToken | None

    def pause(self, now: datetime.datetime, waited: float, left: float | None) -> float:
        """Seconds until the next try, after C(waited) seconds; raises TokenBudgetExceeded where it would be too late.

        C(left) are the seconds that the task has; None: as many as it takes.
        """
        pause = _POLL
        if self.next_slot_at is not None:
            pause = max((self.next_slot_at - now).total_seconds(), 1.0)
        if left is not None and pause >= left:
            raise self.error("The task's deadline ends before that: raise deadline.")
        if waited + pause > _LONGEST_WAIT:
            raise self.error("Waited in vain: see in the console who issues tokens.")
        return pause

    def error(self, cure: str | None = None) -> TokenBudgetExceeded:
        """The failure of who does not wait."""
        if cure is None:
            reuse = ", or to reuse a token that lives shorter" if self.shorter else ""
            cure = f"Run again then, or set on_rate_limit to wait{reuse}."
        when = "The service does not say when the next one can be issued, at the latest it is in an hour."
        if self.next_slot_at is not None:
            when = f"The next one can be issued at {format_time(self.next_slot_at)}."
        error = TokenBudgetExceeded(self.cause, cure=f"{when} {cure}", retryable=True)
        error.about("issue a token", self.where)
        return error
