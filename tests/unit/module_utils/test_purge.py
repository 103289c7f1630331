# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a purge takes, what it leaves, and when it is refused."""

from __future__ import annotations

import re

import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils import _purge
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ConfigurationError, DeleteCapExceeded
from ansible_collections.jdcloud.jcr.plugins.module_utils._purge import Purge

PRESENT = ["shop/web", "shop/cart", "try/one", "tools", "try/two/deep"]


@pytest.mark.parametrize(
    ("kept", "patterns", "purged"),
    [
        ({"shop/web"}, None, ["shop/cart", "tools", "try/one", "try/two/deep"]),
        ({"shop/web"}, ["*"], ["shop/cart", "tools", "try/one", "try/two/deep"]),
        ({"shop/web"}, ["shop/*"], ["shop/cart"]),
        (set(), ["try/*"], ["try/one", "try/two/deep"]),
        (set(), ["try/*", "t??ls"], ["tools", "try/one", "try/two/deep"]),
        (set(), ["shop/[a-c]*"], ["shop/cart"]),
        (set(), ["shop"], []),
        (set(), ["SHOP/*"], []),
        (set(), ["web"], []),
        (set(PRESENT), None, []),
    ],
)
def test_what_is_purged(kept, patterns, purged):
    assert _purge.undeclared(PRESENT, kept, patterns) == purged


@pytest.mark.parametrize(
    ("patterns", "spared", "purged"),
    [
        (None, ["*"], []),
        (None, [], sorted(PRESENT)),
        (None, ["nothing/*"], sorted(PRESENT)),
        (["shop/*"], ["*/web"], [name for name in sorted(PRESENT) if name.startswith("shop/") and name != "shop/web"]),
    ],
)
def test_what_is_spared(patterns, spared, purged):
    assert _purge.undeclared(PRESENT, set(), patterns, spared) == purged


# --- as a task has it ------------------------------------------------------------------------------------------------


def purge(**options):
    usual = {"state": "present", "purge": True, "purge_patterns": None, "purge_exclude": None}
    return Purge({**usual, "max_delete": 10, "allow_empty": False, **options})


@pytest.mark.parametrize(
    ("declared", "options", "cause"),
    [
        (["tools"], {"max_delete": -1}, "max_delete is -1"),
        (["tools"], {"max_delete": -1, "purge": False}, "max_delete is -1"),
        (["tools"], {"purge": False, "purge_exclude": ["a"]}, "purge_exclude is given, but purge is not"),
        (["tools"], {"state": "absent"}, "purge goes with state present only"),
        ([], {}, "repositories is empty, so that purge would leave nothing"),
        ([], {"purge_patterns": ["try/*"]}, "repositories is empty, so that purge would leave nothing"),
        *(
            (["tools"], {option: patterns}, f"{option} is empty, or has an empty pattern")
            for option in ("purge_patterns", "purge_exclude")
            for patterns in ([], [""], ["shop/*", " "])
        ),
    ],
)
def test_what_is_refused(declared, options, cause):
    with pytest.raises(ConfigurationError, match=re.escape(cause)):
        purge(**options).check(declared)


@pytest.mark.parametrize(
    ("declared", "options"),
    [
        (["tools"], {}),
        (["tools"], {"purge_patterns": ["*"], "purge_exclude": ["a", "b*"]}),
        ([], {"allow_empty": True}),
        ([], {"purge": False}),
        (["tools"], {"purge": False, "state": "absent"}),
    ],
)
def test_what_is_accepted(declared, options):
    purge(**options).check(declared)


def test_the_cap_says_number_and_names():
    assert purge(max_delete=4).chosen(PRESENT, {"tools"}) == ["shop/cart", "shop/web", "try/one", "try/two/deep"]
    assert purge(max_delete=0).chosen(PRESENT, PRESENT) == []
    with pytest.raises(DeleteCapExceeded) as caught:
        purge(max_delete=2, purge_patterns=["*o*"]).chosen(PRESENT, {"tools"})
    told = "4 repositories would be deleted, max_delete is 2: 'shop/cart', 'shop/web', 'try/one', 'try/two/deep'"
    assert caught.value.cause == told


def test_it_is_chosen_once():
    chosen = purge()
    assert chosen.chosen(["old", "tools"], {"tools"}) == ["old"]
    assert chosen.chosen(["new", "tools"], {"tools"}) == ["old"]


def test_nothing_goes_without_purge():
    assert purge(purge=False, max_delete=0).chosen(PRESENT, set()) == []
