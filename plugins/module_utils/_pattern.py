# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Globs and regular expressions that choose names. Pure; checked before anything is sent.

This module util is private to the collection.
"""

from __future__ import annotations

import fnmatch
import re
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import RuleError

Matches = t.Callable[[str], bool]


def globs(option: str, patterns: t.Iterable[str]) -> Matches:
    """Whether a name is like one of some globs: C(*) any characters, a C(/) too, C(?) one, C([ab]) one of these.

    Capital and small letters differ. An empty list matches nothing. RuleError for an empty pattern.
    """
    return _any_of(option, patterns, fnmatch.translate, "Write it as a glob, such as 'shop/*' or 'v1.?'.")


def regexes(option: str, patterns: t.Iterable[str]) -> Matches:
    """Whether a whole name is matched by one of some regular expressions of Python.

    An empty list matches nothing. RuleError for an expression that is empty or cannot be understood.
    """
    return _any_of(option, patterns, str, "Write it as Python's re module has it; it has to match the whole name.")


def _any_of(option: str, patterns: t.Iterable[str], translate: t.Callable[[str], str], cure: str) -> Matches:
    compiled = [_compiled(option, pattern, translate, cure) for pattern in patterns]
    return lambda name: any(pattern.fullmatch(name) for pattern in compiled)


def _compiled(option: str, pattern: str, translate: t.Callable[[str], str], cure: str) -> re.Pattern[str]:
    if not pattern:
        raise RuleError(f"{option} has an empty entry, which would match no name", cure=cure)
    try:
        return re.compile(translate(pattern))
    except (re.error, RecursionError, OverflowError) as fault:
        raise RuleError(f"{option} {pattern[:80]!r} cannot be understood: {fault}", cure=cure) from None
