# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command line: C(python -m tests.emulator)."""

from __future__ import annotations

import argparse
import asyncio
import logging
import re
import sys
from datetime import datetime
from pathlib import Path

from tests.emulator import clock
from tests.emulator.ports import PortTaken
from tests.emulator.runfile import RunFileInUse
from tests.emulator.server import Options, StateInUse, serve
from tests.emulator.settings import SWITCHES, BadSetting, Settings, parse_pairs


def _arguments(argv: list[str] | None) -> Options:
    parser = argparse.ArgumentParser(
        prog="python -m tests.emulator",
        description="A stand-in for JD Cloud Container Registry on 127.0.0.1; serves until SIGTERM or Ctrl-C.",
        epilog="Settings: " + "; ".join(f"{switch.key} ({_shown(switch.default)})" for switch in SWITCHES) + ".",
    )
    parser.add_argument("--port", type=_port, default=0, help="main port; 0 = any free one")
    parser.add_argument("--run-file", type=Path, help="JSON file that says how to reach it, there while it runs")
    parser.add_argument("--state", type=Path, metavar="DIR", help="keep everything here over restarts")
    parser.add_argument("--access-key", type=_key, help="default: made up, or the one of --state")
    parser.add_argument("--secret-key", type=_key)
    parser.add_argument("--now", type=_time, help="time to start at, as 20260101T123456Z or RFC 3339")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="pairs", help="see README.md")
    given = parser.parse_args(argv)
    if (given.access_key is None) != (given.secret_key is None):
        parser.error("--access-key and --secret-key belong together")
    keys = (given.access_key, given.secret_key) if given.access_key else None
    try:
        settings = Settings(parse_pairs(given.pairs))
    except BadSetting as error:
        parser.error(f"--set: {error}")
    return Options(given.port, given.run_file, given.state, keys, given.now, settings)


def _shown(default: object) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    return ",".join(default) if isinstance(default, list) else str(default)


def _port(text: str) -> int:
    if not re.fullmatch("[0-9]{1,5}", text) or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port")
    return int(text)


def _key(text: str) -> str:
    if not re.fullmatch("[!-~]+", text) or set(text) & set("/,"):
        raise argparse.ArgumentTypeError("a key is made of visible ASCII characters other than / and ,")
    return text


def _time(text: str) -> datetime:
    try:
        return clock.parse(text)
    except (ValueError, OverflowError) as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def main(argv: list[str] | None = None) -> int:
    """Run the emulator; returns the exit code."""
    options = _arguments(argv)
    # Docker knocks with TLS first on every connection; the server's warnings about that would be noise.
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
    try:
        asyncio.run(serve(options))
    except (PortTaken, StateInUse, RunFileInUse, OSError) as error:
        sys.stderr.write(f"the emulator cannot start: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
