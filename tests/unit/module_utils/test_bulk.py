# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The same work for many items: order, bounds, and when it ends early."""

from __future__ import annotations

import threading

import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils import _bulk
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    AlreadyExists,
    AuthenticationFailed,
    DeadlineExceeded,
    Forbidden,
    MfaRequired,
    NotFound,
    PreconditionFailed,
    QuotaExceeded,
    RateLimited,
    RuleError,
    UnknownOutcome,
    Unreachable,
)

WORKERS = [1, 2, 8, 32]
PATIENCE = 60.0  # seconds; a thread that does not come is a failure, not a hang


def refusing(refused, error, seen=None):
    """Work that fails for one item, and doubles the others."""

    def work(item):
        if seen is not None:
            seen.append(item)
        if item == refused:
            raise error
        return 2 * item

    return work


def tried(outcome):
    return outcome.done or outcome.error is not None


@pytest.mark.parametrize("workers", WORKERS)
def test_outcomes_stand_in_the_order_of_the_items(workers):
    outcomes = _bulk.each(range(100), lambda item: 2 * item, workers=workers)
    assert [(outcome.item, outcome.value) for outcome in outcomes] == [(item, 2 * item) for item in range(100)]
    assert all(outcome.done and outcome.error is None for outcome in outcomes)


@pytest.mark.parametrize("workers", WORKERS)
def test_nothing_to_do(workers):
    assert _bulk.each([], lambda item: 1 / 0, workers=workers) == []


def test_so_many_at_once_and_no_more():
    """Each item waits until four are under way; a fifth would be seen."""
    together, lock = threading.Barrier(4), threading.Lock()
    busy, most = 0, 0

    def work(_item):
        nonlocal busy, most
        with lock:
            busy += 1
            most = max(most, busy)
        together.wait(PATIENCE)
        with lock:
            busy -= 1

    outcomes = _bulk.each(range(4 * 5), work, workers=4)
    assert all(outcome.done for outcome in outcomes)
    assert most == 4


def test_one_worker_is_this_thread():
    names = []
    _bulk.each(range(3), lambda _item: names.append(threading.current_thread()), workers=1)
    assert names == [threading.current_thread()] * 3


def test_one_item_needs_no_thread():
    names = []
    _bulk.each([1], lambda _item: names.append(threading.current_thread()), workers=8)
    assert names == [threading.current_thread()]


def test_items_are_begun_in_order():
    seen = []
    _bulk.each(range(50), refusing(None, None, seen), workers=1)
    assert seen == list(range(50))


@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("kind", [AlreadyExists, NotFound, PreconditionFailed, RuleError, UnknownOutcome])
def test_a_failure_of_its_own_does_not_keep_others_from_being_done(workers, kind):
    outcomes = _bulk.each(range(20), refusing(3, kind("no")), workers=workers)
    assert [outcome.item for outcome in outcomes if not outcome.done] == [3]
    assert isinstance(outcomes[3].error, kind)


@pytest.mark.parametrize(
    "error",
    [
        AuthenticationFailed("no"),
        Forbidden("no"),
        MfaRequired("no"),
        QuotaExceeded("no"),
        RateLimited("no"),
        Unreachable("no"),
        DeadlineExceeded("no"),
        ZeroDivisionError("a defect"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_after_what_all_would_meet_nothing_new_is_begun(error):
    seen = []
    outcomes = _bulk.each(range(20), refusing(3, error, seen), workers=1)
    assert seen == [0, 1, 2, 3]
    assert [outcome.done for outcome in outcomes[:4]] == [True, True, True, False]
    assert outcomes[3].error is error
    assert not any(tried(outcome) for outcome in outcomes[4:])


def test_what_is_under_way_comes_to_its_end():
    """The second item ends only after the first has failed of what all would meet."""
    failed = threading.Event()

    def work(item):
        if item == 0:
            failed.set()
            raise QuotaExceeded("full")
        assert failed.wait(PATIENCE)
        return item

    outcomes = _bulk.each(range(2), work, workers=2)
    assert isinstance(outcomes[0].error, QuotaExceeded)
    # The helper may have been too late to begin; if it began, it ended.
    assert outcomes[1].done or not tried(outcomes[1])


def test_the_caller_says_what_ends_it():
    seen = []
    error = NotFound("the registry is gone")
    _bulk.each(range(20), refusing(2, error, seen), workers=1, stop=lambda found: found is error)
    assert seen == [0, 1, 2]


def test_a_row_of_accidents_ends_it():
    def lose(_item):
        raise UnknownOutcome("lost")

    outcomes = _bulk.each(range(100), lose, workers=1)
    assert sum(tried(outcome) for outcome in outcomes) == 10


def test_accidents_between_successes_do_not():
    def lose(item):
        if item % 10:
            raise UnknownOutcome("lost")

    outcomes = _bulk.each(range(100), lose, workers=1)
    assert all(tried(outcome) for outcome in outcomes)


def test_the_users_interrupt_passes_and_nothing_new_is_begun():
    seen = []
    with pytest.raises(KeyboardInterrupt):
        _bulk.each(range(20), refusing(2, KeyboardInterrupt(), seen), workers=1)
    assert seen == [0, 1, 2]


def test_no_thread_is_left():
    before = threading.active_count()
    _bulk.each(range(100), refusing(5, QuotaExceeded("full")), workers=8)
    assert threading.active_count() == before
