# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The resource of jcr_registry: one registry in one region.

This module util is private to the collection.
"""

from __future__ import annotations

import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils import _rules
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import AlreadyExists, PreconditionFailed
from ansible_collections.jdcloud.jcr.plugins.module_utils._options import CONNECTION, DRIFT, NAMES, STATE, ArgumentSpec
from ansible_collections.jdcloud.jcr.plugins.module_utils._plan import CREATE, DELETE, Plan, State
from ansible_collections.jdcloud.jcr.plugins.module_utils._reference import registry_host
from ansible_collections.jdcloud.jcr.plugins.module_utils._session import ServiceResource, accept_checked_name

SPEC = ArgumentSpec(
    options={
        "name": {"type": "str", "required": True},
        "description": {"type": "str"},
    },
).merge(STATE, DRIFT, NAMES, CONNECTION)


class RegistryResource(ServiceResource):
    """Options C(name), C(description), C(state), C(on_drift), C(validate_names)."""

    fixed = ("description",)
    shown = ("region", "description")

    def purpose(self) -> tuple[str, str]:
        act = "manage" if self.params["state"] == "present" else "delete"
        return act, f"registry '{self.params['name']}'{self.place}"

    def check(self) -> None:
        if self.params["state"] == "present" and self.params["validate_names"] == "documented":
            _rules.registry_name_to_create(self.params["name"])
        _rules.registry_name(self.params["name"])
        _rules.description(self.params["description"])

    def read(self) -> State:
        name = self.params["name"]
        registry = self.session.client.registry(name)
        if registry is None and self.params["state"] == "present" and self.params["validate_names"] == "server":
            accept_checked_name(f"registry '{name}'", *self.session.client.check_registry_name(name))
        return {name: registry}

    def want(self, before: State) -> State:
        if self.params["state"] == "absent":
            return {self.params["name"]: None}
        wanted = {"region": self.session.region}
        if self.params["description"] is not None:
            wanted["description"] = self.params["description"] or None
        return {self.params["name"]: wanted}

    def apply(self, plan: Plan) -> t.Iterator[str]:
        client = self.session.client
        try:
            for change in plan.to_do(CREATE):
                client.create_registry(change.key, self.params["description"])
                yield change.key
            for change in plan.to_do(DELETE):
                client.delete_registry(change.key)
                yield change.key
        except AlreadyExists as error:
            error.suggest("Registry names are unique among all accounts and regions: choose another name.")
            raise
        except PreconditionFailed as error:
            error.suggest("A registry can be deleted only when it is empty: delete its repositories first.")
            raise

    def result(self, plan: Plan, after: State) -> dict[str, t.Any]:
        name = self.params["name"]
        registry = after[name]
        if registry is not None:
            foreseen = {
                "name": name,
                "region": self.session.region,
                "uri": registry_host(name, self.session.region),
                "description": None,
                "size_mb": 0.0,
                "created_at": None,
            }
            registry = {**foreseen, **registry}
        return {"registry": registry}
