# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a person sees of a step of `make`: one line, and the end of its log when it failed."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping

from tests.tooling.process import CHECKOUT, Log, StepFailed

LINES_SHOWN = 40


def run_step(name: str, action: Callable[[Log], None], environment: Mapping[str, str] | None = None) -> bool:
    """Run one step, print its line, and say whether it succeeded. What it left running is stopped and is a failure."""
    started = time.monotonic()
    log = Log(name, environment)
    failures = failures_of(action, log)
    seconds = round(time.monotonic() - started)
    if not failures:
        print(f"ok {name} {seconds} s", flush=True)
        return True
    print(f"FAILED {name} {seconds} s: {'; '.join(str(failure) for failure in failures)}")
    for output in [text for failure in failures for text in failure.outputs] or [log.text()]:
        print(*(f"    {line}" for line in output.splitlines()[-LINES_SHOWN:]), sep="\n")
    print(f"    (whole log: {log.path.relative_to(CHECKOUT)})", flush=True)
    return False


def failures_of(action: Callable[[Log], None], log: Log) -> list[StepFailed]:
    """How the action failed; empty when it did not, and left nothing running."""
    failures = []
    try:
        action(log)
    except StepFailed as failure:
        failures.append(failure)
    finally:
        try:
            log.check_nothing_left()
        except StepFailed as failure:
            failures.append(failure)
    return failures


def exit_status(act: Callable[[], bool]) -> int:
    """Run what a command line asked for; 0: it succeeded, 1: it did not, 130: it was interrupted."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return 0 if act() else 1
    except KeyboardInterrupt:
        print("interrupted", flush=True)
        return 130
