# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which of many objects the options choose, in which order, and which options are refused."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ConfigurationError, RuleError
from ansible_collections.jdcloud.jcr.plugins.module_utils._selection import Selection, Shape

few = settings(derandomize=True, database=None, max_examples=200, deadline=None)

NOW = datetime.datetime(2026, 6, 30, 12, tzinfo=datetime.UTC)
NAMED = Shape(
    labels="name", exact="name", moment="created_at", size="size_mb", unit=1024**2, home=(), order=(("name", False),)
)
TAGGED = Shape(
    labels="tags",
    exact="tag",
    moment="pushed_at",
    size="size",
    unit=1,
    home=("repository",),
    order=(("pushed_at", True), ("digest", False)),
)


def at(**ago) -> str:
    return (NOW - datetime.timedelta(**ago)).strftime("%Y-%m-%dT%H:%M:%SZ")


REPOSITORIES = [
    {"name": "shop/web", "created_at": at(days=1), "size_mb": 10.0},
    {"name": "shop/web-old", "created_at": at(days=40), "size_mb": 600.0},
    {"name": "shop", "created_at": at(days=400), "size_mb": 0.0},
    {"name": "my-shop/web", "created_at": None, "size_mb": None},
]


def image(digest, tags="", pushed=None, pulled=None, pulls=0, size=100, repository="web"):
    return {
        "digest": digest,
        "tags": tags.split(),
        "pushed_at": pushed and at(days=pushed),
        "last_pull_at": pulled and at(days=pulled),
        "pulls": pulls,
        "size": size,
        "repository": repository,
    }


IMAGES = [
    image("a", "1.0 stable", pushed=100, pulled=50, pulls=9, size=10),
    image("b", "1.2.3 v1.2", pushed=60, pulled=1, pulls=100),
    image("c", "2.0.0-rc.1", pushed=40),
    image("d", "latest 2.0", pushed=20, pulled=2, pulls=5, size=1000),
    image("e", "", pushed=10, size=None),
    image("f", "nightly-7 9.9", pushed=5, repository="worker"),
    image("g", ""),
]


def names(params, now=NOW):
    chosen, matched = Selection(params, NAMED).choose(REPOSITORIES, now)
    assert matched >= len(chosen)
    return [model["name"] for model in chosen]


def digests(**params):
    chosen, _matched = Selection(params, TAGGED).choose(IMAGES, NOW)
    return "".join(model["digest"] for model in chosen)


BY_NAME = [
    ({}, ["my-shop/web", "shop", "shop/web", "shop/web-old"]),
    ({"name": None, "pattern": None, "limit": None}, ["my-shop/web", "shop", "shop/web", "shop/web-old"]),
    ({"name": ["shop"]}, ["shop"]),
    ({"name": ["shop/web", "nowhere", "shop"]}, ["shop", "shop/web"]),
    ({"name": []}, []),
    ({"pattern": ["shop*"]}, ["shop", "shop/web", "shop/web-old"]),
    ({"pattern": ["shop/*", "my-*"]}, ["my-shop/web", "shop/web", "shop/web-old"]),
    ({"pattern": []}, []),
    ({"regex": ["shop/web"]}, ["shop/web"]),
    ({"regex": [".*web"], "pattern": ["shop/*"]}, ["shop/web"]),
    ({"pattern": ["*"], "exclude": ["*-old", "my-*"]}, ["shop", "shop/web"]),
    ({"exclude": []}, ["my-shop/web", "shop", "shop/web", "shop/web-old"]),
    ({"older_than": "30d"}, ["shop", "shop/web-old"]),
    ({"newer_than": "30d"}, ["shop/web"]),
    ({"older_than": "30d", "newer_than": "1000h"}, ["shop/web-old"]),
    ({"older_than": "1d"}, ["shop", "shop/web-old"]),  # not what is exactly as old
    ({"larger_than": "500MB"}, ["shop/web-old"]),
    ({"larger_than": "600MB"}, []),
    ({"smaller_than": "11MB"}, ["shop", "shop/web"]),
    ({"larger_than": "0", "smaller_than": "1GB"}, ["shop/web", "shop/web-old"]),
    ({"sort": "size_mb"}, ["shop", "shop/web", "shop/web-old", "my-shop/web"]),
    ({"sort": "size_mb", "descending": True}, ["shop/web-old", "shop/web", "shop", "my-shop/web"]),
    ({"sort": "name", "descending": True, "limit": 2}, ["shop/web-old", "shop/web"]),
    ({"limit": 1}, ["my-shop/web"]),
    ({"limit": 99}, ["my-shop/web", "shop", "shop/web", "shop/web-old"]),
]
# In the usual order the last push comes first, and what has no time comes last.
OF_IMAGES = [
    ({}, "fedcbag"),
    ({"tag": ["1.0"]}, "a"),
    ({"tag": ["1.0", "latest"]}, "da"),
    ({"tag": []}, ""),
    ({"pattern": ["1.*"]}, "ba"),
    ({"pattern": ["1.*"], "exclude": ["stable"]}, "b"),  # another tag of the same image
    ({"pattern": ["1*"], "regex": ["stable"]}, ""),  # one tag has to meet both
    ({"tag_status": "tagged"}, "fdcba"),
    ({"tag_status": "untagged"}, "eg"),
    ({"semver": ">=1.2,<2"}, "b"),
    ({"semver": ">=1"}, "fdba"),
    ({"semver": ">=1.0.0-0"}, "fdcba"),
    ({"newest": 1}, "fd"),  # for each repository
    ({"newest": 2}, "fdb"),
    ({"newest": 1, "exclude": ["latest"]}, "fb"),
    ({"newest": 1, "semver": "1.x"}, "b"),
    ({"newest": 9, "semver": ">=2.0.0-0"}, "fdc"),
    ({"newest": 1, "pattern": ["v*"]}, "b"),
    ({"newest": 2, "limit": 1}, "f"),
    ({"pulled_before": "30d"}, "ca"),  # one was never pulled, but pushed before that
    ({"pulled_before": "30d", "never_pulled": True}, "c"),
    ({"pulled_before": "30d", "never_pulled": False}, "a"),
    ({"pulled_before": "1d"}, "fedca"),
    ({"never_pulled": True}, "fecg"),
    ({"never_pulled": False}, "dba"),
    ({"larger_than": "99"}, "fdcbg"),
    ({"smaller_than": "100"}, "a"),
    ({"sort": "pulls"}, "fecgdab"),
    ({"sort": "pulls", "descending": True}, "badfecg"),
    ({"sort": "version"}, "abcdfeg"),
    ({"sort": "version", "descending": True}, "fdcbaeg"),
    ({"sort": "version", "pattern": ["v*", "1.0"], "descending": True}, "ba"),
    ({"sort": "last_pull_at"}, "adbfecg"),
    ({"sort": "pushed_at", "descending": False}, "abcdefg"),
]
REFUSED = [
    ({"older_than": "30"}, "older_than"),
    ({"newer_than": "soon"}, "newer_than"),
    ({"pulled_before": "1y"}, "pulled_before"),
    ({"larger_than": "big"}, "larger_than"),
    ({"smaller_than": "-1"}, "smaller_than"),
    ({"regex": ["("]}, "regex"),
    ({"pattern": [""]}, "pattern"),
    ({"exclude": [""]}, "exclude"),
    ({"semver": "newest"}, "semver"),
    ({"semver": ">2,<1"}, "contradicts"),
    ({"older_than": "30d", "newer_than": "10d"}, "newer_than"),
    ({"older_than": "30d", "newer_than": "720h"}, "newer_than"),
    ({"larger_than": "1GB", "smaller_than": "500MB"}, "smaller_than"),
    ({"larger_than": "1kB", "smaller_than": "1024"}, "smaller_than"),
    ({"descending": True}, "sort"),
    ({"tag_status": "untagged", "tag": ["1.0"]}, "tag_status"),
    ({"tag_status": "untagged", "newest": 1}, "tag_status"),
    ({"tag_status": "untagged", "pattern": ["*"]}, "tag_status"),
]


