# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading a pushed manifest: what it is made of, and whether it is one of the four kinds that the registry takes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tests.emulator import digests
from tests.emulator.registryerrors import RegistryError

MAX_BYTES = 4 * 1024 * 1024

DOCKER_IMAGE = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
OCI_IMAGE = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
IMAGES = (DOCKER_IMAGE, OCI_IMAGE)
INDEXES = (DOCKER_LIST, OCI_INDEX)


@dataclass(frozen=True)
class Part:
    """Something a manifest points to: a blob (config, layer) or, in an index, another manifest."""

    digest: str
    size: int
    kind: str
    elsewhere: bool
    """Whether it may be missing here, because the manifest says from which URLs it comes."""


@dataclass(frozen=True)
class Manifest:
    """A manifest as it was sent, byte for byte, and what was read out of it."""

    digest: str
    media_type: str
    content: bytes
    parts: tuple[Part, ...]
    subject: str | None

    @property
    def declared_size(self) -> int:
        """Bytes of config and layers as an image declares them; 0 for an index, whose size is that of its images."""
        return sum(part.size for part in self.parts if part.kind == "blob")


def parse(content: bytes, content_type: str, algorithm: str = digests.DEFAULT) -> Manifest:
    """Read a manifest; refuses what is not a well-formed manifest of the media type it is sent as."""
    document = _document(content)
    media_type = _media_type(document, content_type)
    if document.get("schemaVersion") != 2:
        raise _invalid("its schemaVersion is not 2")
    if media_type in INDEXES:
        _must_not_have(document, ("config", "layers", "fsLayers"), media_type)
        parts = [_part(raw, "manifest") for raw in _list(document, "manifests")]
    else:
        _must_not_have(document, ("manifests", "fsLayers"), media_type)
        parts = [_part(document.get("config"), "blob")] + [_part(raw, "blob") for raw in _list(document, "layers")]
    subject = _part(document["subject"], "manifest").digest if document.get("subject") is not None else None
    return Manifest(digests.of_bytes(content, algorithm), media_type, content, tuple(parts), subject)


def referrer_entry(content: bytes, digest: str, media_type: str) -> dict[str, Any]:
    """The entry of a stored manifest in the list of those that refer to its subject."""
    document = json.loads(content)
    entry: dict[str, Any] = {"mediaType": media_type, "digest": digest, "size": len(content)}
    artifact_type = document.get("artifactType") or (document.get("config") or {}).get("mediaType")
    if artifact_type:
        entry["artifactType"] = artifact_type
    if document.get("annotations"):
        entry["annotations"] = document["annotations"]
    return entry


def _document(content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise _invalid(f"it is not JSON ({error})") from None
    if not isinstance(document, dict):
        raise _invalid("it is not a JSON object")
    return document


def _media_type(document: dict[str, Any], content_type: str) -> str:
    sent = content_type.partition(";")[0].strip().lower()
    written = document.get("mediaType")
    if sent and written and sent != written:
        raise _invalid(f"it is sent as {sent!r} but says that it is {written!r}")
    media_type = sent or written
    if media_type not in IMAGES + INDEXES:
        raise _invalid(f"media type {media_type!r} is not accepted; send one of {', '.join(IMAGES + INDEXES)}")
    return media_type


def _must_not_have(document: dict[str, Any], keys: tuple[str, ...], media_type: str) -> None:
    """A document that could be read as two kinds of manifest is two images under one digest (CVE-2021-41190)."""
    for key in keys:
        if key in document:
            raise _invalid(f"a manifest of type {media_type!r} cannot have {key!r}")


def _list(document: dict[str, Any], key: str) -> list[Any]:
    value = document.get(key)
    if not isinstance(value, list):
        raise _invalid(f"{key!r} is not a list")
    return value


def _part(raw: Any, kind: str) -> Part:
    if not isinstance(raw, dict) or not isinstance(raw.get("mediaType"), str):
        raise _invalid("one of its descriptors is not an object with a mediaType")
    digest, size, urls = raw.get("digest"), raw.get("size"), raw.get("urls")
    if not isinstance(digest, str) or not digests.is_digest(digest):
        raise _invalid(f"it points to {digest!r}, which is not a digest")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise _invalid(f"it gives no size in bytes for {digest}")
    return Part(digest, size, kind, elsewhere=isinstance(urls, list) and bool(urls))


def _invalid(reason: str) -> RegistryError:
    return RegistryError("MANIFEST_INVALID", f"the manifest is refused: {reason}")
