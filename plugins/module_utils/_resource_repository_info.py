# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The resource of jcr_repository_info: repositories of one registry, or of all registries of one region.

This module util is private to the collection.
"""

from __future__ import annotations

from ansible_collections.jdcloud.jcr.plugins.module_utils import _rules
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import NotFound
from ansible_collections.jdcloud.jcr.plugins.module_utils._options import CONNECTION, ORDER, SELECTION, ArgumentSpec
from ansible_collections.jdcloud.jcr.plugins.module_utils._quantities import MEGABYTE
from ansible_collections.jdcloud.jcr.plugins.module_utils._resource_info import (
    Models,
    SelectingResource,
    named_or_all,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._selection import Shape

SPEC = ArgumentSpec(
    options={
        "registry": {"type": "str"},
        "name": {"type": "list", "elements": "str", "aliases": ["names"]},
        "sort": {"type": "str", "choices": ["name", "created_at", "updated_at", "size_mb"]},
    },
).merge(SELECTION, ORDER, CONNECTION)


class RepositoriesInfo(SelectingResource):
    """Options C(registry), C(name), C(sort), and those of the parts SELECTION and ORDER."""

    what = "repositories"
    shape = Shape(
        labels="name",
        exact="name",
        moment="created_at",
        size="size_mb",
        unit=MEGABYTE,
        home=("registry",),
        order=(("registry", False), ("name", False)),
    )

    def purpose(self) -> tuple[str, str]:
        registry = self.params["registry"]
        return "list repositories", (f"of registry '{registry}'" if registry else "") + self.place

    def check(self) -> None:
        if self.params["registry"] is not None:
            _rules.registry_name(self.params["registry"])
        for name in self.params["name"] or ():
            _rules.repository_name(name)
        super().check()

    def candidates(self) -> tuple[Models, list[str]]:
        client, registry, names = self.session.client, self.params["registry"], self.params["name"]

        def look_up(name: str) -> Models:
            return client.repositories(registry, name=name, unsteady=self.unsteady)

        try:
            found = named_or_all(names, look_up, lambda: client.repositories(registry, unsteady=self.unsteady))
        except NotFound:
            if registry is None:
                raise
            return [], [registry]
        present = {repository["name"] for repository in found}
        missing = [name for name in dict.fromkeys(names or ()) if name not in present]
        return found, [f"{registry}/{name}" if registry else name for name in missing]
