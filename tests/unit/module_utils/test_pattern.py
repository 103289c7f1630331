# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Globs and regular expressions that choose names."""

from __future__ import annotations

import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils import _pattern
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import RuleError

GLOBS = [
    (["shop/*"], "shop/web", True),
    (["shop/*"], "shop/web/inner", True),
    (["shop/*"], "myshop/web", False),
    (["shop"], "shop/web", False),
    (["v1.?"], "v1.2", True),
    (["v1.?"], "v1x2", False),  # a point is a point
    (["[ab]c"], "ac", True),
    (["[!ab]c"], "ac", False),
    (["V1"], "v1", False),
    (["a", "b"], "b", True),
    (["*"], "", True),
    (["web"], "web\n", False),
    ([], "web", False),
    (["["], "[", True),
]
REGEXES = [
    (["v1.*"], "v1.2", True),
    (["1"], "v1", False),  # the whole name
    (["pr-[0-9]+"], "pr-12", True),
    (["pr-[0-9]+"], "pr-12x", False),
    (["a|b"], "b", True),
    (["a|b"], "ab", False),
    (["(?i)WEB"], "web", True),
    (["web"], "web\n", False),
    (["$"], "\n", False),
    (["x", "y"], "y", True),
    ([], "y", False),
]


@pytest.mark.parametrize(("patterns", "name", "matches"), GLOBS)
def test_globs(patterns, name, matches):
    assert _pattern.globs("pattern", patterns)(name) is matches


@pytest.mark.parametrize(("patterns", "name", "matches"), REGEXES)
def test_regexes(patterns, name, matches):
    assert _pattern.regexes("regex", patterns)(name) is matches


@pytest.mark.parametrize("bad", ["", "(", "[a", "*", "a{2,1}", "(?P<a>.)(?P<a>.)", "a{99999999999999999999}"])
def test_what_is_no_regular_expression(bad):
    with pytest.raises(RuleError) as caught:
        _pattern.regexes("regex", ["fine", bad])
    assert "regex" in caught.value.cause and caught.value.cure


def test_an_empty_glob():
    with pytest.raises(RuleError, match="empty"):
        _pattern.globs("exclude", ["a", ""])
