# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The collection's version, as the service sees it in the User-Agent. Its home is galaxy.yml; a test compares the two.

This module util is private to the collection.
"""

from __future__ import annotations

COLLECTION_VERSION = "0.2.0"
