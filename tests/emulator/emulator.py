# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The emulator as an object: what it holds, and how it starts anew. It knows nothing of HTTP."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from tests.emulator.clock import Clock
from tests.emulator.credentials import Credentials
from tests.emulator.database import Database
from tests.emulator.faults import Faults
from tests.emulator.images import ImageStore
from tests.emulator.ports import Ports
from tests.emulator.recent import Recent
from tests.emulator.requestlog import RequestLog
from tests.emulator.settings import Settings
from tests.emulator.state import State


class Emulator:
    """Settings, clock, database, state, images, ports, request log and faults of one emulator."""

    def __init__(
        self, directory: Path, *, settings: Settings, now: datetime | None = None, database: str = "emulator.sqlite"
    ) -> None:
        """Open what the directory holds, or begin empty; the directory belongs to this emulator alone.

        C(database) is a file name in the directory; with C(:memory:) nothing outlives the process.
        """
        self.settings = settings
        self.clock = Clock(now)
        self.database = Database(database if database == ":memory:" else directory / database)
        self.credentials = Credentials(self.database)
        self.ports = Ports()
        self.state = State(self.database, self.clock, settings, self.ports)
        self.images = ImageStore(self.database, directory / "blobs", self.clock, settings)
        self.log = RequestLog(self.clock)
        self.faults = Faults()
        self.calls = Recent(self.clock)
        self.nonces = Recent(self.clock)

    async def open_registries(self) -> None:
        """Open the port of every registry that the state knows; PortTaken when another program has one."""
        for registry in self.state.registries():
            if registry.port is not None:
                await self.ports.open(self.ports.reserve(registry.port, f"registry {registry.name}"))

    def reset(self) -> None:
        """Forget all registries, images, tokens, faults and requests; settings and clock as at the start.

        The access key stays the same.
        """
        self.ports.close_registries()
        with self.database.transaction():
            keys = self.credentials.pair()
            self.database.erase()
            self.credentials.replace(*keys)
        self.images.remove_strays()
        self.settings.reset()
        self.clock.reset()
        self.faults.clear()
        self.calls.clear()
        self.nonces.clear()
        self.log.clear()

    def close(self) -> None:
        """Close the database."""
        self.database.close()
