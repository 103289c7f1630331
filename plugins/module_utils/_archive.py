# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Images out of files: an OCI image layout (a directory or a tar), or what docker save writes.

This module util is private to the collection.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import stat
import tempfile
import typing as t
import zlib

from ansible_collections.jdcloud.jcr.plugins.module_utils._dockerarchive import LISTING, DockerArchive
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ArchiveInvalid, FileError, JcrError
from ansible_collections.jdcloud.jcr.plugins.module_utils._folder import Folder
from ansible_collections.jdcloud.jcr.plugins.module_utils._imagesource import ImageSource
from ansible_collections.jdcloud.jcr.plugins.module_utils._ocilayout import INDEX, MARKER, OciLayout
from ansible_collections.jdcloud.jcr.plugins.module_utils._tarball import Tar

# What is unpacked from a .tar.gz: more is taken for an attack.
_UNPACKED_TIMES, _UNPACKED_BYTES = 100, 1 << 30
_PIECE = 1 << 20
_GZIP = b"\x1f\x8b"
_OTHER = {b"\x28\xb5\x2f\xfd": ("zstd", "zstd -d"), b"\xfd7zXZ\x00": ("xz", "xz -d"), b"BZh": ("bzip2", "bzip2 -d")}


def open_archive(path: str, name: str | None = None, tmp: str | None = None) -> ImageSource:
    """The image in an archive; C(name) (a name or a digest) chooses where there are several.

    Nothing is unpacked but a C(.tar.gz) as a whole, into a temporary file in C(tmp) without a name. A tar in which both
    forms stand, as Docker Engine 25 and newer write it, is taken as an OCI layout if its layers are compressed there:
    then the image keeps its digest.
    Raises FileError, ArchiveInvalid, ImageInvalid, ImageNotFound, ConfigurationError, ContentMismatch.
    """
    what = f"'{path}'"
    with contextlib.ExitStack() as opened:
        try:
            files: t.Any = Folder(path) if os.path.isdir(path) else _open_tar(path, what, tmp, opened)
            opened.callback(files.close)
            source = _source(files, what, name, tmp)
        except OSError as error:
            raise FileError(error.strerror or str(error), act="read", obj=what) from None
        except JcrError as error:
            error.about("read", what)
            raise
        opened.pop_all()  # the source closes them from now on
    return source


def _source(files: t.Any, what: str, name: str | None, tmp: str | None) -> ImageSource:
    docker = files.has(LISTING) and not isinstance(files, Folder)
    if files.has(MARKER) and files.has(INDEX):
        layout = OciLayout(files, what, name)
        if not (docker and layout.uncompressed):
            return layout
    elif not docker:
        raise _not_of_images(files, what)
    return DockerArchive(files, what, name, tmp)


def _not_of_images(files: t.Any, what: str) -> ArchiveInvalid:
    problem, cure = f"it has neither {MARKER} and {INDEX} nor {LISTING}, so it is no archive of images", None
    if isinstance(files, Folder):
        problem = f"it has no {MARKER} and {INDEX}, so it is no OCI image layout"
    elif files.has("repositories"):
        problem, cure = "it was written by Docker 1.9 or older", "Load it with docker load, and save it again."
    elif files.has("etc/hostname") or files.has(".dockerenv"):
        problem, cure = "it holds the files of a container, not an image", "Use docker save, not docker export."
    return ArchiveInvalid(problem, act="read", obj=what, cure=cure)


def _open_tar(path: str, what: str, tmp: str | None, opened: contextlib.ExitStack) -> Tar:
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # O_NONBLOCK: a named pipe must not hang
    file = opened.enter_context(os.fdopen(handle, "rb", 0))
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        raise ArchiveInvalid("it is neither a directory nor a regular file", cure="Give the path of a file.")
    start = os.pread(handle, 8, 0)
    for magic, (program, unpack) in _OTHER.items():
        if start.startswith(magic):
            raise ArchiveInvalid(f"it is compressed by {program}", cure=f"Unpack it first: {unpack}.")
    return Tar(_unpacked(file, tmp) if start.startswith(_GZIP) else file, what)


def _unpacked(file: t.BinaryIO, tmp: str | None) -> t.BinaryIO:
    """A temporary file with what is in a gzip file."""
    limit = os.fstat(file.fileno()).st_size * _UNPACKED_TIMES + _UNPACKED_BYTES
    target = tempfile.TemporaryFile(dir=tmp)  # noqa: SIM115 (read until the source is closed)
    try:
        with gzip.GzipFile(fileobj=file) as packed:
            for piece in iter(lambda: packed.read(_PIECE), b""):
                limit -= len(piece)
                if limit < 0:
                    raise ArchiveInvalid("it unpacks to more than a hundred times its size", cure="Unpack it first.")
                target.write(piece)
        target.flush()
    except (gzip.BadGzipFile, EOFError, zlib.error):
        target.close()
        raise ArchiveInvalid("it is compressed by gzip, and damaged or cut off") from None
    except OSError as error:
        target.close()
        raise FileError(
            f"it cannot be unpacked into a temporary file: {error.strerror}",
            cure="Make room there, or unpack it first.",
        ) from None
    except BaseException:
        target.close()
        raise
    file.close()
    return target
