# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Blobs over HTTP: HEAD, GET (also a part), DELETE."""

from __future__ import annotations

import re
from pathlib import Path
from typing import BinaryIO

from starlette.responses import Response

from tests.emulator import digests
from tests.emulator.bodies import FileBody
from tests.emulator.exchange import Exchange, empty, etag_matches, in_thread
from tests.emulator.registryerrors import RegistryError

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


async def read_blob(exchange: Exchange) -> Response:
    """HEAD or GET a blob; GET obeys a single Range."""
    digest = _digest(exchange)
    size = exchange.emulator.images.blobs.size(exchange.repository_id, digest)
    if size is None:
        raise _unknown(digest)
    headers = {
        "Docker-Content-Digest": digest,
        "ETag": f'"{digest}"',
        "Content-Type": "application/octet-stream",
        "Accept-Ranges": "bytes",
        "Cache-Control": "max-age=31536000",
    }
    if etag_matches(exchange.request, digest):
        return Response(status_code=304, headers=headers)
    part = _wanted_part(exchange, digest, size)
    start, end = part or (0, size)
    headers["Content-Length"] = str(end - start)
    if part:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    status = 206 if part else 200
    if exchange.request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    file = _open(exchange.emulator.images.blobs.path(digest), digest)
    return FileBody(file, start, end - start, status, headers)


async def delete_blob(exchange: Exchange) -> Response:
    """Take a blob out of the repository."""
    digest = _digest(exchange)
    if not await in_thread(exchange.emulator.images.delete_blob, exchange.repository_id, digest):
        raise _unknown(digest)
    await in_thread(exchange.emulator.images.collect_garbage)
    return empty(202, {"Docker-Content-Digest": digest})


def _digest(exchange: Exchange) -> str:
    digest = exchange.path_value("digest")
    if not digests.is_digest(digest):
        raise RegistryError("DIGEST_INVALID", f"{digest!r} is not a digest")
    return digest


def _open(path: Path, digest: str) -> BinaryIO:
    """The blob's file; once open it stays readable, although the blob may be deleted meanwhile."""
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise _unknown(digest) from None


def _unknown(digest: str) -> RegistryError:
    return RegistryError("BLOB_UNKNOWN", f"blob {digest} is not in the repository", detail={"digest": digest})


def _wanted_part(exchange: Exchange, digest: str, size: int) -> tuple[int, int] | None:
    """Start and end (exclusive) of the part to send, or None for all of it.

    A Range that is malformed or names several parts is ignored, as RFC 9110 allows; so is one for another content.
    """
    match = _RANGE.fullmatch(exchange.request.headers.get("range", "").strip())
    if not match or exchange.request.headers.get("if-range", f'"{digest}"') != f'"{digest}"':
        return None
    first, last = match.groups()
    if not first and not last or first and last and int(last) < int(first):
        return None
    start = int(first) if first else max(0, size - int(last))
    if start >= size:
        message = f"blob {digest} has only {size} bytes"
        raise RegistryError("RANGE_INVALID", message, headers={"Content-Range": f"bytes */{size}"})
    return start, min(size, int(last) + 1) if first and last else size
