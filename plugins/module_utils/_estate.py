# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task declares as its estate: registries, their repositories, and what will be done there. Pure.

This module util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ConfigurationError
from ansible_collections.jdcloud.jcr.plugins.module_utils._quantities import at_least

ABSENT = "absent"


@dataclasses.dataclass(frozen=True)
class Repository:
    """A repository that shall be there, or (C(present=False)) shall not; with C(force) it may hold images then."""

    name: str
    description: str | None = None
    present: bool = True
    force: bool = False


@dataclasses.dataclass(frozen=True)
class Registry:
    """A registry in one region; C(images) are local sources, C(tokens_needed) counts the tokens that a run may take.

    With C(purge), repositories that are not declared go if they match C(purge_patterns) (None: any) and none of
    C(purge_exclude). With C(force) purged repositories may hold images, and a registry that shall not be there goes
    with all that is in it. C(max_delete) is the most that purge or force may delete.
    """

    name: str
    region: str
    description: str | None = None
    present: bool = True
    repositories: tuple[Repository, ...] = ()
    images: tuple[str, ...] = ()
    tokens_needed: int = 0
    purge: bool = False
    purge_patterns: tuple[str, ...] | None = None
    purge_exclude: tuple[str, ...] = ()
    force: bool = False
    max_delete: int = 10

    @property
    def deletes(self) -> bool:
        """Whether something is to go, if it is there."""
        return not self.present or self.purge or not all(repository.present for repository in self.repositories)


def declared(entries: t.Iterable[t.Mapping[str, t.Any]], region: str, tokens_needed: int | None) -> list[Registry]:
    """The registries that the option C(registries) declares; C(region) is that of entries without one.

    Without C(tokens_needed), of the entry or of the task, one token is needed where there are images to push. Raises
    ConfigurationError for entries that contradict each other; names are not judged here.
    """
    at_least(0, "tokens_needed", tokens_needed)
    found: dict[tuple[str, str], Registry] = {}
    for entry in entries:
        registry = _registry(entry, region, tokens_needed)
        key = (registry.name, registry.region)
        if key in found:
            raise ConfigurationError(
                f"registry '{registry.name}' in {registry.region} is declared twice", cure="Declare it once."
            )
        found[key] = registry
    return list(found.values())


def _registry(entry: t.Mapping[str, t.Any], region: str, tokens_needed: int | None) -> Registry:
    name, images = entry["name"], tuple(entry.get("images") or ())
    needed = at_least(0, f"tokens_needed of registry '{name}'", entry.get("tokens_needed"))
    if needed is None:
        needed = tokens_needed
    if needed is None:
        needed = 1 if images else 0
    cap = at_least(0, f"max_delete of registry '{name}'", entry.get("max_delete"))
    repositories = tuple(_repository(fields) for fields in entry.get("repositories") or ())
    names = [repository.name for repository in repositories]
    twice = next((again for again in names if names.count(again) > 1), None) if len(set(names)) < len(names) else None
    if twice is not None:
        raise ConfigurationError(
            f"repository '{twice}' is declared twice in registry '{name}'", cure="Declare it once."
        )
    return Registry(
        name,
        entry.get("region") or region,
        entry.get("description"),
        entry.get("state") != ABSENT,
        repositories,
        images,
        needed,
        bool(entry.get("purge")),
        None if entry.get("purge_patterns") is None else tuple(entry["purge_patterns"]),
        tuple(entry.get("purge_exclude") or ()),
        bool(entry.get("force")),
        Registry.max_delete if cap is None else cap,
    )


def _repository(entry: t.Mapping[str, t.Any]) -> Repository:
    return Repository(entry["name"], entry.get("description"), entry.get("state") != ABSENT, bool(entry.get("force")))
