# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Large bodies that do not come through the event loop: what surrounds them on the connection, and how they end."""

from __future__ import annotations

import contextlib
import os
import socket
import typing as t
from pathlib import Path

import pytest

from tests.emulator import directbody
from tests.emulator_tests.registry import Account, RegistryClient, digest_of
from tests.support.emulator import RunningEmulator, start

REPOSITORY = "team-a/web"
CONTENT = os.urandom(5_000_000)


@pytest.fixture
def registry(emulator: RunningEmulator) -> RegistryClient:
    return Account(emulator).declare("directbody", REPOSITORY)


def request(registry: RegistryClient, method: str, path: str, length: int = 0) -> bytes:
    """The head of a request that announces so long a body."""
    lines = [
        f"{method} {path} HTTP/1.1",
        f"Host: {registry.host}",
        f"Authorization: {registry.authorization}",
        f"Content-Length: {length}",
    ]
    return "\r\n".join([*lines, "", ""]).encode()


@contextlib.contextmanager
def connection_to(registry: RegistryClient) -> t.Iterator[socket.socket]:
    host, port = registry.host.split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        yield connection


def stalled(registry: RegistryClient, connection: socket.socket) -> None:
    """Send the most of an upload, and not its end."""
    connection.sendall(request(registry, "PATCH", registry.start_upload(REPOSITORY), len(CONTENT)))
    connection.sendall(CONTENT[:-1])


def test_what_follows_the_body_is_the_next_request(registry: RegistryClient, emulator: RunningEmulator) -> None:
    location = registry.start_upload(REPOSITORY)
    with connection_to(registry) as connection:
        finish = request(registry, "PUT", f"{location}?digest={digest_of(CONTENT)}")
        connection.sendall(request(registry, "PATCH", location, len(CONTENT)) + CONTENT + finish)
        answers = connection.makefile("rb")
        heads = [list(iter(answers.readline, b"\r\n")) for _answer in range(2)]
    assert [head[0].split()[1] for head in heads] == [b"202", b"201"]
    sizes = [entry["bytes_received"] for entry in emulator.requests() if entry["method"] == "PATCH"]
    assert sizes[-1] == len(CONTENT)


def test_uploads_that_stall_keep_nobody_waiting(registry: RegistryClient) -> None:
    with contextlib.ExitStack() as connections:
        for _number in range(40):
            stalled(registry, connections.enter_context(connection_to(registry)))
        assert registry.finish_upload(registry.start_upload(REPOSITORY), digest_of(CONTENT), CONTENT).status_code == 201


def test_an_emulator_stops_although_an_upload_stalls(tmp_path: Path) -> None:
    emulator = start(tmp_path)
    registry = Account(emulator).declare("directbody", REPOSITORY)
    with connection_to(registry) as connection:
        stalled(registry, connection)
        assert emulator.stop() == 0
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(1) == b""
    assert (tmp_path / "emulator.err").read_bytes() == b""


def test_a_body_that_cannot_be_kept_is_received_all_the_same() -> None:
    """Otherwise the client would be cut off while it sends, and never hear why."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)

    def take(_pieces: t.Sequence[t.Any]) -> None:
        raise OSError("disk full")

    with ours, theirs:
        receiving = directbody.start(ours, len(CONTENT), take, lambda: False)
        theirs.sendall(CONTENT + b"next")
        with pytest.raises(OSError, match="disk full"):
            receiving.result()
        assert ours.recv(10) == b"next"


@pytest.mark.parametrize("sent", [0, 1, directbody.BATCH_BYTES, directbody.BATCH_BYTES + 1])
def test_what_came_before_the_client_went_away_is_taken(sent: int) -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    taken = bytearray()

    def take(pieces: t.Sequence[t.Any]) -> None:
        for piece in pieces:
            taken.extend(piece)

    with ours:
        receiving = directbody.start(ours, len(CONTENT), take, lambda: False)
        with theirs:
            theirs.sendall(CONTENT[:sent])
        assert receiving.result() == sent
    assert taken == CONTENT[:sent]


def test_clients_that_leave_a_blob_half_read_do_no_harm(tmp_path: Path) -> None:
    content = os.urandom(30_000_000)  # more than the buffers between the two hold
    with start(tmp_path) as emulator:
        registry = Account(emulator).declare("directbody", REPOSITORY)
        registry.push_blob(REPOSITORY, content)
        path = f"/v2/{REPOSITORY}/blobs/{digest_of(content)}"
        for _number in range(5):
            with connection_to(registry) as connection:
                connection.sendall(request(registry, "GET", path))
                assert connection.recv(12) == b"HTTP/1.1 200"
        assert registry.call("GET", path).content == content
        assert emulator.requests()[-1]["bytes_sent"] == len(content)
    assert (tmp_path / "emulator.err").read_bytes() == b""
