# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A file that tells how a transfer gets on while it runs: JSON, one object a line.

This module util is private to the collection.
"""

from __future__ import annotations

import json
import os
import threading
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Clock
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import FileError
from ansible_collections.jdcloud.jcr.plugins.module_utils._files import check_regular, failing_as, need_access
from ansible_collections.jdcloud.jcr.plugins.module_utils._times import format_time

_ACT = "write the progress to"
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
        self._handle: int | None = None
        with failing_as(_ACT, path):
            self._handle = _opened(path, _FLAGS | os.O_CREAT)

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
    with failing_as(_ACT, path):
        try:
            os.close(_opened(path, _FLAGS))
        except FileNotFoundError:
            directory = os.path.dirname(path) or "."
            if not os.path.isdir(directory):
                raise
            need_access(directory)


def _opened(path: str, flags: int) -> int:
    handle = os.open(path, flags, 0o644)
    try:
        check_regular(os.fstat(handle))
    except FileError:
        os.close(handle)
        raise
    return handle
