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
                "shop/web",
                2026,
                {"name": "shop/worker", "description": "By night", "state": "absent", "force": True, "purge": 1},
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
            Repository("2026"),
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
            [{"name": "a", "repositories": ["x", "y", {"name": "x"}]}],
            "repository 'x' is declared twice",
        ),
        ([{"name": "a", "tokens_needed": -1}], "tokens_needed of registry 'a' is -1"),
        ([{"name": "a", "max_delete": -1}], "max_delete of registry 'a' is -1"),
        *(
            ([{"name": "a", "repositories": [entry]}], "repositories of registry 'a' cannot be understood")
            for entry in (
                None,
                True,
                1.5,
                [],
                {},
                {"nome": "x"},
                {"name": None},
                {"name": "x", "state": "gone"},
                {"name": "x", "description": 3},
            )
        ),
    ],
)
def test_what_contradicts_itself_or_cannot_be_understood(entries, cause):
    with pytest.raises(ConfigurationError) as caught:
        declared(entries, HERE, None)
    assert cause in caught.value.cause
    assert caught.value.cure


@pytest.mark.parametrize(
    ("entry", "deletes"),
    [
        ({}, False),
        ({"repositories": ["shop/web"], "force": True}, False),
        ({"repositories": ["shop/web", {"name": "shop/old", "state": "absent"}]}, True),
        ({"purge": True}, True),
        ({"state": "absent"}, True),
    ],
)
def test_whether_something_is_to_go(entry, deletes):
    assert one(entry).deletes is deletes


@pytest.mark.parametrize(
    ("force", "forced"), [(None, False), (True, True), (False, False), ("yes", True), ("True", True), ("no", False)]
)
def test_force_as_templates_may_give_it(force, forced):
    (repository,) = one({"repositories": [{"name": "shop/web", "state": "absent", "force": force}]}).repositories
    assert repository.force is forced


def test_a_large_estate_is_read_at_once():
    names = [f"shop/{number}" for number in range(20_000)]
    assert len(one({"repositories": names}).repositories) == len(names)
