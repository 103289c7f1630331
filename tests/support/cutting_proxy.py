# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A way to a server on this machine that breaks at chosen bytes."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import typing as t

_PIECE = 64 * 1024
_RESET = struct.pack("ii", 1, 0)


class CuttingProxy:
    """Forwards connections; use it as a context manager.

    C(cuts) are distances in bytes from one cut to the next, counted over all that clients send (C(way=up)) or get
    (C(way=down)); each breaks the connection that passes it, and is used once. It breaks by a reset; or, with
    C(answer) on the way up, the client gets these bytes at once, and what it goes on sending goes nowhere. On the way
    down, all connections are reset, and the next request gets the answer. C(on_cut) is called first. C(sent) and
    C(received) are the bytes that clients sent and got, C(broken) counts the connections that broke, C(refused) the
    answers on the way down.
    """

    def __init__(
        self,
        host: str,
        cuts: t.Iterable[int] = (),
        *,
        way: str = "up",
        answer: bytes | None = None,
        on_cut: t.Callable[[], object] = lambda: None,
    ) -> None:
        name, _colon, port = host.partition(":")
        self._server = (name, int(port))
        self._cuts = list(cuts)
        self._way = way
        self._answer = answer
        self._on_cut = on_cut
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self._answered: list[socket.socket] = []  # clients that nothing more of the server may reach
        self._threads: list[threading.Thread] = []
        self._moved = {"up": 0, "down": 0}
        self._since_cut = 0
        self._to_refuse = 0
        self.broken = 0
        self.refused = 0
        self.host = f"127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> CuttingProxy:
        self._start(self._accept)
        return self

    def __exit__(self, *_exception: object) -> None:
        for sock in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        for thread in self._threads:
            thread.join()

    @property
    def sent(self) -> int:
        """Bytes that the server was sent."""
        return self._moved["up"]

    @property
    def received(self) -> int:
        """Bytes that clients were sent."""
        return self._moved["down"]

    def _start(self, target: t.Callable[..., None], *args: t.Any) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _address = self._listener.accept()
            except OSError:
                return
            if self.refused < self._to_refuse:
                self.refused += 1
                self._sockets.append(client)
                self._start(self._refuse, client)
                continue
            server = socket.create_connection(self._server)
            self._sockets += [client, server]
            self._start(self._pump, client, server, "up")
            self._start(self._pump, server, client, "down")

    def _refuse(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            request = b""
            while b"\r\n\r\n" not in request and (data := client.recv(_PIECE)):
                request += data
            client.sendall(self._answer or b"")
            client.shutdown(socket.SHUT_RDWR)

    def _pump(self, source: socket.socket, sink: socket.socket, way: str) -> None:
        with contextlib.suppress(OSError):
            while True:
                data = source.recv(_PIECE)
                kept, broken = self._passed(way, len(data))
                sink.sendall(data[:kept])
                if broken:
                    self._break(source, sink)
                if broken or not data:
                    break
        for sock in (source, sink):
            if way == "up" or sock not in self._answered:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def _passed(self, way: str, count: int) -> tuple[int, bool]:
        """How many of these bytes pass, and whether the connection breaks behind them."""
        with self._lock:
            if way == self._way and self._cuts and self._since_cut + count > self._cuts[0]:
                kept = max(0, self._cuts.pop(0) - self._since_cut)
                self._since_cut = 0
                self._moved[way] += kept
                self.broken += 1
                return kept, True
            self._since_cut += count if way == self._way else 0
            self._moved[way] += count
            return count, False

    def _break(self, source: socket.socket, sink: socket.socket) -> None:
        self._on_cut()
        if self._answer is None:
            self._reset(source, sink)
            return
        if self._way == "down":
            self._to_refuse += 1
            self._reset(*self._sockets)
            for sock in list(self._sockets):
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
            return
        self._answered.append(source)
        self._reset(sink)
        sink.shutdown(socket.SHUT_RDWR)
        source.sendall(self._answer)
        source.shutdown(socket.SHUT_WR)
        # Closing with bytes unread would reset the connection, and the client could not read the answer any more.
        while data := source.recv(_PIECE):
            with self._lock:
                self._moved["up"] += len(data)

    def _reset(self, *sockets: socket.socket) -> None:
        for sock in sockets:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
