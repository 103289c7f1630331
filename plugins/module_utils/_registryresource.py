# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the states of jcr_registry share: the name, and waiting until the service shows what it has accepted.

This module util is private to the collection.
"""

from __future__ import annotations

import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils import _rules
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import NotApplied
from ansible_collections.jdcloud.jcr.plugins.module_utils._plan import Fields
from ansible_collections.jdcloud.jcr.plugins.module_utils._quantities import at_least, positive_seconds
from ansible_collections.jdcloud.jcr.plugins.module_utils._session import ServiceResource


class RegistryResource(ServiceResource):
    """Options C(name), C(description), C(max_delete), C(wait) and C(wait_timeout)."""

    fixed = ("description",)
    shown = ("region", "description", "tags")
    act = "manage"

    def __init__(self, host: t.Any) -> None:
        super().__init__(host)
        self.name: str = self.params["name"]
        self.written = False  # whether the service has answered a write of this task
        self._accepted: Fields | None = None  # what it answered

    def purpose(self) -> tuple[str, str]:
        return self.act, f"registry '{self.name}'{self.place}"

    def check(self) -> None:
        _rules.registry_name(self.name)
        _rules.description(self.params["description"])
        at_least(0, "max_delete", self.params["max_delete"])
        positive_seconds("wait_timeout", self.params["wait_timeout"], otherwise="set wait: false")

    def look(self) -> Fields | None:
        """The registry; after this task's own write, which the service may show a little later, as it then is.

        Without C(wait) the answer to the write stands for what is not shown yet. Raises NotApplied when the service
        takes longer than C(wait_timeout).
        """
        if not self.written:
            return self._look()
        if not self.params["wait"]:
            return self._accepted and (self._look() or self._accepted)
        seconds = self.params["wait_timeout"]
        registry = self.session.read_until(self._look, self._is_shown, seconds)
        if not self._is_shown(registry):
            missing = "still lists the registry" if self._accepted is None else "does not list the registry with a uri"
            raise NotApplied(
                f"the service accepted it, but {missing} {seconds:g} seconds later",
                cure="Raise wait_timeout, or set wait: false to go on without looking.",
            )
        return registry

    def _look(self) -> Fields | None:
        return self.session.client.registry(self.name)

    def _is_shown(self, registry: Fields | None) -> bool:
        """Whether the service shows what it has accepted."""
        return registry is None if self._accepted is None else bool(registry and registry["uri"])

    def accepted(self, registry: Fields | None) -> None:
        """Note what the service answered to this task's own write: the registry as created, or None: deleted."""
        self.written, self._accepted = True, registry
