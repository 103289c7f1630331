# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Times of the service, against tests/contract/times.json."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.jdcloud.jcr.plugins.module_utils._times import format_time, parse_time, retry_after
from tests.support.contract import load
from tests.support.fake_clock import START

UTC = datetime.UTC
BEIJING = datetime.timezone(datetime.timedelta(hours=8))

few = settings(derandomize=True, database=None, max_examples=300, deadline=None)
moments = st.datetimes(datetime.datetime(1970, 1, 2), datetime.datetime(9999, 12, 30), timezones=st.just(UTC)).map(
    lambda moment: moment.replace(microsecond=0)
)
# Milliseconds are told from seconds by their size, from 1973 on.
moments_since_1973 = moments.filter(lambda moment: moment.timestamp() >= 1e8)
seconds_until_5138 = moments.filter(lambda moment: moment.timestamp() < 1e11)
offsets = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda minutes: datetime.timedelta(minutes=minutes))


@pytest.mark.parametrize("case", load("times.json")["forms"], ids=lambda case: repr(case["form"])[:40])
def test_understands_what_the_contract_lists(case):
    moment = parse_time(case["form"])
    assert (moment and format_time(moment)) == case["utc"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), b"1540479953", object()])
def test_what_json_cannot_hold_is_no_time(value):
    assert parse_time(value) is None


def test_fractions_are_kept():
    assert parse_time("2018-10-25T15:05:53.123456789Z").microsecond == 123456
    assert parse_time(1540479953250).microsecond == 250000
    assert parse_time("1540479953.25").microsecond == 250000


@pytest.mark.parametrize(
    "text", ["1" * 65_536, "2018-10-25T15:05:53." + "1" * 65_536, " " * 65_536 + "x"], ids=range(3)
)
def test_long_texts_are_no_times(text):
    assert parse_time(text) is None


def test_a_time_without_a_zone_is_not_written():
    with pytest.raises(ValueError, match="zone"):
        format_time(datetime.datetime(2026, 1, 1))


def test_writes_whole_seconds_in_utc():
    assert format_time(datetime.datetime(2026, 1, 1, 7, 59, 59, 999999, BEIJING)) == "2025-12-31T23:59:59Z"
    assert format_time(datetime.datetime(987, 1, 1, tzinfo=UTC)) == "0987-01-01T00:00:00Z"


@few
@given(moments)
def test_what_we_write_we_read(moment):
    assert parse_time(format_time(moment)) == moment


@few
@given(moments, offsets)
def test_rfc_3339_in_any_zone(moment, offset):
    try:
        there = moment.astimezone(datetime.timezone(offset))
    except OverflowError:
        return
    assert parse_time(there.isoformat()) == moment
    assert parse_time(there.isoformat(" ")) == moment


@few
@given(moments)
def test_beijing_time_as_the_console_shows_it(moment):
    assert parse_time(moment.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")) == moment


@few
@given(seconds_until_5138)
def test_seconds_since_1970(moment):
    seconds = int(moment.timestamp())
    assert parse_time(seconds) == parse_time(str(seconds)) == parse_time(float(seconds)) == moment


@few
@given(moments_since_1973)
def test_milliseconds_since_1970(moment):
    milliseconds = int(moment.timestamp()) * 1000
    assert parse_time(milliseconds) == parse_time(str(milliseconds)) == moment


@few
@given(
    st.one_of(st.text(), st.integers(), st.floats(), st.none(), st.booleans(), st.text(alphabet="0123456789-:TZ+. "))
)
def test_anything_else_is_a_time_in_utc_or_none(value):
    moment = parse_time(value)
    assert moment is None or (moment.tzinfo is UTC and moment.timestamp() > 0)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        ("Thu, 01 Jan 2026 12:35:56 GMT", 60.0),
        ("Thu, 01 Jan 2020 12:35:56 GMT", 0.0),
        ("Thu, 01 Jan 1970 12:35:56 GMT", None),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after(text, seconds):
    assert retry_after({"Retry-After": text}, START) == seconds
