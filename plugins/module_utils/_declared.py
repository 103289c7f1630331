# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A list of objects that a task declares: is it sound, and how does a message list them. Pure.

This module util is private to the collection.

A mistake in a list is told together with all others in it, so that a long list is put right in one go.
"""

from __future__ import annotations

import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import RuleError

LISTED = 50  # names or mistakes that a message lists; of more it gives the number

Entry = t.Mapping[str, t.Any]
Check = t.Callable[[t.Any], t.Any]


def declared(entries: t.Sequence[Entry], checks: t.Mapping[str, Check]) -> dict[str, str | None]:
    """{name: description} of a declared list, in its order; None for a description that was left out.

    C(checks) are rules by field; each raises RuleError for a value that breaks it. Raises one RuleError for all that is
    wrong: the values that break a rule, and the names that stand in the list more than once.
    """
    faults = [(field, fault) for entry in entries for field, fault in _faults(entry, checks)]
    descriptions: dict[str, list[str | None]] = {}
    for entry in entries:
        descriptions.setdefault(entry["name"], []).append(entry.get("description"))
    repeated = [_repeated(name, given) for name, given in descriptions.items() if len(given) > 1]
    causes = [fault.cause for _field, fault in faults] + repeated
    if causes:
        cures = {field: fault.cure for field, fault in reversed(faults)}  # of each rule that is broken, once
        if repeated:
            cures["list"] = "Declare each name once."
        number = f"{len(causes)} mistakes: " if len(causes) > 1 else ""
        raise RuleError(number + _some(causes, "; "), cure=" ".join(cures.values()))
    return {name: given[0] for name, given in descriptions.items()}


def listed(names: t.Collection[str], most: int = LISTED) -> str:
    """Names as a message lists them: quoted, and no more than C(most)."""
    return _some([f"'{name}'" for name in names], ", ", most)


def _some(texts: t.Sequence[str], separator: str, most: int = LISTED) -> str:
    shown = separator.join(texts[:most])
    return shown if len(texts) <= most else f"{shown} and {len(texts) - most} more"


def _faults(entry: Entry, checks: t.Mapping[str, Check]) -> t.Iterator[tuple[str, RuleError]]:
    for field, check in checks.items():
        try:
            check(entry.get(field))
        except RuleError as fault:
            yield field, fault


def _repeated(name: str, descriptions: t.Sequence[str | None]) -> str:
    conflict = " with different descriptions" if len(set(descriptions)) > 1 else ""
    return f"'{name}' is declared {len(descriptions)} times{conflict}"
