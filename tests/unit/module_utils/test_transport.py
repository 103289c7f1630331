# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The transport against servers that answer with chosen bytes: what is sent, what is refused, when it gives up."""

from __future__ import annotations

import base64
import contextlib
import datetime
import gzip
import socket
import ssl
import subprocess
import sys
import threading
import types

import pytest
import trustme

from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Clock, Deadline
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    ConfigurationError,
    DeadlineExceeded,
    ProtocolError,
    Unreachable,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._route import Proxy, is_loopback, proxy_for
from ansible_collections.jdcloud.jcr.plugins.module_utils._transport import Transport
from tests.support.fake_clock import FakeClock
from tests.support.scripted_server import (
    ScriptedServer,
    cut,
    endless,
    reply,
    reset,
    silence,
)

SECRET_HEADERS = {"Authorization": "JDCLOUD3 sig-canary", "x-jdcloud-security-token": "sts-canary"}
BRIEF = 0.2  # seconds a test waits for an answer that never comes


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch, tmp_path):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NETRC"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def send(transport, method="GET", target="/v1/x", headers=None, body=None, sign=None, deadline=None, clock=None):
    """One request with a signer that adds the headers that must never leak."""
    clock = clock or FakeClock()
    return transport.send(
        method,
        target,
        headers=headers or {"Content-Type": "application/json"},
        body=body,
        sign=sign or (lambda prepared: prepared.headers.update(SECRET_HEADERS)),
        deadline=deadline or Deadline(clock, None),
    )


