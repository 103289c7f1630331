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
import errno
import http.client
import io
import os
import socket
import typing as t
import urllib.request

from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Clock, Deadline
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import Unreachable

# requests is asked about proxies only, and only where there is one: loading it takes a module longer than its call.
try:
    import urllib3
    from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
except ImportError:
    urllib3 = None

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
    if urllib3 is None
    else {
        "http": _watched(HTTPConnectionPool),
        "https": _watched(HTTPSConnectionPool),
    }
)


def proxies_for(base: str) -> dict[str, str]:
    """The proxies that the environment names for C(base), by scheme, as requests understands it."""
    if not urllib.request.getproxies():
        return {}
    from requests.utils import get_environ_proxies

    return get_environ_proxies(base)


def pool_for(base: str, *, verify: bool | str, proxies: t.Mapping[str, str], connections: int) -> t.Any:
    """The kept-alive connections to C(base), by the proxy that is meant for it, with certificates checked as told.

    SOCKS proxies keep their own connections: there, sent is always assumed.
    """
    manager = _proxy_manager(base, proxies, connections) if proxies else urllib3.PoolManager(maxsize=connections)
    if manager.pool_classes_by_scheme["http"] is HTTPConnectionPool:
        manager.pool_classes_by_scheme = _POOLS
    pool = manager.connection_from_url(base)
    if base.startswith("https:"):
        _trust(pool, verify)
    return pool


def _proxy_manager(base: str, proxies: t.Mapping[str, str], connections: int) -> t.Any:
    from requests.adapters import HTTPAdapter
    from requests.utils import prepend_scheme_if_needed, select_proxy

    adapter = HTTPAdapter(pool_maxsize=connections)
    proxy = select_proxy(base, proxies)
    if not proxy:
        return adapter.poolmanager
    proxy = prepend_scheme_if_needed(proxy, "http")
    if not urllib3.util.parse_url(proxy).host:
        raise urllib3.exceptions.LocationValueError("the proxy's URL names no host")
    return adapter.proxy_manager_for(proxy)


def _trust(pool: t.Any, verify: bool | str) -> None:
    """Say which certificates count: none are checked, those of a path, or those that requests takes."""
    if verify is False:
        pool.cert_reqs = "CERT_NONE"
        return
    path = _usual_authorities() if verify is True else verify
    if not os.path.exists(path):
        raise OSError(errno.ENOENT, "there is no file of certificates", path)
    pool.cert_reqs = "CERT_REQUIRED"
    if os.path.isdir(path):
        pool.ca_cert_dir = path
    else:
        pool.ca_certs = path


def _usual_authorities() -> str:
    try:
        from certifi import where
    except ImportError:  # some distributions build requests without it
        from requests.certs import where
    return where()
