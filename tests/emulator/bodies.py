# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bodies of requests and answers: small ones whole, large ones in batches with constant memory.

Disk and hashing run in worker threads, one batch behind the network: hashlib and files let go of the interpreter, so
one core receives while the other hashes. What says how long it is does not come through the event loop (directbody).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tests.emulator.directbody import BATCH_BYTES


async def read_body(request: Request, limit: int) -> bytes | None:
    """The whole body, or None if it is longer than this many bytes."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > limit:
            return None
    return bytes(body)


async def receive(request: Request, write: Callable[[list[Any]], None]) -> None:
    """Hand the body to a blocking writer, in order, in batches.

    What arrived before a client went away is written too, so that it can go on from there; then ClientDisconnect is
    raised. An OSError of the writer is raised as it is.
    """
    missing = int(request.headers.get("content-length", "0"))
    batch: list[bytes] = []
    held = 0
    writing: asyncio.Task[None] | None = None
    try:
        async for piece in request.stream():
            batch.append(piece)
            held += len(piece)
            missing -= len(piece)
            if held < BATCH_BYTES and missing < BATCH_BYTES:
                continue
            if writing is not None:
                await writing
            writing = asyncio.create_task(asyncio.to_thread(write, batch))
            batch, held = [], 0
            if missing >= BATCH_BYTES:
                await writing
                await _receive_directly(request, missing, write)
                return
    finally:
        if writing is not None:
            await writing
        if held:
            await asyncio.to_thread(write, batch)


async def _receive_directly(request: Request, missing: int, write: Callable[[list[Any]], None]) -> None:
    received = await request.scope["state"]["connection"].receive_directly(missing, write)
    request.scope["state"]["entry"].bytes_received += received
    if received < missing:
        raise ClientDisconnect


class FileBody(Response):
    """An answer with so many bytes of an open file, from a place on; the file is closed in the end."""

    def __init__(self, file: BinaryIO, start: int, count: int, status: int, headers: Mapping[str, str]) -> None:
        super().__init__(status_code=status, headers=headers)
        self._file = file
        self._start = start
        self._count = count

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; the ASGI interface."""
        entry = scope["state"]["entry"]
        with self._file:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            if entry.fault is None:
                await scope["state"]["connection"].send_directly(self._file, self._start, self._count)
                entry.bytes_sent += self._count
            else:
                await self._send_pieces(send)
            await send({"type": "http.response.body", "body": b""})

    async def _send_pieces(self, send: Send) -> None:
        """As a fault wants it, which may cut between any two bytes."""
        self._file.seek(self._start)
        left = self._count
        while left > 0:
            piece = await asyncio.to_thread(self._file.read, min(left, BATCH_BYTES))
            if not piece:
                raise EOFError(f"{self._file.name} is shorter than its record says")
            left -= len(piece)
            await send({"type": "http.response.body", "body": piece, "more_body": True})
