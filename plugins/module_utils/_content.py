# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The bytes of one blob on their way: read once in order, hashed meanwhile, from any place on after a cut.

This module util is private to the collection.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ContentMismatch, FileError, JcrError
from ansible_collections.jdcloud.jcr.plugins.module_utils._imagesource import Descriptor
from ansible_collections.jdcloud.jcr.plugins.module_utils._quantities import counted

PIECE = 512 * 1024  # bytes; each has to get through before the connection counts as standing still


class SourceBroken(Exception):
    """The bytes cannot be read; C(error) says why. Not the registry's fault, so it must not pass for one."""

    def __init__(self, error: JcrError) -> None:
        super().__init__(error.cause)
        self.error = error


class Stopped(Exception):
    """Another part of the transfer failed, so that this one is of no use any more."""


class Content:
    """C(open_blob) gives a reader from the first byte, as ImageSource.open() does; C(stop) ends all reading."""

    def __init__(self, blob: Descriptor, open_blob: t.Callable[[], t.BinaryIO], stop: threading.Event) -> None:
        self.blob = blob
        self._open_blob = open_blob
        self._stop = stop
        self._reader: t.Any = None
        self._whole: t.BinaryIO | None = None
        self._at = 0
        self._hasher = hashlib.sha256()
        self.hashed = 0  # bytes, from the first on

    def part(self, start: int, end: int) -> _Part:
        """The bytes from start to end as the body of a request. The last ones are only given if the digest is right."""
        return _Part(self, start, end)

    def check_stop(self) -> None:
        """Raise Stopped if there is no use in going on."""
        if self._stop.is_set():
            raise Stopped

    def check_empty(self) -> None:
        """What part() checks with the last bytes, for a blob that has none."""
        if self.blob.size == 0:
            self._check_digest()

    def close(self) -> None:
        """Close the reader."""
        if self._whole is not None:
            with contextlib.suppress(OSError):
                self._whole.close()
        self._whole = self._reader = None

    def pieces(self, start: int, end: int) -> t.Iterator[bytes]:
        """See part(). Raises SourceBroken and Stopped."""
        try:
            self._go_to(start)
            while self._at < end:
                self.check_stop()
                yield self._next(end)
        except JcrError as error:
            raise SourceBroken(error) from None
        except OSError as error:
            broken = FileError(f"the bytes of {self.blob.digest} cannot be read: {error.strerror or error}")
            raise SourceBroken(broken) from None

    def _next(self, end: int) -> bytes:
        piece = self._read(min(PIECE, end - self._at))
        if not piece:
            raise ContentMismatch(
                f"the source has only {self._at} of the {counted(self.blob.size, 'byte')} of {self.blob.digest}"
            )
        known = self.hashed - self._at
        if known < len(piece):
            self._hasher.update(memoryview(piece)[known:] if known else piece)
            self.hashed = self._at + len(piece)
        self._at += len(piece)
        if self._at == self.blob.size:
            self._check_digest()
        return piece

    def _check_digest(self) -> None:
        if f"sha256:{self._hasher.copy().hexdigest()}" != self.blob.digest:
            raise ContentMismatch(f"the source's bytes of {self.blob.digest} are not what the digest says")

    def _read(self, count: int) -> bytes:
        file = getattr(self._reader, "file", None)
        if file is None:
            return self._reader.read(count)
        return os.pread(file.fileno(), count, self._reader.offset + self._at)

    def _go_to(self, start: int) -> None:
        """Be at this byte: by seeking if the reader can, else by reading what stands before it again."""
        if self._whole is not None and start < self._at and not self._seekable():
            self.close()
        if self._whole is None:
            self._whole = self._open_blob()
            # Who hashes himself need not have the source do it as well.
            self._reader = getattr(self._whole, "unchecked", self._whole)
            self._at = 0
        if start != self._at and self._seekable():
            if getattr(self._reader, "file", None) is None:
                self._reader.seek(start)
            self._at = start
        while self._at < start:
            skipped = self._read(min(PIECE, start - self._at))
            if not skipped:
                break
            self._at += len(skipped)

    def _seekable(self) -> bool:
        return getattr(self._reader, "file", None) is not None or self._reader.seekable()


class _Part:
    """A part of a blob as the body of a request; it can be sent again."""

    def __init__(self, content: Content, start: int, end: int) -> None:
        self._content = content
        self._start = start
        self._end = end

    def __len__(self) -> int:
        return self._end - self._start

    def __iter__(self) -> t.Iterator[bytes]:
        return self._content.pieces(self._start, self._end)
