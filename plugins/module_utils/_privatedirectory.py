# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Directories of ours that nobody else may look into.

This module util is private to the collection.
"""

from __future__ import annotations

import contextlib
import os
import stat
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import FileError
from ansible_collections.jdcloud.jcr.plugins.module_utils._files import A_LINK, NOT_OURS_ALONE, failing_as, need_access

_PRIVATE_DIRECTORY = 0o700
_SHARED = "others may use it, and it has other things in it: they would be shut out"


def private_directory(path: str, create: bool = True) -> None:
    """Make sure that path is a directory of ours, in which we can write and nobody else may; its parents are made too.

    What others may do with it is taken from them; what its owner may do stays as it is. With create=False nothing is
    written: what is there is checked, and a missing directory is no error.
    Raises FileError when it is a link, not a directory, belongs to somebody else, or is open to others and clearly has
    another use; with create=True also when it cannot be written in.
    """
    path = os.path.abspath(path)  # without a slash at the end, which would follow a link
    with failing_as("use the directory", path):
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
                if mode & NOT_OURS_ALONE:
                    os.fchmod(handle, mode & ~NOT_OURS_ALONE)
                need_access(path)


def check_private_directory(path: str) -> None:
    """Raise the FileError that private_directory(path) would raise, as far as it can be foreseen without writing."""
    path = os.path.abspath(path)
    with failing_as("use the directory", path):
        try:
            with _own_directory(path) as handle:
                _mode_to_close(handle)
        except FileNotFoundError:
            while not os.path.lexists(path):
                path = os.path.dirname(path)
        need_access(path)


@contextlib.contextmanager
def _own_directory(path: str) -> t.Iterator[int]:
    """A handle of a directory that is no link, and ours."""
    if os.path.islink(path):
        raise FileError(f"it is {A_LINK}", cure="Name the directory itself.")
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
    if mode & NOT_OURS_ALONE and (mode & stat.S_ISVTX or _has_directories(handle)):  # /tmp, a home, a disk
        raise FileError(_SHARED, cure="Name a directory that has no other use.")
    return stat.S_IMODE(mode)


def _has_directories(handle: int) -> bool:
    with os.scandir(handle) as entries:
        return any(entry.is_dir(follow_symlinks=False) for entry in entries)
