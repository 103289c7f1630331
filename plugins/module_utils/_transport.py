# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One HTTP request and its answer: the only file that touches the network.

This module util is private to the collection.

What the transport promises: no redirect is followed; nothing but the given signer authenticates a request (a .netrc
file never does); http is for loopback only; TLS is checked as asked for, whatever the environment says; every read,
of headers as well as of the body, ends with the attempt's time-out or the task's deadline, however slowly the bytes
drip; an answer has a largest size, also after decompression. A failure tells whether the request may have been
received (C(sent)): only then is the outcome of a write unknown.
"""

from __future__ import annotations

import contextlib
import http.client
import typing as t
import zlib

from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Clock, Deadline
from ansible_collections.jdcloud.jcr.plugins.module_utils._connection import Attempt, Connections
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    DeadlineExceeded,
    ProtocolError,
    Unreachable,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._quantities import positive_seconds
from ansible_collections.jdcloud.jcr.plugins.module_utils._responsehead import Response
from ansible_collections.jdcloud.jcr.plugins.module_utils._route import Route
from ansible_collections.jdcloud.jcr.plugins.module_utils._transportfault import explain, redirected
from ansible_collections.jdcloud.jcr.plugins.module_utils._version import COLLECTION_VERSION

MAX_BODY = 8 * 1024 * 1024  # bytes; the largest page of a listing is far below 1 MiB
_CHUNK = 64 * 1024
_GZIP = 16 + zlib.MAX_WBITS  # zlib's number for the format of gzip


class Body(t.Protocol):
    """A large body: as many bytes as its length says, in pieces that need not be held together."""

    def __len__(self) -> int: ...

    def __iter__(self) -> t.Iterator[bytes | memoryview]: ...


class Request(t.NamedTuple):
    """What is about to be sent. All but C(headers) is final: the bytes that are signed are the bytes that are sent."""

    method: str
    url: str
    path_url: str
    headers: dict[str, str]
    body: bytes | Body | None


Signer = t.Callable[[Request], None]


class Answer(t.NamedTuple):
    """What came back: C(headers) is case-insensitive, C(body) is decompressed, C(elapsed) counts seconds."""

    status: int
    headers: t.Mapping[str, str]
    body: bytes
    elapsed: float


class Transport:
    """A kept-alive conversation with one endpoint (scheme, host and port); threads may send at the same time.

    C(verify) as in Route. C(timeout): seconds for one request with its whole answer. C(called) is what the user calls
    what is spoken to: a cure names it. Raises ConfigurationError for an endpoint, a time-out, a CA path or a proxy that
    cannot work.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        verify: bool | str,
        timeout: float,
        clock: Clock,
        max_body: int = MAX_BODY,
        called: str = "endpoint",
    ) -> None:
        self._route = Route(endpoint, verify)
        self.base = self._route.base
        self.host = self._route.netloc
        self._timeout = positive_seconds("timeout", timeout)
        self._clock = clock
        self._max_body = max_body
        self._called = called
        self._headers = {
            "User-Agent": f"ansible-jdcloud.jcr/{COLLECTION_VERSION}",
            "Accept": "*/*",
            "Accept-Encoding": "gzip",
        }
        self._connections = Connections(self._route)
        self._reached = False  # whether any request has been answered yet

    def send(
        self,
        method: str,
        path_and_query: str,
        *,
        headers: t.Mapping[str, str],
        body: bytes | Body | None,
        sign: Signer,
        deadline: Deadline,
        idle: float | None = None,
        redirects: bool = False,
    ) -> Answer:
        """Send one request and read its answer, whatever its status; 3xx only with C(redirects).

        C(path_and_query) is percent-encoded already. C(sign) gets the request, of which all but the headers is final,
        and adds its own. C(idle) is for large bodies: the request may last as long as it likes, but not
        stand still for so many seconds. Raises Unreachable and DeadlineExceeded, both with the attributes C(sent),
        whether the request may have reached the service, and C(reached), whether any request ever has; ProtocolError
        for a redirect, an oversized or a broken answer; and what a Body raises, unless that is an OSError.
        """
        attempt = self._attempt(deadline, idle)
        with self._watching(attempt):
            started = self._clock.monotonic()
            with self._response(method, path_and_query, headers, body, sign, attempt) as response:
                answered = response.headers
                if 300 <= response.status < 400 and not redirects:
                    raise redirected(self.host, response.status, answered.get("Location", ""), self._called)
                content = self._read(response, answered.get("Content-Encoding", "identity"), attempt)
            return Answer(response.status, answered, content, self._clock.monotonic() - started)

    def open(
        self, path_and_query: str, *, headers: t.Mapping[str, str], sign: Signer, deadline: Deadline, idle: float
    ) -> Stream:
        """GET something large: its status (3xx is no error here) and headers are there, the body waits to be read.

        Raises what send() does.
        """
        attempt = self._attempt(deadline, idle)
        with self._watching(attempt), contextlib.ExitStack() as undone:
            response = undone.enter_context(self._response("GET", path_and_query, headers, None, sign, attempt))
            return Stream(response, lambda: self._watching(attempt), undone.pop_all().close)

    def _attempt(self, deadline: Deadline, idle: float | None) -> Attempt:
        seconds = idle or self._timeout
        return Attempt(self._clock, deadline, seconds, self.host, self._called, transfer=idle is not None)

    @contextlib.contextmanager
    def _watching(self, attempt: Attempt) -> t.Iterator[None]:
        """Whatever is sent or read inside belongs to this attempt, and fails in words of ours."""
        try:
            yield
        except (DeadlineExceeded, Unreachable) as error:
            error.sent, error.reached = attempt.sent, self._reached
            raise
        except (OSError, http.client.HTTPException) as error:
            raise self._failure(error, attempt) from None

    def close(self) -> None:
        """Close the kept-alive connections; a later request opens another one."""
        self._connections.close()

    @contextlib.contextmanager
    def _response(
        self,
        method: str,
        path_and_query: str,
        headers: t.Mapping[str, str],
        body: bytes | Body | None,
        sign: Signer,
        attempt: Attempt,
    ) -> t.Iterator[Response]:
        """The answer to a request, its body not read yet; afterwards its connection is kept alive, or closed."""
        request = Request(
            method, self.base + path_and_query, path_and_query, headers={**self._headers, **headers}, body=body
        )
        if body is not None:
            request.headers["Content-Length"] = str(len(body))
        sign(request)
        try:
            attempt.left()
        except DeadlineExceeded:
            attempt.sent = False
            raise
        connection = self._connections.take()
        response = None
        try:
            response = connection.ask(attempt, method, path_and_query, headers=request.headers, body=body)
            self._reached = True
            yield response
        finally:
            self._connections.give_back(connection, response)

    def _read(self, response: Response, encoding: str, attempt: Attempt) -> bytes:
        """The whole body, decompressed."""
        chunks, size = [], 0
        for chunk in _decoded(response, encoding, self.host):
            size += len(chunk)
            if size > self._max_body:
                raise ProtocolError(
                    f"the answer of {self.host} is larger than {self._max_body} bytes", http_status=response.status
                )
            attempt.left()
            chunks.append(chunk)
        return b"".join(chunks)

    def _failure(self, error: Exception, attempt: Attempt) -> Exception:
        """The collection's error for one of the system or of http.client."""
        try:
            attempt.deadline.check()
            failure = explain(
                error,
                self.host,
                attempt.seconds,
                sent=attempt.sent,
                proxy=self._route.proxy,
                called=self._called,
            )
        except DeadlineExceeded as late:
            failure = late
        failure.sent, failure.reached = attempt.sent, self._reached
        return failure


