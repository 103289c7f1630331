# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an account holds, and what a task has to make of it. Pure.

An estate maps the path of each object to what is told of it: a registry C((name,)) to its region and description, a
repository C((registry, name)) to its description, an image C((registry, repository, digest)) to its tags.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import typing as t

Path = tuple[str, ...]
Estate = dict[Path, tuple[str, ...]]
Options = t.Mapping[str, t.Any]

HOME_REGION = "cn-north-1"


@dataclasses.dataclass(frozen=True)
class Limits:
    """What the service does not allow."""

    registries: int  # in a region
    repositories: int  # in a registry
    taken: frozenset[str] = frozenset()  # names of registries of other accounts


@dataclasses.dataclass(frozen=True)
class Expected:
    """What has to become of an estate.

    C(goal) is what the task means to reach and what its prediction tells; C(after) is what it reaches without faults.
    The two differ only where it fails: C(refusal) is the kind of the error then, C(foreseen) says that the prediction
    fails as well, and C(vague) that only part of the way to the goal is made, and nobody knows which.
    """

    goal: Estate
    after: Estate
    refusal: str | None = None
    foreseen: bool = False
    vague: bool = False


def observed(state: t.Mapping[str, t.Any]) -> Estate:
    """The estate that the emulator's admin API tells of."""
    found: Estate = {}
    for registry in state["registries"]:
        found[(registry["name"],)] = (registry["region"], registry["description"])
        for repository in registry["repositories"]:
            found[registry["name"], repository["name"]] = (repository["description"],)
            for image in repository["images"]:
                found[registry["name"], repository["name"], image["digest"]] = tuple(sorted(image["tags"]))
    return found


def below(estate: Estate, *path: str) -> Estate:
    """What is in an object, without itself."""
    return {key: value for key, value in estate.items() if len(key) > len(path) and key[: len(path)] == path}


def without(estate: Estate, *paths: Path) -> Estate:
    """The estate when these objects are gone, with all that is in them."""
    return {key: value for key, value in estate.items() if not any(key[: len(path)] == path for path in paths)}


def is_between(estate: Estate, before: Estate, goal: Estate) -> bool:
    """Whether each object is as it was or as it was meant to become."""
    return all(estate.get(path) in (before.get(path), goal.get(path)) for path in {*estate, *before, *goal})


def expected(module: str, options: Options, before: Estate, limits: Limits) -> Expected:
    """What a task without faults has to make of C(before)."""
    if module == "jcr_registry":
        absent = options.get("state") == "absent"
        return _registry_absent(options, before) if absent else _registry_present(options, before, limits)
    if module == "jcr_repository":
        return _repositories(options, before, limits)
    return Expected(before, before)


def _refused(before: Estate, kind: str) -> Expected:
    return Expected(before, before, kind, foreseen=True)


def _region(options: Options) -> str:
    return options.get("region", HOME_REGION)


def _described(present: str, options: Options) -> bool:
    return options.get("description") in (None, present)


def looked_up(module: str, options: Options, estate: Estate) -> list[Path] | None:
    """The paths of all that an _info module has to find, in its order; None for a module that tells of other things."""
    depths = {"jcr_registry_info": 1, "jcr_repository_info": 2, "jcr_image_info": 3}
    if module not in depths:
        return None
    at_home = {path[0] for path, value in estate.items() if len(path) == 1 and value[0] == HOME_REGION}
    found = [path for path in estate if len(path) == depths[module] and path[0] in at_home]
    if options.get("registry"):
        found = [path for path in found if path[0] == options["registry"]]
    if options.get("tag_status"):
        found = [path for path in found if bool(estate[path]) is (options["tag_status"] == "tagged")]
    if "name" in options:
        found = [path for path in found if path[-1] in options["name"]]
    if options.get("pattern"):
        found = [path for path in found if any(fnmatch.fnmatchcase(path[-1], glob) for glob in options["pattern"])]
    found.sort()
    return (
        sorted(found, key=lambda path: path[-1], reverse=options.get("descending", False))
        if "sort" in options
        else found
    )


# --- one registry ----------------------------------------------------------------------------------------------------


