# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`python -m tests.benchmarks`: measure everything and print one table of ratios."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.benchmarks import demo, pushes, tasks, transfers
from tests.benchmarks.stage import stage

CHAPTERS = {
    "A task with nothing to do, against ansible.builtin.ping": tasks,
    "A push with nothing to do (100 MiB in 10 layers), against community.docker": pushes,
    "The demo's second run, against as many pings": demo,
    "Images without a daemon (100 MiB in 10 layers), against skopeo and the floor": transfers,
}


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="jcr-bench-") as directory, stage(Path(directory)) as place:
        tasks.prepare(place)
        for title, chapter in CHAPTERS.items():
            print(f"\n{title}")
            for what, seconds, reference in chapter.rows(place):
                print(f"    {what:62} {1000 * seconds:8.1f} ms   ratio {seconds / reference:6.3f}", flush=True)


if __name__ == "__main__":
    main()
