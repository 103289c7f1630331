# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""jcr_quota_info on the controller; what it does is told in the module of the same name."""

from __future__ import annotations

from ansible_collections.jdcloud.jcr.plugins.module_utils._resource_quota_info import SPEC, QuotasInfo
from ansible_collections.jdcloud.jcr.plugins.plugin_utils._action import InProcessAction


class ActionModule(InProcessAction):
    """Runs jcr_quota_info where its task belongs."""

    spec = SPEC
    build = QuotasInfo
