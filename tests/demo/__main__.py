# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`python -m tests.demo`: from nothing to an image that is pushed, pulled and run, in less than a minute.

It needs no account: an emulator stands in for JD Cloud. Nothing of this machine's user is read or written: logins,
tokens and settings are in a temporary directory, which is gone in the end.
"""

from __future__ import annotations

import argparse
import json
import sys
import typing as t
from pathlib import Path

from tests.demo import keep, signals, story, takedown, trouble
from tests.demo.checks import DemoFailed
from tests.demo.screen import Screen
from tests.demo.stage import make_directory, set_up

FAILED = 1
INTERRUPTED = 130


def main(arguments: t.Sequence[str] | None = None) -> int:
    """Show the demo, or stop one that was kept; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the emulator and the Docker Engine running")
    parser.add_argument("--stop", type=Path, metavar="DIR", help="stop what an earlier demo left running, and exit")
    parser.add_argument("--private-engine", action="store_true", help="start a Docker Engine even if there is one")
    parser.add_argument(
        "--faults",
        type=json.loads,
        default=[],
        metavar="SCRIPT",
        help="what shall go wrong in the emulator (tests/emulator/README.md), to see a failure",
    )
    options = parser.parse_args(arguments)
    if options.stop:
        return stop(options.stop.resolve())
    return show(options.keep, options.private_engine, options.faults)


def stop(directory: Path) -> int:
    """Take down what --keep left running; returns the exit code."""
    if not takedown.is_a_demo(directory):
        print(f"{directory} is not the directory of a demo.", file=sys.stderr)
        return 1
    return _tidy_up(directory, Screen())


def show(keep_running: bool, private_engine: bool, faults: list[dict[str, t.Any]]) -> int:
    """Go the whole way and tidy up; returns the exit code."""
    signals.stop_by_exception()
    screen = Screen()
    screen.line("jdcloud.jcr: from nothing to a container that runs, with an emulator of JD Cloud Container Registry")
    screen.chapter("0. Setting up")
    directory = make_directory()
    code = FAILED
    try:
        stage = set_up(directory, screen, private_engine=private_engine, faults=faults)
        story.tell(stage, screen)
        if keep_running:
            keep.explain(stage, screen)
        code = 0
    except (DemoFailed, RuntimeError) as error:
        trouble.show(directory, screen)
        screen.chapter(f"The demo failed: {error}")
    except KeyboardInterrupt:
        screen.chapter("Interrupted.")
        code = INTERRUPTED
    finally:
        if not (keep_running and code == 0):
            code = _tidy_up(directory, screen) or code
    screen.line(f"{screen.seconds:.1f} seconds in all.")
    return code


def _tidy_up(directory: Path, screen: Screen) -> int:
    """Stop and remove everything; returns an exit code."""
    signals.ignore_all()
    try:
        takedown.take_down(directory)
    except DemoFailed as error:
        screen.line(f"Not everything could be tidied up: {error}")
        return FAILED
    screen.line("")
    screen.line(f"Stopped everything that was started, and removed {directory}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
