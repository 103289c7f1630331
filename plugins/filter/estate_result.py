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
  - Sums up what the tasks of the role returned, the same for a run and for its prediction.
options:
  _input:
    description: The results of the loops of the role, in the order of its tasks, of each what was registered.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
---
- name: Sum up
  ansible.builtin.debug:
    msg: "{{ ([first_loop, second_loop] | jdcloud.jcr.estate_result).lines }}"
"""

RETURN = r"""
---
_value:
  description:
    - C(registries) and C(repositories) that are there, as the modules return them.
    - C(summary), how many of both were C(created), C(deleted), found C(drifted), or left C(unchanged).
    - C(lines), the same for people, with the names of all but the unchanged.
  type: dict
"""

LISTED = 50  # objects of a kind that are named; of more the number is told


class FilterModule:
    """What Ansible asks for."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"estate_result": estate_result}


def estate_result(loops: t.Sequence[t.Mapping[str, t.Any]]) -> dict[str, t.Any]:
    """Sum up what was registered of the role's loops."""
    tally = _Tally()
    for loop in loops:
        for result in loop.get("results") or []:
            if result.get("failed"):  # what became of it is told by the task itself; the play went on regardless
                continue
            if "repositories" in result:
                tally.take_repositories(result)
            else:
                tally.take_registry(result)
    return {
        "registries": tally.registries,
        "repositories": tally.repositories,
        "summary": tally.summary,
        "lines": tally.lines(),
    }


@dataclasses.dataclass
class _Tally:
    registries: list[t.Any] = dataclasses.field(default_factory=list)
    repositories: list[t.Any] = dataclasses.field(default_factory=list)
    created: list[str] = dataclasses.field(default_factory=list)
    deleted: list[str] = dataclasses.field(default_factory=list)
    drifted: list[str] = dataclasses.field(default_factory=list)
    unchanged: int = 0

    def take_registry(self, result: t.Mapping[str, t.Any]) -> None:
        """One result of jcr_registry."""
        registry, item = result["registry"], result["item"]
        what = f"registry {_located(item['name'], (registry or item).get('region'))}"
        if registry is not None:
            self.registries.append(registry)
            self._count(what, self.created if result["changed"] else None, result["drift"].get(item["name"]))
            return
        gone = result["deleted"]
        images = gone["images"]
        told = f", with {images} {'image' if images == 1 else 'images'}" if images else ""
        self._count(f"{what}{told}", self.deleted if result["changed"] else None)
        inside = [_located(f"{item['name']}/{name}", item.get("region")) for name in gone["repositories"]]
        self.deleted += [f"repository {name}" for name in inside]

    def take_repositories(self, result: t.Mapping[str, t.Any]) -> None:
        """One result of jcr_repository in its form with a list."""
        for entry in result["repositories"]:
            what = f"repository {_located('/'.join((entry['registry'], entry['name'])), entry['region'])}"
            told = {"create": self.created, "delete": self.deleted}.get(entry["action"])
            self._count(what, told, result["drift"].get(entry["name"]))
            if result["item"].get("state") != "absent" and entry["action"] != "delete":
                self.repositories.append({key: value for key, value in entry.items() if key != "action"})

    def _count(self, what: str, changed: list[str] | None, drift: t.Mapping[str, t.Any] | None = None) -> None:
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
        }

    def lines(self) -> list[str]:
        return [
            *_listed("-", self.deleted),
            *_listed("+", self.created),
            *_listed("~", self.drifted),
            ", ".join(f"{what}: {number}" for what, number in self.summary.items()),
        ]


def _located(name: str, region: str | None) -> str:
    return f"{name} in {region}" if region else name


def _listed(sign: str, names: t.Sequence[str]) -> list[str]:
    """A line for each, as far as people read them."""
    lines = [f"{sign} {name}" for name in names[:LISTED]]
    return lines if len(names) <= LISTED else [*lines, f"{sign} and {len(names) - LISTED} more"]
