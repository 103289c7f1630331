# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The JSON around every answer of the API."""

from __future__ import annotations

import json
import secrets
import string
import typing as t

_REQUEST_ID_ALPHABET = string.digits + string.ascii_lowercase
_REQUEST_ID_LENGTH = 32
_TO_ALPHABET = bytes(ord(_REQUEST_ID_ALPHABET[byte % len(_REQUEST_ID_ALPHABET)]) for byte in range(256))

Send: t.TypeAlias = t.Callable[[dict[str, t.Any]], t.Awaitable[None]]


def new_request_id() -> str:
    """An id as the service gives them: 32 lower-case letters and digits."""
    return secrets.token_bytes(_REQUEST_ID_LENGTH).translate(_TO_ALPHABET).decode()


def success(request_id: str, result: dict[str, t.Any] | None) -> dict[str, t.Any]:
    """The envelope of an operation that worked; one without a result has only the id."""
    return {"requestId": request_id} if result is None else {"requestId": request_id, "result": result}


def failure(request_id: str, code: int, status: str, message: str) -> dict[str, t.Any]:
    """The envelope of an operation that was refused."""
    return {"requestId": request_id, "error": {"code": code, "status": status, "message": message}}


async def send_json(send: Send, http: int, content: t.Any, headers: t.Mapping[str, str] | None = None) -> None:
    """Answer with JSON; the id of an envelope also goes into its header."""
    extra = dict(headers or {})
    if isinstance(content, dict) and isinstance(content.get("requestId"), str):
        extra["x-jdcloud-request-id"] = content["requestId"]
    body = json.dumps(content, ensure_ascii=False).encode()
    await send_bytes(send, http, body, "application/json; charset=utf-8", extra)


async def send_bytes(
    send: Send, http: int, body: bytes, content_type: str, headers: t.Mapping[str, str] | None = None
) -> None:
    """Answer with any content."""
    lines = {"content-type": content_type, "content-length": str(len(body)), **(headers or {})}
    encoded = [(name.encode(), value.encode()) for name, value in lines.items()]
    await send({"type": "http.response.start", "status": http, "headers": encoded})
    await send({"type": "http.response.body", "body": body})
