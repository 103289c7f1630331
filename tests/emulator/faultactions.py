# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a fault does to a request: it works on the connection itself, for both planes alike."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import json
import typing as t

from tests.emulator.envelope import Send, failure, new_request_id, send_bytes, send_json
from tests.emulator.faults import Action
from tests.emulator.ports import Protocol
from tests.emulator.requestlog import Entry

_STATUS_NAMES = {
    400: "INVALID_ARGUMENT",
    401: "ACCESS_ERROR",
    403: "HTTP_FORBIDDEN",
    404: "NOT_FOUND",
    429: "RATE_LIMIT",
    500: "INTERNAL",
    502: "HTTP_BAD_GATEWAY",
    503: "UNAVAILABLE",
    504: "HTTP_SERVER_TIMING_OUT",
}
_PAGE = "<html><head><title>{http}</title></head><body><h1>{http} {message}</h1></body></html>"

Options: t.TypeAlias = dict[str, t.Any]
Receive: t.TypeAlias = t.Callable[[], t.Awaitable[dict[str, t.Any]]]


@dataclasses.dataclass(frozen=True)
class Struck:
    """A request that is struck: C(answer) is the application that would have answered it.

    C(over) is set when the script of faults is replaced.
    """

    answer: t.Callable[[Receive, Send], t.Awaitable[None]]
    connection: Protocol
    receive: Receive
    send: Send
    entry: Entry
    over: asyncio.Event


async def strike(action: Action, struck: Struck) -> None:
    """Do to a request what the action says."""
    await _ACTIONS[action.kind](action.options, struck)


async def _status(options: Options, struck: Struck) -> None:
    """A refusal, in the form of the plane or spoilt in one of several ways."""
    await _drain(struck.receive)
    http, send = options["http"], struck.send
    status = options.get("status", _STATUS_NAMES.get(http, "UNKNOWN"))
    message = options.get("message", status.replace("_", " ").lower())
    headers = {"retry-after": str(options["retry_after"])} if "retry_after" in options else {}
    if options.get("empty"):
        await send_bytes(send, http, b"", "application/json", headers)
    elif options.get("html"):
        page = _PAGE.format(http=http, message=message)
        await send_bytes(send, http, page.encode(), "text/html; charset=utf-8", headers)
    elif struck.entry.plane == "data":
        code = "TOOMANYREQUESTS" if http == 429 else status
        await send_json(send, http, {"errors": [{"code": code, "message": message}]}, headers)
    else:
        request_id = new_request_id()
        content = failure(request_id, options.get("code", http), status, message)
        if options.get("request_id", True):
            struck.entry.request_id = request_id
        else:
            del content["requestId"]
        await send_json(send, http, content, headers)


async def _lost_answer(_options: Options, struck: Struck) -> None:
    """Everything is done as asked, and nobody hears of it."""
    await struck.answer(struck.receive, _swallow)
    struck.connection.hang_up()
    await _disconnected(struck.receive)


async def _reset(_options: Options, struck: Struck) -> None:
    """The connection breaks before anything is done."""
    struck.connection.reset()
    await _disconnected(struck.receive)


async def _slow(options: Options, struck: Struck) -> None:
    """The work is done at once, the answer comes late."""

    async def send_late(message: dict[str, t.Any]) -> None:
        if message["type"] == "http.response.start":
            await asyncio.sleep(options["seconds"])
        await struck.send(message)

    await struck.answer(struck.receive, send_late)


async def _hang(_options: Options, struck: Struck) -> None:
    """Nothing is done and nothing answered, until the client gives up, or the faults are over."""
    gone, over = asyncio.ensure_future(_disconnected(struck.receive)), asyncio.ensure_future(struck.over.wait())
    await asyncio.wait((gone, over), return_when=asyncio.FIRST_COMPLETED)
    over.cancel()
    struck.connection.hang_up()
    await gone


async def _cut(options: Options, struck: Struck) -> None:
    """The headers and the first bytes of the answer arrive, then the connection ends."""
    left = options["after_bytes"]
    is_cut = False

    async def send_first_bytes(message: dict[str, t.Any]) -> None:
        nonlocal left, is_cut
        if is_cut:
            return
        body = message.get("body", b"")
        if message["type"] == "http.response.start" or (len(body) <= left and message.get("more_body")):
            left -= len(body)
            await struck.send(message)
            return
        is_cut = True
        await struck.send({"type": "http.response.body", "body": body[:left], "more_body": True})
        struck.connection.hang_up()

    await struck.answer(struck.receive, send_first_bytes)
    await _disconnected(struck.receive)


async def _body(options: Options, struck: Struck) -> None:
    """Any bytes instead of the answer; with commit the work is done first."""
    if options.get("commit"):
        await struck.answer(struck.receive, _swallow)
    else:
        await _drain(struck.receive)
    content = base64.b64decode(options["base64"]) if "base64" in options else options.get("text", "").encode()
    content_type = options.get("content_type", "application/json")
    await send_bytes(struck.send, options.get("http", 200), content, content_type)


async def _redirect(options: Options, struck: Struck) -> None:
    """Somewhere else, says the answer."""
    await _drain(struck.receive)
    headers = {"location": options["location"]}
    await send_bytes(struck.send, options.get("http", 302), b"", "text/plain", headers)


async def _wrong_type(options: Options, struck: Struck) -> None:
    """The right answer, with one member replaced by something of another type."""
    status, body = 200, bytearray()

    async def collect(message: dict[str, t.Any]) -> None:
        nonlocal status
        status = message.get("status", status)
        body.extend(message.get("body", b""))

    await struck.answer(struck.receive, collect)
    content = json.loads(bytes(body) or b"{}")
    *way, last = options.get("member", "result").split(".")
    inner = content
    for name in way:
        inner = inner[int(name)] if isinstance(inner, list) else inner.setdefault(name, {})
    inner[int(last) if isinstance(inner, list) else last] = options.get("value", [])
    await send_json(struck.send, status, content)


async def _swallow(_message: dict[str, t.Any]) -> None:
    """Send nothing."""


async def _drain(receive: Receive) -> None:
    """Read the request to its end, so that the client is not cut off while it still sends."""
    while (await receive()).get("more_body"):
        pass


async def _disconnected(receive: Receive) -> None:
    """Wait until the connection is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


_ACTIONS = {
    "status": _status,
    "lost_answer": _lost_answer,
    "reset": _reset,
    "slow": _slow,
    "hang": _hang,
    "cut": _cut,
    "body": _body,
    "redirect": _redirect,
    "wrong_type": _wrong_type,
}
