# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the options in _options.ORDER."""

from __future__ import annotations


class ModuleDocFragment:
    """How what is found is ordered, and how much of it is returned."""

    DOCUMENTATION = r"""
options:
  descending:
    description: Whether the largest or latest comes first by O(sort). What has no value comes last either way.
    type: bool
    default: false
  limit:
    description: Return only so many, the first ones. RV(matched) tells how many there are.
    type: int
"""
