# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rest of a large body, taken from the socket by a thread of its own, past the event loop and the HTTP parser.

Both would handle each of a thousand small pieces with a dozen calls; C(make bench CHAPTERS=transfers) shows it.
"""

from __future__ import annotations

import concurrent.futures
import select
import socket
import threading
import typing as t

BATCH_BYTES = 1024 * 1024
_LOOK_UP_MILLISECONDS = 200  # how often a thread that waits for bytes looks whether the connection is to end

Take = t.Callable[[t.Sequence[t.Any]], None]

# As many as connections can send at the same time: one that stalls must not keep another one waiting.
_THREADS = concurrent.futures.ThreadPoolExecutor(1024, thread_name_prefix="body")
_kept = threading.local()


def start(sock: t.Any, count: int, take: Take, is_over: t.Callable[[], bool]) -> concurrent.futures.Future[int]:
    """Have a thread receive so many bytes and hand them to C(take) in batches; nobody else may read the socket then.

    The result is how many came: fewer if the client went away, or as soon as C(is_over) says that the connection is
    to end. An OSError of C(take) is raised when all bytes have been received, so that the client can hear of it.
    """
    return _THREADS.submit(_receive, sock.dup(), count, take, is_over)


def _memory() -> memoryview:
    """A thread's own, kept for its next body: memory that is new has to be cleared first."""
    if not hasattr(_kept, "memory"):
        _kept.memory = memoryview(bytearray(BATCH_BYTES))
    return _kept.memory


def _receive(sock: socket.socket, count: int, take: Take, is_over: t.Callable[[], bool]) -> int:
    memory = _memory()
    received, failure = 0, None
    with sock:
        while received < count:
            room = memory[: count - received]
            batch = _fill(sock, room, is_over)
            received += len(batch)
            try:
                if failure is None and batch:
                    take([batch])
            except OSError as error:
                failure = error
            if len(batch) < len(room):
                break
    if failure is not None:
        raise failure
    return received


def _fill(sock: socket.socket, memory: memoryview, is_over: t.Callable[[], bool]) -> memoryview:
    """As many bytes as there is memory for; fewer if no more will come."""
    readable = select.poll()
    readable.register(sock, select.POLLIN)
    filled = 0
    while filled < len(memory):
        try:
            came = sock.recv_into(memory[filled:])
        except BlockingIOError:
            if not readable.poll(_LOOK_UP_MILLISECONDS) and is_over():
                break
            continue
        except ConnectionError:
            break
        if not came:
            break
        filled += came
    return memory[:filled]
