# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one way in which the collection reads and writes files that hold a secret.

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
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Clock
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import FileError

MAX_FILE_SIZE = 8 * 1024 * 1024
_PRIVATE_FILE = 0o600
_PRIVATE_DIRECTORY = 0o700
_SHARED = "others may use it, and it has other things in it: they would be shut out"
_NOT_OURS_ALONE = 0o077
_LONGEST_POLL = 0.05  # seconds between two tries for a lock
_LINK = "a symbolic link"
_LINK_CURE = "Name the file itself, or remove the link."
_KINDS = (
    (stat.S_ISLNK, _LINK, _LINK_CURE),
    (stat.S_ISDIR, "a directory", "Name a file."),
    (stat.S_ISFIFO, "a named pipe", "Name a regular file."),
    (stat.S_ISSOCK, "a socket", "Name a regular file."),
)


def read_bytes(path: str, limit: int = MAX_FILE_SIZE, *, own: bool = False) -> bytes | None:
    """The content of a regular file; None if there is no such file.

    Raises FileError when path is a link, not a regular file, unreadable, or larger than limit bytes; with own=True also
    when it belongs to somebody else.
    """
    with _failing_as("read", path):
        try:  # O_NONBLOCK: a named pipe must not make the task hang
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            found = os.fstat(handle)
            _check_regular(found)
            if own and found.st_uid != os.geteuid():
                raise FileError(f"it belongs to user id {found.st_uid}", cure="Remove it.")
            with os.fdopen(handle, "rb", closefd=False) as stream:
                content = stream.read(limit + 1)
        finally:
            os.close(handle)
    if len(content) > limit:
        raise FileError(f"it is larger than {limit} bytes", act="read", obj=f"'{path}'", cure="Is it the right file?")
    return content


