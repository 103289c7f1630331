# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lock that all writers of a file share, across processes.

This module util is private to the collection.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Clock
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import FileError
from ansible_collections.jdcloud.jcr.plugins.module_utils._files import PRIVATE_FILE, failing_as, is_still_at

_LONGEST_POLL = 0.05  # seconds between two tries for a lock


@contextlib.contextmanager
def locked(path: str, *, clock: Clock, wait: float) -> t.Iterator[None]:
    """Hold the lock C(PATH.lock) that all writers of path share; waits for it at most C(wait) seconds.

    It is an flock: the kernel frees it when its holder dies, so a lock is never stale. The lock file itself stays.
    Raises FileError when the lock is not had in time (it names the holder) or the lock file is not to be trusted.
    """
    lock_path = f"{path}.lock"
    with failing_as("lock", path):
        handle = _take_lock(lock_path, clock, clock.monotonic() + wait, wait)
    try:
        yield
    finally:
        fcntl.flock(handle, fcntl.LOCK_UN)  # said aloud: a forked child may hold a copy of the handle
        os.close(handle)


def _take_lock(lock_path: str, clock: Clock, end: float, wait: float) -> int:
    pause = 0.001
    while True:
        handle = _open_lock_file(lock_path)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if is_still_at(lock_path, handle):  # otherwise somebody removed the file, and others lock a new one
                os.ftruncate(handle, 0)
                os.pwrite(handle, str(os.getpid()).encode(), 0)
                return handle
        except BlockingIOError:
            if clock.monotonic() >= end:
                holder = os.pread(handle, 20, 0).decode("ascii", "replace") or "unknown"
                os.close(handle)
                raise FileError(
                    f"another process (pid {holder}) held the lock for {wait:.0f} seconds",
                    cure="Wait for that process to end, or end it.",
                ) from None
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)
        clock.sleep(pause)
        pause = min(2 * pause, _LONGEST_POLL)


def _open_lock_file(lock_path: str) -> int:
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    while True:
        try:
            handle = os.open(lock_path, flags)
        except FileNotFoundError:
            try:
                handle = os.open(lock_path, flags | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
            except FileExistsError:
                continue
            if os.geteuid() == 0:  # the directory's owner must be able to lock too, the next time
                home = os.stat(os.path.dirname(lock_path) or ".")
                os.fchown(handle, home.st_uid, home.st_gid)
        found = os.fstat(handle)
        if stat.S_ISREG(found.st_mode) and found.st_nlink <= 1:  # a second name would be somebody else's file
            return handle
        os.close(handle)
        raise FileError(f"'{lock_path}' is not a lock file", cure="Remove it.")
