# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Verifies JDCLOUD2-HMAC-SHA256 and JDCLOUD3-HMAC-SHA256 signatures as the official clients make them.

The official signers differ in details of the canonical request, so each algorithm is tried with the short list of
forms that they are known to produce; a signature is good when one form gives it.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import hmac
import itertools
import re
import typing as t
from datetime import UTC, datetime
from urllib.parse import quote, unquote, unquote_plus

from tests.emulator.errors import AccessError

SERVICE = "containerregistry"
_DATE = re.compile("([0-9]{4})([0-9]{2})([0-9]{2})T([0-9]{2})([0-9]{2})([0-9]{2})Z")
_AUTHORIZATION = re.compile(
    r"JDCLOUD(?P<version>[23])-HMAC-SHA256 +"
    r"Credential=(?P<key>[^/, ]+)/(?P<day>[0-9]{8})/(?P<region>[^/, ]+)/(?P<service>[^/, ]+)"
    r"/jdcloud(?P=version)_request"
    r" *, *SignedHeaders=(?P<signed>[^, ]+) *, *Signature=(?P<signature>[0-9a-f]{64})"
)


@dataclasses.dataclass(frozen=True)
class Authorization:
    """The Authorization header, taken apart."""

    version: str
    access_key: str
    day: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str

    @classmethod
    def parse(cls, text: str) -> Authorization:
        """Take a header apart; AccessError says what is missing, in the words of the gateway."""
        if not text:
            raise AccessError("lack of header authorization[gw]")
        if "Credential=" not in text:
            raise AccessError("lack of credential in header authorization[gw]")
        if "SignedHeaders=" not in text:
            raise AccessError("lack of header signedHeaders[gw]")
        match = _AUTHORIZATION.fullmatch(text.strip())
        if not match:
            raise AccessError("header authorization is malformed[gw]")
        signed = tuple(match["signed"].lower().split(";"))
        return cls(
            match["version"], match["key"], match["day"], match["region"], match["service"], signed, match["signature"]
        )

    @property
    def scope(self) -> str:
        """The credential scope."""
        return f"{self.day}/{self.region}/{self.service}/jdcloud{self.version}_request"


@dataclasses.dataclass(frozen=True)
class SignedRequest:
    """A request as it came over the wire: path and query still encoded, header names in lower case."""

    method: str
    path: str
    query: str
    headers: t.Mapping[str, str]
    body: bytes

    def header(self, name: str) -> str:
        """The value of a header, empty when there is none."""
        return self.headers.get(name, "").strip()


@dataclasses.dataclass(frozen=True)
class Policy:
    """How strict to be: seconds of clock difference, strict header list, region that the scope must name."""

    window: float
    strict: bool = False
    region: str | None = None


def verify(
    request: SignedRequest, *, secret_of: t.Callable[[str], str | None], now: datetime, policy: Policy
) -> Authorization:
    """Return who signed this request; AccessError when nobody did, or not well."""
    authorization = Authorization.parse(request.header("authorization"))
    date = _date(request)
    if abs((now - date).total_seconds()) > policy.window:
        raise AccessError("x-jdcloud-date differs too much from the time of the server[gw]")
    if authorization.day != request.header("x-jdcloud-date")[:8]:
        raise AccessError("date of the credential scope is not the date of x-jdcloud-date[gw]")
    if authorization.service != SERVICE or (policy.region and authorization.region != policy.region):
        raise AccessError("credential scope is for another service or region[gw]")
    _check_signed_headers(authorization, request, policy)
    secret = secret_of(authorization.access_key)
    if secret is None:
        raise AccessError("Invalid accessKey[gw]")
    claimed = request.header("x-jdcloud-content-sha256")
    if claimed and claimed != hashlib.sha256(request.body).hexdigest():
        raise AccessError("x-jdcloud-content-sha256 is not the hash of the body[gw]")
    if not signature_matches(authorization, request, secret):
        raise AccessError("sign result is not same [gw]")
    return authorization


def signature_matches(authorization: Authorization, request: SignedRequest, secret: str) -> bool:
    """Whether one of the known canonical forms gives the signature."""
    key = signing_key(authorization, secret)
    texts = (string_to_sign(authorization, request, form) for form in canonical_requests(authorization, request))
    return any(hmac.compare_digest(_sign(key, text).hex(), authorization.signature) for text in texts)


