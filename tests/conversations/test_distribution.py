# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Proving a login against the emulator's registry."""

from __future__ import annotations

import contextlib

import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils._client import Client
from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Clock, Deadline
from ansible_collections.jdcloud.jcr.plugins.module_utils._credentials import resolve
from ansible_collections.jdcloud.jcr.plugins.module_utils._distribution import ping
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import AuthenticationFailed
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Secret
from ansible_collections.jdcloud.jcr.plugins.module_utils._transport import Transport


@pytest.fixture
def client(emulator, tmp_path):
    keys = {"access_key": emulator.access_key, "secret_key": emulator.secret_key, "endpoint": emulator.endpoint}
    account, clock = resolve({**keys, "region": emulator.region}, {}, str(tmp_path)), Clock()
    transport = Transport(account.endpoint, verify=True, timeout=20.0, clock=clock)
    with contextlib.closing(Client(account, transport=transport, clock=clock, deadline=Deadline(clock, None))) as made:
        yield made


def log_in(host, password):
    clock = Clock()
    ping(host, "jdcloud", password, insecure=True, clock=clock, deadline=Deadline(clock, None), timeout=20.0)


@pytest.mark.parametrize("challenge", ["basic", "bearer"])
def test_a_token_opens_its_registry_until_it_is_released(client, emulator, challenge):
    emulator.settings({"challenge": challenge})
    mine, other = client.create_registry("team")["uri"], client.create_registry("others")["uri"]
    token = client.issue_token("team", 1)
    log_in(mine, token["password"])
    for host, password in ((other, token["password"]), (mine, Secret("x" * 16))):
        with pytest.raises(AuthenticationFailed) as caught:
            log_in(host, password)
        assert caught.value.message.startswith(f"Cannot log in to {host}: ")
    client.release_token("team", token["authorization_token"])
    with pytest.raises(AuthenticationFailed):
        log_in(mine, token["password"])
