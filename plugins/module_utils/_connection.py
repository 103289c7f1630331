# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Connections that know when a request leaves and how long its answer may take.

This module util is private to the collection.

requests and urllib3 cannot tell whether a request that failed was sent, and their time-outs begin anew with every
packet. Both are needed here: the first decides whether the outcome of a write is unknown, the second is how a deadline
holds against a server that drips. So urllib3's connections are watched, at the two places where bytes go out and in.
"""

from __future__ import annotations

import contextvars
import http.client
import io
import socket
import traceback
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Clock, Deadline
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import Unreachable

try:
    import urllib3
    from requests.adapters import HTTPAdapter
    from requests.exceptions import InvalidProxyURL
    from requests.utils import prepend_scheme_if_needed, select_proxy
    from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

    REQUESTS_IMPORT_ERROR = None
except ImportError:
    REQUESTS_IMPORT_ERROR = traceback.format_exc()
    HTTPAdapter = HTTPConnectionPool = HTTPSConnectionPool = object

_SMALL = 64 * 1024  # bytes of a body that are sent together with the headers
CURE = "Check the endpoint, the network and the proxy settings."


class Attempt:
    """One request on its way: how long it may still take, and whether it may have been received.

    C(sent) is True until a new connection shows that nothing has left yet. C(seconds) are for all of it; where it is
    a C(transfer), for each time that nothing moves.
    """

    def __init__(self, clock: Clock, deadline: Deadline, seconds: float, host: str, *, transfer: bool = False) -> None:
        self._clock = clock
        self.deadline = deadline
        self.seconds = seconds
        self._host = host
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
            raise Unreachable(f"{self._host} {told} {self.seconds:g} seconds", cure=CURE, retryable=True)
        total = self.deadline.left()
        return own if total is None else max(min(own, total), 0.001)

    def moved(self) -> None:
        """Bytes went out or came in."""
        if self._transfer:
            self._end = self._clock.monotonic() + self.seconds


ATTEMPT: contextvars.ContextVar[Attempt] = contextvars.ContextVar("attempt")


class _LimitedReader(io.RawIOBase):
    """The bytes of an answer as they come from the socket; each read waits no longer than the attempt may last."""

    def __init__(self, raw: t.Any, sock: socket.socket) -> None:
        super().__init__()
        self._raw = raw
        self._sock = sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: t.Any) -> int | None:
        attempt = ATTEMPT.get()
        self._sock.settimeout(attempt.left())
        count = self._raw.readinto(buffer)
        if count:
            attempt.moved()
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Watched:
    """Adds to a connection of urllib3: a note of when a request leaves, and limits on every read and handshake."""

    _held: list[bytes] | None = None  # what request() has put together so far of a small request

    def connect(self) -> None:
        attempt = ATTEMPT.get()
        attempt.connecting, attempt.sent = True, False
        try:
            super().connect()
        finally:
            attempt.connecting = False

    def _new_conn(self) -> t.Any:
        sock = super()._new_conn()
        sock.settimeout(ATTEMPT.get().left())  # for what is left of connecting: a proxy's tunnel, the TLS handshake
        return sock

    def request(self, *args: t.Any, body: t.Any = None, **kwargs: t.Any) -> None:
        """Send headers and a small body at once: as two packets they would wake the server twice."""
        if isinstance(body, bytes) and len(body) <= _SMALL:
            self._held = []
        try:
            super().request(*args, body=body, **kwargs)
            pieces = self._held
        finally:
            self._held = None
        if pieces:
            self.send(b"".join(pieces))

    def send(self, data: t.Any) -> None:
        if self._held is not None:
            self._held.append(data)
            return
        attempt = ATTEMPT.get()
        if not attempt.connecting:  # while connecting, only a proxy is spoken to
            if self.sock is None:
                self.connect()
            attempt.sent = True
            self.sock.settimeout(attempt.left())
        super().send(data)
        attempt.moved()

    def response_class(self, sock: socket.socket, *args: t.Any, **kwargs: t.Any) -> http.client.HTTPResponse:
        response = http.client.HTTPResponse(sock, *args, **kwargs)
        response.fp = io.BufferedReader(_LimitedReader(response.fp.detach(), sock))
        return response


def _watched(pool: type) -> type:
    """The class of connection pools like C(pool), of watched connections."""
    connection = type("Watched" + pool.ConnectionCls.__name__, (_Watched, pool.ConnectionCls), {})
    return type("Watched" + pool.__name__, (pool,), {"ConnectionCls": connection})


_POOLS = (
    {}
    if REQUESTS_IMPORT_ERROR
    else {
        "http": _watched(HTTPConnectionPool),
        "https": _watched(HTTPSConnectionPool),
    }
)


class Adapter(HTTPAdapter):
    """requests' adapter over watched connections. SOCKS proxies keep their own: there, sent is always assumed."""

    def init_poolmanager(self, *args: t.Any, **kwargs: t.Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: t.Any) -> t.Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        if isinstance(manager, urllib3.ProxyManager):
            manager.pool_classes_by_scheme = _POOLS
        return manager

    def pool_for(self, base: str, *, verify: bool | str, proxies: t.Mapping[str, str]) -> t.Any:
        """The connections to C(base), by the proxy that is meant for it, with certificates checked as told."""
        proxy = select_proxy(base, proxies)
        if proxy:
            proxy = prepend_scheme_if_needed(proxy, "http")
            if not urllib3.util.parse_url(proxy).host:
                raise InvalidProxyURL("the proxy's URL names no host")
        manager = self.proxy_manager_for(proxy) if proxy else self.poolmanager
        pool = manager.connection_from_url(base)
        self.cert_verify(pool, base, verify, None)
        return pool
