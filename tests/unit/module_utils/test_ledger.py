# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ledger counts what is certain: our own issues, and those that a listed expiry proves."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.jdcloud.jcr.plugins.module_utils._ledger import Ledger

NOW = datetime.datetime(2026, 1, 1, 12, 34, 56, tzinfo=datetime.UTC)
HOUR = datetime.timedelta(hours=1)
MINUTE = datetime.timedelta(minutes=1)
DAY = 24 * HOUR
BLUR = datetime.timedelta(seconds=2)  # by which an issue of ours counts longer than an hour


def ago(*minutes):
    return [NOW - number * MINUTE for number in minutes]


def expiries(*minutes):
    """Of tokens of 24 hours that were issued so many minutes ago."""
    return [issue + DAY for issue in ago(*minutes)]


def test_an_empty_ledger_has_a_slot():
    ledger = Ledger.of([], [], NOW)
    assert (ledger.issues, ledger.next_slot_at) == ([], None)


def test_our_issues_count_for_an_hour_and_the_blur_of_the_clock():
    ledger = Ledger.of(ago(61, 59, 1), [], NOW)
    assert ledger.issues == ago(59, 1)
    assert ledger.told() == "2 were issued within the last hour"


def test_an_issue_of_ours_counts_until_the_service_has_surely_forgotten_it():
    """Written down a second too early, and asked about a second too late, by a local clock that was set meanwhile."""
    second = datetime.timedelta(seconds=1)
    assert Ledger.of([NOW - HOUR - 2 * second], [], NOW).issues == []
    assert Ledger.of([NOW - HOUR - second], [], NOW).issues == [NOW - HOUR - second]
    five = Ledger.of([NOW - HOUR] * 5, [], NOW)
    assert five.next_slot_at == NOW + 2 * second


def test_an_issue_from_the_future_counts_as_now():
    assert Ledger.of([NOW + 9 * HOUR], [], NOW).issues == [NOW]


def test_five_leave_no_slot_until_the_oldest_of_them_is_an_hour_old():
    assert Ledger.of(ago(50, 40, 30, 20), [], NOW).next_slot_at is None
    assert Ledger.of(ago(50, 40, 30, 20, 10), [], NOW).next_slot_at == NOW + 10 * MINUTE + BLUR
    assert Ledger.of(ago(55, 50, 40, 30, 20, 10), [], NOW).next_slot_at == NOW + 10 * MINUTE + BLUR


def test_a_slot_opens_at_a_whole_second_and_never_earlier():
    """So that a message, a returned value and the end of a wait are the same moment."""
    part = datetime.timedelta(microseconds=1)
    issues = ago(50, 40, 30, 20, 10)
    slot = NOW + 10 * MINUTE + BLUR
    assert Ledger.of([issue - part for issue in issues], [], NOW).next_slot_at == slot
    assert Ledger.of([issue + part for issue in issues], [], NOW).next_slot_at == slot + datetime.timedelta(seconds=1)


def test_a_token_of_the_longest_life_tells_when_it_was_issued():
    ledger = Ledger.of([], expiries(50, 10), NOW)
    assert (ledger.known, ledger.deduced) == ((), tuple(ago(50, 10)))
    assert "0 written down here, 2 deduced from the service's list" in ledger.told()


@pytest.mark.parametrize("remaining", [MINUTE, HOUR, 12 * HOUR, 23 * HOUR, 23 * HOUR + MINUTE, 25 * HOUR, 48 * HOUR])
def test_what_may_have_been_issued_earlier_does_not_count(remaining):
    assert Ledger.of([], [NOW + remaining], NOW).issues == []


def test_an_issue_of_ours_is_not_counted_twice():
    assert Ledger.of(ago(30), expiries(30), NOW).issues == ago(30)
    assert Ledger.of(ago(30), expiries(29), NOW).issues == ago(30)  # asked for, and answered late
    assert len(Ledger.of(ago(30), expiries(27), NOW).issues) == 2
    assert len(Ledger.of(ago(30), expiries(31, 30), NOW).issues) == 2
    assert len(Ledger.of(ago(31, 30), expiries(30, 29), NOW).issues) == 2


def test_known_and_deduced_issues_fill_the_hour_together():
    ledger = Ledger.of(ago(50, 40), expiries(57, 30, 20), NOW)
    assert ledger.next_slot_at == NOW + 3 * MINUTE
    assert "5 were issued" in ledger.told() and "2 written down" in ledger.told() and "3 deduced" in ledger.told()


@settings(max_examples=300, deadline=None)
@given(
    issues=st.lists(st.tuples(st.integers(1, 7000), st.integers(1, 24), st.booleans()), max_size=12),
    lost=st.lists(st.integers(1, 3599), max_size=3),
)
def test_never_more_than_there_were(issues, lost):
    """Whoever issued, whatever life: what is counted beyond our own list was issued within the hour."""
    seconds = [(datetime.timedelta(seconds=ago), hours, ours) for ago, hours, ours in issues]
    ours = [NOW - age for age, _hours, mine in seconds if mine]
    never_sent = [NOW - datetime.timedelta(seconds=age) for age in lost]
    listed = [NOW - age + hours * HOUR for age, hours, _mine in seconds if age < hours * HOUR]
    ledger = Ledger.of([*ours, *never_sent], listed, NOW)
    truly = sum(age < HOUR for age, _hours, _mine in seconds)
    assert len(ledger.deduced) <= truly - sum(NOW - issue < HOUR for issue in ours)
