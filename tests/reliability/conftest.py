# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Prints the figures of the reliability tests at the end; `make reliability` shows these lines."""

from __future__ import annotations

import typing as t

from tests.support import figures


def pytest_terminal_summary(terminalreporter: t.Any) -> None:
    for text in figures.told:
        terminalreporter.write_line(figures.MARK + text)
