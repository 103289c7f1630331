# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Declared lists: every mistake is told at once; what purge takes, and its cap."""

from __future__ import annotations

import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils import _declared, _rules
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    RuleError,
)

CHECKS = {"name": _rules.repository_name_to_create, "description": _rules.description}


def entries(*names):
    return [{"name": name, "description": None} for name in names]


def refusal(*given):
    with pytest.raises(RuleError) as caught:
        _declared.declared(given, CHECKS)
    return caught.value


def test_a_sound_list_keeps_its_order():
    given = [{"name": "shop/web", "description": "Front"}, {"name": "shop/cart"}, {"name": "abcd", "description": ""}]
    assert list(_declared.declared(given, CHECKS).items()) == [("shop/web", "Front"), ("shop/cart", None), ("abcd", "")]


def test_an_empty_list():
    assert _declared.declared([], CHECKS) == {}


def test_one_mistake_is_told_as_that_of_a_single_name():
    with pytest.raises(RuleError) as single:
        _rules.repository_name_to_create("Shop")
    assert refusal(*entries("shop/web", "Shop")).message == single.value.message


def test_all_mistakes_are_told_together():
    error = refusal(
        *entries("shop/web", "Shop", "shop//x"),
        {"name": "shop/cart", "description": "d" * 257},
        {"name": "a b", "description": "e" * 258},
        *entries("twice", "twice", "twice"),
    )
    for part in ("6 mistakes: ", "'Shop'", "'shop//x'", "257 characters", "'a b'", "258 characters"):
        assert part in error.cause
    assert "'twice' is declared 3 times" in error.cause
    assert "'shop/web'" not in error.cause
    assert error.cure.count("The name of a new repository") == 1
    assert error.cure.count("at most 256 characters") == 1
    assert error.cure.endswith("Declare each name once.")


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        ("x", "x", "'shop/web' is declared 2 times"),
        (None, None, "'shop/web' is declared 2 times"),
        ("x", "y", "'shop/web' is declared 2 times with different descriptions"),
        (None, "y", "'shop/web' is declared 2 times with different descriptions"),
    ],
)
def test_a_name_that_is_declared_twice(first, second, told):
    error = refusal({"name": "shop/web", "description": first}, {"name": "shop/web", "description": second})
    assert error.cause == told
    assert error.cure == "Declare each name once."


def test_a_long_list_of_mistakes_stays_readable():
    error = refusal(*entries(*(f"Shop{number}" for number in range(200))))
    assert error.cause.startswith("200 mistakes: ")
    assert error.cause.endswith(" and 150 more")


def test_names_in_a_message():
    assert _declared.listed(["a"]) == "'a'"
    assert _declared.listed([str(number) for number in range(51)]).endswith("'49' and 1 more")
    assert _declared.listed(["a", "b", "c"], 2) == "'a', 'b' and 1 more"
