# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One blob out of a registry, as a reader that goes on after a cut.

This module util is private to the collection.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import re
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    ContentMismatch,
    JcrError,
    ProtocolError,
    Unreachable,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._imagesource import Descriptor
from ansible_collections.jdcloud.jcr.plugins.module_utils._registrycall import Conversation, Scopes
from ansible_collections.jdcloud.jcr.plugins.module_utils._transport import Stream

_SKIP = 256 * 1024
_BEGIN = re.compile(r"bytes ([0-9]{1,18})-[0-9]{1,18}/(?:[0-9]{1,18}|\*)")


class BlobStream(io.RawIOBase):
    """The bytes of a blob as the registry gives them, not compared with the digest; from anywhere by seek()."""

    def __init__(self, conversation: Conversation, path: str, scopes: Scopes, blob: Descriptor) -> None:
        super().__init__()
        self._conversation = conversation
        self._target = f"{path}/blobs/{blob.digest}"
        self._scopes = scopes
        self._size = blob.size
        self._stream: Stream | None = None
        self._at = 0
        self._attempt = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        place = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence] + offset
        if place != self._at:
            self._hang_up()
        self._at = place
        return place

    def read(self, size: int = -1) -> bytes:
        """At most so many bytes, or all that are left. Raises JcrErrors: what a cut is, is known by then."""
        if size < 0:
            return b"".join(iter(lambda: self.read(_SKIP), b""))
        count = min(size, self._size - self._at)
        if count <= 0:
            return b""
        while True:
            try:
                data = self._present_stream().read(count)
                if not data:
                    raise Unreachable("the registry cut the connection before the blob was complete", retryable=True)
            except JcrError as error:
                self._hang_up()
                self._attempt += 1
                self._conversation.pause(self._attempt, error)
                continue
            self._at += len(data)
            self._attempt = 0
            return data

    def readinto(self, buffer: t.Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._hang_up()
        super().close()

    def _hang_up(self) -> None:
        if self._stream is not None:
            self._stream.close()
        self._stream = None

    def _present_stream(self) -> Stream:
        if self._stream is None:
            headers = {"Range": f"bytes={self._at}-"} if self._at else {}
            self._stream = self._conversation.open(self._target, self._scopes, headers)
            self._find_place(self._stream)
        return self._stream

    def _find_place(self, stream: Stream) -> None:
        """Be sure that what comes begins where it was asked for: a registry may ignore a Range, but not mistake it."""
        begin = 0
        if stream.status == 206:
            match = _BEGIN.fullmatch(stream.headers.get("Content-Range", "").strip())
            if not match or int(match[1]) > self._at:
                raise ProtocolError("the registry answered with another part of the blob than it was asked for")
            begin = int(match[1])
        while begin < self._at:
            skipped = stream.read(min(_SKIP, self._at - begin))
            if not skipped:
                raise Unreachable("the registry cut the connection before the blob was complete", retryable=True)
            begin += len(skipped)


class BlobReader(io.RawIOBase):
    """The bytes of a blob from the first to the last; at the end they have been compared with the digest.

    C(unchecked) is the stream behind it, for who hashes himself.
    """

    def __init__(self, stream: BlobStream, blob: Descriptor) -> None:
        super().__init__()
        self.unchecked = stream
        self._blob = blob
        self._hasher = hashlib.sha256()
        self._left = blob.size

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self.unchecked.read(size)
        self._hasher.update(data)
        self._left -= len(data)
        if self._left == 0 and f"sha256:{self._hasher.copy().hexdigest()}" != self._blob.digest:
            raise ContentMismatch(
                f"the registry's bytes of {self._blob.digest} are not what the digest says",
                cure="Push the image again.",
            )
        return data

    def readinto(self, buffer: t.Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.unchecked.close()
        super().close()
