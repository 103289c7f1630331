# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A file that tells how a transfer gets on while it runs: JSON, one object a line.

This module util is private to the collection.
"""

from __future__ import annotations

import errno
import json
import os
import stat
import threading
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Clock
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import FileError
from ansible_collections.jdcloud.jcr.plugins.module_utils._times import format_time

# Lines are added at the end, so that pushes which run at the same time may share a file. A named pipe must not hang.
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class ProgressFile:
    """Each line says which C(push) it is about. A link is never followed.

    Threads and processes may share it. Raises FileError for a path that is not a regular file or cannot be written.
    What goes wrong later (a full disk) ends the telling, not the transfer.
    """

    def __init__(self, path: str, push: str, clock: Clock) -> None:
        self._push = push
        self._clock = clock
        self._lock = threading.Lock()
        self._handle: int | None = _opened(path)

    def tell(self, event: str, **fields: t.Any) -> None:
        """Write one line: the time, the event, and its fields, none of which is a secret."""
        at = format_time(self._clock.now())
        line = json.dumps({"at": at, "push": self._push, "event": event, **fields}) + "\n"
        with self._lock:
            if self._handle is None:
                return
            try:
                os.write(self._handle, line.encode("utf-8"))
            except OSError:
                self._close()

    def close(self) -> None:
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def check(path: str) -> None:
    """Raise the FileError that opening would raise, as far as it can be foreseen without writing."""
    try:
        os.close(_opened(path, create=False))
    except FileNotFoundError:
        directory = os.path.dirname(path) or "."
        if not os.path.isdir(directory):
            raise _unwritable(path, os.strerror(errno.ENOENT)) from None
        if not os.access(directory, os.W_OK | os.X_OK):
            raise _unwritable(path, os.strerror(errno.EACCES)) from None


def _opened(path: str, *, create: bool = True) -> int:
    try:
        handle = os.open(path, _FLAGS | os.O_CREAT if create else _FLAGS, 0o644)
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not create:
            raise
        raise _unwritable(path, error.strerror or str(error)) from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise _unwritable(path, "it is not a regular file", cure="Name a file.")
    return handle


def _unwritable(path: str, why: str, cure: str | None = None) -> FileError:
    return FileError(why, act="write the progress to", obj=f"'{path}'", cure=cure)