def _registry_present(options: Options, before: Estate, limits: Limits) -> Expected:
    name, region = options["name"], _region(options)
    path = (name,)
    there = before.get(path)
    if there and there[0] == region:
        drifted = not _described(there[1], options) and options.get("on_drift") == "fail"
        return _refused(before, "drift") if drifted else Expected(before, before)
    goal = {**before, path: (region, options.get("description") or "")}
    is_taken = bool(there) or name in limits.taken
    if is_taken and options.get("validate_names") == "server":
        return Expected(goal, before, "already_exists", foreseen=True)
    if sum(value[0] == region for key, value in before.items() if len(key) == 1) >= limits.registries:
        return Expected(goal, before, "quota_exceeded", foreseen=True)
    if is_taken:
        return Expected(goal, before, "already_exists")
    return Expected(goal, goal)


def _registry_absent(options: Options, before: Estate) -> Expected:
    path = (options["name"],)
    if before.get(path, ("",))[0] != _region(options):
        return Expected(before, before)
    goal, inside = without(before, path), below(before, *path)
    if inside and not options.get("force"):
        return Expected(goal, before, "precondition")
    if len(inside) > options.get("max_delete", 10):
        return _refused(before, "delete_cap")
    return Expected(goal, goal)


# --- repositories ----------------------------------------------------------------------------------------------------


def _repositories(options: Options, before: Estate, limits: Limits) -> Expected:
    registry = options["registry"]
    entries = [options] if "name" in options else options["repositories"]
    present = options.get("state", "present") == "present"
    if not entries and options.get("purge") and not options.get("allow_empty"):
        return _refused(before, "configuration")
    if before.get((registry,), ("",))[0] != _region(options):
        goal = {**before, **{(registry, entry["name"]): ("",) for entry in entries}} if present else before
        return Expected(goal, before, "not_found" if present else None)
    doomed = purged(options, before) if present else [entry["name"] for entry in entries]
    doomed = [name for name in doomed if (registry, name) in before]
    if present:
        refusal = _present_refusal(options, entries, doomed, before)
        if refusal:
            return _refused(before, refusal)
    left = without(before, *((registry, name) for name in doomed))
    new = {(registry, entry["name"]): (entry.get("description") or "",) for entry in entries} if present else {}
    goal = {**new, **left}
    return _carried_out(options, before, goal, doomed, limits)


def purged(options: Options, before: Estate) -> list[str]:
    """The names that purge takes away."""
    if not options.get("purge"):
        return []
    declared = {entry["name"] for entry in options["repositories"]}
    patterns = options.get("purge_patterns", ["*"])
    names = {path[1] for path in below(before, options["registry"])} - declared
    return sorted(name for name in names if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns))


def _present_refusal(
    options: Options, entries: t.Sequence[Options], doomed: t.Sequence[str], before: Estate
) -> str | None:
    if len(doomed) > options.get("max_delete", 10):
        return "delete_cap"
    there = ((before.get((options["registry"], entry["name"])), entry) for entry in entries)
    drifted = any(found and not _described(found[0], entry) for found, entry in there)
    return "drift" if drifted and options.get("on_drift") == "fail" else None


def _carried_out(options: Options, before: Estate, goal: Estate, doomed: t.Sequence[str], limits: Limits) -> Expected:
    """Nothing is done where not all will fit; without force repositories with images stay, and need their room."""
    registry = options["registry"]
    if _number(goal, registry) > max(limits.repositories, _number(before, registry)):
        return Expected(goal, before, "quota_exceeded", foreseen=True)  # where the quota cannot be read, it is tried
    full = [name for name in doomed if below(before, registry, name)] if not options.get("force") else []
    kept = {path: value for path, value in before.items() if path[0] == registry and path[1:2] in {(n,) for n in full}}
    after = {**goal, **kept}
    if full and _number(after, registry) > limits.repositories:
        return Expected(goal, after, "precondition", vague=True)
    return Expected(goal, after, "precondition" if full else None)


def _number(estate: Estate, registry: str) -> int:
    """How many repositories a registry has."""
    return sum(len(path) == 2 and path[0] == registry for path in estate)