class Stream:
    """An answer whose body is read bit by bit, by one thread at a time. Whoever got it closes it."""

    def __init__(
        self,
        response: Response,
        watching: t.Callable[[], t.ContextManager[None]],
        leave: t.Callable[[], None],
    ) -> None:
        self._response = response
        self._watching = watching
        self._leave = leave
        self.status: int = response.status
        self.headers: t.Mapping[str, str] = response.headers

    def read(self, count: int) -> bytes:
        """The next bytes as they were sent, at most so many; none at the end. Raises what Transport.send() does."""
        with self._watching():
            return _next_bytes(self._response, count)

    def close(self) -> None:
        """Leave the rest unread."""
        self._leave()


# --- the body of an answer -------------------------------------------------------------------------------------------


def _next_bytes(response: Response, count: int) -> bytes:
    """As HTTPResponse.read(), which takes a connection that was cut for the end of the body."""
    piece = response.read(count)
    if not piece and response.length:
        raise http.client.IncompleteRead(piece, response.length)
    return piece


def _decoded(response: Response, encoding: str, host: str) -> t.Iterator[bytes]:
    """The pieces of a body, decompressed, each of a bounded size; whatever the encoding, no bytes are an empty body."""
    packed = encoding.lower() in ("gzip", "x-gzip")
    unpacker, begun = zlib.decompressobj(_GZIP), False
    for piece in iter(lambda: _next_bytes(response, _CHUNK), b""):
        if not packed and encoding.lower() not in ("", "identity"):
            raise ProtocolError(f"the answer of {host} cannot be decompressed: it is in {encoding[:20]!r}")
        begun = True
        if not packed:
            yield piece
        while packed and piece:
            try:
                yield unpacker.decompress(piece, _CHUNK)
            except zlib.error:
                raise ProtocolError(f"the answer of {host} cannot be decompressed") from None
            piece = unpacker.unconsumed_tail
    if packed and begun and not unpacker.eof:
        raise ProtocolError(f"the answer of {host} cannot be decompressed: its end is missing")
