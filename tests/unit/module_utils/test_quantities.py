# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ages, sizes and numbers as people write them."""

from __future__ import annotations

import datetime

import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils import _quantities
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ConfigurationError, RuleError

AGES = {
    "30d": {"days": 30},
    "12h": {"hours": 12},
    "90m": {"minutes": 90},
    "45s": {"seconds": 45},
    "2w": {"weeks": 2},
    "1d12h": {"hours": 36},
    "1w1d1h1m1s": {"days": 8, "hours": 1, "minutes": 1, "seconds": 1},
    "0d": {},
}
NO_AGES = ["", "30", "d", "30 d", "-3d", "30D", "1.5d", "3mo", "1y", "30d ago", "٣d", "9" * 41 + "d", "2026-01-01"]
SIZES = {
    "0": 0,
    "1000": 1000,
    "7b": 7,
    "1k": 1024,
    "1kB": 1024,
    "1KiB": 1024,
    "500MB": 500 * 1024**2,
    "500mb": 500 * 1024**2,
    "1.5 GB": 1.5 * 1024**3,
    "2t": 2 * 1024**4,
    "0.1k": 102,
}
NO_SIZES = ["", "MB", "-1", "1,5GB", "1.5.2", "1e3", "12 pounds", "1PB", "1  GB", "GB1", "500MBs", "٣MB", "9" * 41]


def refusal(parse, text) -> RuleError:
    with pytest.raises(RuleError) as caught:
        parse("older_than", text)
    return caught.value


@pytest.mark.parametrize("text", AGES)
def test_ages(text):
    assert _quantities.age("older_than", text) == datetime.timedelta(**AGES[text])


@pytest.mark.parametrize("text", SIZES)
def test_sizes(text):
    assert _quantities.size("larger_than", text) == SIZES[text]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 B"),
        (1, "1 B"),
        (1023, "1023 B"),
        (1024, "1.0 kB"),
        (28_861_712, "27.5 MB"),
        (1024**2 - 1, "1024.0 kB"),
        (5 * 1024**3, "5.0 GB"),
        (3000 * 1024**4, "3000.0 TB"),
    ],
)
def test_sizes_are_written_as_they_are_read(number, text):
    assert _quantities.written_size(number) == text
    assert _quantities.size("larger_than", text) == pytest.approx(number, rel=0.05)


@pytest.mark.parametrize(("parse", "text"), [(_quantities.age, text) for text in NO_AGES])
def test_what_is_no_age(parse, text):
    error = refusal(parse, text)
    assert "older_than" in error.cause and "30d" in error.cure


@pytest.mark.parametrize(("parse", "text"), [(_quantities.size, text) for text in NO_SIZES])
def test_what_is_no_size(parse, text):
    error = refusal(parse, text)
    assert "older_than" in error.cause and "500MB" in error.cure


@pytest.mark.parametrize("text", ["9999999999d", "9999999999w", "999999999d999999999d"])
def test_an_age_that_is_longer_than_there_is_time(text):
    assert "longer" in refusal(_quantities.age, text).cause


@pytest.mark.parametrize("number", [None, 1, 2, 10**9])
def test_a_number_that_is_large_enough(number):
    assert _quantities.at_least(1, "limit", number) == number


@pytest.mark.parametrize("number", [0, -1])
def test_a_number_that_is_too_small(number):
    with pytest.raises(ConfigurationError) as caught:
        _quantities.at_least(1, "limit", number)
    assert caught.value.message == f"Limit is {number}. Choose 1 or more."


@pytest.mark.parametrize("seconds", [1e-3, 1, 2_000_000])
def test_a_time_that_can_be_waited(seconds):
    assert _quantities.positive_seconds("timeout", seconds) == seconds


@pytest.mark.parametrize("seconds", [0, -1, 2_000_001, 1e300, float("inf"), float("nan")])
def test_a_time_that_cannot_be_waited(seconds):
    with pytest.raises(ConfigurationError) as caught:
        _quantities.positive_seconds("wait_timeout", seconds, otherwise="set wait: false")
    assert caught.value.cause == f"wait_timeout is {seconds:g} seconds"
    assert caught.value.cure == "Choose more than 0 and at most 2000000, or set wait: false."
