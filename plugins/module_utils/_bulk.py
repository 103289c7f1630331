# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The same work for many items at once, in a bounded number of threads, with an outcome for each.

This module util is private to the collection.

One item's failure does not keep the others from being done, unless it says that they would fare the same: then nothing
new is begun, and what is under way comes to its end. What was not begun is told as such.
"""

from __future__ import annotations

import dataclasses
import threading
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    AuthenticationFailed,
    DeadlineExceeded,
    Forbidden,
    JcrError,
    MfaRequired,
    ProtocolError,
    QuotaExceeded,
    RateLimited,
    ServerError,
    UnknownOutcome,
    Unreachable,
)

MAX_WORKERS = 32  # more would wait for one another: a call's own work is done by one thread at a time

# What one item fails of, every other one fails of.
_POINTLESS = (
    AuthenticationFailed,
    Forbidden,
    MfaRequired,
    QuotaExceeded,
    RateLimited,
    Unreachable,
    DeadlineExceeded,
)
# One such failure is an accident; so many without a success between them are a service that does not work.
_ACCIDENTS = (UnknownOutcome, ServerError, ProtocolError)
_ACCIDENTS_IN_A_ROW = 10

Item = t.TypeVar("Item")
Value = t.TypeVar("Value")


@dataclasses.dataclass
class Outcome(t.Generic[Item, Value]):
    """What became of one item: C(done) with a C(value), failed with an C(error), or neither: not tried.

    C(error) is what the work raised: a JcrError, or any other exception if the work has a defect.
    """

    item: Item
    done: bool = False
    value: Value | None = None
    error: Exception | None = None


def pointless(error: Exception) -> bool:
    """Whether the other items would meet the same failure: credentials, permission, quota, network, time, a defect."""
    return isinstance(error, _POINTLESS) or not isinstance(error, JcrError)


def each(
    items: t.Iterable[Item],
    work: t.Callable[[Item], Value],
    *,
    workers: int,
    stop: t.Callable[[Exception], bool] = pointless,
) -> list[Outcome[Item, Value]]:
    """Call C(work) with every item, in up to C(workers) threads, this one among them; outcomes in the items' order.

    Items are begun in their order. After an error for which C(stop) is true, and after a row of accidents without a
    success, no further item is begun. Nothing that C(work) raises is raised here, except what is no Exception (the
    user's interrupt).
    """
    outcomes = [Outcome[Item, Value](item) for item in items]
    line = _Line(outcomes, work, stop)
    helpers = [
        threading.Thread(target=line.serve, name=f"jcr-bulk-{number}", daemon=True)
        for number in range(1, min(workers, len(outcomes)))
    ]
    try:
        for helper in helpers:
            helper.start()
        line.serve()
        for helper in helpers:
            helper.join()
    finally:
        line.close()  # before its end only when interrupted: then the helpers finish what they are at, unheard
    return outcomes


class _Line:
    """The items that wait, and the rule that ends the waiting early."""

    def __init__(
        self,
        outcomes: t.Sequence[Outcome[Item, Value]],
        work: t.Callable[[Item], Value],
        stop: t.Callable[[Exception], bool],
    ) -> None:
        self._waiting = iter(outcomes)
        self._work = work
        self._stop = stop
        self._lock = threading.Lock()
        self._accidents = 0
        self._open = True

    def serve(self) -> None:
        """Do one item after the other until none is left to begin."""
        for outcome in iter(self._next, None):
            try:
                outcome.value = self._work(outcome.item)
                outcome.done = True
            except Exception as error:
                outcome.error = error
            self._note(outcome.error)

    def close(self) -> None:
        """Begin nothing new."""
        with self._lock:
            self._open = False

    def _next(self) -> Outcome[t.Any, t.Any] | None:
        with self._lock:
            return next(self._waiting, None) if self._open else None

    def _note(self, error: Exception | None) -> None:
        with self._lock:
            if error is None:
                self._accidents = 0
            elif isinstance(error, _ACCIDENTS):
                self._accidents += 1
            if self._accidents >= _ACCIDENTS_IN_A_ROW or (error is not None and self._stop(error)):
                self._open = False
