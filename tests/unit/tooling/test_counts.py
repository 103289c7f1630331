# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The counts that `make test` ends with."""

from __future__ import annotations

import pytest

from tests.tooling.counts import Counts, read_counts
from tests.tooling.process import StepFailed

TWO_SUITES = """<?xml version="1.0"?>
<testsuites>
  <testsuite name="pytest" errors="1" failures="2" skipped="3" tests="10"/>
  <testsuite name="pytest" errors="0" failures="0" skipped="0" tests="5"/>
</testsuites>"""


def test_suites_are_summed_and_errors_are_failures(tmp_path):
    report = tmp_path / "report.xml"
    report.write_text(TWO_SUITES, encoding="utf-8")
    assert read_counts(report) == Counts(passed=9, failed=3, skipped=3)


def test_counts_add_up():
    assert Counts(1, 2, 3) + Counts(10, 20, 30) == Counts(11, 22, 33)


@pytest.mark.parametrize("content", [None, "", TWO_SUITES[:80]])
def test_a_run_that_died_is_a_failure(tmp_path, content):
    report = tmp_path / "report.xml"
    if content is not None:
        report.write_text(content, encoding="utf-8")
    with pytest.raises(StepFailed, match="wrote no report"):
        read_counts(report)
