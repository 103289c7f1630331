# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is measured, and whether it is good enough. Pure."""

from __future__ import annotations

import dataclasses
import typing as t


@dataclasses.dataclass(frozen=True)
class Cost:
    """What something took: seconds on the wall, and seconds of processor time of all its processes."""

    wall: float
    cpu: float

    def __sub__(self, other: Cost) -> Cost:
        return Cost(self.wall - other.wall, self.cpu - other.cpu)

    def __truediv__(self, count: float) -> Cost:
        return Cost(self.wall / count, self.cpu / count)


def mean(costs: t.Sequence[Cost]) -> Cost:
    """What one of them took on the average."""
    return Cost(sum(cost.wall for cost in costs), sum(cost.cpu for cost in costs)) / len(costs)


def least(costs: t.Sequence[Cost]) -> Cost:
    """The least of several measurements of the same: what else runs on a machine can only add to them."""
    return Cost(min(cost.wall for cost in costs), min(cost.cpu for cost in costs))


def quicker_half(seconds: t.Sequence[float]) -> float:
    """The mean of the quicker half (with the middle one) of several measurements of the same.

    What else runs on a machine slows down some of them and leaves the others; and their mean varies less from run to
    run than the least of all.
    """
    quicker = sorted(seconds)[: (len(seconds) + 1) // 2]
    return sum(quicker) / len(quicker)


@dataclasses.dataclass(frozen=True)
class Figure:
    """One measured number and the most that it may be; without a C(goal) it is told for information.

    C(how) says what was measured, in words and in milliseconds.
    """

    what: str
    value: float
    goal: float | None = None
    unit: str = ""
    how: str = ""

    @property
    def met(self) -> bool:
        return self.goal is None or self.value <= self.goal

    def __str__(self) -> str:
        bound = verdict = ""
        if self.goal is not None:
            bound, verdict = f"at most {_shown(self.goal)}", "met" if self.met else "MISSED"
        columns = f"{self.what:<66} {_shown(self.value):>8} {self.unit:<3} {bound:<14} {verdict:<7} {self.how}"
        return columns.rstrip()


def ratio(what: str, seconds: float, reference: float, goal: float | None = None, how: str = "") -> Figure:
    """How many times C(reference) something takes. ValueError if nothing was measured on one of the sides."""
    if seconds <= 0 or reference <= 0:
        raise ValueError(f"{what}: measured were {seconds:g} s against {reference:g} s, which cannot be compared")
    measured = f"{_milliseconds(seconds)} against {_milliseconds(reference)}"
    return Figure(what, seconds / reference, goal, how=f"{measured}{', ' if how else ''}{how}")


def missed(figures: t.Iterable[Figure]) -> list[Figure]:
    """Those that are worse than their goal."""
    return [figure for figure in figures if not figure.met]


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.1f} ms"


def _shown(number: float) -> str:
    """Three significant places, no exponent: 0.0123, 1.20, 96.4, 1234; nothing is 0."""
    if number == 0:
        return "0"
    places = next((places for places, bound in ((4, 0.1), (3, 1), (2, 10), (1, 1000)) if abs(number) < bound), 0)
    return f"{number:.{places}f}"
