# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Connections that know when a request leaves and how long its answer may take, and those that are kept alive.

This module util is private to the collection.

Neither http.client nor what is built on it can tell whether a request that failed was sent, and their time-outs begin
anew with every packet. Both are needed here: the first decides whether the outcome of a write is unknown, the second
is how a deadline holds against a server that drips. So a connection is watched at the places where bytes go out and in.

It is http.client alone: with urllib3 around it, 1,000 creates cost the processor a third more, and each module has to
load that, too. What urllib3 and requests would do besides (redirects, cookies, a .netrc) is not wanted here.
"""

from __future__ import annotations

import collections
import http.client
import io
import select
import socket
import ssl
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Clock, Deadline
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ProtocolError
from ansible_collections.jdcloud.jcr.plugins.module_utils._responsehead import Response
from ansible_collections.jdcloud.jcr.plugins.module_utils._route import Route
from ansible_collections.jdcloud.jcr.plugins.module_utils._transportfault import unreachable, usual_cure

_SMALL = 64 * 1024  # bytes of a body that are sent together with the headers


class Attempt:
    """One request on its way: how long it may still take, and whether it may have been received.

    C(sent) is True until a new connection shows that nothing has left yet. C(seconds) are for all of it; where it is
    a C(transfer), for each time that nothing moves. C(called) is what is spoken to, as its user calls it.
    """

    def __init__(
        self, clock: Clock, deadline: Deadline, seconds: float, host: str, called: str, *, transfer: bool = False
    ) -> None:
        self._clock = clock
        self.deadline = deadline
        self.seconds = seconds
        self._host = host
        self._called = called
        self._transfer = transfer
        self._end = clock.monotonic() + seconds
        self.connecting = False
        self.sent = True

    def left(self) -> float:
        """Seconds until the attempt or the task is over; raises Unreachable or DeadlineExceeded when it is."""
        self.deadline.check()
        own = self._end - self._clock.monotonic()
        if own <= 0:
            told = "moved nothing for" if self._transfer else "did not answer in full within"
            raise unreachable(f"{self._host} {told} {self.seconds:g} seconds", usual_cure(self._called))
        total = self.deadline.left()
        return own if total is None else max(min(own, total), 0.001)

    def moved(self) -> None:
        """Bytes went out or came in."""
        if self._transfer:
            self._end = self._clock.monotonic() + self.seconds


class _LimitedReader(io.RawIOBase):
    """The bytes of an answer as they come from the socket; each read waits no longer than the attempt may last."""

    def __init__(self, raw: t.Any, sock: socket.socket, attempt: Attempt) -> None:
        super().__init__()
        self._raw = raw
        self._sock = sock
        self._attempt = attempt

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: t.Any) -> int | None:
        self._sock.settimeout(self._attempt.left())
        count = self._raw.readinto(buffer)
        if count:
            self._attempt.moved()
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class Connection(http.client.HTTPConnection):
    """A connection along a route, for one attempt at a time."""

    attempt: Attempt
    _held: list[bytes] | None = None  # what request() has put together so far of a small request

    def __init__(self, route: Route) -> None:
        self._route = route
        first = route.proxy or route
        super().__init__(first.host, first.port)
        self._create_connection = self._reach  # which http.client sets, too, to call it in connect()
        if route.proxy:
            login = {"Proxy-Authorization": route.proxy.authorization} if route.proxy.authorization else {}
            self.set_tunnel(f"[{route.host}]" if ":" in route.host else route.host, route.port, login)

    def ask(self, attempt: Attempt, method: str, target: str, *, headers: t.Mapping[str, str], body: t.Any) -> Response:
        """Send a request; returns its answer as soon as the headers are there."""
        self.attempt = attempt
        try:
            self.request(method, target, body, {"Host": self._route.authority, **headers})
        except (ConnectionError, ssl.SSLError):
            if not attempt.sent:
                raise
            # The server may have answered before it had all of a large body, and hung up: that answer counts.
        response = self.getresponse()
        if response.status < 200:  # another one follows; http.client waits for it after 100 only
            raise ProtocolError(
                f"{self._route.netloc} answered {response.status}, which announces an answer but is none",
                http_status=response.status,
            )
        return response

    def connect(self) -> None:
        attempt = self.attempt
        attempt.connecting, attempt.sent = True, False
        try:
            super().connect()  # through the proxy's tunnel, if there is one
            if self._route.tls:
                self.sock.settimeout(attempt.left())
                self.sock = self._route.context.wrap_socket(self.sock, server_hostname=self._route.host)
        finally:
            attempt.connecting = False

    def _reach(self, address: tuple[str, int], *_options: t.Any) -> socket.socket:
        """As socket.create_connection(), which gives each of a name's addresses the whole time; here they share it."""
        host, port = address
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        for number, (family, kind, protocol, _name, place) in enumerate(found):
            sock = socket.socket(family, kind, protocol)
            try:
                sock.settimeout(self.attempt.left() / (len(found) - number))
                sock.connect(place)
                return sock
            except OSError as error:
                sock.close()
                failure = error
            except BaseException:
                sock.close()
                raise
        raise failure

    def request(self, method: str, url: str, body: t.Any = None, headers: t.Any = None, **options: t.Any) -> None:
        """Send headers and a small body at once: as two packets they would wake the server twice."""
        if isinstance(body, bytes) and len(body) <= _SMALL:
            self._held = []
        try:
            super().request(method, url, body, headers or {}, **options)
            pieces = self._held
        finally:
            self._held = None
        if pieces:
            self.send(b"".join(pieces))

    def send(self, data: t.Any) -> None:
        if self._held is not None:
            self._held.append(data)
            return
        attempt = self.attempt
        if not attempt.connecting:  # while connecting, only a proxy is spoken to
            if self.sock is None:
                self.connect()
            attempt.sent = True
            self.sock.settimeout(attempt.left())
        super().send(data)
        attempt.moved()

    def response_class(self, sock: socket.socket, *args: t.Any, **options: t.Any) -> Response:
        response = Response(sock, *args, **options)
        response.fp = io.BufferedReader(_LimitedReader(response.fp.detach(), sock, self.attempt))
        return response

    def is_idle(self) -> bool:
        """Whether it is open, and the server has neither closed it nor said anything unasked."""
        if self.sock is None:
            return False
        readable = select.poll()  # which, unlike select(), takes a file descriptor above 1023
        readable.register(self.sock, select.POLLIN)
        return not readable.poll(0)


class Connections:
    """The connections along one route that are kept alive: as many as threads have used at the same time."""

    def __init__(self, route: Route) -> None:
        self._route = route
        self._idle: collections.deque[Connection] = collections.deque()  # safe for threads without a lock

    def take(self) -> Connection:
        """A connection for one request; give_back() ends that."""
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:  # another thread was quicker
                break
            if connection.is_idle():
                return connection
            connection.close()
        return Connection(self._route)

    def give_back(self, connection: Connection, response: Response | None) -> None:
        """Keep a connection if its answer was read to the end, else close it."""
        if response is not None and response.isclosed() and connection.sock is not None:
            self._idle.append(connection)
            return
        if response is not None:
            response.close()
        connection.close()

    def close(self) -> None:
        """Close those that are kept."""
        while self._idle:
            self._idle.pop().close()
