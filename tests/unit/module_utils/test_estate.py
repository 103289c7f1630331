# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task may declare as its estate."""

from __future__ import annotations

import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ConfigurationError
from ansible_collections.jdcloud.jcr.plugins.module_utils._estate import Registry, Repository, declared

HERE = "cn-north-1"


def one(entry, tokens_needed=None):
    (registry,) = declared([{"name": "myshop", **entry}], HERE, tokens_needed)
    return registry


def test_the_least():
    assert one({}) == Registry("myshop", HERE)
    assert one({"repositories": None, "images": None, "tokens_needed": None, "region": None}) == one({})
    assert declared([], HERE, None) == []


def test_the_most():
    assert one(
        {
            "region": "cn-east-2",
            "description": "Images",
            "state": "absent",
            "images": ["web:build"],
            "tokens_needed": 2,
            "repositories": [
                {"name": "shop/web"},
                {"name": "shop/worker", "description": "By night", "state": "absent", "force": True},
                {"name": "shop/cron", "description": None, "state": None},
            ],
        }
    ) == Registry(
        "myshop",
        "cn-east-2",
        "Images",
        False,
        (
            Repository("shop/web"),
            Repository("shop/worker", "By night", False, True),
            Repository("shop/cron"),
        ),
        ("web:build",),
        2,
    )


@pytest.mark.parametrize(
    ("entry", "of_the_task", "needed"),
    [
        ({}, None, 0),
        ({"images": ["a"]}, None, 1),
        ({"images": ["a"]}, 0, 0),
        ({}, 3, 3),
        ({"tokens_needed": 0, "images": ["a"]}, 3, 0),
    ],
)
def test_tokens_needed(entry, of_the_task, needed):
    assert one(entry, of_the_task).tokens_needed == needed


def test_the_same_name_in_two_regions_is_two_registries():
    found = declared([{"name": "myshop"}, {"name": "myshop", "region": "cn-east-2"}], HERE, None)
    assert [registry.region for registry in found] == [HERE, "cn-east-2"]


@pytest.mark.parametrize(
    ("entries", "cause"),
    [
        ([{"name": "a"}, {"name": "a"}], "registry 'a' in cn-north-1 is declared twice"),
        ([{"name": "a"}, {"name": "a", "region": HERE}], "registry 'a' in cn-north-1 is declared twice"),
        (
            [{"name": "a", "repositories": [{"name": "x"}, {"name": "y"}, {"name": "x", "description": "z"}]}],
            "repository 'x' is declared twice",
        ),
        ([{"name": "a", "tokens_needed": -1}], "tokens_needed of registry 'a' is -1"),
        ([{"name": "a", "max_delete": -1}], "max_delete of registry 'a' is -1"),
    ],
)
def test_what_contradicts_itself(entries, cause):
    with pytest.raises(ConfigurationError) as caught:
        declared(entries, HERE, None)
    assert cause in caught.value.cause
    assert caught.value.cure


@pytest.mark.parametrize(
    ("entry", "deletes"),
    [
        ({}, False),
        ({"repositories": [{"name": "shop/web"}], "force": True}, False),
        ({"repositories": [{"name": "shop/web"}, {"name": "shop/old", "state": "absent"}]}, True),
        ({"purge": True}, True),
        ({"state": "absent"}, True),
    ],
)
def test_whether_something_is_to_go(entry, deletes):
    assert one(entry).deletes is deletes


def test_a_large_estate_is_read_at_once():
    entries = [{"name": f"shop/{number}"} for number in range(20_000)]
    assert len(one({"repositories": entries}).repositories) == len(entries)
