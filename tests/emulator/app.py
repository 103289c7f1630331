# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One ASGI application for all ports: request log and faults around the two planes, and the admin API beside them."""

from __future__ import annotations

import sys
import traceback
import typing as t

from starlette.applications import Starlette

from tests.emulator import dataplane
from tests.emulator.admin import PREFIX as ADMIN_PREFIX
from tests.emulator.admin import Admin
from tests.emulator.clock import http_date
from tests.emulator.control import ControlPlane
from tests.emulator.emulator import Emulator
from tests.emulator.envelope import Send
from tests.emulator.faultactions import Struck, strike
from tests.emulator.operations import OPERATIONS
from tests.emulator.requestlog import Entry
from tests.emulator.routing import control_operation, data_operation

Scope: t.TypeAlias = dict[str, t.Any]
Receive: t.TypeAlias = t.Callable[[], t.Awaitable[dict[str, t.Any]]]

_READING_METHODS = ("GET", "HEAD", "OPTIONS")


class Application:
    """Answers every request of every port."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._admin = Admin(emulator)
        self._control = ControlPlane(emulator)
        self._data = Starlette(routes=dataplane.routes(emulator))
        self._data.router.redirect_slashes = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            raise RuntimeError(f"nothing here speaks {scope['type']}")
        dated = self._dated(send)
        if scope["server"][1] == self._emulator.ports.main and scope["path"].startswith(ADMIN_PREFIX):
            await _guarded(self._admin(scope, receive, dated))
            return
        entry = self._begin(scope)
        scope["state"]["entry"] = entry
        received, sent = _counting(entry, receive, dated)
        over = self._emulator.faults.over
        action = self._emulator.faults.take(entry.plane, entry.operation, entry.method, entry.path)
        if action is None:
            await self._answer(scope, entry, received, sent)
            return
        entry.fault = action.kind

        async def answer(receive: Receive, send: Send) -> None:
            await self._answer(scope, entry, receive, send)

        await strike(action, Struck(answer, scope["state"]["connection"], received, sent, entry, over))

    async def _answer(self, scope: Scope, entry: Entry, receive: Receive, send: Send) -> None:
        if entry.plane == "control":
            await self._control(scope, receive, send, entry)
        else:
            await _guarded(self._data(scope, receive, send))

    def _begin(self, scope: Scope) -> Entry:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        registry = self._emulator.state.registry_at(scope["server"][1], headers.get(b"host", ""))
        method, raw_path = scope["method"], scope["raw_path"].decode("latin-1")
        if registry is not None or scope["path"].startswith("/v2"):
            plane, operation = "data", data_operation(method, scope["path"])
            name, writes = registry.name if registry else None, method not in _READING_METHODS
        else:
            route = control_operation(method, raw_path)
            plane, operation = "control", route[0] if route else None
            name, writes = route[1].get("registry") if route else None, bool(route) and OPERATIONS[route[0]].writes
        return self._emulator.log.begin(
            plane=plane,
            operation=operation,
            method=method,
            path=raw_path,
            registry=name,
            user_agent=headers.get(b"user-agent", ""),
            write=writes,
        )

    def _dated(self, send: Send) -> Send:
        """The same send, with a Date header of the emulator's clock on every answer."""

        async def send_with_date(message: dict[str, t.Any]) -> None:
            if message["type"] == "http.response.start":
                date = (b"date", http_date(self._emulator.clock.now()).encode())
                message = {**message, "headers": [*message.get("headers", []), date]}
            await send(message)

        return send_with_date


async def _guarded(answering: t.Awaitable[None]) -> None:
    """Tell standard error about a failure of the emulator itself; the client gets a bare 500 if it is not too late."""
    try:
        await answering
    except Exception:
        traceback.print_exc(file=sys.stderr)


def _counting(entry: Entry, receive: Receive, send: Send) -> tuple[Receive, Send]:
    """The same receive and send; they note sizes and status in the log."""

    async def receive_and_count() -> dict[str, t.Any]:
        message = await receive()
        entry.bytes_received += len(message.get("body", b""))
        return message

    async def send_and_count(message: dict[str, t.Any]) -> None:
        entry.status = message.get("status", entry.status)
        entry.bytes_sent += len(message.get("body", b""))
        await send(message)

    return receive_and_count, send_and_count
