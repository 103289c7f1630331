# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a handler of the data plane works with: the request, what it was admitted to, and the headers of answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.emulator.registryaccess import Admission
from tests.emulator.registryerrors import RegistryError

Result = TypeVar("Result")


@dataclass(frozen=True)
class Exchange:
    """One request that was let in. Handlers take it and give a response, or raise RegistryError."""

    emulator: Any
    request: Request
    admission: Admission

    @property
    def repository_id(self) -> int:
        """The repository in the path."""
        return self.admission.repository_id

    def path_value(self, name: str) -> str:
        """A part of the path: digest, reference or upload."""
        return str(self.request.path_params[name])

    def location(self, *tail: str) -> str:
        """The path of something in this repository. Relative to the host, so that it is right behind any proxy."""
        return "/".join(("/v2", self.admission.repository_name, *tail))


async def in_thread(function: Callable[..., Result], *args: Any, **kwargs: Any) -> Result:
    """Run something that blocks (database, disk) without stopping the server meanwhile."""
    return await asyncio.to_thread(function, *args, **kwargs)


def empty(status: int, headers: Mapping[str, str]) -> Response:
    """An answer without a body."""
    return Response(status_code=status, headers={"Content-Length": "0", **headers} if status != 204 else dict(headers))


def etag_matches(request: Request, digest: str) -> bool:
    """Whether the client says that it has this content already (If-None-Match)."""
    wanted = request.headers.get("if-none-match", "")
    return any(part.strip().removeprefix("W/").strip('"') in (digest, "*") for part in wanted.split(","))


def page(exchange: Exchange, read: Callable[[str, int], list[str]]) -> tuple[list[str], dict[str, str]]:
    """One page of a sorted list by the query's n and last, and the Link header if there is more.

    read gives the entries after one, at most so many (-1: all).
    """
    query = exchange.request.query_params
    last = query.get("last", "")
    if "n" not in query:
        return read(last, -1), {}
    number = query["n"]
    if not (number.isascii() and number.isdecimal() and len(number) < 10):
        raise RegistryError("PAGINATION_NUMBER_INVALID", f"n is a whole number, 0 or more, not {number!r}")
    entries = read(last, int(number) + 1)
    shown = entries[: int(number)]
    if len(entries) == len(shown) or not shown:
        return shown, {}
    link = f"{exchange.request.url.path}?last={quote(shown[-1])}&n={number}"
    return shown, {"Link": f'<{link}>; rel="next"'}


def json(content: Any, headers: Mapping[str, str]) -> JSONResponse:
    """A JSON answer."""
    return JSONResponse(content, headers=dict(headers))
