# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How costs are found: of processes, and of two sides by turns."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
import time
import typing as t

from tests.benchmarks.figures import Cost, least

ROUNDS = 3
Measure = t.Callable[[], Cost]

_TELLING_ITS_PEAK = """
import atexit, re, runpy, sys
def tell():
    with open("/proc/self/status") as status:
        sys.stderr.write(re.search("VmHWM:.*\\n", status.read())[0])
atexit.register(tell)
runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
"""


class Failed(RuntimeError):
    """A command that is measured did not succeed; the text is the end of what it wrote."""


def run(command: t.Sequence[str | os.PathLike[str]], **options: t.Any) -> tuple[Cost, bytes]:
    """Run a command that has to succeed; returns what it and all its children took, and its standard output."""
    before, started = _cpu_of_children(), time.perf_counter()
    done = subprocess.run(command, capture_output=True, check=False, **options)
    cost = Cost(time.perf_counter() - started, _cpu_of_children() - before)
    if done.returncode:
        output = (done.stdout + done.stderr).decode("utf-8", "replace")
        raise Failed(f"{' '.join(map(str, command))} failed:\n{output[-3000:]}")
    return cost, done.stdout


def by_turns(measures: t.Mapping[str, Measure], rounds: int = ROUNDS) -> dict[str, Cost]:
    """The least cost of each; all are measured once before the next round, so that a busy moment strikes all alike."""
    found: dict[str, list[Cost]] = {name: [] for name in measures}
    for _round in range(rounds):
        for name, measure in measures.items():
            found[name].append(measure())
    return {name: least(costs) for name, costs in found.items()}


def peak_memory(module: str, content: bytes, **options: t.Any) -> tuple[float, bytes]:
    """The most memory in MB that C(python -m MODULE) had at a time, and its standard output.

    The process tells it itself: what the kernel says of a child that has ended counts its parent's memory, too.
    """
    program = [sys.executable, "-c", _TELLING_ITS_PEAK, module]
    done = subprocess.run(program, input=content, capture_output=True, check=False, **options)
    told = re.search(rb"VmHWM:\s+([0-9]+) kB\n\Z", done.stderr)
    if done.returncode or told is None:
        raise Failed(f"{module} failed:\n{(done.stdout + done.stderr).decode('utf-8', 'replace')[-3000:]}")
    return int(told[1]) / 1024, done.stdout


def _cpu_of_children() -> float:
    """Seconds of processor time of all children so far that have ended, and of theirs."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
