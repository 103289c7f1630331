# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""jcr_image on the controller; what it does is told in the module of the same name."""

from __future__ import annotations

from ansible_collections.jdcloud.jcr.plugins.module_utils import (
    _engine,
    _filelock,
    _filewriting,
    _localcontent,
    _pushprogress,
    _target,
    _tokens,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._resource_image import SPEC, build
from ansible_collections.jdcloud.jcr.plugins.plugin_utils._action import OnHostAction


class ActionModule(OnHostAction):
    """Runs jcr_image where its task belongs."""

    spec = SPEC
    build = staticmethod(build)
    # Workers inherit what is loaded here: loading the docker SDK would cost each of them as much as all else it does.
    # The others are what a push through an engine takes besides.
    loaded = (_engine, _filelock, _filewriting, _localcontent, _pushprogress, _target, _tokens)
