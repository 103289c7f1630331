# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One piece of a file as a stream of its own, proven against its digest while it is read.

This module util is private to the collection.
"""

from __future__ import annotations

import hashlib
import io
import os
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ContentMismatch, FileError
from ansible_collections.jdcloud.jcr.plugins.module_utils._quantities import counted


class FileRange(io.RawIOBase):
    """The C(size) bytes of C(file) from C(offset) on; seekable, and independent of every other reader of the file.

    C(file), C(offset) and C(size) are what pread takes; that way is not proven here. C(what) is the range's name in
    messages. With a C(digest), the read that reaches the end raises ContentMismatch if all bytes together are others;
    parts may be read again in between, but none may be skipped for the proof. C(owned): the file is closed with it.
    """

    def __init__(
        self, file: t.BinaryIO, offset: int, size: int, what: str, digest: str | None = None, *, owned: bool = False
    ) -> None:
        super().__init__()
        self.file, self.offset, self.size = file, offset, size
        self._what, self._digest, self._owned = what, digest, owned
        self._position = 0
        self._hash = hashlib.sha256()
        self._hashed = 0  # so many bytes from the beginning went into the hash
        self._proven = digest is None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise ValueError("a position before the beginning")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: t.Any) -> int:
        wanted = max(0, min(len(buffer), self.size - self._position))
        # Not read(): other readers of the file must not be moved.
        piece = self._pread(wanted) if wanted else b""
        if len(piece) < wanted and not piece:
            raise ContentMismatch(f"{self._what} ends after {self._position} of {counted(self.size, 'byte')}")
        buffer[: len(piece)] = piece
        self._prove(piece)
        self._position += len(piece)
        return len(piece)

    def close(self) -> None:
        if self._owned and not self.closed:
            self.file.close()
        super().close()

    def _pread(self, count: int) -> bytes:
        try:
            return os.pread(self.file.fileno(), count, self.offset + self._position)
        except OSError as error:
            raise FileError(error.strerror or str(error), act="read", obj=self._what) from None

    def _prove(self, piece: bytes) -> None:
        if self._proven:
            return
        if self._position <= self._hashed < self._position + len(piece):
            self._hash.update(memoryview(piece)[self._hashed - self._position :])
            self._hashed = self._position + len(piece)
        if self._hashed == self.size:
            found = f"sha256:{self._hash.hexdigest()}"
            if found != self._digest:
                raise ContentMismatch(f"{self._what} is not what its digest says: its bytes have {found}")
            self._proven = True


def check_size(name: str, size: int, expected: int | None) -> None:
    """Raises ContentMismatch."""
    if expected is not None and size != expected:
        raise ContentMismatch(f"{name!r} has {counted(size, 'byte')} instead of {expected}")
