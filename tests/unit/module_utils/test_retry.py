# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The retry policy: one table, and what holds for anything that may happen."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.jdcloud.jcr.plugins.module_utils import _operations, _retry
from ansible_collections.jdcloud.jcr.plugins.module_utils._retry import Outcome, ReadBack, Stop, Wait, decide

READ = _operations.DESCRIBE_IMAGES
WRITE = _operations.CREATE_REGISTRY
TOKEN = _operations.ISSUE_TOKEN

NOT_SENT = Outcome(sent=False)
LOST = Outcome(sent=True)


def answered(http_status, status=None, **more) -> Outcome:
    return Outcome(sent=True, http_status=http_status, status=status, **more)


def foreign(http_status) -> Outcome:
    return Outcome(sent=True, http_status=http_status, intelligible=False)


def ask(operation, outcome, *, attempt=1, retries=5, time_left=None, jitter=0.0):
    return decide(operation, attempt, outcome, retries=retries, time_left=time_left, jitter=jitter)


@pytest.mark.parametrize(
    ("outcome", "read", "write", "token"),
    [
        (NOT_SENT, Wait, Wait, Wait),
        (LOST, Wait, ReadBack, ReadBack),
        (answered(400, "INVALID_ARGUMENT"), Stop, Stop, Stop),
        (answered(400, "FAILED_PRECONDITION"), Stop, Stop, Stop),
        (answered(401, "ACCESS_ERROR"), Stop, Stop, Stop),
        (answered(403, "HTTP_FORBIDDEN"), Stop, Stop, Stop),
        (answered(404, "NOT_FOUND"), Stop, Stop, Stop),
        (answered(409, "ALREADY_EXISTS"), Stop, Stop, Stop),
        (answered(408), Wait, ReadBack, ReadBack),
        (answered(499, "CANCELLED"), Stop, ReadBack, ReadBack),
        (answered(429, "RATE_LIMIT"), Wait, Wait, Stop),
        (answered(429, "RATE_LIMIT_EXCEEDED"), Wait, Wait, Stop),
        (answered(429, "HTTP_RATE_LIMIT_EXCEEDED"), Wait, Wait, Stop),
        (answered(429), Wait, Wait, Stop),
        (foreign(429), Wait, Wait, Stop),
        (answered(429, "QUOTA_EXCEEDED"), Stop, Stop, Stop),
        (answered(429, "QUOTA_EXCEEDED", retry_after=1.0), Stop, Stop, Stop),
        (answered(500, "INTERNAL"), Wait, ReadBack, ReadBack),
        (answered(500, "UNKNOWN"), Wait, ReadBack, ReadBack),
        (answered(501, "NOT_IMPLEMENTED"), Stop, Stop, Stop),
        (answered(502, "SOURCE_UNAVAILABLE"), Wait, ReadBack, ReadBack),
        (answered(503, "UNAVAILABLE"), Wait, ReadBack, ReadBack),
        (answered(504, "DEADLINE_EXCEEDED"), Wait, ReadBack, ReadBack),
        (foreign(200), Wait, ReadBack, ReadBack),
        (foreign(404), Wait, ReadBack, ReadBack),
        (foreign(502), Wait, ReadBack, ReadBack),
        (foreign(302), Stop, ReadBack, ReadBack),
    ],
    ids=str,
)
def test_the_table(outcome, read, write, token):
    decisions = [ask(operation, outcome) for operation in (READ, WRITE, TOKEN)]
    assert [type(decision) for decision in decisions] == [read, write, token]


def test_no_more_attempts_than_allowed():
    assert isinstance(ask(READ, LOST, attempt=5, retries=5), Wait)
    assert ask(READ, LOST, attempt=6, retries=5) == Stop()
    assert ask(READ, LOST, attempt=1, retries=0) == Stop()


def test_a_lost_write_is_read_back_even_without_any_attempt_or_time_left():
    assert ask(WRITE, LOST, attempt=9, retries=0, time_left=0.0) == ReadBack()


def test_pauses_double_up_to_a_bound():
    pauses = [ask(READ, LOST, attempt=attempt, retries=99, jitter=0.0).seconds for attempt in range(1, 9)]
    assert pauses == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]
    assert ask(READ, LOST, attempt=10_000, retries=10_000, jitter=0.999).seconds < _retry.LONGEST_BACKOFF


