# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What role provision is given, as the steps of its tasks. Pure."""

from __future__ import annotations

import collections
import fnmatch
import glob
import typing as t

from ansible.module_utils.common.validation import check_type_bool, check_type_int, check_type_list

DOCUMENTATION = r"""
---
name: estate_steps
short_description: The steps that lead to a declared estate
version_added: 0.2.0
author:
  - the jdcloud.jcr contributors (@jdcloud-jcr)
description:
  - A part of the role P(jdcloud.jcr.provision#role), not meant for playbooks.
  - Sorts declared registries and repositories into what the tasks of the role do with each registry, and tells what
    speaks against it. Asks nobody and changes nothing.
options:
  _input:
    description: The registries, as the role takes them.
    type: list
    elements: dict
    required: true
  protected:
    description: Names and patterns of what must not be deleted, as the role takes them.
    type: list
    elements: str
    default: []
  state:
    description: V(absent) makes all of it go.
    type: str
    choices: [present, absent]
    default: present
  force:
    description: Whether repositories that do not say so themselves may still hold images when they are deleted.
    type: bool
    default: false
"""

EXAMPLES = r"""
---
- name: Have the steps at hand
  ansible.builtin.set_fact:
    steps: "{{ provision_registries | jdcloud.jcr.estate_steps(protected=provision_protected) }}"
"""

RETURN = r"""
---
_value:
  description:
    - C(refusals), sentences that say why nothing may be done.
    - C(preflight), the registries for M(jdcloud.jcr.jcr_preflight).
    - C(delete_repositories), C(delete_registries), C(create_registries) and C(create_repositories), one list for each
      task of the role, of what it is called with; C(label) is for people.
  type: dict
"""

ABSENT = "absent"
PRESENT = "present"

Entry = t.Mapping[str, t.Any]


class FilterModule:
    """What Ansible asks for."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"estate_steps": estate_steps}


def estate_steps(
    registries: t.Sequence[Entry], protected: t.Any = (), state: str = PRESENT, force: t.Any = False
) -> dict[str, t.Any]:
    """The steps for C(registries). Raises TypeError for values that the role's specification would have refused."""
    patterns = [str(pattern) for pattern in check_type_list(protected or [])]
    estate = [_Registry(entry, patterns, state, check_type_bool(force)) for entry in registries]
    refusals = ["an entry of provision_protected is empty"] if not all(map(str.strip, patterns)) else []
    refusals += _declared_twice(estate)
    for registry in estate:
        refusals += registry.refusals()
    present = [registry for registry in estate if not registry.absent]
    return {
        "refusals": refusals,
        "preflight": [registry.for_preflight() for registry in estate],
        "delete_repositories": [step for registry in estate for step in registry.deletes()],
        "delete_registries": [registry.goes() for registry in estate if registry.absent],
        "create_registries": [registry.given("name", "region", "description") for registry in present],
        "create_repositories": [step for registry in present for step in registry.has()],
    }


