# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs an emulator until it is told to stop, and leaves nothing behind that nobody asked for."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import fcntl
import os
import signal
import tempfile
import typing as t
from datetime import datetime
from pathlib import Path

from tests.emulator.admin import PREFIX as ADMIN_PREFIX
from tests.emulator.app import Application
from tests.emulator.emulator import Emulator
from tests.emulator.ports import HOST
from tests.emulator.runfile import announced
from tests.emulator.settings import Settings

_REGION = "cn-north-1"


class StateInUse(Exception):
    """Another emulator works in the state directory."""


@dataclasses.dataclass(frozen=True)
class Options:
    """How to start: the options of the command line."""

    port: int
    run_file: Path | None
    state: Path | None
    keys: tuple[str, str] | None
    now: datetime | None
    settings: Settings


async def serve(options: Options) -> None:
    """Serve until SIGTERM or SIGINT. Raises PortTaken, StateInUse, RunFileInUse or OSError when it cannot start."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with _directory(options.state) as directory:
        database = "emulator.sqlite" if options.state else ":memory:"
        emulator = Emulator(directory, settings=options.settings, now=options.now, database=database)
        try:
            if options.keys:
                emulator.credentials.replace(*options.keys)
            await _open_ports(emulator, options.port)
            with announced(_run_information(emulator), options.run_file):
                await stop.wait()
        finally:
            await emulator.ports.close_all()
            emulator.close()


async def _open_ports(emulator: Emulator, port: int) -> None:
    emulator.ports.serve(Application(emulator))
    listener = emulator.ports.reserve(port)
    emulator.ports.main = listener.getsockname()[1]
    await emulator.ports.open(listener)
    await emulator.open_registries()


def _run_information(emulator: Emulator) -> dict[str, t.Any]:
    endpoint = f"http://{HOST}:{emulator.ports.main}"
    access_key, secret_key = emulator.credentials.pair()
    return {
        "pid": os.getpid(),
        "endpoint": endpoint,
        "admin": endpoint + ADMIN_PREFIX,
        "access_key": access_key,
        "secret_key": secret_key,
        "region": _REGION,
    }


@contextlib.contextmanager
def _directory(state: Path | None) -> t.Iterator[Path]:
    """The state directory, locked; or a new one that goes again in the end."""
    if state is None:
        with tempfile.TemporaryDirectory(prefix="jcr-emulator-") as temporary:
            yield Path(temporary)
        return
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (state / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StateInUse(f"another emulator works in {state}") from error
        yield state
