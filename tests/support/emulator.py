# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Starts emulators for tests and speaks to their admin API."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import requests

_ROOT = Path(__file__).resolve().parents[2]
# Generous, since machines can be slow; a start takes well under a second.
_LONGEST_START = 60.0
_LONGEST_STOP = 30.0
_POLL = 0.02


@dataclasses.dataclass
class RunningEmulator:
    """A running emulator. As a context manager it stops in the end."""

    endpoint: str
    admin: str
    access_key: str
    secret_key: str
    region: str
    pid: int
    process: subprocess.Popen[bytes]
    session: requests.Session = dataclasses.field(default_factory=requests.Session)

    def __enter__(self) -> RunningEmulator:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    def requests(self, since: int = 0) -> list[dict[str, t.Any]]:
        """The request log: the entries after this index."""
        return self._get("/requests", since=str(since))["requests"]

    def state(self, *, secrets: bool = False) -> dict[str, t.Any]:
        """Everything the emulator holds; passwords of tokens only when asked for."""
        return self._get("/state", secrets="1" if secrets else "0")

    def reset(self) -> None:
        """Forget everything, settings and clock as at the start."""
        self._post("/reset", {})

    def clock(self, *, now: str | None = None, advance_seconds: float | None = None, frozen: bool | None = None) -> str:
        """Set or move the clock; returns the time it shows then."""
        wanted = {"now": now, "advance_seconds": advance_seconds, "frozen": frozen}
        return self._post("/clock", {key: value for key, value in wanted.items() if value is not None})["now"]

    def faults(self, script: list[dict[str, t.Any]]) -> None:
        """Put a script of faults in force, instead of the one before."""
        self._post("/faults", script)

    def settings(self, changes: dict[str, t.Any]) -> dict[str, t.Any]:
        """Change settings; returns all of them."""
        return self._post("/settings", changes)

    def stop(self) -> int:
        """Ask it to end, and wait; returns its exit code. Stopping twice is harmless."""
        self.session.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(_LONGEST_STOP)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        """End it without a chance to tidy up."""
        self.session.close()
        self.process.kill()
        self.process.wait()

    def _get(self, path: str, **query: str) -> t.Any:
        return _answer(self.session.get(self.admin + path, params=query, timeout=_LONGEST_START))

    def _post(self, path: str, content: object) -> t.Any:
        return _answer(self.session.post(self.admin + path, json=content, timeout=_LONGEST_START))


def start(
    directory: Path | str,
    *,
    now: str | None = None,
    settings: dict[str, t.Any] | None = None,
    state: Path | str | None = None,
    keys: tuple[str, str] | None = None,
    own_session: bool = False,
) -> RunningEmulator:
    """Start an emulator with its run file in a directory and wait until it answers.

    With C(own_session), no signal to the caller's process group reaches it: it is stopped by its pid.
    RuntimeError, with what it wrote, when it ends instead. The emulator's own errors go to emulator.err there.
    """
    run_file = Path(directory) / "emulator.json"
    command = [sys.executable, "-m", "tests.emulator", "--run-file", str(run_file)]
    command += ["--now", now] if now else []
    command += ["--state", str(state)] if state else []
    command += ["--access-key", keys[0], "--secret-key", keys[1]] if keys else []
    for key, value in (settings or {}).items():
        command += ["--set", f"{key}={','.join(value) if isinstance(value, list) else value}"]
    run_file.unlink(missing_ok=True)
    errors = Path(directory) / "emulator.err"
    with errors.open("wb") as stderr:
        process = subprocess.Popen(
            command,
            cwd=_ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            env=_environment(),
            start_new_session=own_session,
        )
    give_up = time.monotonic() + _LONGEST_START
    while not run_file.exists():
        if process.poll() is not None or time.monotonic() > give_up:
            process.kill()
            process.wait()
            raise RuntimeError(f"the emulator did not start: {errors.read_text(encoding='utf-8', errors='replace')}")
        time.sleep(_POLL)
    running = RunningEmulator(process=process, **json.loads(run_file.read_text(encoding="utf-8")))
    # The admin API is on this machine: no proxy and no login of the user's environment has a say.
    running.session.trust_env = False
    return running


def _environment() -> dict[str, str]:
    """The environment without what would make Python look elsewhere for modules."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}


def _answer(response: requests.Response) -> t.Any:
    if response.status_code != requests.codes.ok:
        raise RuntimeError(f"the emulator refuses {response.url}: {response.text}")
    return response.json()
