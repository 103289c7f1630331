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
import dataclasses
import functools
import http.client
import ipaddress
import os
import re
import socket
import ssl
import typing as t
import urllib.parse

from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Clock, Deadline
from ansible_collections.jdcloud.jcr.plugins.module_utils._connection import (
    ATTEMPT,
    CURE,
    Attempt,
    pool_for,
    proxies_for,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    ConfigurationError,
    DeadlineExceeded,
    MissingLibrary,
    ProtocolError,
    Unreachable,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._version import COLLECTION_VERSION

try:
    import urllib3
except ImportError:
    urllib3 = None

MAX_BODY = 8 * 1024 * 1024  # bytes; the largest page of a listing is far below 1 MiB
MAX_CONNECTIONS = 32  # that are kept alive for threads that send at the same time
_CHUNK = 64 * 1024
_ENDPOINT = "It has to be https://HOST[:PORT]; http:// is accepted for loopback only."


class Body(t.Protocol):
    """A large body: as many bytes as its length says, in pieces that need not be held together."""

    def __len__(self) -> int: ...

    def __iter__(self) -> t.Iterator[bytes | memoryview]: ...


@dataclasses.dataclass
class Request:
    """What is about to be sent. All but C(headers) is final: the bytes that are signed are the bytes that are sent."""

    method: str
    url: str
    path_url: str
    headers: dict[str, str]
    body: bytes | Body | None


Signer = t.Callable[[Request], None]


@dataclasses.dataclass(frozen=True)
class Answer:
    """What came back: C(headers) is case-insensitive, C(body) is decompressed, C(elapsed) counts seconds."""

    status: int
    headers: t.Mapping[str, str]
    body: bytes
    elapsed: float


class Transport:
    """A kept-alive conversation with one endpoint (scheme, host and port); threads may send at the same time.

    C(verify): True = the system's or requests' CAs (REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE are honoured), a path = only
    the CAs in this file or directory, False = TLS is not checked. C(timeout): seconds for one request with its whole
    answer. Raises ConfigurationError for an endpoint or a CA path that cannot work, MissingLibrary without requests.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        verify: bool | str,
        timeout: float,
        clock: Clock,
        max_body: int = MAX_BODY,
    ) -> None:
        if urllib3 is None:
            raise MissingLibrary(
                "the Python library requests is not installed where the task runs",
                cure="Install requests >= 2.31 there.",
            )
        self.base = _checked_endpoint(endpoint)
        self.host = urllib.parse.urlsplit(self.base).netloc
        self._verify = _checked_verify(verify)
        if not timeout > 0:
            raise ConfigurationError(
                f"timeout is {timeout:g} seconds, but has to be more than 0", cure="Leave it out for the usual one."
            )
        self._timeout = timeout
        self._clock = clock
        self._max_body = max_body
        self._headers = {
            "User-Agent": f"ansible-jdcloud.jcr/{COLLECTION_VERSION}",
            "Accept": "*/*",
            "Accept-Encoding": urllib3.util.make_headers(accept_encoding=True)["accept-encoding"],
        }
        self._proxies = {} if is_loopback(self.base) else proxies_for(self.base)

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
    ) -> Answer:
        """Send one request and read its answer, whatever its status (except 3xx).

        C(path_and_query) is percent-encoded already. C(sign) gets the request, of which all but the headers is final,
        and adds its own. C(idle) is for large bodies: the request may last as long as it likes, but not
        stand still for so many seconds. Raises Unreachable and DeadlineExceeded, both with the attribute C(sent):
        whether the request may have reached the service; ProtocolError for a redirect, an oversized or a broken answer;
        and what a Body raises, unless that is an OSError.
        """
        attempt = self._attempt(deadline, idle)
        with self._watching(attempt):
            started = self._clock.monotonic()
            response = self._respond(method, path_and_query, headers, body, sign, attempt)
            try:
                if 300 <= response.status < 400:
                    raise _redirected(self.host, response)
                content = self._read(response, attempt)
            finally:
                _leave(response)
            return Answer(response.status, response.headers, content, self._clock.monotonic() - started)

    def open(
        self, path_and_query: str, *, headers: t.Mapping[str, str], sign: Signer, deadline: Deadline, idle: float
    ) -> Stream:
        """GET something large: its status (3xx is no error here) and headers are there, the body waits to be read.

        Raises what send() does.
        """
        attempt = self._attempt(deadline, idle)
        with self._watching(attempt):
            response = self._respond("GET", path_and_query, headers, None, sign, attempt)
        return Stream(response, lambda: self._watching(attempt))

    def _attempt(self, deadline: Deadline, idle: float | None) -> Attempt:
        return Attempt(self._clock, deadline, idle or self._timeout, self.host, transfer=idle is not None)

    @contextlib.contextmanager
    def _watching(self, attempt: Attempt) -> t.Iterator[None]:
        """Whatever is sent or read inside belongs to this attempt, and fails in words of ours."""
        token = ATTEMPT.set(attempt)
        try:
            yield
        except (DeadlineExceeded, Unreachable) as error:
            error.sent = attempt.sent
            raise
        except (OSError, urllib3.exceptions.HTTPError) as error:  # with what requests raises about proxies
            raise self._failure(error, attempt) from None  # the chain's texts may hold a proxy's password
        finally:
            ATTEMPT.reset(token)

    def close(self) -> None:
        """Close the kept-alive connections."""
        if "_pool" in self.__dict__:
            self._pool.close()
            del self._pool  # a later request opens another one

    @functools.cached_property
    def _pool(self) -> t.Any:
        """Connections with the certificates and the proxy that requests would use.

        What requests does anew for each request (merging settings, looking up proxies, cookies, redirects) is decided
        once for this endpoint, or not wanted; it would cost as much time as all the rest of a call.
        """
        return pool_for(self.base, verify=self._verify, proxies=self._proxies, connections=MAX_CONNECTIONS)

    def _respond(
        self,
        method: str,
        path_and_query: str,
        headers: t.Mapping[str, str],
        body: bytes | Body | None,
        sign: Signer,
        attempt: Attempt,
    ) -> t.Any:
        """The response of urllib3, its body not read yet."""
        request = Request(
            method, self.base + path_and_query, path_and_query, headers={**self._headers, **headers}, body=body
        )
        if body is not None:
            request.headers["Content-Length"] = str(len(body))
        sign(request)
        try:
            left = attempt.left()
        except DeadlineExceeded:
            attempt.sent = False
            raise
        return self._pool.request(
            request.method,
            request.path_url,
            body=request.body,
            headers=request.headers,
            timeout=urllib3.Timeout(connect=left, read=left),
            retries=False,
            redirect=False,
            assert_same_host=False,
            preload_content=False,
            decode_content=False,
        )

    def _read(self, response: t.Any, attempt: Attempt) -> bytes:
        chunks, size = [], 0
        for chunk in response.stream(_CHUNK, decode_content=True):
            size += len(chunk)
            if size > self._max_body:
                raise ProtocolError(
                    f"the answer of {self.host} is larger than {self._max_body} bytes", http_status=response.status
                )
            attempt.left()
            chunks.append(chunk)
        return b"".join(chunks)

    def _failure(self, error: Exception, attempt: Attempt) -> Exception:
        """The collection's error for one of urllib3 or of the system."""
        try:
            attempt.deadline.check()
            proxy = None if attempt.sent else _proxy_host(self._proxies)
            failure = _explain(error, self.host, attempt.seconds, proxy)
        except DeadlineExceeded as late:
            failure = late
        failure.sent = attempt.sent
        return failure


class Stream:
    """An answer whose body is read bit by bit, by one thread at a time. Whoever got it closes it."""

    def __init__(self, response: t.Any, watching: t.Callable[[], t.ContextManager[None]]) -> None:
        self._response = response
        self._watching = watching
        self.status: int = response.status
        self.headers: t.Mapping[str, str] = response.headers

    def read(self, count: int) -> bytes:
        """The next bytes as they were sent, at most so many; none at the end. Raises what Transport.send() does."""
        with self._watching():
            return self._response.read(count, decode_content=False)

    def close(self) -> None:
        """Leave the rest unread."""
        _leave(self._response)


def _leave(response: t.Any) -> None:
    """Close a response; its connection is kept alive only if everything was read."""
    response.close()
    response.release_conn()


def is_loopback(url_or_host: str) -> bool:
    """Whether a URL, a C(host) or a C(host:port) names this machine: localhost, 127.0.0.0/8 or ::1."""
    text = url_or_host if "://" in url_or_host else f"//{url_or_host}"
    try:
        host = urllib.parse.urlsplit(text).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


# --- what is checked before anything is sent -------------------------------------------------------------------------


def _checked_endpoint(endpoint: str) -> str:
    """The endpoint as scheme://host[:port], without a slash at its end."""
    try:
        parts = urllib.parse.urlsplit(endpoint)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ConfigurationError("the endpoint is not a URL", cure=_ENDPOINT) from None
    if "@" in parts.netloc:  # not shown: it may hold a password
        raise ConfigurationError("the endpoint holds a user name or a password", cure=_ENDPOINT)
    shown = repr(endpoint)
    if not re.fullmatch(r"[!-~]+", endpoint) or not re.fullmatch(r"[a-z0-9._-]{1,253}|[0-9a-f:.]+", host):
        raise ConfigurationError(f"the endpoint {shown} does not name a host", cure=_ENDPOINT)
    if parts.path.strip("/") or parts.query or parts.fragment or port == 0:
        raise ConfigurationError(f"the endpoint {shown} is more than a scheme, a host and a port", cure=_ENDPOINT)
    if parts.scheme not in ("https", "http") or (parts.scheme == "http" and not is_loopback(endpoint)):
        raise ConfigurationError(f"the endpoint {shown} is not safe: secrets travel over https only", cure=_ENDPOINT)
    netloc = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{netloc}" + (f":{port}" if port else "")


def _checked_verify(verify: bool | str) -> bool | str:
    """What to give to requests as verify; reads a CA file once, so that a wrong one is told as such."""
    if verify is False:
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        return False
    if verify is True:
        return os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
    try:
        if not os.path.isdir(verify):
            ssl.create_default_context(cafile=verify)
    except ssl.SSLError:
        raise ConfigurationError(f"ca_path '{verify}' is not a file of PEM certificates") from None
    except OSError as error:
        raise ConfigurationError(f"ca_path '{verify}' cannot be read: {error.strerror}") from None
    return verify


# --- failures in words -----------------------------------------------------------------------------------------------


def _unreachable(cause: str, cure: str = CURE) -> Unreachable:
    return Unreachable(cause, cure=cure, retryable=True)


def _redirected(host: str, response: t.Any) -> ProtocolError:
    try:
        target = urllib.parse.urlsplit(response.headers.get("Location", "")).hostname or host
    except ValueError:
        target = "an address that cannot be read"
    return ProtocolError(
        f"{host} answered {response.status} and wants to redirect to {target!r}; redirects are not followed",
        cure="Check the endpoint; a login page of a proxy or a portal may stand before it.",
        http_status=response.status,
    )


def _explain(error: Exception, host: str, timeout: float, proxy: str | None) -> Exception:
    """Put the failure into words of ours: the library's texts are long and may quote a proxy's password.

    C(proxy) is the one that was still being asked for a connection, if any.
    """
    chain = list(_causes(error))
    if _cause(chain, urllib3.exceptions.DecodeError):
        return ProtocolError(f"the answer of {host} cannot be decompressed")
    if _cause(chain, urllib3.exceptions.SSLError, ssl.SSLError):
        return _untrusted(host, _cause(chain, ssl.SSLError))
    if proxy:
        refusal = next((f": {link}" for link in chain if str(link).startswith("Tunnel connection failed")), "")
        return _unreachable(f"the proxy {proxy} gave no way to {host}{refusal}", "Check HTTPS_PROXY and NO_PROXY.")
    if any(_is_connect_timeout(link) for link in chain):
        return _unreachable(f"no connection to {host} within {timeout:g} seconds")
    for kinds, told, cure in (
        ((socket.gaierror,), "the name {host} cannot be resolved", "Check the endpoint and the name service."),
        ((ConnectionRefusedError,), "{host} refuses the connection", "Check the endpoint: nothing listens there."),
        (
            (urllib3.exceptions.ReadTimeoutError, socket.timeout),
            "{host} did not answer within {timeout:g} seconds",
            CURE,
        ),
        (
            (ConnectionError, http.client.IncompleteRead, http.client.RemoteDisconnected),
            "{host} cut the connection before its answer was complete",
            CURE,
        ),
    ):
        if _cause(chain, *kinds):
            return _unreachable(told.format(host=host, timeout=timeout), cure)
    if _cause(chain, http.client.HTTPException):
        return ProtocolError(f"{host} does not answer in HTTP", cure="Check the endpoint's scheme and port.")
    reason = next((link.strerror for link in chain if isinstance(link, OSError) and link.strerror), "")
    return _unreachable(f"the exchange with {host} failed: {reason or type(chain[-1]).__name__}")


def _cause(chain: t.Iterable[BaseException], *kinds: type) -> t.Any:
    """The first in the chain that is of one of these kinds, or None."""
    return next((link for link in chain if isinstance(link, kinds)), None)


def _is_connect_timeout(error: BaseException) -> bool:
    """urllib3 counts a connection that was refused among those that came too late."""
    late = urllib3.exceptions.ConnectTimeoutError
    return isinstance(error, late) and not isinstance(error, urllib3.exceptions.NewConnectionError)


def _untrusted(host: str, error: ssl.SSLError | None) -> Unreachable:
    verdict = getattr(error, "verify_message", None)
    if verdict:
        return _unreachable(
            f"the TLS certificate of {host} is not accepted: {verdict}",
            "If the certificate is right, name its CA with ca_path (or JDCLOUD_CA_PATH).",
        )
    reason = getattr(error, "reason", None) or "no TLS handshake"
    return _unreachable(f"no TLS with {host}: {reason}", "Check the endpoint's scheme and port.")


def _causes(error: BaseException) -> t.Iterator[BaseException]:
    """An error and all that are wrapped in it, the outermost first."""
    todo, seen = [error], set()
    while todo:
        link = todo.pop(0)
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        wrapped = (*link.args, getattr(link, "reason", None), link.__cause__, link.__context__)
        todo.extend(inner for inner in wrapped if isinstance(inner, BaseException))


def _proxy_host(proxies: t.Mapping[str, str]) -> str | None:
    """The host and port of the proxy for https, without its user and password; None if there is none."""
    proxy = proxies.get("https") or proxies.get("all")
    return proxy and proxy.rpartition("@")[2].rpartition("://")[2].rstrip("/")
