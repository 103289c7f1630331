# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The head of an answer, held against what http.client makes of the same bytes."""

from __future__ import annotations

import http.client
import io

import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils._responsehead import Headers, Response


class Wire:
    """Stands for a socket that these bytes come from."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self._content)


HEADS = {
    "with a length": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: text/plain\r\n\r\nhello",
    "without a reason": b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
    "in chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "in chunks, with a length too": (
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nContent-Length: 9\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    ),
    "until it closes": b"HTTP/1.1 200 OK\r\nX: y\r\n\r\nall of it",
    "closing": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi",
    "of HTTP/1.0": b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    "of HTTP/1.0, kept": b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: Keep-Alive\r\n\r\nhi",
    "without content": b"HTTP/1.1 204 No Content\r\nX: y\r\n\r\n",
    "not modified": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n",
    "after 100": b"HTTP/1.1 100 Continue\r\nA: b\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n",
    "of nonsense lengths": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nrest",
    "of a length that is none": b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nrest",
    "with lines that end in LF": b"HTTP/1.1 200 OK\nContent-Length: 2\nA: b\n\nhi",
    "with a folded header": b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n",
    "with no headers": b"HTTP/1.1 200 OK\r\n\r\nrest",
    "with letters beyond ASCII": b"HTTP/1.1 200 OK\r\nA: caf\xe9\r\nContent-Length: 0\r\n\r\n",
    "with an empty header": b"HTTP/1.1 200 OK\r\nA:\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("content", HEADS.values(), ids=HEADS.keys())
def test_it_is_read_as_http_client_reads_it(content: bytes, method: str) -> None:
    ours, theirs = Response(Wire(content), method=method), http.client.HTTPResponse(Wire(content), method=method)  # type: ignore[arg-type]
    for response in ours, theirs:
        response.begin()
    for fact in "status", "reason", "version", "length", "chunked", "will_close":
        assert getattr(ours, fact) == getattr(theirs, fact), fact
    assert dict(ours.headers) == {name.lower(): " ".join(value.split()) for name, value in theirs.getheaders()}
    assert ours.read() == theirs.read()


REFUSED = {
    "another protocol": b"HTTP/2 200 OK\r\n\r\n",
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "nothing": b"",
    "a header without end": b"HTTP/1.1 200 OK\r\nA: " + b"x" * 70_000,
    "headers without end": b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n",
    "a status that is none": b"HTTP/1.1 OK 200\r\n\r\n",
}


@pytest.mark.parametrize("content", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_not_http_is_refused_as_by_http_client(content: bytes) -> None:
    theirs = http.client.HTTPResponse(Wire(content))  # type: ignore[arg-type]
    with pytest.raises(http.client.HTTPException) as expected:
        theirs.begin()
    with pytest.raises(expected.type):
        Response(Wire(content)).begin()  # type: ignore[arg-type]


@pytest.mark.parametrize("length", range(len(b"HTTP/1.1 200 OK\r\n"), len(HEADS["with a length"]) - len(b"\r\nhello")))
def test_an_answer_that_is_cut_within_its_headers_is_none(length: int) -> None:
    with pytest.raises(http.client.RemoteDisconnected, match="within the headers"):
        Response(Wire(HEADS["with a length"][:length])).begin()  # type: ignore[arg-type]


def test_the_same_length_twice_is_one() -> None:
    response = Response(Wire(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi"))  # type: ignore[arg-type]
    response.begin()
    assert (response.length, response.read()) == (2, b"hi")


def test_several_lengths_are_none() -> None:
    response = Response(Wire(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi"))  # type: ignore[arg-type]
    response.begin()
    assert response.length is None and response.will_close


def test_headers_are_found_in_any_case() -> None:
    headers = Headers([("A", "b"), ("a", "c"), ("X-Y", "z")])
    assert (headers["x-y"], headers.get("X-y"), headers["A"]) == ("z", "z", "b, c")
    assert "A" in headers and "b" not in headers and headers.get("b", "none") == "none"
