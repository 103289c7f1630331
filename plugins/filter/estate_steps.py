# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What role provision is given, as the steps of its tasks. Pure."""

from __future__ import annotations

import glob
import re
import typing as t

from ansible.module_utils.common.validation import check_type_bool, check_type_list

from ansible_collections.jdcloud.jcr.plugins.module_utils._quantities import counted
from ansible_collections.jdcloud.jcr.plugins.plugin_utils._declaredregistry import (
    ABSENT,
    PRESENT,
    DeclaredRegistry,
    Entry,
    declared_twice,
    text_of,
)

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
    - C(refusals), sentences that say why nothing may be done, and C(refusal), all of them as one text.
    - C(preflight), the registries for M(jdcloud.jcr.jcr_preflight).
    - C(delete_repositories), C(delete_registries), C(create_registries) and C(create_repositories), one list for each
      task of the role, of what it is called with; C(label) is for people.
  type: dict
"""

# A glob of registries, and perhaps of repositories in them: what could never match a name would protect nothing.
_PATTERN = re.compile(r"[a-z0-9_.*?!\[\]-]+(/[a-z0-9_./*?!\[\]-]+)?")


class FilterModule:
    """What Ansible asks for."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"estate_steps": estate_steps}


def estate_steps(
    registries: t.Sequence[Entry], protected: t.Any = (), state: str = PRESENT, force: t.Any = False
) -> dict[str, t.Any]:
    """The steps for C(registries). Raises TypeError for values that the role's specification would have refused."""
    patterns = [text_of(pattern) for pattern in check_type_list(protected or [])]
    estate = [DeclaredRegistry(entry, patterns, state, check_type_bool(force)) for entry in registries]
    refusals = [
        f"'{pattern}' in provision_protected can match no name"
        for pattern in patterns
        if not _PATTERN.fullmatch(pattern)
    ]
    refusals += declared_twice(estate)
    for registry in estate:
        refusals += registry.refusals()
    present = [registry for registry in estate if not registry.absent]
    return {
        "refusals": refusals,
        "refusal": _told(refusals),
        "preflight": [_preflight(registry) for registry in estate],
        "delete_repositories": [step for registry in estate for step in _deleted_repositories(registry)],
        "delete_registries": [_deleted_registry(registry) for registry in estate if registry.absent],
        "create_registries": [_created_registry(registry) for registry in present],
        "create_repositories": [step for registry in present for step in _created_repositories(registry)],
    }


def _told(refusals: t.Sequence[str]) -> str:
    """What people read; nothing where nothing is refused."""
    if len(refusals) < 2:
        return "".join(f"Nothing was changed, because {refusal}." for refusal in refusals)
    return "\n- ".join([f"Nothing was changed, because {len(refusals)} things are in the way:", *refusals])


# --- the steps of one registry ---------------------------------------------------------------------------------------


def _label(registry: DeclaredRegistry) -> str:
    region = registry.entry.get("region")
    return f"{registry.name} in {region}" if region else registry.name


def _given(declared: DeclaredRegistry, /, *keys: str, **more: t.Any) -> dict[str, t.Any]:
    """These keys as far as they are declared, and more."""
    return {**{key: declared.entry[key] for key in keys if key in declared.entry}, **more}


def _preflight(registry: DeclaredRegistry) -> dict[str, t.Any]:
    repositories = [
        {
            **{key: entry[key] for key in ("name", "description", "state") if entry.get(key) is not None},
            **({"force": registry.forced(entry)} if registry.goes(entry) else {}),
        }
        for entry in registry.repositories
    ]
    step = _given(registry, "name", "region", "description", "max_delete", repositories=repositories)
    if registry.absent:
        return {**step, "state": ABSENT, "force": registry.force}
    if not registry.purge:
        return {**step, "state": PRESENT}
    spared = {"purge_exclude": registry.spared} if registry.spared else {}
    purge = _given(registry, "purge_patterns", purge=True, force=registry.purge_force, **spared)
    return {**step, "state": PRESENT, **purge}


def _deleted_repositories(registry: DeclaredRegistry) -> t.Iterator[dict[str, t.Any]]:
    """For those that may hold images, and for those that may not; nothing where the registry's own delete takes them
    along, so that one plan and one cap are about all that is in it."""
    if registry.absent and registry.force:
        return
    for forced in (False, True):
        names = [{"name": entry["name"]} for entry in registry.going if registry.forced(entry) is forced]
        if names:
            label = f"{_label(registry)}: {_counted(names)}{' with all images' if forced else ''}"
            step = {"registry": registry.name, "repositories": names, "state": ABSENT, "force": forced}
            yield _given(registry, "region", **step, label=label)


def _deleted_registry(registry: DeclaredRegistry) -> dict[str, t.Any]:
    if not registry.force:
        return _given(registry, "name", "region", force=False, label=_label(registry))
    label = f"{_label(registry)}, with all that is in it"
    return _given(registry, "name", "region", "max_delete", force=True, label=label)


def _created_registry(registry: DeclaredRegistry) -> dict[str, t.Any]:
    return _given(registry, "name", "region", "description", label=_label(registry))


def _created_repositories(registry: DeclaredRegistry) -> t.Iterator[dict[str, t.Any]]:
    """One step, with the purge; none where there is nothing to look at."""
    keys = ("name", "description")
    staying = [{key: entry[key] for key in keys if entry.get(key) is not None} for entry in registry.staying]
    label = f"{_label(registry)}: {_counted(staying)}"
    step = _given(registry, "region", registry=registry.name, repositories=staying, label=label)
    if registry.purge:
        # A prediction still finds what the step before deletes.
        spared = [*registry.spared, *(glob.escape(entry["name"]) for entry in registry.going)]
        options = {"purge": True, "force": registry.purge_force, **({"purge_exclude": spared} if spared else {})}
        more = _given(registry, "purge_patterns", "max_delete", "allow_empty", **options)
        yield {**step, **more, "label": f"{label} and no others"}
    elif staying:
        yield step


def _counted(entries: t.Sequence[t.Any]) -> str:
    return counted(len(entries), "repository", "repositories")
