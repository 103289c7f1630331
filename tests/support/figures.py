# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Figures that tests find out, told at the end of the run whether it succeeds or not."""

from __future__ import annotations

MARK = "figure: "
told: list[str] = []


def tell(text: str) -> None:
    """Have one line printed at the end of the run."""
    told.append(text)
