# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one way in which the collection writes files that hold a secret.

This module util is private to the collection.

C(AnsibleModule.atomic_move()) is not used here: it publishes a new file with the bits the umask leaves (0644), even if
the temporary file was 0600, and leaves an existing 0644 file as it is (measured; CVE-2020-1736).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import secrets
import stat

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import FileError
from ansible_collections.jdcloud.jcr.plugins.module_utils._files import (
    PRIVATE_FILE,
    check_regular,
    failing_as,
    is_still_at,
    need_access,
)


def write_private(path: str, data: bytes) -> None:
    """Put data into the file at path, so that a reader or a crash finds the old content or the new, never a part.

    The file has mode 0600 afterwards, whatever it had before and whatever the umask is, and no byte of data ever stood
    in a file that others could read. The owner of an existing file is kept. A link is never followed.
    Raises FileError when path is a link, a directory or anything but a regular file, belongs to somebody else, or
    cannot be written; the old content is untouched then.
    """
    directory = os.path.dirname(path) or "."
    with failing_as("write", path):
        present = _present_state(path)
        _remove_leftovers(directory, os.path.basename(path))
        handle, temporary = _create_temporary(directory, os.path.basename(path))
        try:
            with os.fdopen(handle, "wb") as stream:
                os.fchmod(handle, PRIVATE_FILE)  # a strange umask may have taken the owner's bits
                if present is not None and present.st_uid != os.geteuid():
                    os.fchown(handle, present.st_uid, present.st_gid)
                stream.write(data)
                stream.flush()
                os.fsync(handle)
                os.replace(temporary, path)  # within the with: the lock on the temporary file ends with its handle
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
            raise
        _sync_directory(directory)


def check_target(path: str) -> None:
    """Raise the FileError that write_private(path, ...) would raise, as far as it can be foreseen without writing."""
    with failing_as("write", path):
        _present_state(path)
        directory = os.path.dirname(path) or "."
        if not stat.S_ISDIR(os.stat(directory).st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        need_access(directory)


def set_aside(path: str) -> str:
    """Rename a broken file to C(PATH.corrupt), over an older one; returns the new path."""
    with failing_as("rename", path):
        os.replace(path, f"{path}.corrupt")
    return f"{path}.corrupt"


def _present_state(path: str) -> os.stat_result | None:
    """What stands at path now, checked to be something that may be replaced; None if nothing does."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    check_regular(found)
    if os.geteuid() not in (0, found.st_uid):
        raise FileError(f"it belongs to user id {found.st_uid}", cure="Run the task as that user (become_user).")
    return found


def _temporary_prefix(name: str) -> str:
    return f".{name[:100]}."


def _create_temporary(directory: str, name: str) -> tuple[int, str]:
    """A new 0600 file, locked for as long as its writer lives."""
    while True:
        temporary = os.path.join(directory, f"{_temporary_prefix(name)}{secrets.token_hex(8)}.jcr-tmp")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(temporary, flags, PRIVATE_FILE)
        with contextlib.suppress(OSError):  # no locks on this file system, or a sweeper was quicker: see the next line
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if is_still_at(temporary, handle):
            return handle, temporary
        os.close(handle)


def _remove_leftovers(directory: str, name: str) -> None:
    """Remove temporary files whose writers were killed: they may hold a secret. A living writer has its own locked."""
    leftover = re.compile(re.escape(_temporary_prefix(name)) + r"[0-9a-f]{16}\.jcr-tmp")
    entries: list[str] = []
    with contextlib.suppress(PermissionError):  # a directory may be writable without being readable
        entries = os.listdir(directory)
    for entry in filter(leftover.fullmatch, entries):
        with contextlib.suppress(OSError):  # in use, gone already, or not ours
            handle = os.open(os.path.join(directory, entry), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(os.path.join(directory, entry))
            finally:
                os.close(handle)


def _sync_directory(directory: str) -> None:
    """Make a rename last through a power failure."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
