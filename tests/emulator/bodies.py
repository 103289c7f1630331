# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bodies of requests and answers: small ones whole, large ones in batches with constant memory.

Disk and hashing run in a worker thread, one batch behind the network: hashlib and files let go of the interpreter, so
one core receives while the other hashes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import BinaryIO

from starlette.requests import Request

BATCH_BYTES = 1024 * 1024


async def read_body(request: Request, limit: int) -> bytes | None:
    """The whole body, or None if it is longer than this many bytes."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > limit:
            return None
    return bytes(body)


async def receive(request: Request, write: Callable[[list[bytes]], None]) -> None:
    """Hand the body to a blocking writer, in order, in batches.

    What arrived before a client went away is written too, so that it can go on from there; then ClientDisconnect is
    raised. An OSError of the writer is raised as it is.
    """
    batch: list[bytes] = []
    held = 0
    writing: asyncio.Task[None] | None = None
    try:
        async for piece in request.stream():
            batch.append(piece)
            held += len(piece)
            if held >= BATCH_BYTES:
                if writing is not None:
                    await writing
                writing = asyncio.create_task(asyncio.to_thread(write, batch))
                batch, held = [], 0
    finally:
        if writing is not None:
            await writing
        if held:
            await asyncio.to_thread(write, batch)


async def send_file(file: BinaryIO, length: int) -> AsyncIterator[bytes]:
    """The next so many bytes of an open file, in batches; then it is closed."""
    try:
        while length > 0:
            piece = await asyncio.to_thread(file.read, min(length, BATCH_BYTES))
            if not piece:
                raise EOFError(f"{file.name} is shorter than its record says")
            length -= len(piece)
            yield piece
    finally:
        file.close()
