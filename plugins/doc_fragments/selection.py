# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the options in _options.SELECTION."""

from __future__ import annotations


class ModuleDocFragment:
    """Which objects are chosen."""

    DOCUMENTATION = r"""
options:
  pattern:
    description:
      - Globs for the name, or for a tag where it is about images. C(*) stands for any characters, a C(/) too, C(?) for
        one, C([ab]) for one of these. Capital and small letters differ.
      - An object is chosen if it meets every option that is given; of an option that is a list, one entry is enough,
        and an empty list chooses nothing. Of an image, one tag has to meet all options that are about tags.
      - What the service does not tell of an object never meets an option that asks for it.
    type: list
    elements: str
  regex:
    description: Regular expressions of Python, one of which has to match the whole name or tag.
    type: list
    elements: str
  exclude:
    description: Globs as in O(pattern). An object whose name, or any tag of it, is like one of them is not chosen.
    type: list
    elements: str
  older_than:
    description:
      - Only what was created, or pushed, longer ago than this, by the service's time.
      - A number and a unit, C(w), C(d), C(h), C(m) (minutes) or C(s), for example V(30d) or V(1d12h).
    type: str
  newer_than:
    description: Only what was created, or pushed, less long ago than this; written as in O(older_than).
    type: str
  larger_than:
    description:
      - Only what takes up more than this.
      - A number of bytes, or a number and a unit, C(kB), C(MB), C(GB) or C(TB), for example V(500MB) or V(1.5GB). A kB
        has 1024 bytes.
    type: str
  smaller_than:
    description: Only what takes up less than this; written as in O(larger_than).
    type: str
"""
