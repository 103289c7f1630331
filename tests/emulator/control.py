# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The control plane: from a signed HTTP request to the answer of an operation."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import sys
import traceback
import typing as t

from tests.emulator.call import Call, body_arguments, query_arguments
from tests.emulator.emulator import Emulator
from tests.emulator.envelope import Send, failure, new_request_id, send_json, success
from tests.emulator.errors import (
    AccessError,
    ApiError,
    BodyTooLarge,
    Internal,
    NoRoute,
    RateLimit,
    SecurityTokenNeeded,
    UriTooLong,
)
from tests.emulator.operations import OPERATIONS, Operation
from tests.emulator.requestlog import Entry
from tests.emulator.routing import control_operation
from tests.emulator.signatures import Policy, SignedRequest, verify

_LARGEST_BODY = 1024 * 1024
_LONGEST_URI = 8 * 1024
_MINUTE = 60

Scope: t.TypeAlias = t.Mapping[str, t.Any]
Receive: t.TypeAlias = t.Callable[[], t.Awaitable[dict[str, t.Any]]]


class ControlPlane:
    """Answers everything below /v1/."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    async def __call__(self, scope: Scope, receive: Receive, send: Send, entry: Entry) -> None:
        """Answer one request; what is learnt about it goes into its log entry."""
        request_id = entry.request_id = new_request_id()
        try:
            result = await self._answer(scope, receive, entry)
        except ApiError as error:
            http, status = error.answer(self._emulator.settings)
            await send_json(send, http, failure(request_id, http, status, str(error)))
        except Exception:
            traceback.print_exc(file=sys.stderr)
            error = Internal()
            await send_json(send, error.http, failure(request_id, error.http, error.status, str(error)))
        else:
            await send_json(send, 200, success(request_id, result))

    async def _answer(self, scope: Scope, receive: Receive, entry: Entry) -> dict[str, t.Any] | None:
        request = SignedRequest(
            scope["method"],
            scope["raw_path"].decode("latin-1"),
            scope["query_string"].decode("latin-1"),
            _headers(scope),
            await _body(receive),
        )
        if len(request.path) + len(request.query) > _LONGEST_URI:
            raise UriTooLong
        route = control_operation(request.method, request.path)
        if route is None or not self._is_region(route[1]["region"]):
            raise NoRoute
        name, place = route
        self._admit(request, name, place["region"])
        arguments = body_arguments(request.body) if request.method == "POST" else query_arguments(request.query)
        call = Call(self._emulator, place["region"], place.get("registry", ""), place.get("repository", ""), arguments)
        return await self._run(OPERATIONS[name], call, entry)

    def _is_region(self, region: str) -> bool:
        settings = self._emulator.settings
        return settings["unknown_region"] == "accept" or region in settings["regions"]

    def _admit(self, request: SignedRequest, operation: str, region: str) -> None:
        """Refuse who may not call: not signed well, too often, or without the security token that is wanted."""
        emulator, settings = self._emulator, self._emulator.settings
        window = settings["clock_window"]
        policy = Policy(
            window,
            strict=settings["signed_headers"] == "strict",
            region=region if settings["scope_region"] == "same" else None,
        )
        verify(request, secret_of=emulator.credentials.secret_of, now=emulator.clock.now(), policy=policy)
        nonce = request.header("x-jdcloud-nonce")
        if settings["nonce_replay"] == "refuse" and nonce:
            if emulator.nonces.knows(nonce, window):
                raise AccessError("x-jdcloud-nonce was used before[gw]")
            emulator.nonces.add(nonce)
        limit = settings["calls_per_minute"]
        if limit:
            if emulator.calls.count(_MINUTE) >= limit:
                raise RateLimit(limit)
            emulator.calls.add()
        if settings["mfa"] and OPERATIONS[operation].sensitive:
            _check_security_token(request.header("x-jdcloud-security-token"), settings["mfa_tokens"], operation)

    async def _run(self, operation: Operation, call: Call, entry: Entry) -> dict[str, t.Any] | None:
        """Run an operation as one transaction, then do what may only follow its commit.

        Operations are a few statements on a small database: a thread for each would cost more than they do.
        """
        ports = self._emulator.ports
        try:
            with self._emulator.database.transaction():
                result = operation.run(call)
        except BaseException:
            if call.new_listener is not None:
                call.new_listener.close()
            raise
        entry.token_issued = call.token_issued
        if call.new_listener is not None:
            await ports.open(call.new_listener)
        if call.freed_port is not None:
            ports.close(call.freed_port)
        if operation.sensitive:
            await asyncio.to_thread(self._emulator.images.clean_up)
        return result


async def _body(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > _LARGEST_BODY:
            raise BodyTooLarge
        if not message.get("more_body", False):
            return bytes(body)


def _headers(scope: Scope) -> dict[str, str]:
    """Header values by lower-case name; a repeated header becomes one, joined by commas."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers


def _check_security_token(sent: str, accepted: list[str], operation: str) -> None:
    """Refuse without a security token, plain or in base64, that is one of those; an empty list takes any."""
    forms = {sent}
    with contextlib.suppress(binascii.Error, UnicodeDecodeError):
        forms.add(base64.b64decode(sent, validate=True).decode())
    if not sent or (accepted and forms.isdisjoint(accepted)):
        raise SecurityTokenNeeded(operation)
