# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files of a directory that somebody else may have written: no link in it is followed.

This module util is private to the collection.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ArchiveInvalid, FileError
from ansible_collections.jdcloud.jcr.plugins.module_utils._filerange import FileRange, check_size

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # O_NONBLOCK: a named pipe must not hang
_LINK_CURE = "Copy the layout with what its links lead to: cp -rL."


class Folder:
    """A directory. C(path) itself may be a link; names in it are relative, with '/'. Raises FileError."""

    def __init__(self, path: str) -> None:
        self._path = path
        with self._failing_as(""):
            self._handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def has(self, name: str) -> bool:
        """Whether there is something of this name."""
        try:
            os.stat(name, dir_fd=self._handle, follow_symlinks=False)
        except OSError:
            return False
        return True

    def read(self, name: str, limit: int) -> bytes:
        """A small file. Raises ArchiveInvalid if it is not there, no regular file, or larger than limit bytes."""
        with self.open(name) as reader:
            if reader.size > limit:
                raise ArchiveInvalid(f"it is larger than {limit} bytes", act="read", obj=self._named(name))
            return reader.read()

    def open(self, name: str, size: int | None = None, digest: str | None = None) -> FileRange:
        """A reader that proves C(digest), if given. Raises ArchiveInvalid, and ContentMismatch for another C(size)."""
        handle = self._open(name)
        try:
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode):
                raise ArchiveInvalid("it is not a regular file", act="read", obj=self._named(name))
            check_size(name, found.st_size, size)
        except BaseException:
            os.close(handle)
            raise
        return FileRange(os.fdopen(handle, "rb", 0), 0, found.st_size, self._named(name), digest, owned=True)

    def close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def _open(self, name: str) -> int:
        """Step by step, so that no folder on the way is a link either."""
        handle = self._handle
        with self._failing_as(name):
            try:
                *folders, last = name.split("/")
                for folder in folders:
                    below = os.open(folder, _FLAGS | os.O_DIRECTORY, dir_fd=handle)
                    self._leave(handle)
                    handle = below
                return os.open(last, _FLAGS, dir_fd=handle)
            finally:
                self._leave(handle)

    def _leave(self, handle: int) -> None:
        if handle != self._handle:
            os.close(handle)

    @contextlib.contextmanager
    def _failing_as(self, name: str) -> t.Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise ArchiveInvalid("there is no such file", act="read", obj=self._named(name)) from None
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR):
                raise ArchiveInvalid(
                    "it is a symbolic link or no folder", act="read", obj=self._named(name), cure=_LINK_CURE
                ) from None
            raise FileError(error.strerror or str(error), act="read", obj=self._named(name)) from None

    def _named(self, name: str) -> str:
        return f"'{os.path.join(self._path, name) if name else self._path}'"
