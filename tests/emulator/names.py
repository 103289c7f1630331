# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What names may be, in the emulator's own words; tests/contract/names.json holds it and the collection to the same.

Two tiers: "documented" is the console guide, for names to create; "addressable" is the grammar alone, for an account
that has older names (switch ``names``).
"""

from __future__ import annotations

import re

_REGISTRY = re.compile("[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_STAGE = re.compile("[a-z0-9]([a-z0-9_-]*[a-z0-9])?")
# tier -> (shortest, longest)
_REGISTRY_LENGTH = {"documented": (4, 32), "addressable": (1, 32)}
_REPOSITORY_LENGTH = {"documented": (4, 255), "addressable": (1, 256)}
LONGEST_DESCRIPTION = 256


def registry_name_fault(name: object, tier: str) -> str | None:
    """What is wrong with a registry name, or None when it is right."""
    return _length_fault("registry name", name, _REGISTRY_LENGTH[tier]) or (
        None
        if _REGISTRY.fullmatch(str(name))
        else "registry name consists of a-z, 0-9 and -, and starts and ends with a lower-case letter or digit"
    )


def repository_name_fault(name: object, tier: str) -> str | None:
    """What is wrong with a repository name, or None when it is right."""
    fault = _length_fault("repository name", name, _REPOSITORY_LENGTH[tier])
    if fault:
        return fault
    if all(_STAGE.fullmatch(stage) for stage in str(name).split("/")):
        return None
    return (
        "repository name consists of stages separated by /, each of a-z, 0-9, - and _, not empty, "
        "starting and ending with a lower-case letter or digit"
    )


def description_fault(description: object) -> str | None:
    """What is wrong with a description, or None when it is right (absent is right)."""
    if description is None:
        return None
    if not isinstance(description, str):
        return "description is not a string"
    if len(description) > LONGEST_DESCRIPTION:
        return f"description is longer than {LONGEST_DESCRIPTION} characters"
    return None


def _length_fault(noun: str, name: object, limits: tuple[int, int]) -> str | None:
    shortest, longest = limits
    if not isinstance(name, str):
        return f"{noun} is not a string"
    if not name:
        return f"{noun} is empty"
    if not shortest <= len(name) <= longest:
        return f"{noun} has {len(name)} characters, allowed are {shortest} to {longest}"
    return None
