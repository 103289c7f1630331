# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What engines say while they push, with the right verdict on each: tests/contract/push-streams.json."""

from __future__ import annotations

import dataclasses
import typing as t

from tests.support.contract import load

TAG = "1"  # what every script pushes


@dataclasses.dataclass(frozen=True)
class PushScript:
    """One stream. C(end): clean, cut (the connection breaks), or open (it ends without a line end)."""

    name: str
    lines: tuple[str | dict[str, t.Any], ...]  # or {times, line}
    verdict: dict[str, t.Any]  # what PushStream.verdict() returns; or {kind, says, retryable}
    end: str = "clean"
    waits: int = 0

    def chunks(self) -> t.Iterator[bytes]:
        """The bytes of the stream, a line at a time."""
        ends = ["\r\n"] * (len(self.lines) - 1) + ["" if self.end == "open" else "\r\n"]
        for line, end in zip(self.lines, ends, strict=False):
            text, times = (line, 1) if isinstance(line, str) else (line["line"], line["times"])
            data = (text + end).encode()
            for _time in range(times):
                yield data


SCRIPTS = tuple(PushScript(**{**raw, "lines": tuple(raw["lines"])}) for raw in load("push-streams.json"))


def script(name: str) -> PushScript:
    """The script of this name."""
    return next(each for each in SCRIPTS if each.name == name)
