# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`python -m tests.benchmarks [CHAPTER…]`: print each figure beside its goal; status 1 if one is missed."""

from __future__ import annotations

import argparse
import sys
import tempfile
import typing as t
from pathlib import Path

from tests.benchmarks import bulk, demo, memory, pushes, tasks, transfers
from tests.benchmarks.figures import Figure, missed
from tests.benchmarks.stage import stage

# Each has TITLE, and figures(stage), which yields Figures.
CHAPTERS: t.Mapping[str, t.Any] = {
    "tasks": tasks,
    "bulk": bulk,
    "pushes": pushes,
    "demo": demo,
    "transfers": transfers,
    "memory": memory,
}


def main(arguments: t.Sequence[str] | None = None) -> int:
    """Measure the chapters that are named, or all; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("chapters", nargs="*", metavar="CHAPTER", help=", ".join(CHAPTERS))
    names = parser.parse_args(arguments).chapters or list(CHAPTERS)
    unknown = sorted(set(names) - set(CHAPTERS))
    if unknown:
        parser.error(f"no chapter {', '.join(unknown)}; there are {', '.join(CHAPTERS)}")
    told: list[Figure] = []
    broken = 0
    for name in names:
        print(f"\n{CHAPTERS[name].TITLE}", flush=True)
        try:
            with tempfile.TemporaryDirectory(prefix="jcr-bench-") as directory, stage(Path(directory)) as place:
                for figure in CHAPTERS[name].figures(place):
                    told.append(figure)
                    print(f"    {figure}", flush=True)
        except Exception as error:  # the other chapters are measured all the same
            broken += 1
            print(f"    chapter {name} broke off: {error}", flush=True)
    worse = missed(told)
    print(f"\n{len(told)} figures, {len(worse)} missed their goal" + (f", {broken} chapters broke off" * bool(broken)))
    return 1 if worse or broken else 0


if __name__ == "__main__":
    sys.exit(main())
