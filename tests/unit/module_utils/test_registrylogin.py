# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Transfers through an engine that are begun anew: with another token, or after a pause."""

from __future__ import annotations

import types

import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Deadline
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    JcrError,
    LoginRefused,
    TransferFailed,
    TransferRefused,
    Unreachable,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._registrylogin import RegistryLogin
from tests.support.fake_clock import FakeClock


class Session:
    """What a login takes of a session; the tokens are numbers."""

    def __init__(self, retries=5, seconds=None):
        self.clock = FakeClock()
        self.deadline = Deadline(self.clock, seconds)
        self.retries = retries
        self.issued = 0

    def token(self, registry):
        self.issued += 1
        return types.SimpleNamespace(number=self.issued, password=self.issued)


def transfers(session, *failures):
    """(What became of a transfer that fails like this and then succeeds, the tokens that it was tried with)."""
    left, tried = list(failures), []

    def transfer(token):
        tried.append(token.number)
        if left:
            raise left.pop(0)
        return "done"

    try:
        return RegistryLogin(session, "myshop").through(transfer), tried
    except JcrError as error:
        return error, tried


def busy(attempts=1):
    return TransferRefused("toomanyrequests", retryable=True, attempts=attempts)


def test_a_token_that_is_refused_is_replaced_once():
    session = Session()
    assert transfers(session, LoginRefused("expired")) == ("done", [1, 2])
    assert session.clock.slept == []
    refused = LoginRefused("no")
    assert transfers(Session(), LoginRefused("expired"), refused) == (refused, [1, 2])


def test_a_busy_registry_is_waited_for_longer_each_time():
    session = Session()
    assert transfers(session, *[busy() for _time in range(5)]) == ("done", [1] * 6)
    shortest = [0.25, 0.5, 1.0, 2.0, 4.0]
    assert all(low <= slept <= 2 * low for low, slept in zip(shortest, session.clock.slept, strict=True))


@pytest.mark.parametrize(
    "failure",
    [
        TransferFailed("received unexpected HTTP status: 503", retryable=True, attempts=1),
        Unreachable("dial tcp: connection refused", retryable=True, attempts=1),
    ],
)
def test_what_the_engine_does_not_try_again_is_tried_again_here(failure):
    assert transfers(Session(), failure) == ("done", [1, 1])


@pytest.mark.parametrize(
    "failure",
    [
        TransferRefused("denied", attempts=1),
        TransferFailed("manifest invalid", attempts=1),
        TransferFailed("broken pipe", retryable=True, attempts=5),  # dockerd has tried for 50 seconds
        TransferFailed("said nothing for 600 seconds", retryable=True),  # the engine itself, not the registry
    ],
)
def test_what_is_hopeless_or_was_tried_by_the_engine_is_not_tried_again(failure):
    session = Session()
    assert transfers(session, failure) == (failure, [1])
    assert session.clock.slept == []


def test_it_ends_with_the_retries_or_the_deadline():
    for retries in (0, 2):
        error, tried = transfers(Session(retries), *[busy() for _time in range(9)])
        assert (error.kind, error.attempts, len(tried)) == ("transfer_refused", retries + 1, retries + 1)
    session = Session(retries=9, seconds=10)
    error, tried = transfers(session, *[busy() for _time in range(9)])
    assert error.attempts == len(tried) == len(session.clock.slept) + 1
    assert 0 < sum(session.clock.slept) < 10
