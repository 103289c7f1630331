# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What goes with a registry: its order, its numbers and its words."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.jdcloud.jcr.plugins.module_utils._cascade import (
    Contents,
    Item,
    counted,
    image_fields,
    in_words,
    parents_first,
)


def image(name, *references):
    return {"digest": name, "tags": [], "references": list(references)}


@pytest.mark.parametrize(
    ("item", "key"),
    [
        (Item("shop"), "shop"),
        (Item("shop", "web"), "shop/web"),
        (Item("shop", "team/web"), "shop/team/web"),
        (Item("shop", "team/web", "sha256:12"), "shop/team/web@sha256:12"),
    ],
)
def test_a_key_tells_its_item(item, key):
    assert item.key == key
    assert Item.of(key) == item


ORDERS = [
    # images as they are listed, and as they go
    ([], []),
    ([image("a"), image("b")], ["a", "b"]),
    ([image("child"), image("index", "child")], ["index", "child"]),
    ([image("b"), image("a"), image("index", "a", "b", "elsewhere")], ["index", "a", "b"]),
    ([image("leaf"), image("inner", "leaf"), image("outer", "inner")], ["outer", "inner", "leaf"]),
    ([image("shared"), image("one", "shared"), image("two", "shared")], ["one", "two", "shared"]),
    ([image("twice"), image("index", "twice", "twice")], ["index", "twice"]),
    ([image("subject"), image("signature", "subject")], ["signature", "subject"]),
    ([image("itself", "itself"), image("b")], ["itself", "b"]),
    ([image("a", "b"), image("b", "a"), image("c")], ["c", "a", "b"]),  # no digests can do this
]


@pytest.mark.parametrize(("listed", "ordered"), ORDERS)
def test_parents_go_first(listed, ordered):
    assert [entry["digest"] for entry in parents_first(listed)] == ordered


@settings(derandomize=True, database=None, max_examples=200, deadline=None)
@given(st.lists(st.sets(st.integers(0, 9), max_size=4), max_size=8), st.randoms(use_true_random=False))
def test_each_image_goes_once_and_before_its_children(references, random):
    """An image can only point at those that were there before it, as digests have it."""
    images = [image(str(n), *(str(other) for other in refs if other < n)) for n, refs in enumerate(references)]
    random.shuffle(images)
    ordered = [entry["digest"] for entry in parents_first(images)]
    assert sorted(ordered) == sorted(entry["digest"] for entry in images)
    for entry in images:
        assert all(ordered.index(entry["digest"]) < ordered.index(child) for child in entry["references"])


def test_the_state_is_in_the_order_of_deleting():
    contents = Contents(
        "shop",
        {"api": {"name": "api"}, "web": {"name": "web"}},
        {"api": [], "web": [image("child"), image("index", "child")]},
    )
    assert list(contents.state()) == ["shop/web@index", "shop/web@child", "shop/api", "shop/web"]
    assert list(Contents("shop", {"api": {}}).state()) == ["shop/api"]


def test_of_an_image_only_what_matters_is_kept():
    digest = "sha256:" + "0" * 64
    listed = {"digest": "sha256:1", "tags": ["1.0"], "manifest": {"subject": {"digest": digest, "size": 1}}, "size": 7}
    assert image_fields(listed) == {"digest": "sha256:1", "tags": ["1.0"], "references": [digest]}
    assert image_fields({**listed, "manifest": None})["references"] == []


@pytest.mark.parametrize(
    ("keys", "words", "numbers"),
    [
        ([], "nothing", ([], [], 0)),
        (["shop"], "1 registry", (["shop"], [], 0)),
        (["shop/a"], "1 repository", ([], ["a"], 0)),
        (["shop/a@x", "shop/a@y"], "2 images", ([], [], 2)),
        (["shop/a@x", "shop/a", "shop/b/c"], "2 repositories and 1 image", ([], ["a", "b/c"], 1)),
        (["shop/a@x", "shop/a", "shop"], "1 registry, 1 repository and 1 image", (["shop"], ["a"], 1)),
    ],
)
def test_numbers_and_words(keys, words, numbers):
    assert in_words(keys) == words
    assert tuple(counted(keys).values()) == numbers
    assert list(counted(keys)) == ["registries", "repositories", "images"]
