# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An answer whose status line and headers are read without the parser for e-mails.

This module util is private to the collection.

http.client has the package email parse the headers of each answer, which costs more than it gives where there are many
small ones: C(make bench CHAPTERS=bulk) is where it shows.
"""

from __future__ import annotations

import http.client
import typing as t

_LONGEST_LINE = 64 * 1024  # bytes, and
_MOST_LINES = 100  # as in http.client
_WITHOUT_BODY = (204, 304)


class Headers(dict):
    """The headers of an answer, found by their names in any case; several of one name are one, with commas between."""

    def __init__(self, pairs: t.Iterable[tuple[str, str]]) -> None:
        super().__init__()
        for name, value in pairs:
            key = name.lower()
            self[key] = f"{self[key]}, {value}" if key in self else value

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return super().__contains__(str(name).lower())

    def get(self, name: str, default: t.Any = None) -> t.Any:
        return super().get(name.lower(), default)


class Response(http.client.HTTPResponse):
    """As http.client's, but C(headers) are Headers, and an answer that is cut within them is none.

    begin() raises http.client.HTTPException for what is not HTTP, and RemoteDisconnected.
    """

    headers: t.Any

    def begin(self) -> None:
        if self.headers is not None:
            return
        version, status, reason = self._read_status()
        while status == http.client.CONTINUE:
            _read_headers(self.fp)
            version, status, reason = self._read_status()
        if not version.startswith(("HTTP/0.9", "HTTP/1.")):
            raise http.client.UnknownProtocol(version)
        self.version = 10 if version in ("HTTP/1.0", "HTTP/0.9") else 11
        self.code = self.status = status
        self.reason = reason.strip()
        self.headers = self.msg = _read_headers(self.fp)
        self.chunked = self.headers.get("Transfer-Encoding", "").lower() == "chunked"
        self.chunk_left = None
        self.length = self._announced_length()
        self.will_close = self._check_close() or (self.length is None and not self.chunked)

    def _announced_length(self) -> int | None:
        """Bytes of the body; None if the answer does not say it, or says several things."""
        if self.status in _WITHOUT_BODY or self.status < 200 or self._method == "HEAD":
            return 0
        lengths = {part.strip() for part in self.headers.get("Content-Length", "").split(",")}
        length = lengths.pop()
        if self.chunked or lengths or not (length.isascii() and length.isdecimal()):
            return None
        return int(length)


def _read_headers(file: t.BinaryIO) -> Headers:
    pairs: list[tuple[str, str]] = []
    for _number in range(_MOST_LINES + 1):
        line = file.readline(_LONGEST_LINE + 1)
        if len(line) > _LONGEST_LINE:
            raise http.client.LineTooLong("header line")
        if not line.endswith(b"\n"):
            raise http.client.RemoteDisconnected("Remote end closed connection within the headers")
        text = line.decode("iso-8859-1").rstrip("\r\n")
        if not text:
            return Headers(pairs)
        name, colon, value = text.partition(":")
        if text[0] in " \t" and pairs:  # a header that goes on in the next line, as was once allowed
            pairs[-1] = pairs[-1][0], f"{pairs[-1][1]} {text.strip()}"
        elif colon:
            pairs.append((name.strip(), value.strip()))
    raise http.client.HTTPException(f"got more than {_MOST_LINES} headers")
