# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A registry as role provision is given it: what is declared, and what speaks against it. Pure.

This plugin util is private to the collection.
"""

from __future__ import annotations

import collections
import fnmatch
import typing as t

from ansible.module_utils.common.validation import check_type_bool, check_type_int, check_type_list

from ansible_collections.jdcloud.jcr.plugins.module_utils import _rules
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ConfigurationError, RuleError
from ansible_collections.jdcloud.jcr.plugins.module_utils._given import refuse_mistakable
from ansible_collections.jdcloud.jcr.plugins.module_utils._quantities import at_least

ABSENT = "absent"
PRESENT = "present"

Entry = t.Mapping[str, t.Any]


def text_of(value: t.Any) -> str:
    """A name or a pattern as it is declared; of null, which an empty variable is, there is no text."""
    return "" if value is None else str(value)


class DeclaredRegistry:
    """One declared registry, with what the role as a whole says of it."""

    def __init__(self, entry: Entry, protected: t.Sequence[str], state: str, force: bool) -> None:
        self.entry = {key: value for key, value in entry.items() if value is not None}
        self.name = text_of(entry["name"])
        self.absent = ABSENT in (state, entry.get("state"))
        self.force = self._flag("force")
        self._usual_force = force
        self.repositories = [dict(each, name=text_of(each["name"])) for each in self._repositories()]
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
        return [entry for entry in self.repositories if self.goes(entry)]

    @property
    def staying(self) -> list[Entry]:
        return [entry for entry in self.repositories if not self.goes(entry)]

    def goes(self, entry: Entry) -> bool:
        """Whether this repository shall not be there."""
        return self.absent or entry.get("state") == ABSENT

    def forced(self, entry: Entry) -> bool:
        """Whether this repository may hold images when it is deleted."""
        own = entry.get("force")
        return self._usual_force if own is None else check_type_bool(own)

    @property
    def purge_force(self) -> bool:
        """Whether purged repositories may hold images."""
        return self.force if "force" in self.entry else self._usual_force

    # --- what speaks against it --------------------------------------------------------------------------------------

    def refusals(self) -> t.Iterator[str]:
        """Sentences without a full stop."""
        yield from self._bad_values()
        for name, count in collections.Counter(entry["name"] for entry in self.repositories).items():
            if count > 1:
                yield f"repository '{name}' is declared {count} times in registry '{self.name}'"
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

    def _bad_values(self) -> t.Iterator[str]:
        """What can be no name at all, no description or no cap. Whether a name may be a new one the modules judge."""
        values = [
            (_rules.registry_name, self.name),
            (_rules.description, self.entry.get("description")),
            (self._cap, self.entry.get("max_delete", 0)),
        ]
        for entry in self.repositories:
            values += [(_rules.repository_name, entry["name"]), (_rules.description, entry.get("description"))]
        for rule, value in values:
            try:
                rule(value)
            except (RuleError, ConfigurationError) as fault:
                yield f"{fault.cause} ({fault.cure.rstrip('.')})"

    def _cap(self, max_delete: t.Any) -> None:
        option = f"max_delete of registry '{self.name}'"
        refuse_mistakable({option: {"type": "int"}}, {option: max_delete})
        at_least(0, option, check_type_int(max_delete))

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
            patterns = [text_of(pattern) for pattern in check_type_list(self.entry["purge_patterns"])]
            if not all(pattern.strip() for pattern in patterns or [""]):
                yield f"purge_patterns of registry '{self.name}' is empty, or has an empty pattern"


def declared_twice(estate: t.Iterable[DeclaredRegistry]) -> t.Iterator[str]:
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
