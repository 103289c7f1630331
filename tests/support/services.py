# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a molecule scenario works on: an emulator and a private Docker Engine with a small image, in one directory.

On the command line, from the collection root::

    python -m tests.support.services start --directory D
    python -m tests.support.services stop --directory D

In the directory emulator.json is the emulator's run file, and engine.json says under docker_host where the engine is.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
import typing as t
from pathlib import Path

from tests.support import emulator, engine, images

IMAGE = "hello:latest"
RUN_FILE = "emulator.json"

_STOP_SECONDS = 60.0
_POLL_SECONDS = 0.05


def main(arguments: t.Sequence[str] | None = None) -> int:
    """Start or stop by command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.services", description=__doc__)
    parser.add_argument("act", choices=("start", "stop"))
    parser.add_argument("--directory", type=Path, required=True, help="where everything is kept")
    options = parser.parse_args(arguments)
    return {"start": start, "stop": stop}[options.act](options.directory.resolve())


def start(directory: Path) -> int:
    """Start both, with an image that can be run; returns the exit code. What was started before is stopped first."""
    stop(directory)
    directory.mkdir(parents=True, exist_ok=True)
    code = engine.main(["start", "--private", "--directory", str(directory)])
    if code:
        return code
    docker_host = json.loads((directory / engine.RECORD).read_text(encoding="utf-8"))["docker_host"]
    images.load(docker_host, images.runnable(IMAGE))
    # Ansible calls this from a worker. Where that is still about to end when the play is over, its process group is
    # terminated, although the task was done: what is to outlive it must not belong to that group.
    emulator.start(directory, own_session=True)
    return 0


def stop(directory: Path) -> int:
    """Stop what is running; returns the exit code."""
    run_file = directory / RUN_FILE
    if run_file.exists():
        _stop_emulator(json.loads(run_file.read_text(encoding="utf-8"))["pid"], run_file)
        run_file.unlink(missing_ok=True)
    return engine.main(["stop", "--directory", str(directory)])


def _stop_emulator(pid: int, run_file: Path) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        if _serves(pid, run_file):
            os.kill(pid, number)
        limit = time.monotonic() + _STOP_SECONDS
        while _serves(pid, run_file) and time.monotonic() < limit:
            time.sleep(_POLL_SECONDS)


def _serves(pid: int, run_file: Path) -> bool:
    """Whether the process is the emulator of this run file: a pid may have gone to another program since."""
    try:
        return os.fsencode(run_file) in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main())
