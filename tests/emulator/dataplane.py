# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The data plane: C(/v2/), the registry that docker, skopeo and podman push to and pull from.

It follows the OCI distribution specification 1.1 and, where that leaves room, Docker's own registry 2.8; the tests
hold it against that registry and list where the two differ, and why. Each registry of the emulator is reached by its
own port or host name and knows nothing of the others.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tests.emulator import blobroutes, manifestroutes
from tests.emulator.exchange import Exchange, json
from tests.emulator.registryaccess import TOKEN_PATH, admit, issue_bearer
from tests.emulator.registryerrors import RegistryError
from tests.emulator.uploadroutes import UploadRoutes

Handler = Callable[[Exchange], Awaitable[Response]]


def routes(emulator: Any) -> list[Route]:
    """The routes of C(/v2/), for a Starlette application.

    emulator has the attributes state, images, clock, settings and database; they are asked for on each request.
    """
    uploads = UploadRoutes()
    repository = "/v2/{repository:path}"

    def route(path: str, **handlers: Handler) -> Route:
        return Route(path, Endpoint(emulator, handlers))

    return [
        Route(TOKEN_PATH, TokenEndpoint(emulator)),
        route("/v2/", GET=_ping, HEAD=_ping),
        route("/v2", GET=_ping, HEAD=_ping),
        route("/v2/_catalog", GET=manifestroutes.list_repositories),
        route(f"{repository}/blobs/uploads/", POST=uploads.start),
        route(f"{repository}/blobs/uploads", POST=uploads.start),
        route(
            f"{repository}/blobs/uploads/{{upload}}",
            GET=uploads.status,
            PATCH=uploads.append,
            PUT=uploads.finish,
            DELETE=uploads.cancel,
        ),
        route(
            f"{repository}/blobs/{{digest}}",
            GET=blobroutes.read_blob,
            HEAD=blobroutes.read_blob,
            DELETE=blobroutes.delete_blob,
        ),
        route(
            f"{repository}/manifests/{{reference}}",
            GET=manifestroutes.read_manifest,
            HEAD=manifestroutes.read_manifest,
            PUT=manifestroutes.put_manifest,
            DELETE=manifestroutes.delete_manifest,
        ),
        route(f"{repository}/tags/list", GET=manifestroutes.list_tags),
        route(f"{repository}/referrers/{{digest}}", GET=manifestroutes.list_referrers),
        route("/v2/{anything:path}"),
    ]


class Endpoint:
    """One path of the protocol: lets requests in, calls the handler of the method, renders refusals."""

    def __init__(self, emulator: Any, handlers: Mapping[str, Handler]) -> None:
        self._emulator = emulator
        self._handlers = handlers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; the ASGI interface."""
        try:
            response = await self.answer(Request(scope, receive))
        except RegistryError as error:
            response = error.response()
        except ClientDisconnect:
            return
        except OSError as error:
            response = RegistryError("UNKNOWN", f"the registry cannot use its disk: {error.strerror}").response()
        response.headers["Docker-Distribution-Api-Version"] = "registry/2.0"
        await response(scope, receive, send)

    async def answer(self, request: Request) -> Response:
        """The response to a request, or a RegistryError."""
        handler = self._handlers.get(request.method)
        # A push begins with an upload, or with a manifest if all of its blobs are there.
        create = request.method == "POST" or (request.method == "PUT" and "reference" in request.path_params)
        repository = request.path_params.get("repository")
        admission = admit(self._emulator, request, repository, create=create)
        if handler is None:
            raise self._no_handler(request)
        return await handler(Exchange(self._emulator, request, admission))

    def _no_handler(self, request: Request) -> RegistryError:
        if not self._handlers:
            return RegistryError("UNSUPPORTED", f"nothing is served at {request.url.path!r}", status=404)
        message = f"{request.method} is not possible here"
        return RegistryError("UNSUPPORTED", message, headers={"Allow": ", ".join(self._handlers)})


class TokenEndpoint(Endpoint):
    """The realm of the Bearer challenge: it checks the login itself."""

    def __init__(self, emulator: Any) -> None:
        super().__init__(emulator, {})

    async def answer(self, request: Request) -> Response:
        """A bearer for a valid login."""
        if request.method not in ("GET", "POST"):
            raise RegistryError("UNSUPPORTED", f"{request.method} is not possible here", headers={"Allow": "GET, POST"})
        return await issue_bearer(self._emulator, request)


async def _ping(_exchange: Exchange) -> Response:
    return json({}, {})
