# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The real clock, and deadlines on a clock that a test moves."""

from __future__ import annotations

import datetime

import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Clock, Deadline
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import DeadlineExceeded
from tests.support.fake_clock import FakeClock


def test_the_time_is_aware_and_in_utc():
    before = datetime.datetime.now(datetime.UTC)
    now = Clock().now()
    assert now.utcoffset() == datetime.timedelta(0)
    assert before <= now <= datetime.datetime.now(datetime.UTC)


def test_monotonic_time_does_not_go_back_and_passes_in_sleep():
    clock = Clock()
    before = clock.monotonic()
    clock.sleep(0.001)
    assert clock.monotonic() - before >= 0.001


def test_a_deadline_counts_from_when_it_was_made():
    clock = FakeClock()
    clock.advance(100)
    deadline = Deadline(clock, 60)
    assert deadline.left() == 60
    clock.advance(59.5)
    assert deadline.left() == 0.5
    deadline.check()


@pytest.mark.parametrize("passed", [60, 61, 1e9])
def test_a_deadline_that_passed_says_how_long_it_was(passed):
    clock = FakeClock()
    deadline = Deadline(clock, 60)
    clock.advance(passed)
    assert deadline.left() == 0
    with pytest.raises(DeadlineExceeded, match="deadline of 60 seconds passed"):
        deadline.check()


def test_without_a_deadline_there_is_always_time():
    clock = FakeClock()
    deadline = Deadline(clock, None)
    clock.advance(1e9)
    assert deadline.left() is None
    deadline.check()


def test_no_time_at_all_is_a_deadline_too():
    with pytest.raises(DeadlineExceeded):
        Deadline(FakeClock(), 0).check()
