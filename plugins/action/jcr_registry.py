# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""jcr_registry on the controller; what it does is told in the module of the same name."""

from __future__ import annotations

from ansible_collections.jdcloud.jcr.plugins.module_utils._resource_registry import SPEC, build
from ansible_collections.jdcloud.jcr.plugins.plugin_utils._action import InProcessAction


class ActionModule(InProcessAction):
    """Runs jcr_registry where its task belongs."""

    spec = SPEC
    build = staticmethod(build)
