# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`python -m tests.tooling.steps NAME…`: run steps of the Makefile, all of them even after one that failed.

With `--counts` the last line is `N passed, 0 failed`, over all tests of all suites; a step that failed although no test
did counts as one failure.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.tooling.counts import Counts, read_counts
from tests.tooling.debian import install_programs
from tests.tooling.docs import docs
from tests.tooling.galaxy import build, changelog
from tests.tooling.lint import lint
from tests.tooling.oldest_core import install_oldest_core
from tests.tooling.process import Log, clean_environment
from tests.tooling.report import exit_status, run_step
from tests.tooling.sanity import sanity
from tests.tooling.suites import REPORT, integration, molecule, oldest, reliability, truth, unit
from tests.tooling.truth_clients import install_clients


@dataclass(frozen=True)
class Outcome:
    """What came of one step."""

    succeeded: bool
    counts: Counts


def setup_tests(log: Log, temporary: Path) -> None:
    """Install what only the tests need: Debian's programs, the vendor's own clients and an old Ansible."""
    install_programs(log)
    install_clients(log)
    install_oldest_core(log)


# These need the caller's own home: pip's settings, and the virtual environments that ansible-test keeps there.
AT_HOME = {"setup-tests", "sanity"}
STEPS: dict[str, Callable[[Log, Path], None]] = {
    "setup-tests": setup_tests,
    "lint": lint,
    "sanity": sanity,
    "unit": unit,
    "integration": integration,
    "oldest": oldest,
    "truth": truth,
    "molecule": molecule,
    "reliability": reliability,
    "docs": docs,
    "build": build,
    "changelog": changelog,
}


def main(arguments: Sequence[str]) -> bool:
    """Run the named steps, and say whether every one succeeded."""
    parser = argparse.ArgumentParser(prog="python -m tests.tooling.steps", description=__doc__)
    parser.add_argument("names", nargs="+", choices=STEPS, metavar="NAME", help=", ".join(STEPS))
    parser.add_argument("--counts", action="store_true", help="end with one line of counts")
    options = parser.parse_args(arguments)
    outcomes = [run(name) for name in options.names]
    if options.counts:
        total = sum((outcome.counts for outcome in outcomes), Counts())
        print(f"{total.passed} passed, {total.failed} failed")
    return all(outcome.succeeded for outcome in outcomes)


def run(name: str) -> Outcome:
    """Run one step in a temporary folder of its own, which is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="jcr-", ignore_cleanup_errors=True) as folder:
        temporary = Path(folder).resolve()
        environment = clean_environment(temporary)
        if name in AT_HOME:
            environment["HOME"] = str(Path.home())
        succeeded = run_step(name, lambda log: STEPS[name](log, temporary), environment)
        report = temporary / REPORT
        counts = read_counts(report) if report.exists() else Counts()
    if not succeeded and not counts.failed:
        counts += Counts(failed=1)
    return Outcome(succeeded, counts)


if __name__ == "__main__":
    sys.exit(exit_status(lambda: main(sys.argv[1:])))
