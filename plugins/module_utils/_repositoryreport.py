# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is told of a registry's repositories: what each is, what became of it, and how many there are of which. Pure.

This module util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._declared import listed
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import JcrError
from ansible_collections.jdcloud.jcr.plugins.module_utils._plan import CREATE, DELETE, NONE, Change, Fields, Plan, State

_DONE, _UNCHANGED, _FAILED, _NOT_TRIED = "done", "unchanged", "failed", "not_tried"
_COUNTED_AS = {NONE: "unchanged", CREATE: "created", DELETE: "deleted", _FAILED: "failed", _NOT_TRIED: "not_tried"}


@dataclasses.dataclass(frozen=True)
class Report:
    """Tells of the repositories of C(registry) in C(region); C(host) is what docker clients call the registry."""

    registry: str
    region: str
    host: str

    def one(self, name: str, known: Fields | None) -> dict[str, t.Any]:
        """A repository as it is returned; C(known) are its fields as far as there are any."""
        foreseen = {
            "registry": self.registry,
            "region": self.region,
            "name": name,
            "uri": f"{self.host}/{name}",
            "description": None,
            "size_mb": 0.0,
            "created_at": None,
            "updated_at": None,
        }
        return {**foreseen, **(known or {})}

    def of(self, plan: Plan, after: State) -> dict[str, t.Any]:
        """The return values C(repositories) and C(summary) for a plan that is carried out, or predicted."""
        entries = [
            {**self.one(change.key, _last_known(change, after)), "action": change.action} for change in plan.changes
        ]
        return {"repositories": entries, "summary": _summary(entry["action"] for entry in entries)}

    def unfinished(
        self, error: JcrError, plan: Plan, done: t.Collection[str], failed: t.Mapping[str, Exception]
    ) -> None:
        """Add to C(error) what became of each repository of a plan that was carried out in part."""
        result = self.of(plan, {change.key: change.after for change in plan.changes})
        for entry in result["repositories"]:
            fault = failed.get(entry["name"])
            entry["outcome"] = _outcome(entry, done, failed)
            entry["error"] = None if fault is None else _error_of(fault)
        result["summary"] = summary = _summary(
            entry["outcome"] if entry["outcome"] in (_FAILED, _NOT_TRIED) else entry["action"]
            for entry in result["repositories"]
        )
        error.result = result
        error.cause += (
            f"; of {len(plan.pending)} changes {summary['created'] + summary['deleted']} are done, "
            f"{summary['failed']} failed"
            + (f" ({listed(failed)})" if failed else "")
            + f" and {summary['not_tried']} were not tried"
        )


def _summary(fates: t.Iterable[str]) -> dict[str, int]:
    """How many of each: actions that were done (or would be), failures, and what was not tried."""
    summary = dict.fromkeys(_COUNTED_AS.values(), 0)
    for fate in fates:
        summary[_COUNTED_AS[fate]] += 1
    return summary


def _outcome(entry: t.Mapping[str, t.Any], done: t.Collection[str], failed: t.Container[str]) -> str:
    if entry["name"] in done:
        return _DONE
    if entry["action"] == NONE:
        return _UNCHANGED
    return _FAILED if entry["name"] in failed else _NOT_TRIED


def _last_known(change: Change, after: State) -> Fields | None:
    """The fields of what is there; of what is deleted, those that it had."""
    return change.before if change.action == DELETE else after.get(change.key)


def _error_of(fault: Exception) -> dict[str, t.Any]:
    known = fault if isinstance(fault, JcrError) else JcrError(f"{type(fault).__name__}: {fault}")
    return known.failure()["error"]
