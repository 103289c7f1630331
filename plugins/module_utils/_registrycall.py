# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One request to a registry: authorize → send → judge → try again, or not.

This module util is private to the collection.

Everything in a registry goes by its content's digest, so every request may be sent again whose outcome is not known.
"""

from __future__ import annotations

import contextlib
import itertools
import random as random_module
import threading
import typing as t
import urllib.parse

from ansible_collections.jdcloud.jcr.plugins.module_utils import _retry
from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Clock, Deadline
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    AuthenticationFailed,
    HostNotAllowed,
    JcrError,
    ProtocolError,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._registryanswers import refusal
from ansible_collections.jdcloud.jcr.plugins.module_utils._registryauth import Authenticator, Login, Scopes
from ansible_collections.jdcloud.jcr.plugins.module_utils._route import is_loopback
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Redactor, Secret
from ansible_collections.jdcloud.jcr.plugins.module_utils._times import retry_after
from ansible_collections.jdcloud.jcr.plugins.module_utils._transport import (
    Answer,
    Body,
    Stream,
    Transport,
)

_MAX_REDIRECTS = 3
_MAX_ERROR = 64 * 1024  # bytes that are read of a refusal
_ASKED_AT_MOST = 4  # times that one request is sent because of 401: anonymous, old token, new token, new password
_ALLOW = "If this host is right, add {host!r} to allowed_registry_hosts."


class Conversation:
    """Requests to one registry, by several threads at once.

    C(host) is C(HOST[:PORT]); https is spoken, to loopback http. C(login=None) is anonymous; C(renew) gives a new
    password, once, when the old one is not taken any more. C(allowed_hosts) are further hosts that the registry may
    have its realm or its blobs on. C(timeout): seconds for a small request with its answer; C(idle): seconds that a
    transfer may stand still. C(retries) attempts may follow the first of each request.
    """

    def __init__(
        self,
        host: str,
        login: Login | None,
        *,
        clock: Clock,
        deadline: Deadline,
        timeout: float,
        idle: float,
        retries: int,
        verify: bool | str = True,
        renew: t.Callable[[], Secret] | None = None,
        allowed_hosts: t.Collection[str] = (),
        random: random_module.Random | None = None,
    ) -> None:
        self.host = host
        self.clock = clock
        self.redactor = Redactor()
        self._deadline = deadline
        self._timeout = timeout
        self._idle = idle
        self._retries = retries
        self._verify = verify
        self._allowed_hosts = allowed_hosts
        self._random = random or random_module.Random()
        self._lock = threading.Lock()
        self._transports: dict[str, Transport] = {}
        self._own = self._transport(f"{'http' if is_loopback(host) else 'https'}://{host}".lower())
        self._login = Authenticator(
            self._own.base, self._plain_get, login, renew=renew, allowed_hosts=allowed_hosts, redactor=self.redactor
        )

    def ask(
        self,
        method: str,
        target: str,
        scopes: Scopes,
        *,
        expect: t.Collection[int],
        headers: t.Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """Send a small request until it is settled; the answer has one of the expected statuses.

        C(target) is the path and query on the registry. Raises what the answer stands for (_registryanswers), or why
        there was none.
        """
        return self._until_settled(lambda: self.send(method, target, scopes, expect=expect, headers=headers, body=body))

    def send(
        self,
        method: str,
        target: str,
        scopes: Scopes,
        *,
        expect: t.Collection[int],
        headers: t.Mapping[str, str] | None = None,
        body: bytes | Body | None = None,
    ) -> Answer:
        """One attempt, save for what a login takes; a Body goes by the time that it stands still.

        Where the login changes, a Body is not sent again, but a retryable AuthenticationFailed raised: nobody knows how
        much of it the registry has kept.
        """
        idle = None if body is None or isinstance(body, bytes) else self._idle

        def attempt(authorization: Secret | None) -> Answer:
            return self._own.send(
                method,
                target,
                headers=headers or {},
                body=body,
                sign=_signer(authorization),
                deadline=self._deadline,
                idle=idle,
            )

        answer = self._authorized(scopes, attempt, resend=idle is None)
        if answer.status not in expect:
            raise self._refusal(answer.status, answer.headers, answer.body)
        return answer

    def open(self, target: str, scopes: Scopes, headers: t.Mapping[str, str]) -> Stream:
        """GET a blob, one attempt: 200 or 206. A redirect is followed without the login, to allowed hosts only."""

        def attempt(authorization: Secret | None) -> Stream:
            return self._open(self._own, target, headers, authorization)

        stream = self._authorized(scopes, attempt)
        base, path = self._own.base, target
        for _redirect in range(_MAX_REDIRECTS):
            if not 300 <= stream.status < 400:
                break
            stream.close()
            base, path = self._elsewhere(base + path, stream.headers.get("Location", ""))
            stream = self._open(self._transport(base), path, headers, None)
        if stream.status in (200, 206):
            return stream
        with contextlib.closing(stream):
            raise self._refusal(stream.status, stream.headers, stream.read(_MAX_ERROR))

    def target_of(self, location: str, asked: str = "") -> str:
        """Path and query of where the registry wants to be asked next; it has to be on the registry itself.

        C(asked) is the path that a relative location counts from.
        """
        try:
            parts = urllib.parse.urlsplit(urllib.parse.urljoin(asked, location))
        except ValueError:
            raise ProtocolError("the registry named an address that cannot be read") from None
        # A proxy that ends TLS makes some registries say http: the scheme stays as it was.
        if parts.netloc and parts.netloc.lower() != self._own.host:
            raise HostNotAllowed(
                f"the registry wants to be asked at {parts.hostname!r} from now on",
                cure="Nothing was sent there. Check the registry host, and what stands before it.",
            )
        if not parts.path.startswith("/") or not location.isascii():
            raise ProtocolError("the registry did not say where the upload goes on")
        return parts.path + (f"?{parts.query}" if parts.query else "")

    def pause(self, attempt: int, failure: JcrError, *, hopeful: bool = False) -> None:
        """Wait before the next attempt, or raise the failure if there is nothing to hope for.

        C(hopeful): the next attempt will go another way, so that no refusal is final.
        """
        failure.attempts = attempt
        http_status = failure.http_status if failure.http_status or failure.retryable else 400
        decision = _retry.decide(
            _retry.Safe(),
            attempt,
            _retry.Outcome(
                sent=getattr(failure, "sent", True),
                http_status=None if hopeful else http_status,
                retry_after=getattr(failure, "retry_after", None),
            ),
            retries=self._retries,
            time_left=self._deadline.left(),
            jitter=self._random.random(),
        )
        if failure.http_status == 507 or not isinstance(decision, _retry.Wait):
            raise failure
        self.clock.sleep(decision.seconds)

    def close(self) -> None:
        """Close the kept-alive connections."""
        for transport in self._transports.values():
            transport.close()

    def _until_settled(self, send: t.Callable[[], Answer]) -> Answer:
        for attempt in itertools.count(1):
            try:
                return send()
            except JcrError as error:
                self.pause(attempt, error)
        raise RuntimeError("unreachable: the loop has no end of its own")

    def _authorized(self, scopes: Scopes, attempt: t.Callable[[Secret | None], t.Any], *, resend: bool = True) -> t.Any:
        """What the attempt gives with the authorization that the registry wants to see; a Stream of 401 is closed."""
        for asked in itertools.count(1):
            ticket = self._login.ticket(scopes)
            answer = attempt(ticket.value)
            if answer.status != 401:
                ticket.proven = True
                return answer
            challenge = answer.headers.get("WWW-Authenticate", "")
            if asked >= _ASKED_AT_MOST or not self._login.refused(ticket, challenge, scopes):
                return answer
            if isinstance(answer, Stream):
                answer.close()
            if not resend:
                raise AuthenticationFailed("the registry did not take the login any more", retryable=True)

    def _plain_get(self, base: str, target: str, authorization: Secret | None) -> Answer:
        """A GET to the registry or its realm, whatever the answer; what may pass is tried again."""

        def send() -> Answer:
            answer = self._transport(base).send(
                "GET", target, headers={}, body=None, sign=_signer(authorization), deadline=self._deadline
            )
            if answer.status == 429 or answer.status >= 500:
                raise self._refusal(answer.status, answer.headers, answer.body)
            return answer

        return self._until_settled(send)

    def _open(
        self, transport: Transport, target: str, headers: t.Mapping[str, str], authorization: Secret | None
    ) -> Stream:
        return transport.open(
            target,
            headers={"Accept-Encoding": "identity", **headers},
            sign=_signer(authorization),
            deadline=self._deadline,
            idle=self._idle,
        )

    def _elsewhere(self, url: str, location: str) -> tuple[str, str]:
        """Base and path of what a blob's redirect leads to, if that is allowed."""
        try:
            parts = urllib.parse.urlsplit(urllib.parse.urljoin(url, location))
            base, host = f"{parts.scheme}://{parts.netloc}".lower(), parts.netloc.lower()
        except ValueError:
            raise ProtocolError("the registry redirects to an address that cannot be read") from None
        known = base == self._own.base
        if not known and (parts.scheme != "https" or host not in {name.lower() for name in self._allowed_hosts}):
            shown = parts.hostname or "an unnamed host"
            raise HostNotAllowed(
                f"the registry keeps its blobs at {shown!r} ({parts.scheme[:10]!r})", cure=_ALLOW.format(host=shown)
            )
        return base, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def _transport(self, base: str) -> Transport:
        with self._lock:
            if base not in self._transports:
                self._transports[base] = Transport(base, verify=self._verify, timeout=self._timeout, clock=self.clock)
            return self._transports[base]

    def _refusal(self, status: int, headers: t.Mapping[str, str], body: bytes) -> JcrError:
        error = refusal(status, body, self.redactor.scrub)
        error.retry_after = retry_after(headers, self.clock.now())
        return error


def _signer(authorization: Secret | None) -> t.Callable[[t.Any], None]:
    def sign(prepared: t.Any) -> None:
        if authorization:
            prepared.headers["Authorization"] = authorization.reveal()

    return sign
