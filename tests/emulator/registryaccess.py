# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who may use a registry: its own tokens, asked anew on every request, and only for repositories that exist.

The bearer that C(/v2/token) hands out is the authorizationToken itself, not a ticket derived from it. So whatever a
client still holds, its next request after a release or the expiry is refused, also in the middle of a push.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse

from tests.emulator.bodies import read_body
from tests.emulator.registryerrors import RegistryError

TOKEN_PATH = "/v2/token"
# Clients ask for a new bearer after this long; how long the token really lives is checked here each time.
BEARER_SECONDS = 300
_LONGEST_FORM = 64 * 1024
_HOST = re.compile(r"[A-Za-z0-9.:\[\]_-]+")
_READING = ("GET", "HEAD")
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_LONGEST_REPOSITORY = 256

_REFUSALS = {
    "expired": "the authorization token has expired; issue a new one and log in again",
    "released": "the authorization token was released; issue a new one and log in again",
    "unknown": "user name or password is wrong: the user is jdcloud, the password comes from an authorization token "
    "of this very registry",
}


@dataclass(frozen=True)
class Admission:
    """A request that was let in: the registry it is for and, where it names one, the repository."""

    registry: Any
    repository_name: str
    repository_id: int


def registry_of(emulator: Any, request: Request) -> Any:
    """The registry that a request means by its port and Host header; refuses if there is none."""
    host = request.headers.get("host", "")
    registry = emulator.state.registry_at(request.scope["server"][1], host)
    if registry is None:
        raise RegistryError("NAME_UNKNOWN", f"no registry is served at {host!r}; create the registry first")
    return registry


def admit(emulator: Any, request: Request, repository: str | None, *, create: bool) -> Admission:
    """Let a request in, or refuse it: without a valid token (401), or to a repository that is not there (404).

    create says that the request begins or ends a push: with the switch C(auto_create) it makes the repository.
    """
    registry = registry_of(emulator, request)
    _check_login(emulator, request, registry, repository)
    if repository is None:
        return Admission(registry, "", 0)
    return Admission(registry, repository, _repository_id(emulator, registry, repository, create=create))


async def issue_bearer(emulator: Any, request: Request) -> JSONResponse:
    """Answer the token endpoint: GET with Basic credentials, or POST with a form of OAuth2 (grant type password).

    It ignores the scope. A repository that does not exist is refused where it is used: docker, skopeo and podman show
    that text, whereas skopeo and podman drop what a token endpoint says.
    """
    credential = _read_authorization(request.headers.get("authorization"))
    if request.method == "POST":
        form = await read_form(request)
        if form.get("grant_type") == "password":
            credential = form.get("username", ""), form.get("password", "")
    return await asyncio.to_thread(_bearer, emulator, request, credential)


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a small url-encoded body."""
    body = await read_body(request, _LONGEST_FORM)
    if body is None:
        raise RegistryError("DENIED", f"the form is longer than {_LONGEST_FORM} bytes", status=413)
    return dict(parse_qsl(body.decode("utf-8", "replace")))


def _bearer(emulator: Any, request: Request, credential: tuple[str, str] | None) -> JSONResponse:
    registry = registry_of(emulator, request)
    _must_be_valid(emulator, registry, credential, {"WWW-Authenticate": _basic(registry)})
    bearer = base64.b64encode(":".join(credential or ()).encode()).decode()
    answer = {"token": bearer, "access_token": bearer, "expires_in": BEARER_SECONDS, "token_type": "Bearer"}
    answer["issued_at"] = emulator.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    return JSONResponse(answer, headers={"Cache-Control": "no-store"})


def _check_login(emulator: Any, request: Request, registry: Any, repository: str | None) -> None:
    if emulator.settings["challenge"] == "basic":
        challenge = _basic(registry)
    else:
        host = request.headers.get("host", "")
        host = host if _HOST.fullmatch(host) else registry.uri
        challenge = f'Bearer realm="{request.url.scheme}://{host}{TOKEN_PATH}",service="{registry.uri}"'
        if repository is not None:
            actions = "pull" if request.method in _READING else "pull,push"
            challenge += f',scope="repository:{repository}:{actions}"'
    credential = _read_authorization(request.headers.get("authorization"))
    _must_be_valid(emulator, registry, credential, {"WWW-Authenticate": challenge})


def _must_be_valid(emulator: Any, registry: Any, credential: tuple[str, str] | None, headers: dict[str, str]) -> None:
    if credential is None:
        message = f"authentication required: log in to registry {registry.name!r} with one of its tokens"
        raise RegistryError("UNAUTHORIZED", message, headers=headers)
    verdict = emulator.state.check_login(registry.id, *credential)
    if verdict != "valid":
        raise RegistryError("UNAUTHORIZED", f"registry {registry.name!r}: {_REFUSALS[verdict]}", headers=headers)


def _repository_id(emulator: Any, registry: Any, name: str, *, create: bool) -> int:
    if len(name) > _LONGEST_REPOSITORY or not _REPOSITORY.fullmatch(name):
        raise RegistryError("NAME_INVALID", f"{name!r} is not a repository name", detail={"name": name})
    with emulator.database.transaction():
        known: int | None = emulator.state.repository_id(registry.id, name)
        if known is None and create and emulator.settings["auto_create"]:
            known = emulator.state.create_repository(registry.id, name).id
    if known is None:
        message = f"repository {name!r} does not exist in registry {registry.name!r}; create the repository first"
        raise RegistryError("NAME_UNKNOWN", message, detail={"name": name})
    return known


def _read_authorization(header: str | None) -> tuple[str, str] | None:
    """User and password of a Basic or Bearer header; None without one, empty texts if it cannot be read."""
    if not header:
        return None
    scheme, _blank, encoded = header.partition(" ")
    if scheme.lower() not in ("basic", "bearer"):
        return "", ""
    try:
        user, _colon, password = base64.b64decode(encoded.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return user, password


def _basic(registry: Any) -> str:
    return f'Basic realm="{registry.uri}"'
