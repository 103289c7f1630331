# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The resource of jcr_registry_info: registries of one region.

This module util is private to the collection.
"""

from __future__ import annotations

from ansible_collections.jdcloud.jcr.plugins.module_utils import _rules
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
        "name": {"type": "list", "elements": "str", "aliases": ["names"]},
        "sort": {"type": "str", "choices": ["name", "created_at", "size_mb"]},
    },
).merge(SELECTION, ORDER, CONNECTION)


class RegistriesInfo(SelectingResource):
    """Options C(name), C(sort), and those of the parts SELECTION and ORDER."""

    what = "registries"
    paged = False
    shape = Shape(
        labels="name",
        exact="name",
        moment="created_at",
        size="size_mb",
        unit=MEGABYTE,
        home=(),
        order=(("name", False),),
    )

    def check(self) -> None:
        for name in self.params["name"] or ():
            _rules.registry_name(name)
        super().check()

    def candidates(self) -> tuple[Models, list[str]]:
        client, names = self.session.client, self.params["name"]

        def look_up(name: str) -> Models:
            found = client.registry(name)
            return [] if found is None else [found]

        found = named_or_all(names, look_up, client.registries)
        present = {registry["name"] for registry in found}
        return found, [name for name in dict.fromkeys(names or ()) if name not in present]
