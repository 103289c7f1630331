# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What jcr_token can do, by its C(state): the options, and which resource they ask for.

This module util is private to the collection.
"""

from __future__ import annotations

from ansible_collections.jdcloud.jcr.plugins.module_utils._options import CONNECTION, TOKEN, ArgumentSpec
from ansible_collections.jdcloud.jcr.plugins.module_utils._resource import Host, Resource
from ansible_collections.jdcloud.jcr.plugins.module_utils._validtoken import ImportedToken, ValidToken

SPEC = ArgumentSpec(
    options={
        "registry": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent", "rotated"], "default": "present"},
        "dest": {"type": "path"},
        "source_xlsx": {"type": "path"},
        "return_secret": {"type": "bool", "default": False, "no_log": False},
        "token": {"type": "str", "no_log": True},
        "all": {"type": "bool", "default": False},
    },
    narrowing=("token",),
).merge(TOKEN, CONNECTION)


def build(host: Host) -> Resource:
    """The resource for the wanted C(state); a module's process compiles only what this one needs."""
    if host.params["state"] == "absent":
        from ansible_collections.jdcloud.jcr.plugins.module_utils._releasedtokens import ReleasedTokens

        return ReleasedTokens(host)
    if host.params["state"] == "rotated":
        from ansible_collections.jdcloud.jcr.plugins.module_utils._rotatedtoken import RotatedToken

        return RotatedToken(host)
    return ValidToken(host) if host.params["source_xlsx"] is None else ImportedToken(host)
