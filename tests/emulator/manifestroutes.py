# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Manifests, tags and referrers over HTTP."""

from __future__ import annotations

import re
from typing import Any

from starlette.responses import Response

from tests.emulator import digests, manifests
from tests.emulator.bodies import read_body
from tests.emulator.exchange import Exchange, empty, etag_matches, in_thread, json, page
from tests.emulator.registryerrors import RegistryError

_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


async def read_manifest(exchange: Exchange) -> Response:
    """HEAD or GET a manifest by tag or digest, as it was pushed whatever the client accepts. A GET is a pull."""
    counting = exchange.request.method == "GET" or exchange.emulator.settings["count_head_pulls"]
    return await in_thread(_read, exchange, counting)


async def put_manifest(exchange: Exchange) -> Response:
    """PUT a manifest under a tag or under its digest."""
    reference = exchange.path_value("reference")
    by_digest = digests.is_digest(reference)
    if not by_digest and not _TAG.fullmatch(reference):
        code = "DIGEST_INVALID" if ":" in reference else "TAG_INVALID"
        raise RegistryError(code, f"{reference!r} is neither a tag nor a digest")
    content = await read_body(exchange.request, manifests.MAX_BYTES)
    if content is None:
        message = f"the manifest is longer than {manifests.MAX_BYTES} bytes"
        raise RegistryError("MANIFEST_INVALID", message, status=413)
    return await in_thread(_put, exchange, content, reference if by_digest else None)


async def delete_manifest(exchange: Exchange) -> Response:
    """DELETE an image by digest, or a tag."""
    reference = exchange.path_value("reference")
    await in_thread(_delete, exchange, reference)
    return empty(202, {})


async def list_tags(exchange: Exchange) -> Response:
    """GET the tags, in pages if the client wants them."""

    def read(after: str, limit: int) -> list[str]:
        found: list[str] = exchange.emulator.images.tags(exchange.repository_id, after=after, limit=limit)
        return found

    tags, headers = await in_thread(page, exchange, read)
    return json({"name": exchange.admission.repository_name, "tags": tags}, headers)


async def list_repositories(exchange: Exchange) -> Response:
    """GET the names of the repositories of this one registry."""

    def read(after: str, limit: int) -> list[str]:
        repositories = exchange.emulator.state.repositories(exchange.admission.registry.id)
        names = sorted(repository.name for repository in repositories if repository.name > after)
        return names if limit < 0 else names[:limit]

    names, headers = await in_thread(page, exchange, read)
    return json({"repositories": names}, headers)


async def list_referrers(exchange: Exchange) -> Response:
    """GET an index of the manifests that name this digest as their subject."""
    digest = exchange.path_value("digest")
    if not digests.is_digest(digest):
        raise RegistryError("DIGEST_INVALID", f"{digest!r} is not a digest")
    entries = await in_thread(exchange.emulator.images.referrers, exchange.repository_id, digest)
    headers = {"Content-Type": manifests.OCI_INDEX}
    wanted = exchange.request.query_params.get("artifactType")
    if wanted:
        entries = [entry for entry in entries if entry.get("artifactType") == wanted]
        headers["OCI-Filters-Applied"] = "artifactType"
    return json({"schemaVersion": 2, "mediaType": manifests.OCI_INDEX, "manifests": entries}, headers)


def _read(exchange: Exchange, counting: bool) -> Response:
    reference = exchange.path_value("reference")
    images = exchange.emulator.images
    found = images.find_manifest(exchange.repository_id, reference)
    if found is None:
        raise _unknown(reference)
    headers = {"Docker-Content-Digest": found["digest"], "ETag": f'"{found["digest"]}"'}
    if etag_matches(exchange.request, found["digest"]):
        return Response(status_code=304, headers=headers)
    if counting:
        images.count_pull(exchange.repository_id, found["digest"])
    # Content-Length comes from the content, also in the answer to a HEAD, whose body the server leaves out.
    return Response(found["content"], media_type=found["media_type"], headers=headers)


def _put(exchange: Exchange, content: bytes, digest: str | None) -> Response:
    emulator: Any = exchange.emulator
    algorithm = digests.algorithm_of(digest) if digest else digests.DEFAULT
    manifest = manifests.parse(content, exchange.request.headers.get("content-type", ""), algorithm)
    if digest is not None and manifest.digest != digest:
        message = f"the manifest has the digest {manifest.digest}, not {digest}"
        raise RegistryError("DIGEST_INVALID", message, detail={"expected": digest, "actual": manifest.digest})
    tag = None if digest else exchange.path_value("reference")
    registry, name = exchange.admission.registry, exchange.admission.repository_name
    with emulator.database.transaction():
        # The repository may have been deleted since the request was let in.
        if emulator.state.repository_id(registry.id, name) != exchange.repository_id:
            raise RegistryError("NAME_UNKNOWN", f"repository {name!r} was deleted during the push")
        emulator.images.put_manifest(exchange.repository_id, manifest, tag)
        emulator.state.touch_repository(exchange.repository_id)
    headers = {"Location": exchange.location("manifests", manifest.digest), "Docker-Content-Digest": manifest.digest}
    if manifest.subject:
        headers["OCI-Subject"] = manifest.subject
    return empty(201, headers)


def _delete(exchange: Exchange, reference: str) -> None:
    selector = "digest" if ":" in reference else "tag"
    if not exchange.emulator.images.delete_image(exchange.repository_id, **{selector: reference}):
        raise _unknown(reference)
    exchange.emulator.state.touch_repository(exchange.repository_id)
    exchange.emulator.images.collect_garbage()


def _unknown(reference: str) -> RegistryError:
    noun = "image" if ":" in reference else "tag"
    return RegistryError("MANIFEST_UNKNOWN", f"{noun} {reference!r} is not in the repository", detail={noun: reference})
