# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the demo itself says: chapters, facts, and how long it all took. Plain text where there is no terminal."""

from __future__ import annotations

import os
import sys
import time

_LABEL = 16


class Screen:
    """Standard output with a clock."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._bold = sys.stdout.isatty() and not os.environ.get("NO_COLOR")

    @property
    def seconds(self) -> float:
        """How long the demo has been running."""
        return time.monotonic() - self._started

    def chapter(self, title: str, explanation: str = "") -> None:
        """Begin a part of the demo."""
        self.line("")
        self.line(f"\x1b[1m{title}\x1b[0m" if self._bold else title)
        if explanation:
            self.line(explanation)

    def fact(self, label: str, *values: str) -> None:
        """A labelled value, or several ones below each other."""
        for number, value in enumerate(values):
            self.line(f"  {label if number == 0 else '':<{_LABEL}}{value}")

    def result(self, text: str) -> None:
        """What was measured, and found as it has to be."""
        self.line(f"  ✓ {text}")

    def line(self, text: str) -> None:
        """One line, at once: programs that the demo starts write to the same place.

        Raises KeyboardInterrupt when nobody reads any more (`| head`); further lines then go nowhere.
        """
        try:
            print(text, flush=True)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise KeyboardInterrupt from None
