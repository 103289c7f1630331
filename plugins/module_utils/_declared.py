# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A list of objects that a task declares: is it sound, and what of the present ones is not in it. Pure.

This module util is private to the collection.

A mistake in a list is told together with all others in it, so that a long list is put right in one go.
"""

from __future__ import annotations

import fnmatch
import re
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    ConfigurationError,
    DeleteCapExceeded,
    RuleError,
)

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


def undeclared(
    present: t.Iterable[str],
    kept: t.Container[str],
    patterns: t.Sequence[str] | None,
    spared: t.Sequence[str] | None = None,
) -> list[str]:
    """The present names that are not kept, match a glob pattern of C(patterns) and none of C(spared), sorted.

    Without patterns every name matches, without spared ones none.
    """
    matches, stays = _any_of(["*"] if patterns is None else patterns), _any_of(spared or [])
    return sorted(name for name in present if name not in kept and matches(name) and not stays(name))


def _any_of(patterns: t.Sequence[str]) -> t.Callable[[str], t.Any]:
    """A test for names that match any of these globs."""
    return re.compile("|".join(map(fnmatch.translate, patterns)) or r"(?!)").match


def check_patterns(option: str, patterns: t.Sequence[str] | None) -> None:
    """Refuse patterns that can match no name; ConfigurationError."""
    if patterns is not None and not all(pattern.strip() for pattern in patterns or [""]):
        raise ConfigurationError(f"{option} is empty, or has an empty pattern", cure="Leave it out, or name a pattern.")


def check_cap(what: str, names: t.Sequence[str], cap: int) -> None:
    """Refuse to delete more than C(cap) objects: DeleteCapExceeded with their number and names."""
    if len(names) > cap:
        raise DeleteCapExceeded(
            f"{len(names)} {what} would be deleted, max_delete is {cap}: {listed(names)}",
            cure="Nothing was changed. Declare those that shall stay, or raise max_delete if all of them shall go.",
        )


def listed(names: t.Collection[str]) -> str:
    """Names as a message lists them: quoted, and no more than can be read."""
    return _some([f"'{name}'" for name in names], ", ")


def _some(texts: t.Sequence[str], separator: str) -> str:
    shown = separator.join(texts[:LISTED])
    return shown if len(texts) <= LISTED else f"{shown} and {len(texts) - LISTED} more"


def _faults(entry: Entry, checks: t.Mapping[str, Check]) -> t.Iterator[tuple[str, RuleError]]:
    for field, check in checks.items():
        try:
            check(entry.get(field))
        except RuleError as fault:
            yield field, fault


def _repeated(name: str, descriptions: t.Sequence[str | None]) -> str:
    conflict = " with different descriptions" if len(set(descriptions)) > 1 else ""
    return f"'{name}' is declared {len(descriptions)} times{conflict}"
