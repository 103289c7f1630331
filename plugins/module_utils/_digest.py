# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a digest looks like. Pure.

This module util is private to the collection.
"""

from __future__ import annotations

import re
import typing as t

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")  # the only algorithm that the service has (API page of describeImages)


def is_digest(value: t.Any) -> bool:
    """Whether this is a SHA-256 digest as registries write it."""
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None
