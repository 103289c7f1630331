# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sockets: the main port and one port for each registry, all in one event loop, on 127.0.0.1 only."""

from __future__ import annotations

import asyncio
import socket
import struct
import typing as t

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from tests.emulator import directbody

HOST = "127.0.0.1"
# Longer than any client keeps an idle connection, so that a kept one never dies under a request by accident.
_KEEP_ALIVE_SECONDS = 300
_PATIENCE_AT_END = 1.0
_LARGE_PIECE = 16 * 1024  # bytes that are not kept back to be sent with others
_RECEIVED_BYTES = 1024 * 1024


class PortTaken(Exception):
    """A port that has to be opened is in use by another program."""


class Gathered:
    """A transport that sends small pieces together: the headers and the body of an answer in one packet."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Send this soon, at the latest when the loop comes round; large data at once."""
        if not self._pieces:
            self._loop.call_soon(self._flush)
        self._pieces.append(data)
        if len(data) > _LARGE_PIECE:
            self._flush()

    def whole(self) -> asyncio.Transport:
        """The transport itself, which has all that was written so far."""
        self._flush()
        return self._transport

    def close(self) -> None:
        """Close the connection after what was written."""
        self._flush()
        self._transport.close()

    def abort(self) -> None:
        """Break the connection; what was not sent yet is lost."""
        self._pieces.clear()
        self._transport.abort()

    def _flush(self) -> None:
        pieces, self._pieces = self._pieces, []
        if pieces:
            self._transport.writelines(pieces)

    def __getattr__(self, name: str) -> t.Any:
        return getattr(self._transport, name)


class Protocol(HttpToolsProtocol, asyncio.BufferedProtocol):
    """Uvicorn's HTTP protocol; hands the connection to the application, so that a fault can break it.

    All connections of an event loop receive into one C(buffer), since what is in it is parsed before the next one gets
    its turn. So there is no new memory for each piece, and pieces may be large: an upload costs half the time.
    """

    def __init__(self, config: Config, server_state: ServerState, buffer: memoryview) -> None:
        super().__init__(config, server_state, app_state={"connection": self})
        self._buffer = buffer

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next bytes go."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """So many bytes came; the parser copies what it keeps of them."""
        self.data_received(self._buffer[:nbytes])  # type: ignore[arg-type]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a new connection."""
        super().connection_made(t.cast(asyncio.Transport, Gathered(transport, self.loop)))

    def on_body(self, body: bytes) -> None:
        """Take the next bytes of a body, which goes on to the application without being copied twice more."""
        if not self.cycle.body:
            self.cycle.body = b""  # bytes instead of Uvicorn's bytearray: what is added to none of them stays itself
        super().on_body(body)

    async def receive_directly(self, count: int, take: directbody.Take) -> int:
        """Receive the last C(count) bytes of a body past loop and parser; how many came (see directbody)."""
        self.flow.pause_reading()
        parsed, self.cycle.body = bytes(self.cycle.body), b""
        if parsed:
            await asyncio.to_thread(take, [parsed])
        sock = self.transport.get_extra_info("socket")
        left = count - len(parsed)
        received = await asyncio.wrap_future(directbody.start(sock, left, take, self.transport.is_closing))
        if self.parser is not None:
            # The old one still waits for this body; what comes next is another request.
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self.flow.resume_reading()
        return len(parsed) + received

    async def send_directly(self, file: t.BinaryIO, start: int, count: int) -> None:
        """Send so many bytes of a file, from a place on, as a part of the answer's body; the kernel reads it."""
        if self.transport.is_closing():
            return
        try:
            await self.loop.sendfile(t.cast(Gathered, self.transport).whole(), file, start, count)
        except ConnectionError:
            self.transport.abort()
        self.cycle.expected_content_length -= count

    def reset(self) -> None:
        """Break the connection at once with a TCP reset; what was not sent yet is lost."""
        raw = self.transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def hang_up(self) -> None:
        """Close the connection after what was sent, without another word."""
        self.transport.close()


class Ports:
    """Opens and closes ports; all of them speak to one ASGI application."""

    def __init__(self) -> None:
        self._servers: dict[int, asyncio.Server] = {}
        self._state = ServerState()
        self._buffer = memoryview(bytearray(_RECEIVED_BYTES))
        self._config: Config | None = None
        self.main = 0

    def serve(self, application: t.Callable[..., t.Any]) -> None:
        """Say which application answers; before the first port is opened."""
        self._config = Config(
            application,
            http=Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        )
        self._config.load()

    def reserve(self, port: int = 0, owner: str = "the emulator") -> socket.socket:
        """A listening socket on this port, or on any free one. Raises PortTaken."""
        # Naming the protocol matters: asyncio turns Nagle's algorithm off only for sockets that say they are TCP, and
        # with it on every answer would wait 40 ms for the client's delayed acknowledgement.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((HOST, port))
            listener.listen(1024)
        except OSError as error:
            listener.close()
            raise PortTaken(f"port {port} of {owner} cannot be opened: {error.strerror}") from error
        return listener

    async def open(self, listener: socket.socket) -> int:
        """Answer on a reserved socket; returns its port."""
        config = self._config
        if config is None:
            raise RuntimeError("serve() comes before open()")
        loop = asyncio.get_running_loop()
        port: int = listener.getsockname()[1]
        self._servers[port] = await loop.create_server(
            lambda: Protocol(config, self._state, self._buffer), sock=listener
        )
        return port

    def close(self, port: int) -> None:
        """Stop answering on a port; idle connections end now, busy ones after their answer."""
        server = self._servers.pop(port, None)
        if server is None:
            return
        server.close()
        for connection in self._connections({port}):
            connection.shutdown()

    def close_registries(self) -> None:
        """Break every connection of every registry and close their ports; the main port stays open."""
        ports = set(self._servers) - {self.main}
        for connection in self._connections(ports):
            connection.reset()
        for port in ports:
            self._servers.pop(port).close()

    async def close_all(self) -> None:
        """Close everything; requests that are still busy get a moment, then they are cancelled."""
        for port in list(self._servers):
            self.close(port)
        if self._state.tasks:
            await asyncio.wait(self._state.tasks, timeout=_PATIENCE_AT_END)
        for task in list(self._state.tasks):
            task.cancel()
        for connection in list(self._state.connections):
            connection.transport.abort()

    def _connections(self, ports: set[int]) -> list[Protocol]:
        return [
            t.cast(Protocol, connection)
            for connection in self._state.connections
            if connection.server and connection.server[1] in ports
        ]
