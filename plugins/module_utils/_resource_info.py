# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the _info modules share: they look, choose, and never change anything.

This module util is private to the collection.
"""

from __future__ import annotations

import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._plan import Plan, State
from ansible_collections.jdcloud.jcr.plugins.module_utils._resource import Host
from ansible_collections.jdcloud.jcr.plugins.module_utils._selection import Selection, Shape
from ansible_collections.jdcloud.jcr.plugins.module_utils._session import ServiceResource

LOOK_UPS = 5  # names that are asked for one by one; for more of them one listing is read

Models = list[dict[str, t.Any]]


class InfoResource(ServiceResource):
    """Nothing is managed, so that the plan is empty; what was found is the result."""

    what = ""  # the return value's name

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._complete = True
        self.found: dict[str, t.Any] = {}

    def look_up(self) -> dict[str, t.Any]:
        """The module's return values."""
        raise NotImplementedError

    def purpose(self) -> tuple[str, str]:
        return f"list {self.what}", self.place.strip()

    def read(self) -> State:
        self.found = self.look_up()
        return {}

    def want(self, before: State) -> State:
        return {}

    def result(self, plan: Plan, after: State) -> dict[str, t.Any]:
        return self.found

    def unsteady(self, text: str) -> None:
        """Take note of a listing that never came to rest: for a look at it, most of it is better than nothing."""
        if self._complete:
            self.host.warn(f"{text[:1].upper()}{text[1:]}. What is returned may lack some {self.what}.")
        self._complete = False


class SelectingResource(InfoResource):
    """An info module with options for what is chosen."""

    shape: Shape
    paged = True  # whether what is looked up comes in pages, between which it can change

    def check(self) -> None:
        self.selection = Selection(self.params, self.shape)

    def candidates(self) -> tuple[Models, list[str]]:
        """The objects to choose from, and references of those that were named exactly and do not exist."""
        raise NotImplementedError

    def look_up(self) -> dict[str, t.Any]:
        candidates, missing = self.candidates()
        chosen, matched = self.selection.choose(candidates, self.session.client.now())
        self.look_closer(chosen)
        return {
            self.what: [self.told(model) for model in chosen],
            "matched": matched,
            "missing": missing,
            **({"complete": self._complete} if self.paged else {}),
        }

    def look_closer(self, chosen: Models) -> None:
        """Look up what is only asked for about chosen objects."""

    def told(self, model: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
        """An object as it is returned."""
        return dict(model)


def named_or_all(
    names: t.Sequence[str] | None, look_up: t.Callable[[str], Models], everything: t.Callable[[], Models]
) -> Models:
    """What C(look_up) finds for each of a few names; what C(everything) gives for many, or without any."""
    if names is None or len(names) > LOOK_UPS:
        return everything()
    return [model for name in dict.fromkeys(names) for model in look_up(name)]