def write_private(path: str, data: bytes) -> None:
    """Put data into the file at path, so that a reader or a crash finds the old content or the new, never a part.

    The file has mode 0600 afterwards, whatever it had before and whatever the umask is, and no byte of data ever stood
    in a file that others could read. The owner of an existing file is kept. A link is never followed.
    Raises FileError when path is a link, a directory or anything but a regular file, belongs to somebody else, or
    cannot be written; the old content is untouched then.
    """
    directory = os.path.dirname(path) or "."
    with _failing_as("write", path):
        present = _present_state(path)
        _remove_leftovers(directory, os.path.basename(path))
        handle, temporary = _create_temporary(directory, os.path.basename(path))
        try:
            with os.fdopen(handle, "wb") as stream:
                os.fchmod(handle, _PRIVATE_FILE)  # a strange umask may have taken the owner's bits
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
    with _failing_as("write", path):
        _present_state(path)
        directory = os.path.dirname(path) or "."
        if not stat.S_ISDIR(os.stat(directory).st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        _need_access(directory)


def set_aside(path: str) -> str:
    """Rename a broken file to C(PATH.corrupt), over an older one; returns the new path."""
    with _failing_as("rename", path):
        os.replace(path, f"{path}.corrupt")
    return f"{path}.corrupt"


def is_private(path: str) -> bool:
    """Whether path is a regular file that nobody but its owner may read or write, as far as we may look."""
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return False
    return stat.S_ISREG(found.st_mode) and not found.st_mode & _NOT_OURS_ALONE


def private_directory(path: str, create: bool = True) -> None:
    """Make sure that path is a directory of ours, in which we can write and nobody else may; its parents are made too.

    What others may do with it is taken from them; what its owner may do stays as it is. With create=False nothing is
    written: what is there is checked, and a missing directory is no error.
    Raises FileError when it is a link, not a directory, belongs to somebody else, or is open to others and clearly has
    another use; with create=True also when it cannot be written in.
    """
    path = os.path.abspath(path)  # without a slash at the end, which would follow a link
    with _failing_as("use the directory", path):
        if create:
            os.makedirs(os.path.dirname(path) or ".", mode=_PRIVATE_DIRECTORY, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                os.mkdir(path, _PRIVATE_DIRECTORY)
        with contextlib.ExitStack() as opened:
            try:
                handle = opened.enter_context(_own_directory(path))
            except FileNotFoundError:
                return
            if create:
                mode = _mode_to_close(handle)
                if mode & _NOT_OURS_ALONE:
                    os.fchmod(handle, mode & ~_NOT_OURS_ALONE)
                _need_access(path)


def check_private_directory(path: str) -> None:
    """Raise the FileError that private_directory(path) would raise, as far as it can be foreseen without writing."""
    path = os.path.abspath(path)
    with _failing_as("use the directory", path):
        try:
            with _own_directory(path) as handle:
                _mode_to_close(handle)
        except FileNotFoundError:
            while not os.path.lexists(path):
                path = os.path.dirname(path)
        _need_access(path)


@contextlib.contextmanager
def _own_directory(path: str) -> t.Iterator[int]:
    """A handle of a directory that is no link, and ours."""
    if os.path.islink(path):
        raise FileError(f"it is {_LINK}", cure="Name the directory itself.")
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        owner = os.fstat(handle).st_uid
        if owner != os.geteuid():
            raise FileError(f"it belongs to user id {owner}", cure="Name a directory of your own.")
        yield handle
    finally:
        os.close(handle)


def _mode_to_close(handle: int) -> int:
    """The mode of a directory that may be closed to others; FileError for one that has other uses."""
    mode = os.fstat(handle).st_mode
    if mode & _NOT_OURS_ALONE and (mode & stat.S_ISVTX or _has_directories(handle)):  # /tmp, a home, a disk
        raise FileError(_SHARED, cure="Name a directory that has no other use.")
    return stat.S_IMODE(mode)


def _need_access(directory: str) -> None:
    if not os.access(directory, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _has_directories(handle: int) -> bool:
    with os.scandir(handle) as entries:
        return any(entry.is_dir(follow_symlinks=False) for entry in entries)


@contextlib.contextmanager
def locked(path: str, *, clock: Clock, wait: float) -> t.Iterator[None]:
    """Hold the lock C(PATH.lock) that all writers of path share; waits for it at most C(wait) seconds.

    It is an flock: the kernel frees it when its holder dies, so a lock is never stale. The lock file itself stays.
    Raises FileError when the lock is not had in time (it names the holder) or the lock file is not to be trusted.
    """
    lock_path = f"{path}.lock"
    with _failing_as("lock", path):
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
            if _is_still_at(lock_path, handle):  # otherwise somebody removed the file, and others lock a new one
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
                handle = os.open(lock_path, flags | os.O_CREAT | os.O_EXCL, _PRIVATE_FILE)
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


def _is_still_at(path: str, handle: int) -> bool:
    try:
        named = os.lstat(path)
    except FileNotFoundError:
        return False
    return os.path.samestat(named, os.fstat(handle))


def _present_state(path: str) -> os.stat_result | None:
    """What stands at path now, checked to be something that may be replaced; None if nothing does."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    _check_regular(found)
    if os.geteuid() not in (0, found.st_uid):
        raise FileError(f"it belongs to user id {found.st_uid}", cure="Run the task as that user (become_user).")
    return found


def _check_regular(found: os.stat_result) -> None:
    if stat.S_ISREG(found.st_mode):
        return
    for is_kind, name, cure in _KINDS:
        if is_kind(found.st_mode):
            raise FileError(f"it is {name}", cure=cure)
    raise FileError("it is a device", cure="Name a regular file.")


def _temporary_prefix(name: str) -> str:
    return f".{name[:100]}."


def _create_temporary(directory: str, name: str) -> tuple[int, str]:
    """A new 0600 file, locked for as long as its writer lives."""
    while True:
        temporary = os.path.join(directory, f"{_temporary_prefix(name)}{secrets.token_hex(8)}.jcr-tmp")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(temporary, flags, _PRIVATE_FILE)
        with contextlib.suppress(OSError):  # no locks on this file system, or a sweeper was quicker: see the next line
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_still_at(temporary, handle):
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


@contextlib.contextmanager
def _failing_as(act: str, path: str) -> t.Iterator[None]:
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
            raise FileError(f"it is {_LINK}", act=act, obj=f"'{path}'", cure=_LINK_CURE) from error
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
}