def signing_key(authorization: Authorization, secret: str) -> bytes:
    """The key of a day, region and service, derived from the secret key."""
    return _derived_key(authorization.version, authorization.scope, secret)


@functools.lru_cache(maxsize=16)
def _derived_key(version: str, scope: str, secret: str) -> bytes:
    key = f"JDCLOUD{version}{secret}".encode()
    for part in scope.split("/"):
        key = _sign(key, part)
    return key


def string_to_sign(authorization: Authorization, request: SignedRequest, canonical: str) -> str:
    """The text whose HMAC is the signature."""
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    date = request.header("x-jdcloud-date")
    return f"JDCLOUD{authorization.version}-HMAC-SHA256\n{date}\n{authorization.scope}\n{digest}"


def canonical_requests(authorization: Authorization, request: SignedRequest) -> t.Iterator[str]:
    """Every canonical form that a signer of this version may have used; the most usual one first."""
    if authorization.version == "3":
        paths, queries = [_path_v3(request.path)], [_query_v3(request.query), _query_v3_before_2026(request.query)]
    else:
        paths = [quote(request.path), request.path, quote(unquote(request.path))]
        queries = [_query_v2(request.query), request.query, _query_v3(request.query)]
    payload = hashlib.sha256(request.body).hexdigest()
    names = ";".join(authorization.signed_headers)
    forms = itertools.product(paths, queries, _header_blocks(authorization, request))
    for path, query, headers in dict.fromkeys(forms):
        yield "\n".join((request.method, path, query, headers, names, payload))


def _check_signed_headers(authorization: Authorization, request: SignedRequest, policy: Policy) -> None:
    missing = [name for name in authorization.signed_headers if name not in request.headers]
    if missing:
        raise AccessError(f"lack of header {missing[0]}[gw]")
    if not policy.strict:
        return
    wanted = ["x-jdcloud-date", "x-jdcloud-nonce"]
    if request.header("x-jdcloud-security-token"):
        wanted.append("x-jdcloud-security-token")
    for name in wanted:
        if name not in authorization.signed_headers:
            raise AccessError(f"header {name} is not signed[gw]")


def _date(request: SignedRequest) -> datetime:
    text = request.header("x-jdcloud-date")
    if not text:
        raise AccessError("lack of header x-jdcloud-date[gw]")
    match = _DATE.fullmatch(text)
    if not match:
        raise AccessError("header x-jdcloud-date is malformed[gw]")
    try:
        return datetime(*map(int, match.groups()), tzinfo=UTC)
    except ValueError as error:
        raise AccessError("header x-jdcloud-date is no date[gw]") from error


def _sign(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def _header_blocks(authorization: Authorization, request: SignedRequest) -> list[str]:
    """The header lines: values trimmed; some signers squeeze inner blanks, and all drop the default ports."""
    values = {name: request.header(name) for name in authorization.signed_headers}
    values["host"] = re.sub(":(80|443)$", "", values.get("host", ""))
    plain = "".join(f"{name}:{values[name]}\n" for name in authorization.signed_headers)
    squeezed = "".join(f"{name}:{' '.join(values[name].split())}\n" for name in authorization.signed_headers)
    return [plain, squeezed]


def _path_v3(path: str) -> str:
    decoded = re.sub("/+", "/", unquote_plus(path))
    return "/" + quote(decoded, safe="/~").removeprefix("/")


def _query_v3(query: str) -> str:
    pairs = [piece.partition("=") for piece in query.split("&")]
    encoded = sorted((_recode(key), _recode(value)) for key, equals, value in pairs if key and equals)
    return "&".join(f"{key}={value}" for key, value in encoded)


def _query_v3_before_2026(query: str) -> str:
    """As Python SDKs before March 2026 write it: a value that contains "=" loses its own key."""
    pieces = sorted([_recode(part) for part in piece.split("=")] for piece in query.split("&") if piece)
    usable = [parts for parts in pieces if parts[0] and len(parts) > 1]
    return "&".join("=".join(parts) if len(parts) == 2 else "%3D".join(parts[1:]) for parts in usable)


def _query_v2(query: str) -> str:
    """Pieces as they were sent, sorted; a further "=" of a value is written %3D, a key without a value gets its "="."""
    pieces = sorted(piece.split("=") for piece in query.split("&") if piece)
    return "&".join(f"{parts[0]}={'%3D'.join(parts[1:])}" for parts in pieces)


def _recode(text: str) -> str:
    return quote(unquote_plus(text), safe="~")
