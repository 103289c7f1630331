# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a registry wants to be shown with a request, and where the password may go for it.

This module util is private to the collection.

A registry asks for a login by a challenge: Basic, or Bearer, which means a token of its realm for certain scopes. The
password goes to the registry's own host and to hosts that are allowed by name, nowhere else.
"""

from __future__ import annotations

import base64
import re
import threading
import typing as t
import urllib.parse

from ansible_collections.jdcloud.jcr.plugins.module_utils._answers import parse_json
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    AuthenticationFailed,
    HostNotAllowed,
    ProtocolError,
    ServerError,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._registryanswers import refusal
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Redactor, Secret
from ansible_collections.jdcloud.jcr.plugins.module_utils._transport import Answer

PING = "/v2/"
# A scheme begins the header or follows a comma; a parameter's value may be without quotes.
_PART = re.compile(
    r"""(?:^|,)\s*(?P<scheme>[\w.+-]+)(?=\s*(?:,|$)|\s+[^\s=,])
    | (?P<name>[\w.+-]+)\s*=\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^\s,"]+))""",
    re.ASCII | re.VERBOSE,
)
_KINDS = ("bearer", "basic")  # that are understood; the first is preferred
_CURE = "Check that the token is still valid: issue a new one, or see the tokens of the registry in the console."

Scopes = tuple[str, ...]
Login = tuple[str, Secret]
# Sends one GET to a base URL (scheme and host), with an Authorization or without; tries again what may pass.
Get = t.Callable[[str, str, t.Optional[Secret]], Answer]


def basic(username: str, password: Secret) -> Secret:
    """The value of Authorization for a login."""
    return Secret("Basic " + base64.b64encode(f"{username}:{password.reveal()}".encode()).decode("ascii"))


def accepted(answer: Answer) -> Answer:
    """The answer, if it is a success. Raises AuthenticationFailed, ProtocolError and ServerError."""
    if 200 <= answer.status < 300:
        return answer
    kind, cure = (AuthenticationFailed, _CURE) if answer.status in (401, 403) else (ProtocolError, None)
    if answer.status >= 500:
        kind = ServerError
    raise kind(f"the registry answered {answer.status}", cure=cure, http_status=answer.status)


class Challenge:
    """What a WWW-Authenticate header asks for: C(kind) is C(basic), C(bearer) or something unknown.

    Of several challenges, in one header or in several that are joined by commas, Bearer counts before Basic.
    """

    def __init__(self, header: str) -> None:
        offers: dict[str, dict[str, str]] = {}
        parameters: dict[str, str] = {}  # of the challenge that is being read
        for part in _PART.finditer(header.strip()):
            if part["scheme"]:
                parameters = offers.setdefault(part["scheme"].lower(), {})
            else:
                value = part["plain"] or re.sub(r"\\(.)", r"\1", part["quoted"] or "")
                parameters.setdefault(part["name"].lower(), value)
        self.kind = next((kind for kind in (*_KINDS, *offers) if kind in offers), "")
        self.parameters = offers.get(self.kind, {})

    def realm(self, own_base: str, allowed_hosts: t.Collection[str], sender: str) -> tuple[str, str]:
        """Base and path of the realm, if C(sender) (in words: what would be sent) may go there."""
        realm = self.parameters.get("realm", "")
        if not re.fullmatch(r"[!-~]*", realm):
            raise ProtocolError("the registry's realm is not an address")
        try:
            parts = urllib.parse.urlsplit(realm)
            base = f"{parts.scheme}://{parts.netloc}".lower()
            named = parts.hostname or "an unnamed host"
        except ValueError:
            parts, base, named = None, "", "an address that cannot be read"
        elsewhere = base in {f"https://{host.lower()}" for host in allowed_hosts}
        if parts is None or (base != own_base and not elsewhere):
            raise HostNotAllowed(
                f"the registry wants {sender} to be sent to {named!r} ({realm.partition(':')[0][:10]!r})",
                cure="Nothing was sent there. Check the registry host, and what stands before it.",
            )
        return base, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def token_query(self, scopes: Scopes, username: str | None) -> str:
        """The query that asks the realm for a token."""
        query = [("service", self.parameters["service"])] if "service" in self.parameters else []
        query += [("scope", scope) for scope in scopes]
        if username is not None:
            query.append(("account", username))
        return urllib.parse.urlencode(query, quote_via=urllib.parse.quote)


