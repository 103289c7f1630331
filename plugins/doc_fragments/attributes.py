# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of what every module of the collection promises."""

from __future__ import annotations


class ModuleDocFragment:
    """Check mode, diff, idempotence, action group."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in check mode and predict what a run would do, without writing anything.
    support: full
    details:
      - A task does not know what earlier tasks of the same check run would have done. A registry, repository or image
        that it builds on and does not find is taken as made by them, and a warning names it. So a misspelt name is told
        by that warning, and fails in the run.
  diff_mode:
    description: Shows what is or would be changed.
    support: full
  idempotent:
    description: Run again under the same conditions, it changes nothing.
    support: full
  action_group:
    description: Takes the shared options from C(module_defaults) of the group.
    support: full
    membership: [jdcloud.jcr.jcr]
"""