@pytest.mark.parametrize(("params", "expected"), BY_NAME)
def test_by_name_age_and_size(params, expected):
    assert names(params) == expected


@pytest.mark.parametrize(("params", "expected"), OF_IMAGES)
def test_images(params, expected):
    assert digests(**params) == expected


@pytest.mark.parametrize(("params", "told"), REFUSED)
def test_what_is_refused(params, told):
    with pytest.raises(RuleError) as caught:
        Selection(params, TAGGED)
    assert told in caught.value.cause and caught.value.cure


@pytest.mark.parametrize("params", [{"limit": 0}, {"limit": -1}, {"newest": 0}, {"newest": -3}])
def test_no_number_of_objects(params):
    ((option, number),) = params.items()
    with pytest.raises(ConfigurationError, match=f"{option} is {number}") as caught:
        Selection(params, TAGGED)
    assert caught.value.cure == "Choose 1 or more."


def test_how_many_there_are_without_the_limit():
    chosen, matched = Selection({"limit": 2}, TAGGED).choose(IMAGES, NOW)
    assert (len(chosen), matched) == (2, 7)


def test_now_is_what_it_is_told_to_be():
    later = NOW + datetime.timedelta(days=30)
    assert names({"older_than": "30d"}, later) == ["shop", "shop/web", "shop/web-old"]
    assert names({"older_than": "1d"}, NOW - datetime.timedelta(days=500)) == []


def test_the_tags_that_meet_the_options():
    selection = Selection({"pattern": ["1.*", "s*"]}, TAGGED)
    assert selection.labels(IMAGES[0]) == ["1.0", "stable"]
    assert selection.labels(IMAGES[1]) == ["1.2.3"]
    assert selection.labels(IMAGES[4]) == []


def test_the_same_version_twice_counts_once():
    twice = [image("a", "1.2"), image("b", "v1.2.0"), image("c", "1.1")]
    chosen, _matched = Selection({"newest": 2}, TAGGED).choose(twice, NOW)
    assert [model["digest"] for model in chosen] == ["a", "b", "c"]


options = st.fixed_dictionaries(
    {},
    optional={
        "pattern": st.lists(st.sampled_from(["*", "1*", "*.0", "l*"]), max_size=2),
        "exclude": st.lists(st.sampled_from(["stable", "2*", "v?*"]), max_size=2),
        "older_than": st.sampled_from(["0s", "15d", "99d"]),
        "larger_than": st.sampled_from(["0", "50", "1k"]),
        "semver": st.sampled_from([">=1", "*", "1.x || 9.x"]),
        "never_pulled": st.booleans(),
    },
)


@few
@given(options, options, st.integers(1, 9))
def test_more_options_never_choose_more(some, more, limit):
    both = {**more, **some}
    everything = set(digests())
    assert set(digests(**both)) <= set(digests(**some)) <= everything
    assert digests(**some, limit=limit) == digests(**some)[:limit]
