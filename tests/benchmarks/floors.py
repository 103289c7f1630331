# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What no upload can do without, as it is or with a registry at the other end."""

from __future__ import annotations

import concurrent.futures
import contextlib
import hashlib
import http.client
import socket
import tempfile
import threading
import time
import typing as t
import urllib.parse
from pathlib import Path

from ansible_collections.jdcloud.jcr.plugins.module_utils._content import PIECE
from ansible_collections.jdcloud.jcr.plugins.module_utils._upload import WORKERS

_RECEIVED = 1024 * 1024


def bare_loopback(files: t.Sequence[Path], directory: Path) -> float:
    """Seconds from the first byte of the files sent to the last one written: sendfile, loopback, SHA-256, write."""
    sizes = [file.stat().st_size for file in files]
    with tempfile.TemporaryDirectory(dir=directory) as target, socket.create_server(("127.0.0.1", 0)) as listener:
        receiver = threading.Thread(target=_receive, args=(listener, sizes, Path(target)))
        receiver.start()
        started = time.perf_counter()
        with socket.create_connection(listener.getsockname()) as sender:
            for file in files:
                with file.open("rb") as content:
                    sender.sendfile(content)
            sender.recv(1)
        seconds = time.perf_counter() - started
        receiver.join()
    return seconds


def _receive(listener: socket.socket, sizes: t.Sequence[int], directory: Path) -> None:
    buffer = memoryview(bytearray(_RECEIVED))
    connection, _address = listener.accept()
    with connection:
        for number, size in enumerate(sizes):
            hasher, left = hashlib.sha256(), size
            with (directory / str(number)).open("wb", buffering=0) as file:
                while left:
                    count = connection.recv_into(buffer[: min(left, _RECEIVED)])
                    hasher.update(buffer[:count])
                    file.write(buffer[:count])
                    left -= count
        connection.sendall(b".")


def bare_upload(files: t.Mapping[str, Path], host: str, repository: str) -> float:
    """Seconds of sending the files, by digest, to a registry that lets everybody in: two requests each, and sendfile;
    as many at once as the uploader sends.

    Nothing is asked, hashed or checked here: what is left is the registry's own work.
    """
    started = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        for status in pool.map(lambda digest: _upload(files[digest], digest, host, repository), files):
            if status != 201:
                raise RuntimeError(f"{host} answered {status} to a bare upload")
    return time.perf_counter() - started


def _upload(file: Path, digest: str, host: str, repository: str) -> int:
    with contextlib.closing(http.client.HTTPConnection(host)) as connection, file.open("rb") as content:
        _begin(connection, digest, file.stat().st_size, repository)
        connection.sock.sendfile(content)
        with connection.getresponse() as answer:
            return answer.status


def bare_relay(sizes: t.Mapping[str, int], origin: tuple[str, str], target: tuple[str, str]) -> float:
    """Seconds of reading blobs of these sizes, by digest, from one repository and sending them to another: C((host,
    name)), both of registries that let everybody in. Three requests each, and SHA-256;
    as many at once and in pieces as large as the uploader's.

    Nothing is asked or checked here, and there is no manifest: what is left is the registries' work and the bytes' own.
    """
    started = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        for digest, found in pool.map(lambda digest: _relay(digest, sizes[digest], origin, target), sizes):
            if found != digest:
                raise RuntimeError(f"a bare relay of {digest} came to {found}")
    return time.perf_counter() - started


def _relay(digest: str, size: int, origin: tuple[str, str], target: tuple[str, str]) -> tuple[str, str]:
    """The digest that was asked for, and what came of it: the bytes' own digest, or the target's refusal."""
    reading, writing = (http.client.HTTPConnection(host) for host, _name in (origin, target))
    with contextlib.closing(reading), contextlib.closing(writing):
        _begin(writing, digest, size, target[1])
        reading.request("GET", f"/v2/{origin[1]}/blobs/{digest}")
        hasher = hashlib.sha256()
        with reading.getresponse() as answer:
            while piece := answer.read(PIECE):
                hasher.update(piece)
                writing.sock.sendall(piece)
        with writing.getresponse() as answer:
            return digest, f"sha256:{hasher.hexdigest()}" if answer.status == 201 else str(answer.status)


def _begin(connection: http.client.HTTPConnection, digest: str, size: int, repository: str) -> None:
    """Open an upload, and send all of its only request but the bytes."""
    connection.request("POST", f"/v2/{repository}/blobs/uploads/")
    with connection.getresponse() as opened:
        place = urllib.parse.urlsplit(opened.headers["Location"])
    connection.putrequest("PUT", f"{place.path}?{place.query}&digest={digest}")
    connection.putheader("Content-Type", "application/octet-stream")
    connection.putheader("Content-Length", str(size))
    connection.endheaders()
