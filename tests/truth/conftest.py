# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fixtures of the truth tests: our client of the emulator, and a real Docker Engine."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils._client import Client
from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Clock, Deadline
from ansible_collections.jdcloud.jcr.plugins.module_utils._credentials import Account, resolve
from ansible_collections.jdcloud.jcr.plugins.module_utils._transport import Transport
from tests.support.emulator import RunningEmulator

Connect = t.Callable[[Account], Client]


@pytest.fixture
def connect() -> t.Iterator[Connect]:
    """Makes clients of an account, as the modules do; all are closed in the end."""
    clients = []

    def make(account: Account) -> Client:
        clock = Clock()
        transport = Transport(account.endpoint, verify=True, timeout=60.0, clock=clock)
        clients.append(Client(account, transport=transport, clock=clock, deadline=Deadline(clock, None)))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def client(connect: Connect, emulator: RunningEmulator, tmp_path: Path) -> Client:
    """A client of the emulator's own account."""
    return connect(account_of(emulator, tmp_path))


def account_of(emulator: RunningEmulator, home: Path, **options: str) -> Account:
    """The emulator's own account, some of its options given otherwise."""
    own = {
        "access_key": emulator.access_key,
        "secret_key": emulator.secret_key,
        "endpoint": emulator.endpoint,
        "region": emulator.region,
    }
    return resolve({**own, **options}, {}, str(home))
