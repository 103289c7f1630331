# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of a preflight, and the judgements that are sums."""

from __future__ import annotations

import datetime

import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils import _preflight
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import NotFound, RateLimited

MINUTE, SECOND = datetime.timedelta(minutes=1), datetime.timedelta(seconds=1)


@pytest.mark.parametrize(
    ("skew", "verdict", "message"),
    [
        (0 * SECOND, "ok", "agrees with the service's"),
        (MINUTE, "ok", "agrees"),
        (-MINUTE, "ok", "agrees"),
        (MINUTE + SECOND, "warn", "0:01:01 behind the service's"),
        (-MINUTE - SECOND, "warn", "0:01:01 ahead of the service's"),
        (15 * MINUTE, "warn", "0:15:00 behind"),
        (15 * MINUTE + SECOND, "warn", "0:15:01 behind the service's, more than signatures bear"),
        (datetime.timedelta(days=-400), "warn", "400 days, 0:00:00 ahead"),
    ],
)
def test_clock(skew, verdict, message):
    row = _preflight.clock(skew)
    assert (row.check, row.verdict) == ("clock", verdict)
    assert message in row.message
    assert (row.cure is None) is (verdict == "ok")


@pytest.mark.parametrize(
    ("numbers", "verdict", "message"),
    [
        ({"used": 0, "limit": 5, "create": 5}, "ok", "0 of 5 are used, 5 more are needed"),
        ({"used": 4, "limit": 5, "create": 1}, "ok", "4 of 5 are used, 1 more is needed"),
        ({"used": 5, "limit": 5, "create": 1}, "fail", "5 of 5 are used, 1 more is needed"),
        ({"used": 5, "limit": 5, "create": 1, "delete": 1}, "ok", "5 of 5 are used, 1 will go, 1 more is needed"),
        ({"used": 5, "limit": 5, "create": 2, "delete": 1}, "fail", "5 of 5 are used, 1 will go, 2 more are needed"),
        # A quota that was lowered since: what needs nothing new goes on.
        ({"used": 7, "limit": 5, "create": 0}, "ok", "7 of 5 are used, 0 more are needed"),
    ],
)
def test_quota(numbers, verdict, message):
    row = _preflight.quota("registries in cn-north-1", **numbers)
    assert (row.check, row.object, row.verdict, row.message) == ("quota", "registries in cn-north-1", verdict, message)
    assert ("ticket" in (row.cure or "")) is (verdict == "fail")


SLOT = "2026-01-01T13:00:00Z"


@pytest.mark.parametrize(
    ("numbers", "verdict", "cure"),
    [
        ({"needed": 1, "issued": 4}, "ok", None),
        ({"needed": 0, "issued": 5, "next_slot": SLOT}, "ok", None),
        (
            {"needed": 1, "issued": 5, "next_slot": SLOT},
            "fail",
            f"The next one can be issued at {SLOT}. Run again then",
        ),
        ({"needed": 2, "issued": 4}, "fail", "Not all of them can be had at once. Run again then"),
        ({"needed": 6, "issued": 0}, "fail", "Not all of them can be had at once."),
        (
            {"needed": 1, "issued": 5, "next_slot": SLOT, "on_rate_limit": "wait"},
            "warn",
            f"{SLOT}. on_rate_limit is wait",
        ),
        ({"needed": 1, "issued": 5, "held": True, "on_rate_limit": "reuse"}, "warn", "on_rate_limit is reuse"),
        ({"needed": 2, "issued": 4, "on_rate_limit": "reuse"}, "warn", "on_rate_limit is reuse"),
        ({"needed": 1, "issued": 5, "on_rate_limit": "reuse"}, "fail", "set on_rate_limit to wait."),
        ({"needed": 1, "issued": 0, "listed": 5}, "warn", "Set on_rate_limit to wait"),
        ({"needed": 1, "issued": 0, "listed": 4}, "ok", None),
        ({"needed": 0, "issued": 0, "listed": 9}, "ok", None),
    ],
)
def test_token_budget(numbers, verdict, cure):
    usual = {"held": False, "listed": 0, "allowed": 5, "next_slot": None, "on_rate_limit": "fail"}
    row = _preflight.token_budget("myshop in cn-north-1", **{**usual, **numbers})
    assert (row.check, row.verdict) == ("token_budget", verdict)
    assert row.message.startswith(f"{numbers['issued']} of the 5 that an hour allows are known to be issued, ")
    assert cure is None if row.cure is None else cure in row.cure


def test_an_error_becomes_a_row():
    row = _preflight.failed_by("region", "cn-east-9", NotFound("it is not there.", request_id="r1", cure="Look again."))
    assert row == _preflight.Row("region", "cn-east-9", "fail", "it is not there (request id r1)", "Look again.")
    error = RateLimited("slow", act="read quotas", obj="in cn-north-1")
    row = _preflight.Row("a", "b", "fail", "cannot read quotas in cn-north-1: slow", RateLimited.cure)
    assert _preflight.failed_by("a", "b", error) == row


def test_what_was_not_checked_is_a_warning():
    row = _preflight.not_checked("quota", "registries", "the endpoint cannot be asked")
    assert row == _preflight.Row("quota", "registries", "warn", "not checked, because the endpoint cannot be asked")


ROWS = [
    _preflight.ok("clock", "local clock", "agrees"),
    _preflight.fail("quota", "registries in cn-north-1", "5 of 5 are used", "Delete something."),
    _preflight.not_checked("region", "cn-north-1", "of that"),
]


def test_the_summary_counts_every_verdict():
    assert _preflight.summary(ROWS) == {"ok": 1, "warn": 1, "fail": 1}
    assert _preflight.summary([]) == {"ok": 0, "warn": 0, "fail": 0}


def test_people_read_a_table():
    assert _preflight.render(ROWS).splitlines() == [
        "ok    clock   local clock               agrees",
        "fail  quota   registries in cn-north-1  5 of 5 are used",
        "      Delete something.",
        "warn  region  cn-north-1                not checked, because of that",
    ]
    assert _preflight.render([]) == ""


def test_a_long_object_does_not_push_the_others_away():
    long = _preflight.ok("image", "x" * 300, "is there")
    assert _preflight.render([long, ROWS[0]]).splitlines()[1] == f"ok    clock  {'local clock':40}  agrees"
