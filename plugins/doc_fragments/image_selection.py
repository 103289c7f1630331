# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the options in _options.IMAGE_SELECTION."""

from __future__ import annotations


class ModuleDocFragment:
    """Which images are chosen, besides the options in selection."""

    DOCUMENTATION = r"""
options:
  tag_status:
    description: Only images that have a tag (V(tagged)), or that have none (V(untagged)).
    type: str
    choices: [tagged, untagged]
  semver:
    description:
      - Only images with a tag that is a version in this range, for example V(>=1.2,<2), V(~1.4), V(1.x) or
        V(^2.0 || 1.9.x).
      - Tags such as C(1.2), C(v1.2.3) and C(1.2.3-rc.1) are versions; a single number is none.
      - A version whose end is left out stands for all that begin so. Prereleases, also those such as C(1.2.3-alpine),
        are in the range only if it names one, as in V(>=1.2.0-0).
    type: str
  pulled_before:
    description:
      - Only images whose last pull is longer ago than this; written as in O(older_than).
      - One that was never pulled counts as if it had been pulled when it was pushed.
    type: str
  never_pulled:
    description: V(true) chooses images that were never pulled, V(false) those that were.
    type: bool
"""
