# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the options in _options.TOKEN."""

from __future__ import annotations


class ModuleDocFragment:
    """How tokens are come by."""

    DOCUMENTATION = r"""
options:
  hours:
    description:
      - How many hours a newly issued token lives, from 1 to 24; a whole number.
      - A number in quotes is refused in a task. A template may give a text that is a whole number.
    type: int
    default: 12
  min_remaining:
    description: How many minutes a token that is used again must still live.
    type: int
    default: 30
  on_rate_limit:
    description:
      - What to do when a token is needed and the hour's 5 tokens are used up.
      - V(fail) fails and says when the next one can be had, V(wait) waits for it within O(deadline), V(reuse) takes a
        valid token from the cache even if it lives shorter than O(min_remaining).
      - The next one may be an hour away, so raise O(deadline) for V(wait).
    type: str
    choices: [reuse, wait, fail]
    default: fail
  cache:
    description:
      - The directory in which tokens are kept until they expire, readable by its owner only. It has no other use, and
        is not the home itself.
      - Without it, E(JCR_TOKEN_CACHE) is used, and then C(jdcloud-jcr) in the user's cache directory.
      - Tasks that share it share their tokens. Deleting its files forgets the tokens, which stay valid.
    type: path
"""
