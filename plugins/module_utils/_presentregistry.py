# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The resource of jcr_registry's C(state=present): a registry that is there.

This module util is private to the collection.
"""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils import _rules
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import AlreadyExists, Forbidden
from ansible_collections.jdcloud.jcr.plugins.module_utils._plan import CREATE, Change, Plan, State
from ansible_collections.jdcloud.jcr.plugins.module_utils._registryresource import RegistryResource
from ansible_collections.jdcloud.jcr.plugins.module_utils._session import NAME_TAKEN, accept_checked_name

_TAKEN_CURE = "Choose another name, or, if it is yours, give its region."


class PresentRegistry(RegistryResource):
    """C(state=present). The key of the state is the registry's name."""

    _room_checked = False

    def check(self) -> None:
        if self.params["validate_names"] == "documented":
            _rules.registry_name_to_create(self.name)
        super().check()

    def read(self) -> State:
        registry = self.look()
        if registry is None and not self.written and self.params["validate_names"] == "server":
            self._let_the_service_judge()
        return {self.name: registry}

    def _let_the_service_judge(self) -> None:
        try:
            accept_checked_name(f"registry '{self.name}'", *self.session.client.check_registry_name(self.name))
        except AlreadyExists as error:
            error.cure = _TAKEN_CURE
            raise

    def want(self, before: State) -> State:
        wanted = {"region": self.session.region}
        if self.params["description"] is not None:
            wanted["description"] = self.params["description"] or None
        return {self.name: wanted}

    def foresee(self, plan: Plan) -> None:
        self._check_quota(plan)
        self._tell_taken_name(plan)

    def _check_quota(self, plan: Plan) -> None:
        """Raise QuotaExceeded before the first write; once, since a write whose answer got lost may count already."""
        if self.params["validate_quota"] and plan.to_do(CREATE) and not self._room_checked:
            self.session.need_quota("registry", 1)
        self._room_checked = True

    def _tell_taken_name(self, plan: Plan) -> None:
        """Warn of a name that somebody else has: names are unique among all accounts and regions."""
        for change in plan.to_do(CREATE):
            with contextlib.suppress(Forbidden):  # a policy need not allow the question
                code, reason = self.session.client.check_registry_name(change.key)
                if code == NAME_TAKEN:
                    self.host.warn(
                        f"The name '{change.key}' is taken ({reason}): predicted as if an earlier task of the real run "
                        "frees it."
                    )

    def apply(self, plan: Plan) -> t.Iterator[str]:
        self._check_quota(plan)
        for change in plan.to_do(CREATE):
            self._create(change)
            yield change.key

    def _create(self, change: Change) -> None:
        try:
            created = self.session.client.create_registry(change.key, self.params["description"])
        except AlreadyExists as error:
            # Told only where reading back does not show it: then it is not this account's in this region.
            error.cause = (
                f"{error.cause.rstrip('.')}; this account has none of that name in {self.session.region}, so that it "
                "is taken by another account or in another region, and names are unique among all of them"
            )
            error.suggest(_TAKEN_CURE)
            raise
        self.accepted({**created, **(change.after or {})})

    def result(self, plan: Plan, after: State) -> dict[str, t.Any]:
        registry = after[self.name] or {}
        foreseen = {
            "name": self.name,
            "region": self.session.region,
            "uri": registry.get("uri") or self.session.documented_host(self.name),
            "description": None,
            "size_mb": 0.0,
            "created_at": None,
        }
        told = {key: value for key, value in registry.items() if key != "uri" or value}
        return {"registry": {**foreseen, **told}, "region": self.session.region}
