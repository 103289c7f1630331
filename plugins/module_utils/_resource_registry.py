# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The resource of jcr_registry: one registry in one region.

This module util is private to the collection.
"""

from __future__ import annotations

from ansible_collections.jdcloud.jcr.plugins.module_utils._options import CONNECTION, DRIFT, NAMES, STATE, ArgumentSpec
from ansible_collections.jdcloud.jcr.plugins.module_utils._presentregistry import PresentRegistry
from ansible_collections.jdcloud.jcr.plugins.module_utils._resource import Host, Resource

SPEC = ArgumentSpec(
    options={
        "name": {"type": "str", "required": True},
        "description": {"type": "str"},
        "force": {"type": "bool", "default": False},
        "max_delete": {"type": "int", "default": 10},
        "wait": {"type": "bool", "default": True},
        "wait_timeout": {"type": "float", "default": 60.0},
        "validate_quota": {"type": "bool", "default": True},
    },
).merge(STATE, DRIFT, NAMES, CONNECTION)


def build(host: Host) -> Resource:
    """The resource for the wanted C(state); a module's process compiles only what this one needs."""
    if host.params["state"] == "absent":
        from ansible_collections.jdcloud.jcr.plugins.module_utils._deletedregistry import DeletedRegistry

        return DeletedRegistry(host)
    return PresentRegistry(host)
