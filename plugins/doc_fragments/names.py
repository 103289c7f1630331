# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the option in _options.NAMES."""

from __future__ import annotations


class ModuleDocFragment:
    """Who judges the name of a new object."""

    DOCUMENTATION = r"""
options:
  validate_names:
    description:
      - Who judges a name that is to be created.
      - V(documented) applies the rules of the vendor's guide before anything is sent.
      - V(server) lets the service decide; use it for existing objects whose names are older than the rules, too.
    type: str
    choices: [documented, server]
    default: documented
"""