class Tunnel:
    """A proxy whose tunnels lead to a port of this machine, wherever they are asked to lead."""

    def __init__(self, port):
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets = [self._listener]
        self._threads = []
        self.host = "127.0.0.1:%d" % self._listener.getsockname()[1]
        self.asked = []

    def __enter__(self):
        self._start(self._accept)
        return self

    def __exit__(self, *_exception):
        for sock in self._sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        for thread in self._threads:
            thread.join()

    def _start(self, target, *arguments):
        self._threads.append(threading.Thread(target=target, args=arguments, daemon=True))
        self._threads[-1].start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _address = self._listener.accept()
                request = b""
                while b"\r\n\r\n" not in request:
                    request += client.recv(65536)
                self.asked.append(request)
                server = socket.create_connection(("127.0.0.1", self._port))
                self._sockets += [client, server]
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                self._start(self._forward, client, server)
                self._start(self._forward, server, client)

    def _forward(self, source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def transport_to(url, clock=None, **options):
    settings = {"verify": True, "timeout": 20.0, **options}
    transport = Transport(url, clock=clock or FakeClock(), **settings)
    try:
        yield transport
    finally:
        transport.close()


# --- what goes out and what comes back -------------------------------------------------------------------------------


def test_a_request_and_its_answer():
    with ScriptedServer(reply(200, {"a": 1}, date="Thu, 01 Jan 2026 12:34:56 GMT")) as server:
        clock = FakeClock(tick=0.25)
        with transport_to(server.url, clock) as transport:
            answer = send(transport, "POST", "/v1/r%2Fx?a=%7E&b=2", body=b'{"x": 1}', clock=clock)
    assert (answer.status, answer.body) == (200, b'{"a": 1}')
    assert answer.headers["DATE"] == "Thu, 01 Jan 2026 12:34:56 GMT"
    assert 0 < answer.elapsed < 5
    request = server.requests[0]
    assert (request.method, request.body) == ("POST", b'{"x": 1}')
    assert request.headers["User-Agent"].startswith("ansible-jdcloud.jcr/")
    assert request.headers["Authorization"] == SECRET_HEADERS["Authorization"]


def test_the_signer_sees_the_very_bytes_that_are_sent():
    seen = []

    def sign(prepared):
        seen.append((prepared.method, prepared.path_url, prepared.headers["Content-Type"], prepared.body))
        prepared.headers["Authorization"] = "signed"

    with ScriptedServer(reply()) as server, transport_to(server.url) as transport:
        send(transport, "POST", "/v1/a/%E6%B5%8B/../b~?q=%2F&p=a=b", body="{\u6d4b}".encode(), sign=sign)
    request = server.requests[0]
    sent = (request.method, request.target, request.headers["Content-Type"], request.body)
    assert seen == [sent]


def test_the_connection_is_kept_alive_and_no_cookie_is_sent_back():
    with ScriptedServer(*[reply(200, b"{}", set_cookie="lb=1; Path=/")] * 3) as server:
        with transport_to(server.url) as transport:
            for _time in range(3):
                send(transport)
    assert server.connections == 1
    assert [request.headers["Cookie"] for request in server.requests] == [None, None, None]


def test_netrc_never_replaces_the_signature(monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("default login mallory password hunter2\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with ScriptedServer(reply()) as server, transport_to(server.url) as transport:
        send(transport)
    assert server.requests[0].headers["Authorization"] == SECRET_HEADERS["Authorization"]


@pytest.mark.parametrize("status", [200, 201, 204, 400, 401, 403, 404, 409, 429, 500, 502, 503])
def test_any_status_but_3xx_is_an_answer(status):
    with ScriptedServer(reply(status, b"")) as server, transport_to(server.url) as transport:
        assert send(transport).status == status


# --- redirects -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
@pytest.mark.parametrize("same_host", [True, False])
def test_no_redirect_is_followed_and_nothing_reaches_the_other_host(status, same_host):
    with ScriptedServer() as sink:
        location = "/elsewhere" if same_host else f"http://user:pw@{sink.host}/steal?x=1"
        with ScriptedServer(reply(status, b"{}", location=location)) as server, transport_to(server.url) as transport:
            with pytest.raises(ProtocolError) as caught:
                send(transport, "POST", body=b'{"secret": 1}')
        assert sink.requests == [] and sink.connections == 0
    assert caught.value.http_status == status
    assert "127.0.0.1" in caught.value.message
    assert "steal" not in caught.value.message and "pw" not in caught.value.message


def test_a_redirect_to_an_unreadable_address_is_told_as_such():
    with ScriptedServer(reply(302, b"", location="http://[::1/")) as server, transport_to(server.url) as transport:
        with pytest.raises(ProtocolError, match="cannot be read"):
            send(transport)


# --- time ------------------------------------------------------------------------------------------------------------

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    "dripping",
    [
        endless(HEAD + b"Content-Length: 8000000\r\n\r\n", b"x"),
        endless(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        endless(HEAD, b"X-Drip: 1"),  # a header line that does not end
        endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["body", "chunks", "headers", "100-continue"],
)
def test_the_deadline_ends_an_answer_that_drips(dripping):
    clock = FakeClock(tick=1.0)
    with ScriptedServer(dripping) as server, transport_to(server.url, clock, timeout=1000.0) as transport:
        with pytest.raises(DeadlineExceeded) as caught:
            send(transport, deadline=Deadline(clock, 15.0))
    assert caught.value.sent is True


def test_the_time_out_of_one_attempt_ends_an_answer_that_drips():
    clock = FakeClock(tick=1.0)
    dripping = endless(HEAD + b"Content-Length: 8000000\r\n\r\n", b"x")
    with ScriptedServer(dripping) as server, transport_to(server.url, clock, timeout=10.0) as transport:
        with pytest.raises(Unreachable, match="within 10 seconds") as caught:
            send(transport)
    assert caught.value.sent is True


def test_silence_after_the_request_was_sent():
    with ScriptedServer(silence) as server, transport_to(server.url, timeout=BRIEF) as transport:
        with pytest.raises(Unreachable, match="did not answer within 0.2 seconds") as caught:
            send(transport)
    assert caught.value.sent is True


def test_silence_in_the_middle_of_the_body():
    def stall(sock):
        sock.sendall(HEAD + b"Content-Length: 10\r\n\r\n12345")
        silence(sock)

    with ScriptedServer(stall) as server, transport_to(server.url, timeout=BRIEF) as transport:
        with pytest.raises(Unreachable, match="did not answer within") as caught:
            send(transport)
    assert caught.value.sent is True


def test_a_deadline_that_passed_before_sending_sends_nothing():
    clock = FakeClock()
    deadline = Deadline(clock, 5.0)
    clock.advance(6.0)
    with ScriptedServer() as server, transport_to(server.url, clock) as transport:
        with pytest.raises(DeadlineExceeded) as caught:
            send(transport, deadline=deadline)
    assert caught.value.sent is False


def test_the_real_clock_ends_a_silent_exchange_at_the_deadline():
    clock = Clock()
    with ScriptedServer(silence) as server, transport_to(server.url, clock, timeout=600.0) as transport:
        with pytest.raises(DeadlineExceeded):
            send(transport, deadline=Deadline(clock, BRIEF))


# --- no connection, or a broken one ----------------------------------------------------------------------------------


def test_a_refused_connection_was_not_sent():
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = "http://127.0.0.1:%d" % gone.getsockname()[1]
    with transport_to(url) as transport, pytest.raises(Unreachable, match="refuses the connection") as caught:
        send(transport, "POST", body=b"{}")
    assert (caught.value.sent, caught.value.reached) == (False, False)
    assert caught.value.retryable


@pytest.mark.parametrize("called", ["endpoint", "registry host"])
def test_a_cure_names_what_was_not_reached(called):
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = "http://127.0.0.1:%d" % gone.getsockname()[1]
    with transport_to(url, called=called) as transport, pytest.raises(Unreachable) as caught:
        send(transport)
    assert caught.value.cure == f"Check the {called}: nothing listens there."
    moved = reply(302, b"", location="http://elsewhere.example/")
    with ScriptedServer(moved, silence) as server, transport_to(server.url, called=called, timeout=BRIEF) as transport:
        for said in (f"Check the {called}; a login page", f"Check the {called}, the network and"):
            with pytest.raises((ProtocolError, Unreachable)) as caught:
                send(transport)
            assert caught.value.cure.startswith(said)


def test_what_was_reached_before_is_remembered():
    server = ScriptedServer(reply(200, b"{}"))
    with transport_to(server.url) as transport:
        with server:
            send(transport)
        with pytest.raises(Unreachable, match="refuses the connection") as caught:
            send(transport)
    assert (caught.value.sent, caught.value.reached) == (False, True)


def test_a_name_that_does_not_resolve_was_not_sent(monkeypatch):
    def no_such_name(*_args, **_kwargs):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_such_name)
    with transport_to("https://registry.invalid") as transport:
        with pytest.raises(Unreachable, match="registry.invalid cannot be resolved") as caught:
            send(transport, "POST", body=b"{}")
    assert caught.value.sent is False


def test_a_connection_that_nobody_accepts_was_not_sent():
    with deaf() as (_address, port):
        url = f"http://127.0.0.1:{port}"
        with transport_to(url, timeout=BRIEF) as transport, pytest.raises(Unreachable, match="no connection") as caught:
            send(transport, "POST", body=b"{}")
    assert caught.value.sent is False


def addresses(*places):
    """What the name service would say of a name that has all these."""
    return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", place) for place in places]


@contextlib.contextmanager
def deaf():
    """An address that answers no connection: the kernel has as many waiting for it as it takes."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, contextlib.ExitStack() as stack:
        for _place in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()


def test_all_addresses_of_a_name_together_have_the_time_of_one_attempt(monkeypatch):
    class Sockets(socket.socket):
        def settimeout(self, seconds):
            given.append(seconds)
            super().settimeout(min(seconds, 0.01))

        def connect(self, address):
            with contextlib.suppress(TimeoutError):
                return super().connect(address)
            clock.advance(given[-1])
            raise TimeoutError

    clock, given = FakeClock(), []
    with deaf() as silent, transport_to("https://registry.example", clock, timeout=12.0) as transport:
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_options: addresses(*[silent] * 4))
        monkeypatch.setattr(socket, "socket", Sockets)
        with pytest.raises(Unreachable, match="no connection to registry.example within 12 seconds") as caught:
            send(transport)
    assert given == pytest.approx([3.0, 3.0, 3.0, 3.0])
    assert caught.value.sent is False


def test_an_address_that_does_not_answer_leaves_time_for_the_next(monkeypatch):
    with ScriptedServer(reply(200, b"ok")) as server, deaf() as silent:
        places = addresses(silent, ("127.0.0.1", server.port))
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_options: places)
        with transport_to("http://localhost", Clock(), timeout=5.0) as transport:
            assert send(transport).body == b"ok"


@pytest.mark.parametrize(
    "broken",
    [
        reset(),
        reset(HEAD),
        reset(HEAD + b"Content-Length: 10\r\n\r\n12345"),
        cut(b""),
        cut(HEAD + b"Content-Length: 10\r\n\r\n12345"),
        cut(HEAD + b"Transfer-Encoding: chunked\r\n\r\nff\r\nxx"),
    ],
    ids=["reset", "reset-headers", "reset-body", "closed", "cut-body", "cut-chunk"],
)
def test_an_answer_that_is_cut_off_may_have_been_received(broken):
    with ScriptedServer(broken) as server, transport_to(server.url) as transport:
        with pytest.raises(Unreachable, match="cut the connection") as caught:
            send(transport, "POST", body=b"{}")
    assert caught.value.sent is True


def test_a_failure_on_a_kept_alive_connection_may_have_been_received():
    with ScriptedServer(reply(), reset()) as server, transport_to(server.url) as transport:
        send(transport)
        with pytest.raises(Unreachable) as caught:
            send(transport, "POST", body=b"{}")
    assert server.connections == 1
    assert caught.value.sent is True


@pytest.mark.parametrize(
    "garbage", [b"SSH-2.0-OpenSSH_9.2\r\n\r\n", b"HTTP/1.1 abc OK\r\n\r\n", b"\x00" * 70000 + b"\r\n"]
)
def test_what_is_no_http_is_a_protocol_error(garbage):
    with ScriptedServer(cut(garbage)) as server, transport_to(server.url) as transport:
        with pytest.raises(ProtocolError, match="HTTP"):
            send(transport)


# --- the size of an answer -------------------------------------------------------------------------------------------


def test_a_body_larger_than_the_cap_is_refused():
    with ScriptedServer(endless(HEAD + b"Connection: close\r\n\r\n", b"x" * 4096)) as server:
        with (
            transport_to(server.url, max_body=1_000_000) as transport,
            pytest.raises(ProtocolError, match="larger than"),
        ):
            send(transport)


def test_the_cap_counts_decompressed_bytes():
    bomb = gzip.compress(b"0" * 30_000_000)
    assert len(bomb) < 100_000
    with ScriptedServer(reply(200, bomb, content_encoding="gzip")) as server, transport_to(server.url) as transport:
        with pytest.raises(ProtocolError, match="larger than"):
            send(transport)


def test_a_compressed_answer_is_read():
    with ScriptedServer(reply(200, gzip.compress(b'{"a": 1}'), content_encoding="gzip")) as server:
        with transport_to(server.url) as transport:
            assert send(transport).body == b'{"a": 1}'


def test_several_headers_of_one_name_are_one():
    answer = (
        b"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic\r\nX-A: 1\r\nwww-authenticate: Bearer\r\nContent-Length: 0\r\n\r\n"
    )
    with ScriptedServer(answer) as server, transport_to(server.url) as transport:
        headers = send(transport).headers
    assert headers["Www-Authenticate"] == headers.get("WWW-AUTHENTICATE") == "Basic, Bearer"
    assert "x-a" in headers and "X-A" in headers and headers.get("X-B", "none") == "none"


@pytest.mark.parametrize("status", [401, 413, 429])
@pytest.mark.parametrize("tls", [False, True])
def test_an_answer_before_the_whole_body_was_sent_counts(authority, ca_path, tls, status):
    """A server that has seen enough answers and hangs up; what it says is more than that the connection broke."""
    context = server_context(authority.issue_cert("127.0.0.1"))

    class Large:
        def __len__(self):
            return 64 * 1024 * 1024

        def __iter__(self):
            return iter([bytes(1024 * 1024)] * 64)

    def refuse(listener):
        sock, _address = listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else the reset may overtake the answer
        with context.wrap_socket(sock, server_side=True) if tls else sock as sock:
            sock.recv(1000)
            sock.sendall(reply(status, b"enough", connection="close"))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=refuse, args=(listener,))
        server.start()
        url = "%s://127.0.0.1:%d" % ("https" if tls else "http", listener.getsockname()[1])
        with transport_to(url, verify=ca_path) as transport:
            answer = send(transport, "PUT", body=Large())
        server.join()
    assert (answer.status, answer.body) == (status, b"enough")


@pytest.mark.parametrize("method", ["HEAD", "GET"])
@pytest.mark.parametrize("status", [200, 201, 204])
@pytest.mark.parametrize("encoding", ["gzip", "br", ""])
def test_an_empty_body_is_in_no_encoding(method, status, encoding):
    """What would be compressed if there were something; a HEAD is answered with the headers of a GET."""
    length = "500" if method == "HEAD" else "0"
    answer = reply(status, b"", content_encoding=encoding, content_length=length)
    with ScriptedServer(answer, reply(200, b"next")) as server, transport_to(server.url) as transport:
        assert (send(transport, method).status, send(transport).body) == (status, b"next")


def test_an_empty_name_of_an_encoding_is_none():
    with ScriptedServer(reply(200, b"x", content_encoding="")) as server, transport_to(server.url) as transport:
        assert send(transport).body == b"x"


@pytest.mark.parametrize("status", [101, 102, 103, 199])
def test_an_interim_answer_is_never_taken_for_the_answer_of_the_next_request(status):
    hints = reply(status, b"", link="</style.css>") + reply(200, b"first")
    with ScriptedServer(hints, reply(200, b"second")) as server, transport_to(server.url) as transport:
        with pytest.raises(ProtocolError, match=f"answered {status}") as caught:
            send(transport)
        assert send(transport).body == b"second"
    assert caught.value.http_status == status
    assert server.connections == 2


@pytest.mark.parametrize("encoding", ["br", "gzip, br"])
def test_an_encoding_that_nobody_asked_for_is_a_protocol_error(encoding):
    with ScriptedServer(reply(200, b"x", content_encoding=encoding)) as server:
        with transport_to(server.url) as transport, pytest.raises(ProtocolError, match="decompressed"):
            send(transport)
    assert server.requests[0].headers["Accept-Encoding"] == "gzip"


def test_a_compressed_answer_that_is_cut_is_no_answer():
    whole = gzip.compress(b"0123456789" * 1000)
    with ScriptedServer(reply(200, whole[:-20], content_encoding="gzip")) as server:
        with transport_to(server.url) as transport, pytest.raises(ProtocolError, match="decompressed"):
            send(transport)


def test_a_body_that_cannot_be_decompressed_is_a_protocol_error():
    with ScriptedServer(reply(200, b"not gzip at all", content_encoding="gzip")) as server:
        with transport_to(server.url) as transport, pytest.raises(ProtocolError, match="decompressed"):
            send(transport)


# --- endpoints -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("endpoint", "base"),
    [
        ("https://containerregistry.jdcloud-api.com", "https://containerregistry.jdcloud-api.com"),
        ("https://Example.COM:8443/", "https://example.com:8443"),
        ("http://127.0.0.1:1234", "http://127.0.0.1:1234"),
        ("http://localhost", "http://localhost"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("https://[2001:db8::1]:444", "https://[2001:db8::1]:444"),
    ],
)
def test_endpoints_that_are_accepted(endpoint, base):
    with transport_to(endpoint) as transport:
        assert transport.base == base


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "containerregistry.jdcloud-api.com",
        "http://containerregistry.jdcloud-api.com",
        "http://10.0.0.1",
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example",
        "ftp://127.0.0.1",
        "https://",
        "https://user:canary@host.example",
        "https://host.example\\@evil.example",
        "https://host.example/v1",
        "https://host.example?x=1",
        "https://host.example#x",
        "https://host.example:99999",
        "https://host.example:0",
        "https://host.example:port",
        "https://host.example\n",
        "https://ho st.example",
        "https://[fe80::1%25eth0]",
        "https://[::1",
        "https://\u6d4b.example",
    ],
)
def test_endpoints_that_are_refused(endpoint):
    with pytest.raises(ConfigurationError) as caught:
        Transport(endpoint, verify=True, timeout=1.0, clock=FakeClock())
    assert "canary" not in caught.value.message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://127.0.0.1:80/x", True),
        ("127.0.0.1:5000", True),
        ("127.9.9.9", True),
        ("localhost:5000", True),
        ("LOCALHOST", True),
        ("[::1]:5000", True),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example:80", False),
        ("127.0.0.1@evil.example", False),
        ("evil.example:127", False),
        ("10.0.0.1", False),
        ("[::", False),
        ("", False),
    ],
)
def test_what_is_loopback(text, expected):
    assert is_loopback(text) is expected


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_a_time_out_has_to_be_positive(timeout):
    with pytest.raises(ConfigurationError, match="timeout"):
        Transport("https://host.example", verify=True, timeout=timeout, clock=FakeClock())


# --- proxies ---------------------------------------------------------------------------------------------------------


def test_loopback_never_goes_through_a_proxy(monkeypatch):
    with ScriptedServer() as proxy, ScriptedServer(reply()) as server:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"):
            monkeypatch.setenv(name, proxy.url)
        with transport_to(server.url) as transport:
            send(transport)
        assert proxy.connections == 0


@pytest.mark.parametrize("answer", [reply(407, b""), reply(502, b"no"), cut(b"")])
def test_a_proxy_that_refuses_is_named_without_its_password(monkeypatch, answer):
    with ScriptedServer(answer) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://alice:pw-canary@{proxy.host}/")
        with transport_to("https://host.example") as transport, pytest.raises(Unreachable) as caught:
            send(transport, "POST", body=b"{}")
    assert (proxy.requests[0].method, proxy.requests[0].target) == ("CONNECT", "host.example:443")
    assert "Authorization" not in proxy.requests[0].headers
    assert proxy.host in caught.value.message
    assert "pw-canary" not in caught.value.message and "alice" not in caught.value.message
    assert caught.value.__cause__ is None and caught.value.__suppress_context__
    assert caught.value.sent is False


@pytest.mark.parametrize(
    ("variables", "host", "expected"),
    [
        ({}, "host.example", None),
        ({"HTTPS_PROXY": "http://proxy.example:3128"}, "host.example", ("proxy.example", 3128, None)),
        ({"https_proxy": "proxy.example"}, "host.example", ("proxy.example", 80, None)),
        ({"ALL_PROXY": "http://[::1]:8080/"}, "host.example", ("::1", 8080, None)),
        ({"HTTP_PROXY": "http://proxy.example"}, "host.example", None),
        ({"HTTPS_PROXY": "http://al%40ice:p%3Aw@proxy.example"}, "host.example", ("proxy.example", 80, "al@ice:p:w")),
        ({"HTTPS_PROXY": "http://alice@proxy.example"}, "host.example", ("proxy.example", 80, "alice:")),
        ({"HTTPS_PROXY": "http://proxy.example", "NO_PROXY": "other.example, .example"}, "host.example", None),
        ({"HTTPS_PROXY": "http://proxy.example", "NO_PROXY": "*"}, "host.example", None),
        ({"HTTPS_PROXY": "http://proxy.example", "NO_PROXY": "host.example"}, "host.example", None),
        ({"HTTPS_PROXY": "http://proxy.example", "NO_PROXY": "x, host.example:5000"}, "host.example", None),
        (
            {"HTTPS_PROXY": "http://proxy.example", "NO_PROXY": "host.example:1"},
            "host.example",
            ("proxy.example", 80, None),
        ),
        ({"HTTPS_PROXY": "http://proxy.example", "NO_PROXY": "2001:db8::1"}, "2001:db8::1", None),
        (
            {"HTTPS_PROXY": "http://proxy.example", "NO_PROXY": "st.example"},
            "host.example",
            ("proxy.example", 80, None),
        ),
        ({"HTTPS_PROXY": "http://proxy.example", "NO_PROXY": "x,10.0.0.0/8"}, "10.1.2.3", None),
        ({"HTTPS_PROXY": "http://proxy.example", "NO_PROXY": "fd00::/8"}, "fd00::1", None),
        ({"HTTPS_PROXY": "http://proxy.example", "NO_PROXY": "10.0.0.0/8"}, "11.1.2.3", ("proxy.example", 80, None)),
    ],
)
def test_which_proxy_the_environment_names(monkeypatch, variables, host, expected):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    login = None if expected is None or expected[2] is None else base64.b64encode(expected[2].encode()).decode()
    proxy = expected and Proxy(expected[0], expected[1], login and f"Basic {login}")
    assert proxy_for(host, 5000) == proxy


@pytest.mark.parametrize("url", ["socks5://u:canary@h:1080", "https://u:canary@h", "http://u:canary@h:port", "http://"])
def test_a_proxy_that_cannot_be_used_is_told_without_its_password(monkeypatch, url):
    monkeypatch.setenv("HTTPS_PROXY", url)
    with pytest.raises(ConfigurationError, match="proxy") as caught:
        Transport("https://host.example", verify=True, timeout=1.0, clock=FakeClock())
    assert "canary" not in caught.value.message + caught.value.cure


def test_a_tunnel_through_a_proxy(monkeypatch, authority, ca_path):
    """The proxy is told where to, and its login; nothing else of the request is for its eyes."""
    certificate = authority.issue_cert("host.example")
    with tls_server(certificate, reply(200, b"ok"), reply(200, b"again")) as server, Tunnel(server.port) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://alice:pw@{proxy.host}")
        with transport_to("https://host.example:8443", verify=ca_path) as transport:
            assert [send(transport, "POST", body=b"{}").body for _time in range(2)] == [b"ok", b"again"]
    assert server.requests[0].headers["Host"] == "host.example:8443"
    assert "Proxy-Authorization" not in server.requests[0].headers
    (asked,) = proxy.asked
    assert asked.startswith(b"CONNECT host.example:8443 HTTP/1.")
    assert b"Proxy-Authorization: Basic YWxpY2U6cHc=" in asked
    assert b"sig-canary" not in asked


@pytest.mark.parametrize(
    ("endpoint", "asked_for", "host"),
    [
        ("https://[2001:db8::1]", b"[2001:db8::1]:443", "[2001:db8::1]"),
        ("https://[2001:db8::1]:8443", b"[2001:db8::1]:8443", "[2001:db8::1]:8443"),
        ("https://host.example:443", b"host.example:443", "host.example"),
    ],
)
def test_the_host_header_behind_a_proxy(monkeypatch, authority, ca_path, endpoint, asked_for, host):
    certificate = authority.issue_cert("2001:db8::1", "host.example")
    with tls_server(certificate, reply(200, b"ok")) as server, Tunnel(server.port) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.host}")
        with transport_to(endpoint, verify=ca_path) as transport:
            assert send(transport).body == b"ok"
    assert server.requests[0].headers.get_all("Host") == [host]
    assert proxy.asked[0].startswith(b"CONNECT %s HTTP/1." % asked_for)


# --- TLS -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_path(authority, tmp_path_factory):
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


def server_context(certificate, maximum=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if maximum:
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = maximum
    certificate.configure_cert(context)
    return context


def tls_server(certificate, *script, maximum=None):
    return ScriptedServer(*script, tls=server_context(certificate, maximum))


def test_a_certificate_of_the_given_authority_is_accepted(authority, ca_path):
    with tls_server(authority.issue_cert("127.0.0.1"), reply(200, b"ok")) as server:
        with transport_to(server.url, verify=ca_path) as transport:
            assert send(transport).body == b"ok"


@pytest.mark.parametrize(
    ("certificate", "reason"),
    [
        (lambda authority: trustme.CA().issue_cert("127.0.0.1"), "certificate"),
        (lambda authority: authority.issue_cert("other.example"), "IP address mismatch"),
        (
            lambda authority: authority.issue_cert(
                "127.0.0.1", not_after=datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
            ),
            "expired",
        ),
    ],
    ids=["unknown-authority", "wrong-host", "expired"],
)
def test_a_certificate_that_is_wrong_gets_no_request(authority, ca_path, certificate, reason):
    with tls_server(certificate(authority)) as server:
        with transport_to(server.url, verify=ca_path) as transport, pytest.raises(Unreachable, match=reason) as caught:
            send(transport, "POST", body=b"{}")
        assert server.requests == []
    assert caught.value.sent is False
    assert "ca_path" in caught.value.cure


def test_an_unknown_authority_is_refused_by_default(authority):
    with tls_server(authority.issue_cert("127.0.0.1")) as server:
        with transport_to(server.url) as transport, pytest.raises(Unreachable, match="TLS certificate"):
            send(transport)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_an_old_tls_version_is_refused(authority, ca_path):
    with tls_server(authority.issue_cert("127.0.0.1"), maximum=ssl.TLSVersion.TLSv1_1) as server:
        with (
            transport_to(server.url, verify=ca_path) as transport,
            pytest.raises(Unreachable, match="no TLS") as caught,
        ):
            send(transport)
    assert caught.value.sent is False


def test_without_validation_any_certificate_will_do_and_nothing_is_warned_about(authority, recwarn):
    with tls_server(authority.issue_cert("other.example"), reply(200, b"ok")) as server:
        with transport_to(server.url, verify=False) as transport:
            assert send(transport).body == b"ok"
    assert [warning.message for warning in recwarn if "Insecure" in type(warning.message).__name__] == []


def test_a_bundle_of_the_environment_does_not_override_ca_path(monkeypatch, authority, ca_path, tmp_path):
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(other))
    with tls_server(authority.issue_cert("127.0.0.1"), reply(200, b"ok")) as server:
        with transport_to(server.url, verify=ca_path) as transport:
            assert send(transport).body == b"ok"


def test_a_bundle_of_the_environment_does_not_widen_ca_path(monkeypatch, authority, ca_path, tmp_path):
    other = trustme.CA()
    bundle = tmp_path / "other.pem"
    other.cert_pem.write_to_path(str(bundle))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    with tls_server(other.issue_cert("127.0.0.1")) as server:
        with transport_to(server.url, verify=ca_path) as transport, pytest.raises(Unreachable):
            send(transport)


def test_a_bundle_of_the_environment_counts_without_ca_path(monkeypatch, authority, ca_path):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", ca_path)
    with tls_server(authority.issue_cert("127.0.0.1"), reply(200, b"ok")) as server:
        with transport_to(server.url) as transport:
            assert send(transport).body == b"ok"


def test_a_handshake_that_stalls_was_not_sent():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = "https://127.0.0.1:%d" % listener.getsockname()[1]
        with transport_to(url, timeout=BRIEF) as transport, pytest.raises(Unreachable) as caught:
            send(transport, "POST", body=b"{}")
    assert caught.value.sent is False


def test_https_to_a_plain_port_was_not_sent():
    def greet(listener):
        sock, address = listener.accept()
        with sock:
            sock.recv(1)
            sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        plain = threading.Thread(target=greet, args=(listener,))
        plain.start()
        url = "https://127.0.0.1:%d" % listener.getsockname()[1]
        with transport_to(url) as transport, pytest.raises(Unreachable, match="no TLS|cut the connection") as caught:
            send(transport, "POST", body=b"{}")
        plain.join()
    assert caught.value.sent is False


@pytest.mark.parametrize("content", [None, "no certificate"], ids=["missing", "not-pem"])
@pytest.mark.parametrize("source", ["ca_path", "REQUESTS_CA_BUNDLE"])
@pytest.mark.parametrize("endpoint", ["https://host.example", "http://127.0.0.1"])
def test_certificates_that_cannot_be_read_are_told_before_anything_is_sent(
    monkeypatch, tmp_path, content, source, endpoint
):
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    if source != "ca_path":
        monkeypatch.setenv(source, str(path))
    if source != "ca_path" and endpoint.startswith("http:"):
        Transport(endpoint, verify=True, timeout=1.0, clock=FakeClock())  # where nobody looks at certificates
        return
    with pytest.raises(ConfigurationError, match=source):
        Transport(endpoint, verify=str(path) if source == "ca_path" else True, timeout=1.0, clock=FakeClock())


def test_a_folder_of_certificates(authority, tmp_path):
    """As OpenSSL has it: each certificate under the hash of its subject."""
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    command = ["openssl", "x509", "-subject_hash", "-noout", "-in", str(tmp_path / "ca.pem")]
    subject = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    (tmp_path / "ca.pem").rename(tmp_path / f"{subject}.0")
    with tls_server(authority.issue_cert("127.0.0.1"), reply(200, b"ok")) as server:
        with transport_to(server.url, verify=str(tmp_path)) as transport:
            assert send(transport).body == b"ok"


@pytest.mark.parametrize("of_system", [True, False])
def test_certifi_stands_in_for_a_system_without_certificates(monkeypatch, authority, ca_path, tmp_path, of_system):
    """Whoever brings certifi, such as requests, helps on macOS and in slim containers; the system's go first."""
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    monkeypatch.setitem(sys.modules, "certifi", types.SimpleNamespace(where=lambda: ca_path))
    monkeypatch.setenv("SSL_CERT_FILE", str(other) if of_system else "/nonexistent")
    monkeypatch.setenv("SSL_CERT_DIR", "/nonexistent")
    with tls_server(authority.issue_cert("127.0.0.1"), *([] if of_system else [reply(200, b"ok")])) as server:
        with transport_to(server.url) as transport, contextlib.ExitStack() as refused:
            if of_system:
                refused.enter_context(pytest.raises(Unreachable, match="TLS certificate"))
            assert send(transport).body == b"ok"
