# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files in a tar, found without unpacking it: each is a range of the tar, and no name in it touches the disk.

This module util is private to the collection.

The tar is written by somebody else. Names are only compared with names; a link leads to another file of the same tar
or nowhere; headers are limited in size and number; what no reader agrees on (a name twice, sparse files) is refused
where it is asked for.
"""

from __future__ import annotations

import dataclasses
import os
import posixpath
import tarfile
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ArchiveInvalid
from ansible_collections.jdcloud.jcr.plugins.module_utils._filerange import FileRange, check_size

BLOCK = 512
MAX_MEMBERS = 100_000
MAX_HEADER = 64 * 1024  # bytes of a long name, or of extended attributes
_MAX_LINKS = 8  # one after the other

_LONG_NAME, _LONG_LINK, _PAX, _PAX_GLOBAL = b"L", b"K", b"x", b"g"
_EXTENSIONS = (_LONG_NAME, _LONG_LINK, _PAX, _PAX_GLOBAL)
_HARD_LINK, _SYMBOLIC_LINK, _SPARSE = b"1", b"2", b"S"
_REGULAR = (b"0", b"\0", b"7")
_FOR_GOOD = "Write it again with docker save or skopeo copy; do not add to it or repack it."


@dataclasses.dataclass(frozen=True)
class _Member:
    offset: int = 0
    size: int = 0
    link: str | None = None  # the member meant instead; "" if that is none of this archive
    fault: str = ""  # why it cannot be read


class Tar:
    """An uncompressed tar. C(what) is its name in messages. Raises ArchiveInvalid for what is none, or is cut off."""

    def __init__(self, file: t.BinaryIO, what: str) -> None:
        self._file, self._what = file, what
        self._length = file.seek(0, os.SEEK_END)
        self._members: dict[str, _Member] = {}
        self._scan()

    def has(self, name: str) -> bool:
        """Whether there is a file of this name."""
        return name in self._members

    def read(self, name: str, limit: int) -> bytes:
        """A small file. Raises ArchiveInvalid if it is not there, cannot be read, or is larger than limit bytes."""
        member = self._find(name)
        if member.size > limit:
            raise self._bad(f"{name!r} in it is larger than {limit} bytes")
        with self.open(name) as reader:
            return reader.read()

    def open(self, name: str, size: int | None = None, digest: str | None = None) -> FileRange:
        """A reader that proves C(digest), if given. Raises ArchiveInvalid, and ContentMismatch for another C(size)."""
        member = self._find(name)
        check_size(name, member.size, size)
        return FileRange(self._file, member.offset, member.size, f"{name!r} in {self._what}", digest)

    def close(self) -> None:
        self._file.close()

    # --- the table of contents

    def _find(self, name: str) -> _Member:
        member = self._members.get(name)
        for _hop in range(_MAX_LINKS):
            if member is None or member.link is None:
                break
            member = self._members.get(member.link)
        if member is None:
            raise self._bad(f"there is no {name!r} in it, or only a link that leads nowhere")
        if member.fault or member.link is not None:
            raise self._bad(f"{name!r} in it {member.fault or 'is a link to a link without end'}", cure=_FOR_GOOD)
        return member

    def _scan(self) -> None:
        position, count = 0, 0
        extended: dict[str, str] = {}  # what the headers before a member say about it
        while True:
            info = self._header(position)
            if info is None:
                break
            position += BLOCK
            count += 1
            if count > MAX_MEMBERS:
                raise self._bad(f"it has more than {MAX_MEMBERS} members")
            if info.type in _EXTENSIONS:
                self._extend(extended, info, position)
            else:
                info.size = self._stored_size(info, extended)
                self._add(info, extended, position)
                extended = {}
            self._check_end(position + info.size)
            position += -(-info.size // BLOCK) * BLOCK

    def _header(self, position: int) -> tarfile.TarInfo | None:
        """The header at this place; None at the end of the archive."""
        block = os.pread(self._file.fileno(), BLOCK, position)
        try:
            return tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except (tarfile.EOFHeaderError, tarfile.EmptyHeaderError):
            if position == 0:
                raise self._bad("it is empty") from None
            return None
        except (tarfile.HeaderError, ValueError):
            if position == 0:
                raise self._bad("it is not a tar") from None
            raise self._bad(f"it is damaged or cut off at byte {position}") from None

    def _stored_size(self, info: tarfile.TarInfo, extended: dict[str, str]) -> int:
        if info.type in (_HARD_LINK, _SYMBOLIC_LINK):
            return 0
        size = extended.get("size", str(info.size))
        if not (size.isascii() and size.isdigit() and len(size) < 20):
            raise self._bad("it has a header that gives no size")
        return int(size)

    def _check_end(self, end: int) -> None:
        if end > self._length:
            raise self._bad(f"it is cut off: {self._length} bytes are there, and {end} at least were written")

    def _extend(self, extended: dict[str, str], info: tarfile.TarInfo, position: int) -> None:
        if not 0 <= info.size <= MAX_HEADER:
            raise self._bad(f"it has a header of more than {MAX_HEADER} bytes")
        self._check_end(position + info.size)
        if info.type == _PAX_GLOBAL:
            return  # comments; no writer gives all members one name
        data = os.pread(self._file.fileno(), info.size, position)
        if info.type == _PAX:
            extended.update(self._records(data))
        else:
            key = "path" if info.type == _LONG_NAME else "linkpath"
            extended[key] = data.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")

    def _records(self, data: bytes) -> t.Iterator[tuple[str, str]]:
        """The records "LENGTH KEY=VALUE\\n" of extended attributes."""
        while data:
            length, blank, _rest = data.partition(b" ")
            count = int(length) if blank and length.isdigit() and len(length) < 8 else 0
            key, equals, value = data[len(length) + 1 : count - 1].partition(b"=")
            if not equals or count > len(data) or data[count - 1 : count] != b"\n":
                raise self._bad("it has extended attributes that cannot be read")
            yield key.decode("utf-8", "surrogateescape"), value.decode("utf-8", "surrogateescape")
            data = data[count:]

    def _add(self, info: tarfile.TarInfo, extended: dict[str, str], position: int) -> None:
        name = _plain(extended.get("path", info.name))
        link = extended.get("linkpath", info.linkname)
        if not name:
            return  # nothing is ever looked for under such a name
        if name in self._members:
            member = _Member(fault="stands there twice")
        elif info.type == _SPARSE or any(key.startswith("GNU.sparse.") for key in extended):
            member = _Member(fault="is a sparse file")
        elif info.type == _HARD_LINK:
            member = _Member(link=_plain(link))
        elif info.type == _SYMBOLIC_LINK:
            member = _Member(link="" if link.startswith("/") else _plain(posixpath.join(posixpath.dirname(name), link)))
        elif info.type in _REGULAR:
            member = _Member(position, info.size)
        else:
            return  # folders, devices
        self._members[name] = member

    def _bad(self, problem: str, cure: str | None = None) -> ArchiveInvalid:
        return ArchiveInvalid(problem, act="read", obj=self._what, cure=cure)


def _plain(name: str) -> str:
    """The name as it is looked for; C("") for a name that leads out of the archive."""
    if name.startswith("/") or "\0" in name:
        return ""
    plain = posixpath.normpath(name)
    return "" if plain in (".", "..") or plain.startswith("../") else plain
