# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether what a declared estate no longer has can go, and is not more than was asked for. Pure.

This module util is private to the collection.

C(there) are the repositories of a registry, by their names and as the client lists them.
"""

from __future__ import annotations

import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils import _cascade, _purge
from ansible_collections.jdcloud.jcr.plugins.module_utils._declared import listed
from ansible_collections.jdcloud.jcr.plugins.module_utils._estate import Registry
from ansible_collections.jdcloud.jcr.plugins.module_utils._preflight import Row, fail, ok
from ansible_collections.jdcloud.jcr.plugins.module_utils._quantities import counted

CHECK = "deletes"
Fields = t.Mapping[str, t.Any]


def cascade(obj: str, declared: Registry, there: t.Iterable[str], images: t.Iterable[Fields]) -> Row:
    """The row of a registry that goes by force, with all that is in it."""
    keys = [_cascade.Item(declared.name, name).key for name in there]
    keys += [_cascade.Item(declared.name, image["repository"], image["digest"]).key for image in images]
    told = f"goes with {_cascade.in_words(keys)} in it"
    if len(keys) <= declared.max_delete:
        return ok(CHECK, obj, told)
    cure = f"Set max_delete to {len(keys)} if all of that shall go."
    return fail(CHECK, obj, f"{told}, {len(keys)} in all, but max_delete is {declared.max_delete}", cure)


def rows(obj: str, declared: Registry, there: t.Mapping[str, Fields]) -> list[Row]:
    """The rows of a registry from which repositories go, or that goes once those that are declared are deleted."""
    named = {entry.name: entry for entry in declared.repositories}
    forced = {entry.name: entry.force for entry in declared.repositories if not (declared.present and entry.present)}
    purged = []
    if declared.present and declared.purge:
        purged = _purge.undeclared(there, named, declared.purge_patterns, declared.purge_exclude)
        forced.update(dict.fromkeys(purged, declared.force))
    going = sorted(name for name in there if name in forced)
    found = [
        _capped(obj, purged, declared.max_delete),
        _full(obj, [name for name in going if there[name]["size_mb"] and not forced[name]]),
        None if declared.present else _left(obj, sorted(name for name in there if name not in named)),
    ]
    return [row for row in found if row] or ([ok(CHECK, obj, f"{_counted(going)} will be deleted")] if going else [])


def _capped(obj: str, purged: t.Sequence[str], cap: int) -> Row | None:
    if len(purged) <= cap:
        return None
    told = f"{_counted(purged)} would be purged, but max_delete is {cap}: {listed(purged)}"
    return fail(CHECK, obj, told, "Declare those that shall stay, or raise max_delete if all of them shall go.")


def _full(obj: str, names: t.Sequence[str]) -> Row | None:
    if not names:
        return None
    cure = "Set force: true for them, or delete the images first."
    return fail(CHECK, obj, f"there are images in {listed(names)}, and force is not set", cure)


def _left(obj: str, names: t.Sequence[str]) -> Row | None:
    if not names:
        return None
    told = f"it cannot go with {_counted(names)} in it that {_is_not(names)} declared: {listed(names)}"
    return fail(
        CHECK, obj, told, "Declare them as well, or set force: true, which deletes all that is in the registry."
    )


def _counted(names: t.Sized) -> str:
    return counted(len(names), "repository", "repositories")


def _is_not(names: t.Sized) -> str:
    return "is not" if len(names) == 1 else "are not"
