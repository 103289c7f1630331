# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The resource of jcr_quota_info: limit and use of what an account may have in one region.

This module util is private to the collection.
"""

from __future__ import annotations

import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._options import CONNECTION, ArgumentSpec
from ansible_collections.jdcloud.jcr.plugins.module_utils._resource_info import InfoResource

SPEC = ArgumentSpec(
    options={
        "resource_type": {"type": "list", "elements": "str", "choices": ["registry", "repository"]},
    },
).merge(CONNECTION)


class QuotasInfo(InfoResource):
    """Option C(resource_type)."""

    what = "quotas"

    def look_up(self) -> dict[str, t.Any]:
        wanted = self.params["resource_type"]
        quotas = self.session.client.quotas(wanted[0] if wanted and len(set(wanted)) == 1 else None)
        return {"quotas": [quota for quota in quotas if wanted is None or quota["resource_type"] in wanted]}
