# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An HTTP server on loopback that answers with scripted bytes, so that every byte of a fault can be chosen.

Each request takes the next reply of the script. A request that the script does not expect is answered with 599 and
remembered; leaving the server's context then fails the test, as does a reply that nobody asked for.
"""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import io
import json
import socket
import ssl
import struct
import threading
import time
import typing as t

Reply: t.TypeAlias = bytes | t.Callable[[socket.socket], None]


@dataclasses.dataclass(frozen=True)
class Request:
    """One request as it came in; C(headers) is case-insensitive."""

    method: str
    target: str
    headers: t.Mapping[str, str]
    body: bytes


def reply(status: int = 200, body: t.Any = b"", **headers: str) -> bytes:
    """A whole answer. A body that is not bytes is sent as JSON; C(content_type) becomes Content-Type, and so on."""
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
        headers.setdefault("content_type", "application/json; charset=utf-8")
    lines = [f"HTTP/1.1 {status} {http.client.responses.get(status, 'Unknown')}"]
    headers.setdefault("content_length", str(len(body)))
    lines += [f"{name.replace('_', '-').title()}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def endless(head: bytes, again: bytes) -> t.Callable[[socket.socket], None]:
    """Send C(head), then C(again) for ever (until the client hangs up)."""

    def send(sock: socket.socket) -> None:
        sock.sendall(head)
        while True:
            sock.sendall(again)

    return send


def cut(data: bytes) -> t.Callable[[socket.socket], None]:
    """Send C(data), then close the connection as if that were all."""

    def send(sock: socket.socket) -> None:
        sock.sendall(data)
        raise _HangUp

    return send


def reset(data: bytes = b"") -> t.Callable[[socket.socket], None]:
    """Send C(data), then reset the connection."""

    def send(sock: socket.socket) -> None:
        sock.sendall(data)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise _HangUp

    return send


def silence(sock: socket.socket) -> None:
    """Answer nothing until the client hangs up."""
    while sock.recv(65536):
        pass


class _HangUp(Exception):
    pass


_LONGEST_ARRIVAL = 20.0  # seconds; it takes them only where a test is about to fail


class ScriptedServer:
    """Use it as a context manager; C(requests) are those that came, in order."""

    def __init__(self, *script: Reply, tls: ssl.SSLContext | None = None) -> None:
        self._script = list(script)
        self._tls = tls
        self._unexpected = 0
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._connections: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.requests: list[Request] = []
        self.connections = 0
        self.port: int = self._listener.getsockname()[1]
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"{'https' if tls else 'http'}://{self.host}"

    def __enter__(self) -> ScriptedServer:
        self._start(self._accept)
        return self

    def __exit__(self, kind: t.Any, error: t.Any, trace: t.Any) -> None:
        if kind is None:
            self._let_requests_arrive()
        for sock in (self._listener, *self._connections):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        for thread in self._threads:
            thread.join()
        if kind is None:
            assert not self._unexpected, f"{self._unexpected} requests that the script does not expect: {self.requests}"
            assert not self._script, f"nobody asked for the last {len(self._script)} replies of the script"

    def _let_requests_arrive(self) -> None:
        """A client that gave up early has sent its request all the same; a busy machine may show it late."""
        give_up = time.monotonic() + _LONGEST_ARRIVAL
        while self._script and time.monotonic() < give_up:
            time.sleep(0.01)

    def _start(self, target: t.Callable[..., None], *args: t.Any) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                sock, address = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._connections.append(sock)
            self._start(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError, _HangUp), contextlib.closing(sock):
            if self._tls:
                sock = self._tls.wrap_socket(sock, server_side=True)
            with contextlib.closing(sock), sock.makefile("rb") as stream:
                while self._serve_one(sock, stream):
                    pass

    def _serve_one(self, sock: socket.socket, stream: io.BufferedReader) -> bool:
        line = stream.readline().decode("latin-1").split()
        if len(line) != 3:
            return False
        headers = http.client.parse_headers(stream)
        body = stream.read(int(headers.get("Content-Length") or 0))
        with self._lock:
            self.requests.append(Request(line[0], line[1], headers, body))
            if not self._script:
                self._unexpected += 1
            answer = self._script.pop(0) if self._script else reply(599)
        if callable(answer):
            answer(sock)
        else:
            sock.sendall(answer)
        return True
