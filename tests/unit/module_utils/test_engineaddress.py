# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Addresses of Docker Engines: what can never work is refused with a cure, before it is tried."""

from __future__ import annotations

import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils._engineaddress import DEFAULT_HOST, engine_address
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ConfigurationError

NO_ADDRESS = [
    # docker_host, part of the cause, part of the cure
    ("foo bar", "does not name a host", "Write unix:///PATH"),
    ("foo", "does not name a port", "Write tcp://foo:2376"),
    ("unix:/x", "how to speak to that socket", "Write unix:///x."),
    ("/var/run/docker.sock", "how to speak to that socket", "Write unix:///var/run/docker.sock."),
    ("unix://x/y.sock", "by a whole path", "Write unix:///x/y.sock."),
    (" unix:///x", "has a blank", "Take it out."),
    ("unix:///x\n", "has a blank", "Take it out."),
    ("tcp://a\0b:1", "cannot be printed", "Take it out."),
    ("nonsense://x", "of a kind (nonsense)", "Write unix:///PATH"),
    ("fd://", "of a kind (fd)", "Write unix:///PATH"),
    ("npipe:////./pipe/docker_engine", "of a kind (npipe)", "Write unix:///PATH"),
    ("tcp://", "does not name a host", "tcp://HOST:PORT"),
    ("tcp://:2375", "does not name a host", "tcp://HOST:PORT"),
    ("tcp://127.0.0.1", "does not name a port", "Write tcp://127.0.0.1:2376"),
    ("https://docker.example", "does not name a port", "Write https://docker.example:2376"),
    ("tcp://127.0.0.1:0", "does not name a host", "tcp://HOST:PORT"),
    ("tcp://127.0.0.1:65536", "no port from 1 to 65535", "tcp://HOST:PORT"),
    ("tcp://127.0.0.1:http", "no port from 1 to 65535", "tcp://HOST:PORT"),
    ("tcp://[::1:2375", "no port from 1 to 65535", "tcp://HOST:PORT"),
    ("ssh://", "does not name a host", "ssh://[USER@]HOST"),
    ("ssh://me@", "does not name a host", "ssh://[USER@]HOST"),
]


@pytest.mark.parametrize(("docker_host", "cause", "cure"), NO_ADDRESS, ids=[repr(row[0]) for row in NO_ADDRESS])
def test_what_is_no_address(docker_host, cause, cure):
    with pytest.raises(ConfigurationError) as caught:
        engine_address(docker_host).check()
    assert caught.value.cause.startswith(f"docker_host {docker_host!r} ")
    assert cause in caught.value.cause
    assert cure in caught.value.cure


@pytest.mark.parametrize(
    "docker_host", ["tcp://192.0.2.1:2375", "http://192.0.2.1:2375", "192.0.2.1:2375", "tcp://docker.example:2375/path"]
)
def test_no_password_travels_in_clear(docker_host):
    with pytest.raises(ConfigurationError, match="is not encrypted") as caught:
        engine_address(docker_host).check()
    assert "tls_verify" in caught.value.cure


@pytest.mark.parametrize(
    ("docker_host", "options", "here"),
    [
        (None, {}, True),
        ("unix:///run/docker.sock", {}, True),
        ("unix:///home/me/my engine.sock", {}, True),
        ("unix://", {}, True),
        ("tcp://127.0.0.1:2375", {}, True),
        ("tcp://[::1]:2375", {}, True),
        ("localhost:2375", {}, True),
        ("tcp://192.0.2.1:2376", {"tls": True}, False),
        ("tcp://192.0.2.1:2376", {"tls_verify": True}, False),
        ("tcp://192.0.2.1:2375", {"allow_insecure_docker_host": True}, False),
        ("https://192.0.2.1:2376", {}, False),
        ("https://docker.example:2376/engine", {}, False),
        ("ssh://192.0.2.1", {}, False),
        ("ssh://me@docker.example:22", {}, False),
    ],
)
def test_where_a_password_may_travel(docker_host, options, here):
    address = engine_address(docker_host, **options)
    address.check()
    assert address.docker_host == (docker_host or DEFAULT_HOST)
    assert address.is_here is here


@pytest.mark.parametrize("option", ["docker_timeout", "idle_timeout"])
@pytest.mark.parametrize("seconds", [0.0, -1.0, float("inf"), float("nan")])
def test_times_that_are_none(option, seconds):
    with pytest.raises(ConfigurationError, match=option):
        engine_address(**{option: seconds}).check()
