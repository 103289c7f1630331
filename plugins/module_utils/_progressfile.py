# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A file that tells how a transfer gets on while it runs: JSON, one object a line.

This module util is private to the collection.
"""

from __future__ import annotations

import json
import os
import stat
import threading
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Clock
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import FileError
from ansible_collections.jdcloud.jcr.plugins.module_utils._times import format_time

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a named pipe must not hang


class ProgressFile:
    """Nothing is done for C(path=None). Opening empties the file; a link is never followed. Threads may share it.

    Raises FileError for a path that is not a regular file or cannot be written. What goes wrong later (a full disk)
    ends the telling, not the transfer.
    """

    def __init__(self, path: str | None, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._handle: int | None = None if path is None else _opened(path)

    def tell(self, event: str, **fields: t.Any) -> None:
        """Write one line: the time, the event, and its fields, none of which is a secret."""
        line = json.dumps({"at": format_time(self._clock.now()), "event": event, **fields}) + "\n"
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


def _opened(path: str) -> int:
    obj = f"'{path}'"
    try:
        handle = os.open(path, _FLAGS, 0o644)
    except OSError as error:
        raise FileError(error.strerror or str(error), act="write the progress to", obj=obj) from None
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise FileError("it is not a regular file", act="write the progress to", obj=obj, cure="Name a file.")
        os.ftruncate(handle, 0)
    except BaseException:
        os.close(handle)
        raise
    return handle