def bearer_of(answer: Answer) -> Secret:
    """The value of Authorization that the realm's answer gives. Raises ProtocolError."""
    try:
        document = parse_json(answer.body)
    except ValueError as fault:
        raise ProtocolError(f"the answer of the registry's realm is not one: {fault}") from None
    token = document.get("token") or document.get("access_token")
    if not isinstance(token, str) or not re.fullmatch(r"[!-~]+", token):
        raise ProtocolError("the answer of the registry's realm has no token")
    return Secret(f"Bearer {token}")


class _Ticket:
    """An Authorization that is in use; C(proven) once the registry took it."""

    def __init__(self, value: Secret | None) -> None:
        self.value = value
        self.proven = False


class Authenticator:
    """The Authorization for requests to one registry, for several threads at once.

    C(login=None) is anonymous. C(renew) gives a new password; it is called once at most, when the registry does not
    take the old one any more. C(redactor) is told every secret.
    """

    def __init__(
        self,
        base: str,
        get: Get,
        login: Login | None,
        *,
        renew: t.Callable[[], Secret] | None,
        allowed_hosts: t.Collection[str],
        redactor: Redactor,
    ) -> None:
        self._base = base
        self._get = get
        self._login = login
        self._renew = renew
        self._allowed_hosts = allowed_hosts
        self._redactor = redactor
        self._lock = threading.RLock()
        self._challenge: Challenge | None = None
        self._asked = False
        self._tickets: dict[Scopes, _Ticket] = {}
        if login:
            redactor.add(login[1])

    def ticket(self, scopes: Scopes) -> _Ticket:
        """What to send with a request that needs these scopes. Raises AuthenticationFailed and others."""
        with self._lock:
            if not self._asked:
                answer = self._get(self._base, PING, None)
                if answer.status == 401:
                    self._challenge = Challenge(answer.headers.get("WWW-Authenticate", ""))
                elif answer.status >= 300:
                    raise refusal(answer.status, answer.body, self._redactor.scrub)
                self._asked = True
            if scopes not in self._tickets:
                self._tickets[scopes] = _Ticket(self._authorization(scopes))
            return self._tickets[scopes]

    def refused(self, ticket: _Ticket, header: str, scopes: Scopes) -> bool:
        """Whether a request that was answered 401 may be sent again, with another ticket; C(header) is the challenge.

        Tokens of a realm live for minutes: one that was good is replaced by a new one; then the password is renewed.
        """
        with self._lock:
            if self._tickets.get(scopes) is not ticket:
                return True  # another thread was quicker
            if ticket.value is None:
                self._challenge = Challenge(header)
                del self._tickets[scopes]
                return self._login is not None or self._challenge.kind == "bearer"
            if ticket.proven and ticket.value.reveal().startswith("Bearer "):
                del self._tickets[scopes]
                return True
            return self._renewed()

    def _renewed(self) -> bool:
        if self._renew is None or self._login is None:
            return False
        renew, self._renew = self._renew, None
        password = renew()
        self._redactor.add(password)
        self._login = (self._login[0], password)
        self._tickets.clear()
        return True

    def _authorization(self, scopes: Scopes) -> Secret | None:
        if self._challenge is None:
            return None
        if self._challenge.kind == "basic":
            return basic(*self._login) if self._login else None
        if self._challenge.kind != "bearer":
            raise ProtocolError("the registry asks for a login of an unknown kind")
        while True:
            answer = self._ask_realm(self._challenge, scopes)
            if answer.status != 401 or not self._renewed():
                break
        if answer.status >= 300:
            raise refusal(answer.status, answer.body, self._redactor.scrub)
        bearer = bearer_of(answer)
        self._redactor.add(Secret(bearer.reveal().partition(" ")[2]))
        return bearer

    def _ask_realm(self, challenge: Challenge, scopes: Scopes) -> Answer:
        sender = "the password" if self._login else "the request for a token"
        base, target = challenge.realm(self._base, self._allowed_hosts, sender)
        query = challenge.token_query(scopes, self._login[0] if self._login else None)
        target += ("&" if "?" in target else "?") + query if query else ""
        return self._get(base, target, basic(*self._login) if self._login else None)
