# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one way in which the collection reads files that hold a secret, and what it takes for such a file.

This module util is private to the collection.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import FileError

MAX_FILE_SIZE = 8 * 1024 * 1024
PRIVATE_FILE = 0o600
NOT_OURS_ALONE = 0o077
A_LINK = "a symbolic link"
_LINK_CURE = "Name the file itself, or remove the link."
_KINDS = (
    (stat.S_ISLNK, A_LINK, _LINK_CURE),
    (stat.S_ISDIR, "a directory", "Name a file."),
    (stat.S_ISFIFO, "a named pipe", "Name a regular file."),
    (stat.S_ISSOCK, "a socket", "Name a regular file."),
)


def read_bytes(path: str, limit: int = MAX_FILE_SIZE, *, own: bool = False) -> bytes | None:
    """The content of a regular file; None if there is no such file.

    Raises FileError when path is a link, not a regular file, unreadable, or larger than limit bytes; with own=True also
    when it belongs to somebody else.
    """
    with failing_as("read", path):
        try:  # O_NONBLOCK: a named pipe must not make the task hang
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            found = os.fstat(handle)
            check_regular(found)
            if own and found.st_uid != os.geteuid():
                raise FileError(f"it belongs to user id {found.st_uid}", cure="Remove it.")
            with os.fdopen(handle, "rb", closefd=False) as stream:
                content = stream.read(limit + 1)
        finally:
            os.close(handle)
    if len(content) > limit:
        raise FileError(f"it is larger than {limit} bytes", act="read", obj=f"'{path}'", cure="Is it the right file?")
    return content


def is_private(path: str) -> bool:
    """Whether path is a regular file that nobody but its owner may read or write, as far as we may look."""
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return False
    return stat.S_ISREG(found.st_mode) and not found.st_mode & NOT_OURS_ALONE


def check_regular(found: os.stat_result) -> None:
    if stat.S_ISREG(found.st_mode):
        return
    for is_kind, name, cure in _KINDS:
        if is_kind(found.st_mode):
            raise FileError(f"it is {name}", cure=cure)
    raise FileError("it is a device", cure="Name a regular file.")


def need_access(directory: str) -> None:
    if not os.access(directory, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def is_still_at(path: str, handle: int) -> bool:
    try:
        named = os.lstat(path)
    except FileNotFoundError:
        return False
    return os.path.samestat(named, os.fstat(handle))


@contextlib.contextmanager
def failing_as(act: str, path: str) -> t.Iterator[None]:
    """Tell every failure of the system as a FileError with a cure."""
    try:
        yield
    except FileError as error:
        error.about(act, f"'{path}'")
        raise
    except ValueError as error:  # a NUL in the path
        raise FileError(str(error), act=act, obj=repr(path), cure="Correct the path.") from error
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise FileError(f"it is {A_LINK}", act=act, obj=f"'{path}'", cure=_LINK_CURE) from error
        raise FileError(
            os.strerror(error.errno or 0), act=act, obj=f"'{path}'", cure=_CURES.get(error.errno or 0)
        ) from error


_CURES = {
    errno.EACCES: "Run the task as a user who may do that, or name another path.",
    errno.EPERM: "Run the task as a user who may do that, or name another path.",
    errno.EROFS: "Name a path on a file system that can be written.",
    errno.ENOENT: "Create its directory first.",
    errno.ENOTDIR: "A part of its path is a file: correct the path.",
    errno.ENOSPC: "Free some space on that file system.",
    errno.EDQUOT: "Free some space within the user's disk quota.",
    errno.ENOLCK: "Name a path on a file system that knows locks.",
    errno.ENAMETOOLONG: "Name a shorter path.",
    errno.EISDIR: "Name a file.",
    errno.ENXIO: "Name a regular file.",
}