class _Registry:
    """One declared registry, with what the role as a whole says of it."""

    def __init__(self, entry: Entry, protected: t.Sequence[str], state: str, force: bool) -> None:
        self.entry = {key: value for key, value in entry.items() if value is not None}
        self.name = str(entry["name"])
        self.absent = ABSENT in (state, entry.get("state"))
        self.force = self._flag("force")
        self._usual_force = force
        self.repositories = [dict(repository, name=str(repository["name"])) for repository in self._repositories()]
        # Why the registry may not go, and which of its repositories may not.
        split = [pattern.partition("/") for pattern in protected]
        matching = [parts for parts in split if fnmatch.fnmatchcase(self.name, parts[0])]
        whole = [f"'{registry}' in provision_protected" for registry, slash, _repository in matching if not slash]
        self.protected_by = ["protected: true", *whole] if self._flag("protected") else whole
        self.spared = [repository for _registry, slash, repository in matching if slash]

    def _repositories(self) -> t.Sequence[Entry]:
        return self.entry.get("repositories") or []

    def _flag(self, key: str) -> bool:
        return check_type_bool(self.entry.get(key) or False)

    @property
    def purge(self) -> bool:
        return self._flag("purge")

    @property
    def going(self) -> list[Entry]:
        """The repositories that shall not be there."""
        return [entry for entry in self.repositories if self._goes(entry)]

    @property
    def staying(self) -> list[Entry]:
        return [entry for entry in self.repositories if not self._goes(entry)]

    def _goes(self, entry: Entry) -> bool:
        return self.absent or entry.get("state") == ABSENT

    @property
    def label(self) -> str:
        return f"{self.name} in {self.entry['region']}" if self.entry.get("region") else self.name

    def given(self, *keys: str, **more: t.Any) -> dict[str, t.Any]:
        """A step: these keys as far as they are declared, and more."""
        told = {key: self.entry[key] for key in keys if key in self.entry}
        return {**told, "label": self.label, **more}

    # --- what speaks against it --------------------------------------------------------------------------------------

    def refusals(self) -> t.Iterator[str]:
        for name, count in collections.Counter(entry["name"] for entry in self.repositories).items():
            if count > 1:
                yield f"repository '{name}' is declared {count} times in registry '{self.name}'"
        if check_type_int(self.entry.get("max_delete", 0)) < 0:
            yield f"max_delete of registry '{self.name}' is less than 0"
        yield from self._protected()
        if self.purge and not self.absent:
            yield from self._purge()
        elif not self.purge and "purge_patterns" in self.entry:
            yield f"registry '{self.name}' has purge_patterns, but purge is not true"
        if self.absent and self.force:
            for entry in self.repositories:
                if not check_type_bool(True if entry.get("force") is None else entry["force"]):
                    yield (
                        f"registry '{self.name}' shall go by force with all that is in it, but repository "
                        f"'{entry['name']}' says force: false"
                    )

    def _protected(self) -> t.Iterator[str]:
        by = f" ({self.protected_by[0]})" if self.protected_by else ""
        if self.absent:
            if by:
                yield f"registry '{self.name}' shall be deleted, but is protected{by}"
            elif self.spared:
                named = f"'{self.name}/{self.spared[0]}'"
                yield f"registry '{self.name}' shall be deleted, but repositories in it are protected ({named})"
            return
        for entry in self.going:
            what = f"repository '{entry['name']}' of registry '{self.name}' shall be deleted, but "
            if by:
                yield f"{what}the registry is protected{by}"
            elif any(fnmatch.fnmatchcase(entry["name"], pattern) for pattern in self.spared):
                yield f"{what}is protected in provision_protected"
        if by and self.purge:
            yield f"registry '{self.name}' has purge: true, which deletes repositories, but it is protected{by}"

    def _purge(self) -> t.Iterator[str]:
        if not self.staying and not self._flag("allow_empty"):
            yield (
                f"registry '{self.name}' has purge: true and no repositories, so that nothing would stay; "
                "allow_empty: true lets it"
            )
        if "purge_patterns" in self.entry:
            patterns = [str(pattern) for pattern in check_type_list(self.entry["purge_patterns"])]
            if not all(pattern.strip() for pattern in patterns or [""]):
                yield f"purge_patterns of registry '{self.name}' is empty, or has an empty pattern"

    # --- the steps ---------------------------------------------------------------------------------------------------

    def for_preflight(self) -> dict[str, t.Any]:
        repositories = [
            {key: entry[key] for key in ("name", "description", "state") if entry.get(key) is not None}
            for entry in self.repositories
        ]
        step = self.given("name", "region", "description", state=ABSENT if self.absent else PRESENT)
        if self.purge and not self.absent:
            spared = {"purge_exclude": self.spared} if self.spared else {}
            step.update(self.given("purge_patterns", purge=True, **spared))
        del step["label"]
        return {**step, "repositories": repositories}

    def deletes(self) -> t.Iterator[dict[str, t.Any]]:
        """For repositories that may hold images, and for those that may not; nothing where the registry's own delete
        takes them along, so that one plan and one cap are about all that is in it."""
        if self.absent and self.force:
            return
        for forced in (False, True):
            names = [{"name": entry["name"]} for entry in self.going if self._forced(entry) is forced]
            if names:
                label = f"{self.label}: {_counted(names)}{' with all images' if forced else ''}"
                step = {"registry": self.name, "repositories": names, "state": ABSENT, "force": forced}
                yield {**self.given("region", **step), "label": label}

    def _forced(self, entry: Entry) -> bool:
        own = entry.get("force")
        return self._usual_force if own is None else check_type_bool(own)

    def goes(self) -> dict[str, t.Any]:
        step = self.given("name", "region", *(["max_delete"] if self.force else []), force=self.force)
        return {**step, "label": f"{self.label}, with all that is in it" if self.force else self.label}

    def has(self) -> t.Iterator[dict[str, t.Any]]:
        """One step; none where there is nothing to look at."""
        keys = ("name", "description")
        staying = [{key: entry[key] for key in keys if entry.get(key) is not None} for entry in self.staying]
        if self.purge:
            # A prediction still finds what the step before deletes.
            spared = [*self.spared, *(glob.escape(entry["name"]) for entry in self.going)]
            force = self.force if "force" in self.entry else self._usual_force
            options = {"purge": True, "force": force, **({"purge_exclude": spared} if spared else {})}
            step = self.given("region", "purge_patterns", "max_delete", "allow_empty", registry=self.name, **options)
            yield {**step, "repositories": staying, "label": f"{self.label}: {_counted(staying)} and no others"}
        elif staying:
            step = self.given("region", registry=self.name, repositories=staying)
            yield {**step, "label": f"{self.label}: {_counted(staying)}"}


def _declared_twice(estate: t.Iterable[_Registry]) -> t.Iterator[str]:
    """Registries of the same name in one region; where one names none, it cannot be told that it is another one."""
    regions: dict[str, list[t.Any]] = {}
    for registry in estate:
        regions.setdefault(registry.name, []).append(registry.entry.get("region"))
    for name, named in regions.items():
        twice = sorted({region for region in named if region and named.count(region) > 1})
        if twice:
            yield f"registry '{name}' is declared more than once in {', '.join(twice)}"
        elif len(named) > 1 and not all(named):
            yield f"registry '{name}' is declared more than once, and not each time with its region"


def _counted(entries: t.Sequence[t.Any]) -> str:
    return f"{len(entries)} {'repository' if len(entries) == 1 else 'repositories'}"
