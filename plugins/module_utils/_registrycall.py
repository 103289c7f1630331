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
import re
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
_ADDRESS = re.compile(r"[!-~]*")  # what can be sent as it is
_MAX_ERROR = 64 * 1024  # bytes that are read of a refusal
_ASKED_AT_MOST = 4  # times that one request is sent because of 401: anonymous, old token, new token, new password
# Sends one request for a path, with an Authorization or without.
Attempt = t.Callable[[Transport, str, t.Optional[Secret]], t.Any]
CALLED = "registry host"  # what is spoken to, in a cure
_ALLOW = "If this host is right, add {host!r} to allowed_registry_hosts."


class Conversation:
    """Requests to one registry, by several threads at once.

    C(host) is C(HOST[:PORT]); https is spoken, to loopback http. C(login=None) is anonymous; C(renew) gives a new
    password, once, when the old one is not taken any more. C(allowed_hosts) are further hosts that the registry may
    have its realm or its content on. C(timeout): seconds for a small request with its answer; C(idle): seconds that a
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

        What only reads follows redirects that are not expected, without the login and to allowed hosts only.
        Where the login changes, a Body is not sent again, but a retryable AuthenticationFailed raised: nobody knows how
        much of it the registry has kept.
        """
        idle = None if body is None or isinstance(body, bytes) else self._idle
        reads = method in ("GET", "HEAD")

        def attempt(transport: Transport, path: str, authorization: Secret | None) -> Answer:
            return transport.send(
                method,
                path,
                headers=headers or {},
                body=body,
                sign=_signer(authorization),
                deadline=self._deadline,
                idle=idle,
                redirects=reads,
            )

        answer = self._followed(target, scopes, attempt, expect, resend=idle is None)
        if answer.status not in expect:
            raise self._refusal(answer.status, answer.headers, answer.body)
        return answer

    def open(self, target: str, scopes: Scopes, headers: t.Mapping[str, str]) -> Stream:
        """GET a blob, one attempt: 200 or 206. A redirect is followed without the login, to allowed hosts only."""
        expect = (200, 206)

        def attempt(transport: Transport, path: str, authorization: Secret | None) -> Stream:
            return transport.open(
                path,
                headers={"Accept-Encoding": "identity", **headers},
                sign=_signer(authorization),
                deadline=self._deadline,
                idle=self._idle,
            )

        stream = self._followed(target, scopes, attempt, expect)
        if stream.status in expect:
            return stream
        with contextlib.closing(stream):
            raise self._refusal(stream.status, stream.headers, stream.read(_MAX_ERROR))

    def target_of(self, location: str, asked: str = "") -> str:
        """Path and query of where the registry wants to be asked next; it has to be on the registry itself.

        C(asked) is the path that a relative location counts from.
        """
        parts = _resolved(asked, location)
        # A proxy that ends TLS makes some registries say http: the scheme stays as it was.
        if parts.netloc and parts.netloc.lower() != self._own.host:
            raise HostNotAllowed(
                f"the registry wants to be asked at {parts.hostname!r} from now on",
                cure="Nothing was sent there. Check the registry host, and what stands before it.",
            )
        if not parts.path.startswith("/"):
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
                reached=getattr(failure, "reached", True),
                http_status=None if hopeful else http_status,
                retry_after=getattr(failure, "retry_after", None),
            ),
            retries=self._retries,
            time_left=self._deadline.left(),
            jitter=self._random.random(),
        )
        if failure.http_status == 507 or not isinstance(decision, _retry.Wait):
            if isinstance(failure, ProtocolError):
                failure.suggest(f"Check the {CALLED}, and whether a proxy or a portal stands before it.")
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

    def _followed(
        self, target: str, scopes: Scopes, attempt: Attempt, expect: t.Collection[int], *, resend: bool = True
    ) -> t.Any:
        """What the attempt gives behind the redirects that are not expected; the last answer, if there are too many."""
        base, path = self._own.base, target
        answer = self._authorized(scopes, lambda login: attempt(self._own, target, login), resend=resend)
        for _redirect in range(_MAX_REDIRECTS):
            if not 300 <= answer.status < 400 or answer.status in expect:
                break
            if isinstance(answer, Stream):
                answer.close()
            base, path = self._elsewhere(base + path, answer.headers.get("Location", ""))
            answer = attempt(self._transport(base), path, None)
        return answer

    def _authorized(self, scopes: Scopes, attempt: t.Callable[[Secret | None], t.Any], *, resend: bool) -> t.Any:
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

    def _elsewhere(self, url: str, location: str) -> tuple[str, str]:
        """Base and path of what a redirect leads to, if that is allowed."""
        parts = _resolved(url, location)
        base, host = f"{parts.scheme}://{parts.netloc}".lower(), parts.netloc.lower()
        known = base == self._own.base
        if not known and (parts.scheme != "https" or host not in {name.lower() for name in self._allowed_hosts}):
            shown = parts.hostname or "an unnamed host"
            raise HostNotAllowed(
                f"the registry keeps its content at {shown!r} ({parts.scheme[:10]!r})", cure=_ALLOW.format(host=shown)
            )
        return base, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def _transport(self, base: str) -> Transport:
        with self._lock:
            if base not in self._transports:
                self._transports[base] = Transport(
                    base, verify=self._verify, timeout=self._timeout, clock=self.clock, called=CALLED
                )
            return self._transports[base]

    def _refusal(self, status: int, headers: t.Mapping[str, str], body: bytes) -> JcrError:
        error = refusal(status, body, self.redactor.scrub)
        error.retry_after = retry_after(headers, self.clock.now())
        return error


def _resolved(asked: str, location: str) -> urllib.parse.SplitResult:
    """The address that a registry names in its answer to a request for another one."""
    try:
        parts = urllib.parse.urlsplit(urllib.parse.urljoin(asked, location))
    except ValueError:
        parts = None
    if parts is None or not _ADDRESS.fullmatch(location):
        raise ProtocolError(f"the registry named an address that cannot be read: {location[:80]!r}")
    return parts


def _signer(authorization: Secret | None) -> t.Callable[[t.Any], None]:
    def sign(prepared: t.Any) -> None:
        if authorization:
            prepared.headers["Authorization"] = authorization.reveal()

    return sign