def test_an_address_that_never_answered_is_given_up_soon():
    """As often as any other, but with short pauses; once something has come through, with all of them."""
    unreached = Outcome(sent=False, reached=False)
    pauses = [ask(WRITE, unreached, attempt=attempt, jitter=0.999).seconds for attempt in range(1, 6)]
    assert sum(pauses) <= 2.5
    assert ask(WRITE, unreached, attempt=6) == Stop()
    assert ask(WRITE, NOT_SENT, attempt=5) == ask(READ, LOST, attempt=5) == Wait(4.0)
    assert ask(READ, Outcome(sent=True, reached=False), attempt=5) == Wait(4.0)


def test_jitter_spreads_the_upper_half_of_a_pause():
    assert ask(READ, LOST, attempt=3, jitter=0.0).seconds == 1.0
    assert ask(READ, LOST, attempt=3, jitter=0.5).seconds == 1.5


@pytest.mark.parametrize(
    ("retry_after", "decision"),
    [
        (7.0, Wait(7.0)),
        (0.0, Wait(0.0)),
        (-3.0, Wait(0.0)),
        (300.0, Wait(300.0)),
        (301.0, Stop()),
        (float("inf"), Stop()),
        (float("nan"), Wait(0.25)),
    ],
)
def test_the_service_says_how_long(retry_after, decision):
    assert ask(READ, answered(503, retry_after=retry_after)) == decision


def test_those_who_were_told_the_same_moment_do_not_come_at_once():
    outcome = answered(429, "RATE_LIMIT", retry_after=7.0)
    assert ask(READ, outcome, jitter=0.5).seconds == 7.25


def test_a_wait_that_would_use_up_the_time_is_none():
    outcome = answered(429, "RATE_LIMIT", retry_after=7.0)
    assert ask(READ, outcome, time_left=7.0) == Stop()
    assert ask(READ, outcome, time_left=7.1) == Wait(7.0)
    assert ask(READ, LOST, time_left=0.0) == Stop()


# --- for anything that may happen ------------------------------------------------------------------------------------

operations = st.sampled_from(list(_operations.OPERATIONS.values()))
outcomes = st.builds(
    Outcome,
    sent=st.booleans(),
    reached=st.booleans(),
    http_status=st.none() | st.integers(100, 599),
    status=st.sampled_from([None, "QUOTA_EXCEEDED", "RATE_LIMIT", "UNAVAILABLE", "NOT_FOUND"]),
    intelligible=st.booleans(),
    retry_after=st.none() | st.floats(),
)
few = settings(derandomize=True, database=None, max_examples=500, deadline=None)
jitters = st.floats(0, 1, exclude_max=True)


@few
@given(outcomes, st.integers(1, 20), st.integers(0, 20), st.none() | st.floats(0, 1e6), jitters)
def test_a_token_is_never_asked_for_twice(outcome, attempt, retries, time_left, jitter):
    decision = ask(TOKEN, outcome, attempt=attempt, retries=retries, time_left=time_left, jitter=jitter)
    assert not (isinstance(decision, Wait) and outcome.sent)


@few
@given(operations, outcomes, st.integers(1, 20), jitters)
def test_a_write_is_sent_again_only_if_it_was_provably_not_done(operation, outcome, attempt, jitter):
    decision = ask(operation, outcome, attempt=attempt, retries=20, jitter=jitter)
    if operation.writes and isinstance(decision, Wait):
        assert not outcome.sent or outcome.http_status == 429
    if not operation.writes:
        assert decision != ReadBack()


@few
@given(operations, outcomes, st.integers(1, 20), jitters)
def test_a_used_up_quota_is_never_waited_for(operation, outcome, attempt, jitter):
    decision = ask(operation, outcome, attempt=attempt, retries=20, jitter=jitter)
    assert outcome.status != "QUOTA_EXCEEDED" or not isinstance(decision, Wait)


@few
@given(operations, st.lists(st.tuples(outcomes, jitters), max_size=30), st.integers(0, 30), st.floats(0, 1000))
def test_all_waits_together_are_shorter_than_the_time_left(operation, failures, retries, time_left):
    waited = 0.0
    for attempt, (outcome, jitter) in enumerate(failures, start=1):
        decision = ask(
            operation, outcome, attempt=attempt, retries=retries, time_left=time_left - waited, jitter=jitter
        )
        if not isinstance(decision, Wait):
            break
        assert decision.seconds >= 0
        waited += decision.seconds
        assert attempt <= retries
        assert waited <= time_left
