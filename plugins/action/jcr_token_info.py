# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""jcr_token_info on the controller; what it does is told in the module of the same name."""

from __future__ import annotations

from ansible_collections.jdcloud.jcr.plugins.module_utils import _knowntokens
from ansible_collections.jdcloud.jcr.plugins.module_utils._resource_token_info import SPEC, TokensInfo
from ansible_collections.jdcloud.jcr.plugins.plugin_utils._action import InProcessAction


class ActionModule(InProcessAction):
    """Runs jcr_token_info where its task belongs."""

    spec = SPEC
    build = TokensInfo
    loaded = (_knowntokens,)  # by a worker's parent: workers inherit it
