# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Uploads over HTTP: start (also whole in one request, or as a mount), append, finish, ask, cancel."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import weakref
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.responses import Response

from tests.emulator import digests
from tests.emulator.bodies import receive
from tests.emulator.exchange import Exchange, empty, in_thread
from tests.emulator.images import ImageStore
from tests.emulator.registryerrors import RegistryError
from tests.emulator.uploads import Upload

# A client that lost its connection may be back before the server has noticed; two that share an upload take turns.
PATIENCE_SECONDS = 10.0
# A full disk is said when an upload starts: clients show that text, but repeat a PATCH that fails for most of a minute.
MIN_FREE_BYTES = 64 * 1024 * 1024
_CONTENT_RANGE = re.compile(r"(?:bytes[ =])?([0-9]{1,18})-([0-9]{1,18})(?:/(?:[0-9]+|\*))?")


class UploadRoutes:
    """The handlers; they share the locks that keep two requests from writing one upload at the same time."""

    def __init__(self) -> None:
        self._locks: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()

    async def start(self, exchange: Exchange) -> Response:
        """POST: mount an existing blob, take a whole one (digest=), or open an upload."""
        query = exchange.request.query_params
        digest = query.get("digest")
        if digest is not None:
            _check_digest(digest)
        if "mount" in query and await in_thread(_mount, exchange, query["mount"], query.get("from", "")):
            return _created(exchange, query["mount"])
        upload = await in_thread(open_upload, exchange.emulator.images, exchange.repository_id)
        if digest is None:
            return _accepted(exchange, upload)
        try:
            await receive(exchange.request, upload.append)
        except (ClientDisconnect, OSError):
            # Nobody was told of this upload, so nobody can go on with it.
            await in_thread(exchange.emulator.images.uploads.cancel, upload)
            raise
        await in_thread(_finish, exchange, upload, digest)
        return _created(exchange, digest)

    async def status(self, exchange: Exchange) -> Response:
        """GET: how far the upload is."""
        async with self._found(exchange) as upload:
            return _accepted(exchange, upload, 204)

    async def append(self, exchange: Exchange) -> Response:
        """PATCH: the next chunk, or the whole blob as one stream."""
        async with self._found(exchange) as upload:
            await _receive_chunk(exchange, upload)
            return _accepted(exchange, upload)

    async def finish(self, exchange: Exchange) -> Response:
        """PUT: the rest of the blob, if any, and its digest."""
        async with self._found(exchange) as upload:
            digest = exchange.request.query_params.get("digest", "")
            _check_digest(digest)
            await _receive_chunk(exchange, upload)
            await in_thread(_finish, exchange, upload, digest)
            return _created(exchange, digest)

    async def cancel(self, exchange: Exchange) -> Response:
        """DELETE: forget the upload."""
        async with self._found(exchange) as upload:
            await in_thread(exchange.emulator.images.uploads.cancel, upload)
            return empty(204, {"Docker-Upload-UUID": upload.id})

    @contextlib.asynccontextmanager
    async def _found(self, exchange: Exchange) -> AsyncIterator[Upload]:
        """The upload in the path, for this request alone."""
        upload_id = exchange.path_value("upload")
        lock = self._locks.setdefault(upload_id, asyncio.Lock())
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await lock.acquire()
        except TimeoutError:
            message = f"another request is busy with upload {upload_id!r}; ask again later"
            raise RegistryError("BLOB_UPLOAD_INVALID", message, status=409) from None
        try:
            yield exchange.emulator.images.uploads.find(exchange.repository_id, upload_id)
        finally:
            lock.release()


def open_upload(images: ImageStore, repository_id: int) -> Upload:
    """Open an upload, if the disk has room for one."""
    images.clean_up()
    if shutil.disk_usage(images.directory).free < MIN_FREE_BYTES:
        raise RegistryError("DENIED", "the disk of the registry is full")
    return images.uploads.start(repository_id)


def _mount(exchange: Exchange, digest: str, source: str) -> bool:
    """Link a blob of another repository of the same registry; otherwise the client has to upload it."""
    emulator: Any = exchange.emulator
    source_id = emulator.state.repository_id(exchange.admission.registry.id, source)
    return source_id is not None and emulator.images.blobs.mount(source_id, exchange.repository_id, digest)


def _finish(exchange: Exchange, upload: Upload, digest: str) -> None:
    exchange.emulator.images.uploads.finish(upload, digest)


async def _receive_chunk(exchange: Exchange, upload: Upload) -> None:
    """Append the body. With a Content-Range it has to begin where the upload ends, and be as long as it says."""
    header = exchange.request.headers.get("content-range")
    before = upload.offset
    expected = _expected_bytes(exchange, upload, header) if header is not None else None
    await receive(exchange.request, upload.append)
    if expected is not None and upload.offset - before != expected:
        received = upload.offset - before
        await in_thread(upload.rewind, before)
        raise RegistryError("SIZE_INVALID", f"Content-Range announces {expected} bytes, but {received} came")


def _expected_bytes(exchange: Exchange, upload: Upload, header: str) -> int:
    match = _CONTENT_RANGE.fullmatch(header.strip())
    if not match or int(match[2]) < int(match[1]):
        raise RegistryError("BLOB_UPLOAD_INVALID", f"Content-Range is FIRST-LAST in bytes, not {header!r}")
    first, last = int(match[1]), int(match[2])
    if first != upload.offset:
        message = f"the upload goes on at byte {upload.offset}, not at {first}"
        raise RegistryError("RANGE_INVALID", message, headers=_progress(exchange, upload))
    return last - first + 1


def _check_digest(digest: str) -> None:
    if not digests.is_digest(digest):
        raise RegistryError("DIGEST_INVALID", f"the upload needs the query digest=sha256:…, not {digest!r}")


def _progress(exchange: Exchange, upload: Upload) -> dict[str, str]:
    return {
        "Location": exchange.location("blobs", "uploads", upload.id),
        "Range": f"0-{max(0, upload.offset - 1)}",
        "Docker-Upload-UUID": upload.id,
    }


def _accepted(exchange: Exchange, upload: Upload, status: int = 202) -> Response:
    return empty(status, _progress(exchange, upload))


def _created(exchange: Exchange, digest: str) -> Response:
    return empty(201, {"Location": exchange.location("blobs", digest), "Docker-Content-Digest": digest})
