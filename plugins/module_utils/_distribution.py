# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The registry's own protocol, OCI distribution v2, over our transport.

This module util is private to the collection.
"""

from __future__ import annotations

import base64
import re
import typing as t
import urllib.parse

from ansible_collections.jdcloud.jcr.plugins.module_utils._answers import parse_json
from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Clock, Deadline
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    AuthenticationFailed,
    HostNotAllowed,
    JcrError,
    ProtocolError,
    ServerError,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Secret
from ansible_collections.jdcloud.jcr.plugins.module_utils._transport import Answer, Transport

_PING = "/v2/"
_PARAMETER = re.compile(r'([A-Za-z_]+)="([^"]*)"')
_CURE = "Check that the token is still valid: issue a new one, or see the tokens of the registry in the console."


def ping(
    host: str,
    username: str,
    password: Secret,
    *,
    insecure: bool,
    clock: Clock,
    deadline: Deadline,
    timeout: float,
    verify: bool | str = True,
) -> None:
    """Prove that the registry at C(host) accepts this login, as C(docker login) does.

    C(insecure) speaks http; the transport lets that pass for loopback only. C(timeout): seconds for one request.
    Raises AuthenticationFailed for a login that is not accepted, HostNotAllowed for a registry that wants the password
    to be sent elsewhere (nothing is sent there), Unreachable, DeadlineExceeded, ProtocolError and ServerError.
    """
    scheme = "http" if insecure else "https"
    transport = Transport(f"{scheme}://{host}", verify=verify, timeout=timeout, clock=clock)
    try:
        _Ping(transport, username, password, deadline).prove()
    except JcrError as error:
        error.about("log in to", host)
        raise
    finally:
        transport.close()


class _Ping:
    """The two or three requests of one login."""

    def __init__(self, transport: Transport, username: str, password: Secret, deadline: Deadline) -> None:
        self._transport = transport
        self._username = username
        self._deadline = deadline
        pair = f"{username}:{password.reveal()}".encode()
        self._basic = Secret("Basic " + base64.b64encode(pair).decode("ascii"))

    def prove(self) -> None:
        """Ask without a login, then with the one that is asked for."""
        challenge = self._challenge()
        authorization = self._basic
        if challenge.lower().startswith("bearer "):
            authorization = self._bearer(dict(_PARAMETER.findall(challenge)))
        elif not challenge.lower().startswith("basic"):
            raise ProtocolError("the registry asks for a login of an unknown kind")
        _accepted(self._get(_PING, authorization))

    def _challenge(self) -> str:
        answer = self._get(_PING, None)
        if answer.status != 401:
            _accepted(answer)
            raise ProtocolError(
                "the registry lets everybody in, so the login cannot be verified",
                cure="Set verify: false if that is meant.",
            )
        return answer.headers.get("WWW-Authenticate", "")

    def _bearer(self, challenge: t.Mapping[str, str]) -> Secret:
        """The bearer token that the registry's own realm gives for the login."""
        target = self._realm_target(challenge.get("realm", ""))
        query = [(name, challenge[name]) for name in ("service", "scope") if name in challenge]
        query.append(("account", self._username))
        target += ("&" if "?" in target else "?") + urllib.parse.urlencode(query, quote_via=urllib.parse.quote)
        answer = _accepted(self._get(target, self._basic))
        try:
            document = parse_json(answer.body)
        except ValueError as fault:
            raise ProtocolError(f"the answer of the registry's realm is not one: {fault}") from None
        token = document.get("token") or document.get("access_token")
        if not isinstance(token, str) or not re.fullmatch(r"[!-~]+", token):
            raise ProtocolError("the answer of the registry's realm has no token")
        return Secret(f"Bearer {token}")

    def _realm_target(self, realm: str) -> str:
        """Path and query of the realm, which has to be on the very host that the login is for."""
        try:
            parts = urllib.parse.urlsplit(realm)
            base = f"{parts.scheme}://{parts.netloc}".lower()
            named = parts.hostname or "an unnamed host"
        except ValueError:
            base, named = "", "an address that cannot be read"
        if base != self._transport.base:
            raise HostNotAllowed(
                f"the registry wants the password to be sent to {named!r} ({realm.partition(':')[0][:10]!r})",
                cure="Nothing was sent there. Check the registry host, and what stands before it.",
            )
        return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def _get(self, target: str, authorization: Secret | None) -> Answer:
        def sign(prepared: t.Any) -> None:
            if authorization:
                prepared.headers["Authorization"] = authorization.reveal()

        return self._transport.send("GET", target, headers={}, body=None, sign=sign, deadline=self._deadline)


def _accepted(answer: Answer) -> Answer:
    """The answer, if it is a success."""
    if 200 <= answer.status < 300:
        return answer
    kind, cure = (AuthenticationFailed, _CURE) if answer.status in (401, 403) else (ProtocolError, None)
    if answer.status >= 500:
        kind = ServerError
    raise kind(f"the registry answered {answer.status}", cure=cure, http_status=answer.status)
