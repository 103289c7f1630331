# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Counts of tests, summed over the JUnit files that the pytest runs wrote."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from tests.tooling.process import StepFailed


@dataclass(frozen=True)
class Counts:
    """How many tests passed, failed (or could not be run), and were skipped."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)


def read_counts(report: Path) -> Counts:
    """The counts of one JUnit file.

    Raises:
        StepFailed: there is no such file or it is cut off, that is: the run died before its end.
    """
    try:
        suites = ElementTree.parse(report).getroot().iter("testsuite")
    except (OSError, ElementTree.ParseError) as error:
        raise StepFailed(f"the test run wrote no report: {error}") from error
    return sum((counts_of(suite) for suite in suites), Counts())


def counts_of(suite: ElementTree.Element) -> Counts:
    """The counts of one suite; an error in a fixture is a failure of its test."""
    total, failures, errors, skipped = (int(suite.get(key, 0)) for key in ("tests", "failures", "errors", "skipped"))
    failed = failures + errors
    return Counts(passed=max(0, total - failed - skipped), failed=failed, skipped=skipped)
