# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`make setup`: `.venv` with everything that builds, tests and demonstrates the collection, and the collection in it.

Runs on the Python that `.venv` is made with, before there is a `.venv`.
"""

from __future__ import annotations

import fcntl
import sys

from tests.tooling.process import CACHE, CHECKOUT, VENV, Log
from tests.tooling.report import exit_status, run_step
from tests.tooling.virtualenv import VirtualEnvironment

TOOLS = VirtualEnvironment(VENV, CHECKOUT / "tests" / "requirements.txt")
MADE_WITH = VENV / "made-with"  # find_python.sh reads it, so that a Python once chosen stays chosen


def set_up(log: Log) -> None:
    """Make `.venv` unless it is up to date; two at the same time wait for each other."""
    with (CACHE / "setup.lock").open("w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not TOOLS.is_current():
            TOOLS.make(log)
            TOOLS.stamp()
            MADE_WITH.write_text(f"{base_python()}\n", encoding="utf-8")
        link_collection(TOOLS)


def base_python() -> str:
    """The Python behind the one that runs now, should that be one of a virtual environment."""
    return getattr(sys, "_base_executable", None) or sys.executable


def link_collection(environment: VirtualEnvironment) -> None:
    """Let everything in it find the collection, from any folder and without an environment variable."""
    link = environment.packages / "ansible_collections" / "jdcloud" / "jcr"
    if link.is_symlink() and link.readlink() == CHECKOUT:
        return
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(CHECKOUT)


if __name__ == "__main__":
    sys.exit(exit_status(lambda: run_step("setup", set_up)))
