# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operation on quotas."""

from __future__ import annotations

import typing as t

from tests.emulator.call import Call
from tests.emulator.errors import InvalidArgument

_TYPES = ("registry", "repository")


def describe_quotas(call: Call) -> dict[str, t.Any]:
    """Limit and use of registries and repositories in the region.

    The limit of repositories is one for each registry, the answer has no place for a registry: the use that is given
    is that of the fullest registry (assumption).
    """
    wanted = call.filters(resourceTypes=len(_TYPES)).get("resourceTypes", list(_TYPES))
    for resource_type in wanted:
        if resource_type not in _TYPES:
            raise InvalidArgument(f"resource type {resource_type} is neither registry nor repository")
    state, settings = call.emulator.state, call.emulator.settings
    registries = state.registries(call.region)
    used = {
        "registry": len(registries),
        "repository": max((state.count_repositories(registry.id) for registry in registries), default=0),
    }
    return {
        "quotas": [
            {"resourceType": name, "limit": settings[f"{name}_quota"], "used": used[name]}
            for name in _TYPES
            if name in wanted
        ]
    }
