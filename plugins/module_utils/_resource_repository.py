# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The resource of jcr_repository: one repository of one registry.

This module util is private to the collection.
"""

from __future__ import annotations

import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils import _rules
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import PreconditionFailed
from ansible_collections.jdcloud.jcr.plugins.module_utils._options import CONNECTION, DRIFT, NAMES, STATE, ArgumentSpec
from ansible_collections.jdcloud.jcr.plugins.module_utils._plan import CREATE, DELETE, Plan, State
from ansible_collections.jdcloud.jcr.plugins.module_utils._session import ServiceResource, accept_checked_name

SPEC = ArgumentSpec(
    options={
        "registry": {"type": "str", "required": True},
        "name": {"type": "str", "required": True},
        "description": {"type": "str"},
        "force": {"type": "bool", "default": False},
    },
).merge(STATE, DRIFT, NAMES, CONNECTION)


class RepositoryResource(ServiceResource):
    """Options C(registry), C(name), C(description), C(state), C(force), C(on_drift), C(validate_names)."""

    fixed = ("description",)
    shown = ("registry", "description")

    def purpose(self) -> tuple[str, str]:
        act = "manage" if self.params["state"] == "present" else "delete"
        return act, f"repository '{self.params['name']}' of registry '{self.params['registry']}'{self.place}"

    def check(self) -> None:
        _rules.registry_name(self.params["registry"])
        if self.params["state"] == "present" and self.params["validate_names"] == "documented":
            _rules.repository_name_to_create(self.params["name"])
        _rules.repository_name(self.params["name"])
        _rules.description(self.params["description"])

    def read(self) -> State:
        registry, name = self.params["registry"], self.params["name"]
        self.registry_host = self.session.registry_host(registry)
        if self.registry_host is None:
            if self.params["state"] == "present":
                self.session.existing_host(registry)
            return {name: None}
        repository = self.session.client.repository(registry, name)
        if repository is None and self.params["state"] == "present" and self.params["validate_names"] == "server":
            accept_checked_name(f"repository '{name}'", *self.session.client.check_repository_name(registry, name))
        return {name: repository}

    def want(self, before: State) -> State:
        if self.params["state"] == "absent":
            return {self.params["name"]: None}
        wanted = {"registry": self.params["registry"]}
        if self.params["description"] is not None:
            wanted["description"] = self.params["description"] or None
        return {self.params["name"]: wanted}

    def apply(self, plan: Plan) -> t.Iterator[str]:
        client, registry = self.session.client, self.params["registry"]
        for change in plan.to_do(CREATE):
            client.create_repository(registry, change.key, self.params["description"])
            yield change.key
        try:
            for change in plan.to_do(DELETE):
                client.delete_repository(registry, change.key, force=self.params["force"])
                yield change.key
        except PreconditionFailed as error:
            error.suggest("The repository still has images: set force: true to delete them with it.")
            raise

    def result(self, plan: Plan, after: State) -> dict[str, t.Any]:
        name = self.params["name"]
        repository = after[name]
        if repository is not None:
            host = self.registry_host or self.session.foreseen_host(self.params["registry"])
            foreseen = {
                "registry": self.params["registry"],
                "region": self.session.region,
                "name": name,
                "uri": f"{host}/{name}",
                "description": None,
                "size_mb": 0.0,
                "created_at": None,
                "updated_at": None,
            }
            repository = {**foreseen, **repository}
        return {"repository": repository}
