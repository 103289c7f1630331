# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The test suites of `make`: which folders, how pytest and molecule are called, and where their counts are written."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.figures import MARK
from tests.tooling.counts import read_counts
from tests.tooling.oldest_core import OLDEST
from tests.tooling.process import CHECKOUT, VENV, Log, StepFailed

# For suites whose tests share nothing: each process has an emulator of its own, and engines if its tests want them.
PARALLEL = ("-n", str(min(4, os.cpu_count() or 1)), "--dist", "loadfile")
# What depends on how Ansible runs a task and shows what came of it.
WITH_OLDEST = (
    "test_where_it_runs.py::test_every_module_in_every_way",
    "test_where_it_runs.py::test_same_task_in_every_way",
    "test_where_it_runs.py::test_environment",
    "test_where_it_runs.py::test_login_on_other_hosts",
    "test_leaks.py::test_success[default]",
)
REPORT = "report.xml"


def unit(log: Log, temporary: Path) -> None:
    """Everything that needs no program but Python: the parts alone, the emulator, and both in conversation."""
    run_pytest(log, temporary, "tests/unit", "tests/emulator_tests", "tests/conversations", *PARALLEL)


def integration(log: Log, temporary: Path) -> None:
    """Modules and roles with a real Docker Engine."""
    run_pytest(log, temporary, "tests/integration", *PARALLEL)


def oldest(log: Log, temporary: Path) -> None:
    """Where tasks run and what they show, with the oldest ansible-core that the collection supports."""
    run_pytest(log, temporary, *(f"tests/integration/{name}" for name in WITH_OLDEST), *PARALLEL, python=OLDEST.python)


def truth(log: Log, temporary: Path) -> None:
    """The emulator and the signing against clients and servers that nobody here wrote."""
    run_pytest(log, temporary, "tests/truth")


def reliability(log: Log, temporary: Path) -> None:
    """Parallel, killed and long runs. Their figures are shown."""
    try:
        run_pytest(log, temporary, "tests/reliability")
    finally:
        for line in log.text().splitlines():
            if line.startswith(MARK):
                print(line.removeprefix(MARK), flush=True)


def molecule(log: Log, temporary: Path) -> None:
    """The scenarios of extensions/molecule: converge, again without a change, verify, clean up.

    Raises:
        StepFailed: a scenario failed, or there is none.
    """
    if not list((CHECKOUT / "extensions" / "molecule").glob("*/molecule.yml")):
        raise StepFailed("extensions/molecule holds no scenario")
    log.run(VENV / "bin" / "molecule", "test", "--all")


def run_pytest(log: Log, temporary: Path, *arguments: str, python: Path = VENV / "bin" / "python") -> None:
    """Run pytest and leave its JUnit file in `temporary`.

    Raises:
        StepFailed: a test failed, or was skipped: a skipped test proves nothing.
    """
    report = temporary / REPORT
    status = log.status(
        python,
        "-m",
        "pytest",
        "-q",
        "-ra",
        f"--junit-xml={report}",
        f"--basetemp={temporary / 'pytest'}",
        *arguments,
    )
    counts = read_counts(report)
    if counts.failed or status:
        raise StepFailed(f"{counts.failed} failed, {counts.passed} passed, pytest ended with status {status}")
    if counts.skipped:
        raise StepFailed(f"{counts.skipped} skipped")
