# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tasks of role provision did, or would do, summed up. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

DOCUMENTATION = r"""
---
name: estate_result
short_description: What became of a declared estate
version_added: 0.2.0
author:
  - the jdcloud.jcr contributors (@jdcloud-jcr)
description:
  - A part of the role P(jdcloud.jcr.provision#role), not meant for playbooks.
  - Sums up what the tasks of the role returned, the same for a run and for its prediction, also if one of them failed.
options:
  _input:
    description:
      - What the loops of the role registered, by the name that P(jdcloud.jcr.estate_steps#filter) has for their steps;
        nothing, or an empty dictionary, of a loop that was not come to.
    type: dict
    required: true
  steps:
    description: What P(jdcloud.jcr.estate_steps#filter) returned.
    type: dict
    required: true
"""

EXAMPLES = r"""
---
- name: Sum up
  vars:
    loops:
      delete_repositories: "{{ deleted }}"
      create_repositories: "{{ created }}"
  ansible.builtin.debug:
    msg: "{{ (loops | jdcloud.jcr.estate_result(steps)).lines }}"
"""

RETURN = r"""
---
_value:
  description:
    - C(registries) and C(repositories) that are there, as the modules return them.
    - C(summary), how many of both were C(created), C(deleted), found C(drifted), left C(unchanged), or C(not_tried)
      because something before them C(failed).
    - C(lines), the same for people, with the names of all but the unchanged, and with what failed.
  type: dict
"""

LISTED = 50  # objects of a kind that are named; of more the number is told
TASKS = ("delete_repositories", "delete_registries", "create_registries", "create_repositories")

Result = t.Mapping[str, t.Any]


class FilterModule:
    """What Ansible asks for."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"estate_result": estate_result}


def estate_result(
    loops: t.Mapping[str, t.Mapping[str, t.Any]], steps: t.Mapping[str, t.Sequence[t.Any]]
) -> dict[str, t.Any]:
    """Sum up what was registered of the role's loops over C(steps)."""
    tally = _Tally()
    for task in TASKS:
        results = (loops.get(task) or {}).get("results") or []
        for result in results:
            tally.take(result)
        for step in steps[task][len(results) :]:
            tally.not_tried += _objects(step)
    return {
        "registries": tally.registries,
        "repositories": tally.repositories,
        "summary": tally.summary,
        "lines": tally.lines(),
    }


def _objects(step: t.Mapping[str, t.Any]) -> int:
    """How many objects a step is about, as far as they are declared."""
    return len(step["repositories"]) if "repositories" in step else 1


@dataclasses.dataclass
class _Tally:
    registries: list[t.Any] = dataclasses.field(default_factory=list)
    repositories: list[t.Any] = dataclasses.field(default_factory=list)
    created: list[str] = dataclasses.field(default_factory=list)
    deleted: list[str] = dataclasses.field(default_factory=list)
    drifted: list[str] = dataclasses.field(default_factory=list)
    failed: list[str] = dataclasses.field(default_factory=list)
    unchanged: int = 0
    not_tried: int = 0

    def take(self, result: Result) -> None:
        """One result of jcr_registry, or of jcr_repository in its form with a list."""
        if "repositories" in result:
            self._take_repositories(result)
        elif "deleted" in result:
            self._take_deleted_registry(result)
        elif result.get("failed"):
            self._take_refusal(result)
        else:
            self._take_registry(result)

    def _take_refusal(self, result: Result) -> None:
        """A step that failed before anything was done."""
        self.failed.append(_fault(result.get("error"), result["msg"]))
        if "repositories" in result["item"]:
            self.not_tried += _objects(result["item"])

    def _take_registry(self, result: Result) -> None:
        registry = result["registry"]
        self.registries.append(registry)
        what = f"registry {registry['name']} in {registry['region']}"
        self._count(what, self.created if result["changed"] else None, result["drift"].get(registry["name"]))

    def _take_deleted_registry(self, result: Result) -> None:
        """With what was in it. Of a delete that failed half way, what was done, and what was not."""
        name, region, gone = result["item"]["name"], result["region"], result["deleted"]
        images = gone["images"]
        told = f", with {images} {'image' if images == 1 else 'images'}" if images else ""
        self.deleted += [f"registry {registry} in {region}{told}" for registry in gone["registries"]]
        self.deleted += [f"repository {name}/{repository} in {region}" for repository in gone["repositories"]]
        if result.get("failed"):
            self.failed.append(_fault(result["error"], result["msg"]))
            left = result["not_tried"]
            self.not_tried += len(left["registries"]) + len(left["repositories"])
        else:
            self.unchanged += not result["changed"]

    def _take_repositories(self, result: Result) -> None:
        for entry in result["repositories"]:
            outcome = entry.get("outcome")  # told only of a task that failed
            if outcome == "failed":
                self.failed.append(_fault(entry["error"], result["msg"]))
            elif outcome == "not_tried":
                self.not_tried += 1
            else:
                self._take_repository(entry, result)

    def _take_repository(self, entry: t.Mapping[str, t.Any], result: Result) -> None:
        what = f"repository {entry['registry']}/{entry['name']} in {entry['region']}"
        told = {"create": self.created, "delete": self.deleted}.get(entry["action"])
        self._count(what, told, result.get("drift", {}).get(entry["name"]))
        if result["item"].get("state") != "absent" and entry["action"] != "delete":
            hidden = ("action", "outcome", "error")
            self.repositories.append({key: value for key, value in entry.items() if key not in hidden})

    def _count(self, what: str, changed: list[str] | None, drift: t.Mapping[str, t.Any] | None) -> None:
        if changed is not None:
            changed.append(what)
        elif drift:
            fields = [f"{key} is {pair['present']!r}, declared is {pair['wanted']!r}" for key, pair in drift.items()]
            self.drifted.append(f"{what}: {', '.join(fields)}")
        else:
            self.unchanged += 1

    @property
    def summary(self) -> dict[str, int]:
        return {
            "created": len(self.created),
            "deleted": len(self.deleted),
            "drifted": len(self.drifted),
            "unchanged": self.unchanged,
            "failed": len(self.failed),
            "not_tried": self.not_tried,
        }

    def lines(self) -> list[str]:
        numbers = self.summary
        if not self.failed:
            del numbers["failed"], numbers["not_tried"]
        return [
            *_listed("-", self.deleted),
            *_listed("+", self.created),
            *_listed("~", self.drifted),
            *_listed("!", self.failed),
            ", ".join(f"{what.replace('_', ' ')}: {number}" for what, number in numbers.items()),
        ]


def _fault(error: t.Mapping[str, t.Any] | None, msg: str) -> str:
    """What failed and why, without the cure, which the failed task has told."""
    return f"{error['act']} {error['object']}: {error['message']}" if error and error["act"] else msg


def _listed(sign: str, names: t.Sequence[str]) -> list[str]:
    """A line for each, as far as people read them."""
    lines = [f"{sign} {name}" for name in names[:LISTED]]
    return lines if len(names) <= LISTED else [*lines, f"{sign} and {len(names) - LISTED} more"]
