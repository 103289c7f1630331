# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The signature JDCLOUD3-HMAC-SHA256 of the OpenAPI. Pure: time and nonce come from outside.

This module util is private to the collection.

The algorithm is not documented; its rules were measured on the official Python SDK 1.6.354 and are proved by vectors
in tests/contract. That SDK leaves date and nonce out of the signed headers, against the public documents; we sign both.
"""

from __future__ import annotations

import base64
import datetime
import functools
import hashlib
import hmac
import re
import typing as t
import urllib.parse

ALGORITHM = "JDCLOUD3-HMAC-SHA256"
SERVICE = "containerregistry"
_TERMINATOR = "jdcloud3_request"
_KEY_PREFIX = "JDCLOUD3"


def sign(
    method: str,
    url: str,
    headers: t.Mapping[str, str],
    body: bytes,
    *,
    access_key: str,
    secret_key: str,
    region: str,
    now: datetime.datetime,
    nonce: str,
    security_token: str | None = None,
) -> dict[str, str]:
    """The headers to add to a request so that the gateway accepts it.

    C(headers) are those the request has already; of them the Content-Type is signed, application/json standing in for a
    missing one. C(now) is aware. C(security_token) is plain; it is signed and sent in base64, as the official SDKs do.
    """
    if now.tzinfo is None:
        raise ValueError("a request cannot be signed with a time that has no zone")
    date = now.astimezone(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    given = {name.lower(): value for name, value in headers.items()}
    added = {"x-jdcloud-date": date, "x-jdcloud-nonce": nonce}
    if "content-type" not in given:
        added["content-type"] = "application/json"
    if security_token:
        added["x-jdcloud-security-token"] = base64.b64encode(security_token.encode("utf-8")).decode("ascii")
    signed = {"content-type": given.get("content-type"), "host": host_of(url), **added}

    scope = scope_of(date, region)
    text = string_to_sign(date, scope, canonical_request(method, url, signed, body))
    signature = signature_of(secret_key, scope, text)
    credential = f"Credential={access_key}/{scope}, SignedHeaders={_names(signed)}, Signature={signature}"
    return {**added, "x-jdcloud-algorithm": ALGORITHM, "Authorization": f"{ALGORITHM} {credential}"}


def canonical_request(method: str, url: str, signed_headers: t.Mapping[str, str], body: bytes) -> str:
    """The text that stands for a request, over exactly these headers."""
    parts = urllib.parse.urlsplit(url)
    lower = {name.lower(): value.strip() for name, value in signed_headers.items()}
    return "\n".join(
        (
            method.upper(),
            _canonical_path(parts.path),
            _canonical_query(parts.query),
            *(f"{name}:{lower[name]}" for name in sorted(lower)),
            "",
            _names(lower),
            hashlib.sha256(body).hexdigest(),
        )
    )


def scope_of(date: str, region: str) -> str:
    """What a signature is valid for: day, region and service."""
    return f"{date[:8]}/{region}/{SERVICE}/{_TERMINATOR}"


def string_to_sign(date: str, scope: str, canonical: str) -> str:
    """Algorithm, date, scope and the hash of the canonical request."""
    return "\n".join((ALGORITHM, date, scope, hashlib.sha256(canonical.encode("utf-8")).hexdigest()))


def signature_of(secret_key: str, scope: str, text: str) -> str:
    """The signature in hexadecimal digits. The key is derived link by link from the secret key and the scope."""
    return _hmac(_key_of(secret_key, scope), text).hex()


@functools.lru_cache(maxsize=4)
def _key_of(secret_key: str, scope: str) -> bytes:
    """The key of a day, region and service."""
    key = (_KEY_PREFIX + secret_key).encode("utf-8")
    for link in scope.split("/"):
        key = _hmac(key, link)
    return key


def host_of(url: str) -> str:
    """The Host header that is signed for a URL: without the ports 80 and 443, without the zone of an IPv6 address."""
    parts = urllib.parse.urlsplit(url)
    host = (parts.hostname or "").partition("%")[0]
    if ":" in host:
        host = f"[{host}]"
    return host if parts.port in (None, 80, 443) else f"{host}:{parts.port}"


def _names(headers: t.Iterable[str]) -> str:
    return ";".join(sorted(name.lower() for name in headers))


def _canonical_path(path: str) -> str:
    decoded = re.sub("/+", "/", urllib.parse.unquote_plus(path))
    quoted = urllib.parse.quote(decoded, safe="/")
    return quoted if quoted.startswith("/") else "/" + quoted


def _canonical_query(query: str) -> str:
    """Decoded and quoted again, in order; a piece without a name or without a '=' is left out, as the SDK does."""
    pieces = (piece.partition("=") for piece in query.split("&"))
    pairs = sorted((_requoted(name), _requoted(value)) for name, equals, value in pieces if name and equals)
    return "&".join(f"{name}={value}" for name, value in pairs)


def _requoted(text: str) -> str:
    return urllib.parse.quote(urllib.parse.unquote_plus(text), safe="")


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode("utf-8"), hashlib.sha256).digest()
