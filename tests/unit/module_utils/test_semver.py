# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Versions in tags, and ranges of them."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import RuleError
from ansible_collections.jdcloud.jcr.plugins.module_utils._semver import RELEASES, Range, Version

few = settings(derandomize=True, database=None, max_examples=300, deadline=None)

# Of semver.org, and what stands between its examples.
ASCENDING = [
    "0.0.0-0",
    "0.0.0",
    "0.9.9",
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
    "v1.0.1",
    "1.2",
    "1.2.1-alpine",
    "1.2.1",
    "1.10.0",
    "2.0",
    "2026.01.15",
]
EQUAL = [("1.2", "1.2.0"), ("v1.2.3", "1.2.3"), ("1.2.3_build.5", "1.2.3"), ("1.02.3", "1.2.3")]
NO_VERSIONS = [
    *("latest", "1", "20260101", "v1", "1.2.3.4", "1.x", "1.2.", ".1.2", "1.2-", "1.2.3-a..b", "V1.2", "a1.2"),
    "",
]

# range, tags in it, tags not in it
RANGES = [
    (">=1.2,<2", "1.2 1.2.0 v1.9.9 1.99.0", "1.1.9 2.0.0 2.0 1.5.0-rc.1 2.0.0-rc.1 latest"),
    (">=1.2 <2", "1.2.0 1.9.9", "1.1.9 2.0.0"),
    (">= 1.2, < 2", "1.2.0 1.9.9", "1.1.9 2.0.0"),
    ("1.2", "1.2.0 1.2.9", "1.1.9 1.3.0"),
    ("=1.2", "1.2.0 1.2.9", "1.1.9 1.3.0"),
    ("==1.2.3", "1.2.3 v1.2.3", "1.2.4 1.2.2"),
    ("1.2.x", "1.2.0 1.2.9", "1.3.0"),
    ("1.x", "1.0.0 1.9.9", "2.0.0 0.9.0"),
    ("1.X.x", "1.0.0 1.9.9", "2.0.0 0.9.0"),
    ("*", "0.0.1 9.9.9", "1.0.0-rc.1 latest"),
    (">1.2", "1.3.0 2.0", "1.2.0 1.2.9"),
    (">1.2.3", "1.2.4", "1.2.3"),
    ("<=1.2", "1.2.9 1.0", "1.3.0"),
    ("<=1.2.3", "1.2.3", "1.2.4"),
    ("<1.2", "1.1.9", "1.2.0"),
    ("~1.2.3", "1.2.3 1.2.9", "1.2.2 1.3.0"),
    ("~1.2", "1.2.0 1.2.9", "1.3.0"),
    ("~1", "1.0.0 1.9.9", "2.0.0"),
    ("^1.2.3", "1.2.3 1.9.9", "1.2.2 2.0.0"),
    ("^0.2.3", "0.2.3 0.2.9", "0.3.0 0.2.2"),
    ("^0.0.3", "0.0.3", "0.0.4 0.0.2"),
    ("^0.0", "0.0.0 0.0.9", "0.1.0"),
    ("^0", "0.9.9", "1.0.0"),
    ("!=1.2", "1.1.0 1.3.0", "1.2.0 1.2.9"),
    (">=1,!=1.5.0,<2", "1.4.9 1.5.1", "1.5.0"),
    ("^2.0 || 1.9.x", "2.5.0 1.9.1", "1.8.0 3.0.0"),
    (">=1.2.0-0", "1.2.0-rc.1 1.2.0 1.3.0-alpine", "1.1.9"),
    (">=1.2.0-rc.2", "1.2.0-rc.2 1.2.0-rc.10 1.2.0", "1.2.0-rc.1"),
    (">=1.2-0,<2", "1.2.0-rc.1 1.9.9-x", "2.0.0-rc.1 2.0.0"),
    ("<2.0.0,>=1.0.0-0", "1.9.9-rc.1", "2.0.0-rc.1"),
    ("<2.0.0-rc.2", "2.0.0-rc.1 1.0.0", "2.0.0-rc.2 2.0.0"),
    ("1.2.3-alpine", "1.2.3-alpine", "1.2.3 1.2.3-slim"),
    ("v1.2", "v1.2.7 1.2.7", "v1.3.0"),
]
NO_RANGES = [
    *[",", ">=1.2,", ",<2", "||", ">>1", "=>1", "latest", ">=", "1.x.3", "*.1", "1.x-rc", "1.2.3.4", "-1", "a", "~"],
    *("", " ", "1.2 ||", "1.2 - 2.0", "9" * 300),
]
CONTRADICTIONS = [">=2,<1", ">1,<=1.2,<1", "1.2,1.3", ">1.2.3,<1.2.3", "<0", ">*", "1.x || >=2,<2"]


def version(tag: str) -> Version:
    found = Version.parse(tag)
    assert found is not None, tag
    return found


def contains(versions: Range, tag: str) -> bool:
    found = Version.parse(tag)
    return found is not None and found in versions


@pytest.mark.parametrize(("lower", "higher"), list(itertools.combinations(ASCENDING, 2)))
def test_order(lower, higher):
    assert version(lower) < version(higher)


@pytest.mark.parametrize(("one", "other"), EQUAL)
def test_what_is_the_same_version(one, other):
    assert version(one) == version(other)


@pytest.mark.parametrize("tag", NO_VERSIONS)
def test_what_is_no_version(tag):
    assert Version.parse(tag) is None


@pytest.mark.parametrize(("text", "inside", "outside"), RANGES)
def test_ranges(text, inside, outside):
    versions = Range.parse("semver", text)
    assert [tag for tag in inside.split() if not contains(versions, tag)] == []
    assert [tag for tag in outside.split() if contains(versions, tag)] == []


@pytest.mark.parametrize("text", NO_RANGES)
def test_what_is_no_range(text):
    with pytest.raises(RuleError) as caught:
        Range.parse("semver", text)
    assert "semver" in caught.value.cause and ">=1.2,<2" in caught.value.cure


@pytest.mark.parametrize("text", CONTRADICTIONS)
def test_a_range_that_contradicts_itself(text):
    with pytest.raises(RuleError, match="contradicts itself"):
        Range.parse("semver", text)


def test_all_releases():
    assert contains(RELEASES, "1.2.3") and contains(RELEASES, "999999999.0")
    assert not contains(RELEASES, "1.2.3-rc.1")


numbers = st.integers(0, 12)
releases = st.tuples(numbers, numbers, numbers)


@few
@given(releases, releases)
def test_comparators_agree_with_the_order_of_numbers(wanted, release):
    tag, text = ".".join(map(str, release)), ".".join(map(str, wanted))
    assert contains(Range.parse("semver", f">={text}"), tag) is (release >= wanted)
    assert contains(Range.parse("semver", f">{text}"), tag) is (release > wanted)
    assert contains(Range.parse("semver", f"<={text}"), tag) is (release <= wanted)
    assert contains(Range.parse("semver", f"!={text}"), tag) is (release != wanted)
    assert contains(Range.parse("semver", f"{wanted[0]}.{wanted[1]}"), tag) is (release[:2] == wanted[:2])


@few
@given(st.text(alphabet="0123456789.vx*<>=!~^|, -abc", max_size=20))
def test_any_text_is_a_range_or_refused(text):
    try:
        versions = Range.parse("semver", text)
    except RuleError as error:
        assert error.cure
    else:
        assert isinstance(contains(versions, "1.2.3"), bool)


@few
@given(st.text(alphabet="0123456789.v-_ab", max_size=20))
def test_any_tag_is_a_version_or_not(tag):
    found = Version.parse(tag)
    assert found is None or found == version(tag)
