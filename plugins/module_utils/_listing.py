# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A listing that comes in pages and may change while it is read. Pure.

This module util is private to the collection.
"""

from __future__ import annotations

import itertools
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ProtocolError
from ansible_collections.jdcloud.jcr.plugins.module_utils._models import Model

LISTING_PASSES = 3  # how often a listing that changes while it is read is begun again

Page = tuple[list[Model], t.Optional[int]]  # objects, and how many there are in all, if the service says so
Unsteady = t.Callable[[str], None]  # told of a listing that never came to rest


def listing(
    page: t.Callable[[int], Page],
    key: t.Callable[[Model], t.Any],
    wanted: t.Callable[[Model], bool] | None = None,
    unsteady: Unsteady | None = None,
) -> list[Model]:
    """All objects of all pages, each once; with C(wanted) only as far as the first one that is wanted.

    Objects that come and go meanwhile shift the pages. Then the service's totals disagree with each other or with what
    was found, and the listing is read again; ProtocolError if it never comes to rest, or C(unsteady) is told of it.
    """
    told = ""
    found: dict[t.Any, Model] = {}
    for _pass in range(LISTING_PASSES):
        found = {}
        totals = set()
        for number in itertools.count(1):
            items, total = page(number)
            totals.add(total)
            known = len(found)
            found.update((key(item), item) for item in items)
            if wanted and any(wanted(item) for item in items):
                return list(found.values())
            if len(found) == known or (total is not None and len(found) >= total):
                break
        if total is None or totals == {len(found)}:
            return list(found.values())
        told = f"it told of {total} objects and gave {len(found)}"
    told = f"the listing changed while it was read, {LISTING_PASSES} times over: at last {told}"
    if unsteady is not None:
        unsteady(told)
        return list(found.values())
    raise ProtocolError(
        told,
        cure="Run the task again when nothing else changes these objects.",
    )
