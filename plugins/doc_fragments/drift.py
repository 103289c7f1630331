# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the option in _options.DRIFT."""

from __future__ import annotations


class ModuleDocFragment:
    """What a difference means that the service cannot mend."""

    DOCUMENTATION = r"""
options:
  on_drift:
    description:
      - What to do when the description differs from the wanted one. The service cannot change a description, and
        nothing is ever deleted and created again to do so.
      - V(warn) says it and goes on, V(fail) fails, V(ignore) says nothing.
    type: str
    choices: [warn, fail, ignore]
    default: warn
"""
