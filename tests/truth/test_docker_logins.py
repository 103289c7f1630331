# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The docker CLI takes what we write for what it writes itself. It needs neither a daemon nor a network for that."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Clock
from ansible_collections.jdcloud.jcr.plugins.module_utils._dockerlogin import DockerConfig
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Secret

HOST = "myregistry-cn-north-1.jcr.service.jdcloud.com"
OTHER = "127.0.0.1:5000"
LOGIN = ("jdcloud", Secret("0123456789abcdef"))

HELPER = """#!/bin/sh
# A credential store that keeps one file a host in $VAULT.
case $1 in
store) login=$(cat); host=${login#*\\"ServerURL\\": \\"}; printf %s "$login" >"$VAULT/${host%%\\"*}" ;;
get) file=$VAULT/$(cat); cat "$file" 2>/dev/null || { echo "credentials not found in native keychain"; exit 1; } ;;
erase) rm -f "$VAULT/$(cat)" ;;
esac
"""


@pytest.fixture
def path(tmp_path):
    (tmp_path / "config").mkdir()
    return tmp_path / "config" / "config.json"


@pytest.fixture
def config(path):
    return DockerConfig(str(path), clock=Clock())


def logout(path, host):
    command = ["docker", "--config", str(path.parent), "logout", host]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    return told.stdout + told.stderr


def test_docker_logout_finds_our_login(config, path):
    config.write({HOST: LOGIN, OTHER: LOGIN})
    logout(path, HOST)
    found = config.read([HOST, OTHER])
    assert found[HOST] is None
    assert found[OTHER]["username"] == "jdcloud"


def test_docker_logout_finds_our_login_in_a_credential_store(config, path, tmp_path, monkeypatch):
    vault, programs = tmp_path / "vault", tmp_path / "bin"
    vault.mkdir()
    programs.mkdir()
    (programs / "docker-credential-vault").write_text(HELPER)
    (programs / "docker-credential-vault").chmod(0o755)
    monkeypatch.setenv("VAULT", str(vault))
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    path.write_text('{"credsStore": "vault"}')
    config.write({HOST: LOGIN, OTHER: LOGIN})
    assert sorted(os.listdir(vault)) == sorted([HOST, OTHER])
    logout(path, HOST)
    assert os.listdir(vault) == [OTHER]
    assert json.loads(path.read_text())["auths"] == {OTHER: {}}
    assert config.read([HOST])[HOST] is None
