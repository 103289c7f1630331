# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Proving a login against a registry that may ask for anything: the password goes to that host or nowhere."""

from __future__ import annotations

import base64

import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Deadline
from ansible_collections.jdcloud.jcr.plugins.module_utils._distribution import ping
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    AuthenticationFailed,
    ConfigurationError,
    HostNotAllowed,
    JcrError,
    ProtocolError,
    ServerError,
    Unreachable,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Secret
from tests.support.fake_clock import FakeClock
from tests.support.scripted_server import ScriptedServer, cut, reply

PASSWORD = "pw-canary-123456"
BASIC = "Basic " + base64.b64encode(f"jdcloud:{PASSWORD}".encode()).decode()
ASKS_BASIC = reply(401, b"", www_authenticate='Basic realm="registry"')


def asks_bearer(realm, extra=',service="jcr",scope="a b"'):
    return reply(401, b"", www_authenticate=f'Bearer realm="{realm}"{extra}')


def log_in(host, insecure=True):
    clock = FakeClock()
    ping(
        host, "jdcloud", Secret(PASSWORD), insecure=insecure, clock=clock, deadline=Deadline(clock, None), timeout=20.0
    )


def refusal(kind, *script, answers=None):
    """The error that these answers lead to; C(answers) makes them when the server's host is known."""
    with ScriptedServer(*script) as server:
        if answers:
            server._script.extend(answers(server.host))
        with pytest.raises(kind) as caught:
            log_in(server.host)
    assert PASSWORD not in caught.value.message and BASIC not in caught.value.message
    assert caught.value.message.startswith(f"Cannot log in to {server.host}: ")
    return caught.value


def authorizations(server):
    return [request.headers["Authorization"] for request in server.requests]


def test_a_basic_login():
    with ScriptedServer(ASKS_BASIC, reply(200, {})) as server:
        log_in(server.host)
    assert [request.target for request in server.requests] == ["/v2/", "/v2/"]
    assert authorizations(server) == [None, BASIC]


@pytest.mark.parametrize("key", ["token", "access_token"])
def test_a_bearer_login_at_the_same_host(key):
    with ScriptedServer() as server:
        server._script.extend(
            [asks_bearer(f"http://{server.host}/auth?x=1"), reply(200, {key: "bearer-1"}), reply(200, {})]
        )
        log_in(server.host)
    assert server.requests[1].target == "/auth?x=1&service=jcr&scope=a%20b&account=jdcloud"
    assert authorizations(server) == [None, BASIC, "Bearer bearer-1"]
    assert server.connections == 1


def test_a_login_that_is_not_accepted():
    error = refusal(AuthenticationFailed, ASKS_BASIC, ASKS_BASIC)
    assert "401" in error.message and "issue a new one" in error.cure
    refusal(AuthenticationFailed, answers=lambda host: [asks_bearer(f"http://{host}/auth"), reply(401, b"")])
    refusal(AuthenticationFailed, answers=lambda host: [asks_bearer(f"http://{host}/auth"), reply(403, b"")])
    refusal(
        AuthenticationFailed,
        answers=lambda host: [asks_bearer(f"http://{host}/auth"), reply(200, {"token": "t"}), reply(401, b"")],
    )


@pytest.mark.parametrize(
    "realm",
    [
        "http://{sink}/auth",
        "http://{host}@{sink}/auth",
        "http://{sink}\\@{host}/auth",
        "http://{sink}#@{host}/auth",
        "https://{host}/auth",
        "http://localhost:{port}/auth",
        "http://user@{host}/auth",
        "//{host}/auth",
        "/auth",
        "http://[::1/auth",
        "",
    ],
)
def test_a_realm_elsewhere_gets_nothing(realm):
    with ScriptedServer() as sink, ScriptedServer() as server:
        elsewhere = realm.format(sink=sink.host, host=server.host, port=server.port)
        server._script.append(asks_bearer(elsewhere))
        with pytest.raises(HostNotAllowed) as caught:
            log_in(server.host)
        assert sink.connections == 0
    assert authorizations(server) == [None]
    assert PASSWORD not in caught.value.message


@pytest.mark.parametrize(
    ("kind", "script"),
    [
        (ProtocolError, [reply(200, {})]),
        (ProtocolError, [reply(404, b"")]),
        (ProtocolError, [reply(401, b"")]),
        (ProtocolError, [reply(401, b"", www_authenticate="Negotiate abc")]),
        (ProtocolError, [reply(302, b"", location="https://evil.example/")]),
        (ProtocolError, [ASKS_BASIC, reply(307, b"", location="https://evil.example/")]),
        (ServerError, [reply(503, b"")]),
        (ServerError, [ASKS_BASIC, reply(500, b"")]),
        (Unreachable, [cut(b"")]),
    ],
)
def test_other_answers_prove_nothing(kind, script):
    refusal(kind, *script)


@pytest.mark.parametrize(
    "body", [b"<html>", b"[]", b"{}", b'{"token": 5}', b'{"token": ""}', b'{"token": "a\\r\\nX: y"}']
)
def test_a_realm_without_a_token(body):
    refusal(ProtocolError, answers=lambda host: [asks_bearer(f"http://{host}/auth"), reply(200, body)])


def test_http_is_for_loopback_only():
    with pytest.raises(ConfigurationError):
        log_in("registry.example")


def test_a_host_with_a_path_is_refused():
    with pytest.raises(JcrError):
        log_in("127.0.0.1:1/x")
