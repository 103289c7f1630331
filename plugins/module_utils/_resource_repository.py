# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The resource of jcr_repository: some repositories of one registry; the form with one name is a list of one.

This module util is private to the collection.
"""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils import _bulk, _declared, _rules
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    AlreadyExists,
    ConfigurationError,
    JcrError,
    NotFound,
    PreconditionFailed,
    RuleError,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._options import CONNECTION, DRIFT, NAMES, STATE, ArgumentSpec
from ansible_collections.jdcloud.jcr.plugins.module_utils._plan import CREATE, DELETE, Change, Plan, State
from ansible_collections.jdcloud.jcr.plugins.module_utils._purge import Purge
from ansible_collections.jdcloud.jcr.plugins.module_utils._repositoryreport import Report
from ansible_collections.jdcloud.jcr.plugins.module_utils._resource import Failed, Host
from ansible_collections.jdcloud.jcr.plugins.module_utils._session import ServiceResource, accept_checked_name

SPEC = ArgumentSpec(
    options={
        "registry": {"type": "str", "required": True},
        "name": {"type": "str"},
        "description": {"type": "str"},
        "repositories": {
            "type": "list",
            "elements": "dict",
            "options": {"name": {"type": "str", "required": True}, "description": {"type": "str"}},
        },
        "force": {"type": "bool", "default": False},
        "purge": {"type": "bool", "default": False},
        "purge_patterns": {"type": "list", "elements": "str"},
        "purge_exclude": {"type": "list", "elements": "str"},
        "max_delete": {"type": "int", "default": 10},
        "allow_empty": {"type": "bool", "default": False},
        "concurrency": {"type": "int", "default": 8},
        "validate_quota": {"type": "bool", "default": True},
    },
    mutually_exclusive=(("name", "repositories"), ("description", "repositories")),
    required_one_of=(("name", "repositories"),),
    required_if=(("purge", True, ("repositories",)),),
    narrowing=("purge_patterns", "purge_exclude"),
).merge(STATE, DRIFT, NAMES, CONNECTION)

# What the service says of names that it does not accept.
_REFUSALS = (RuleError, AlreadyExists)


class RepositoryResource(ServiceResource):
    """Options C(registry), C(name) and C(description) or C(repositories), C(state), C(force), C(on_drift),
    C(validate_names), C(concurrency), and C(purge) with C(purge_patterns), C(max_delete) and C(allow_empty)."""

    fixed = ("description",)
    shown = ("registry", "description")

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self.purge = Purge(self.params)
        self.declared: t.Mapping[str, str | None] = {}  # {name: description} of what the task declares; set by check()
        self.registry_host: str | None = None
        self._accepted = False  # whether the service has judged the names
        self._room_checked = False
        self._in_use: int | None = None  # how many repositories the registry has; None where they were not listed

    @property
    def registry(self) -> str:
        return self.params["registry"]

    @property
    def present(self) -> bool:
        return self.params["state"] == "present"

    @property
    def one(self) -> bool:
        """Whether the task has the form with one name."""
        return self.params["name"] is not None

    def purpose(self) -> tuple[str, str]:
        act = "manage" if self.present else "delete"
        what = f"repository '{self.params['name']}'" if self.one else "repositories"
        return act, f"{what} of registry '{self.registry}'{self.place}"

    def check(self) -> None:
        _rules.registry_name(self.registry)
        new = self.present and self.params["validate_names"] == "documented"
        entries = [self.params] if self.one else self.params["repositories"]
        rules = {
            "name": _rules.repository_name_to_create if new else _rules.repository_name,
            "description": _rules.description,
        }
        self.declared = _declared.declared(entries, rules)
        workers = self.params["concurrency"]
        if not 1 <= workers <= _bulk.MAX_WORKERS:
            raise ConfigurationError(f"concurrency is {workers}", cure=f"Choose 1 to {_bulk.MAX_WORKERS}.")
        self.purge.check(self.declared)

    # --- what is, and what shall be ----------------------------------------------------------------------------------

    def read(self) -> State:
        self.registry_host = self.session.registry_host(self.registry)
        if self.registry_host is None:
            if self.present:
                self.session.existing_host(self.registry)
            self._in_use = 0
            return {}
        found = self._found()
        if self.present and self.params["validate_names"] == "server":
            self._accept([name for name in self.declared if name not in found])
        return found

    def _found(self) -> State:
        """The repositories that the task is about, as far as they exist: one by its name, more by one listing."""
        client = self.session.client
        if not self.purge.wanted and len(self.declared) <= 1:
            looked_up = {name: client.repository(self.registry, name) for name in self.declared}
            return {name: repository for name, repository in looked_up.items() if repository is not None}
        with contextlib.suppress(*(() if self.present else (NotFound,))):
            found = client.repositories(self.registry)
            self._in_use = len(found)
            named = {repository["name"]: repository for repository in found}
            return named if self.purge.wanted else {name: named[name] for name in self.declared if name in named}
        return {}

    def _accept(self, names: t.Sequence[str]) -> None:
        """Let the service judge the names that are to be created; what it refuses is told all together."""
        if self._accepted:
            return

        def judge(name: str) -> None:
            verdict = self.session.client.check_repository_name(self.registry, name)
            accept_checked_name(f"repository '{name}'", *verdict)

        def stop(error: Exception) -> bool:
            return not isinstance(error, _REFUSALS)

        outcomes = _bulk.each(names, judge, workers=self.params["concurrency"], stop=stop)
        errors = [outcome.error for outcome in outcomes if outcome.error is not None]
        for error in filter(stop, errors):
            raise error
        if errors:
            errors[0].cause = "; ".join(error.cause for error in errors)
            raise errors[0]
        self._accepted = True

    def want(self, before: State) -> State:
        if not self.present:
            return dict.fromkeys(self.declared)
        declared = {name: self._wanted(description) for name, description in self.declared.items()}
        return {**declared, **dict.fromkeys(self.purge.chosen(before, self.declared))}

    def _wanted(self, description: str | None) -> dict[str, t.Any]:
        wanted = {"registry": self.registry}
        if description is not None:
            wanted["description"] = description or None
        return wanted

    # --- doing it ----------------------------------------------------------------------------------------------------

    def foresee(self, plan: Plan) -> None:
        if self._in_use is None and plan.to_do(CREATE) and self.params["validate_quota"]:
            # The service would refuse the one create just as well, so that only a prediction has to count.
            self._in_use = self.session.client.count_repositories(self.registry)
        self._need_room(plan)
        full = [change.key for change in plan.to_do(DELETE) if change.before["size_mb"] and not self.params["force"]]
        if full:
            self.host.warn(
                f"There are images in {_declared.listed(full)}, and force is not set: "
                "predicted as if an earlier task of the real run deletes them."
            )

    def _need_room(self, plan: Plan) -> None:
        """Raise QuotaExceeded, before the first write, where not all will fit; once, since writes change the count.

        How full a registry is cannot be told from the service's figure of what is used, only from a count of its
        repositories: without one, the service judges.
        """
        growth = len(plan.to_do(CREATE)) - len(plan.to_do(DELETE))
        wanted = self.params["validate_quota"] and not self._room_checked
        if wanted and growth > 0 and self._in_use is not None:
            self.session.need_quota("repository", growth, used=self._in_use)
        self._room_checked = True

    def apply(self, plan: Plan) -> t.Iterator[str | Failed]:
        """Deletes first: where the quota is used up, they make room for what is created."""
        self._need_room(plan)
        for action, work, stop in (
            (DELETE, self._delete, _bulk.pointless),
            (CREATE, self._create, _pointless_to_create),
        ):
            outcomes = _bulk.each(plan.to_do(action), work, workers=self.params["concurrency"], stop=stop)
            for outcome in outcomes:
                if outcome.error is not None:
                    yield Failed(outcome.item.key, outcome.error)
                elif outcome.done:
                    yield outcome.item.key
            if any(outcome.error is not None and _bulk.pointless(outcome.error) for outcome in outcomes):
                return

    def _create(self, change: Change) -> None:
        self.session.client.create_repository(self.registry, change.key, self.declared[change.key])

    def _delete(self, change: Change) -> None:
        try:
            self.session.client.delete_repository(self.registry, change.key, force=self.params["force"])
        except PreconditionFailed as error:
            error.suggest("The repository still has images: set force: true to delete them with it.")
            raise

    # --- telling -----------------------------------------------------------------------------------------------------

    @property
    def _report(self) -> Report:
        host = self.registry_host or self.session.documented_host(self.registry)
        return Report(self.registry, self.session.region, host)

    def result(self, plan: Plan, after: State) -> dict[str, t.Any]:
        if self.one:
            name = self.params["name"]
            known = after.get(name)
            return {"repository": None if known is None else self._report.one(name, known)}
        return self._report.of(plan, after)

    def unfinished(
        self, error: JcrError, plan: Plan, done: t.Collection[str], failed: t.Mapping[str, Exception]
    ) -> None:
        if not self.one and (done or failed):
            self._report.unfinished(error, plan, done, failed)


def _pointless_to_create(error: Exception) -> bool:
    """Also when the registry is gone, or the account may create nothing (its balance, its verification)."""
    return isinstance(error, (NotFound, PreconditionFailed)) or _bulk.pointless(error)
