# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an image is: descriptors, manifests, blobs; and what it is to read one, from wherever. Pure.

This module util is private to the collection.

A manifest is kept byte for byte, because its digest is the image's name.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._digest import is_digest
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ImageInvalid

DOCKER_SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1+prettyjws"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
MANIFESTS = (DOCKER_MANIFEST, OCI_MANIFEST)
INDEXES = (DOCKER_LIST, OCI_INDEX)

MAX_DOCUMENT = 4 * 1024 * 1024  # bytes of a manifest or a config; registries take no larger manifest
MAX_MANIFESTS = 1000  # of one image, or in the list of an archive
ABOUT = "vnd.docker.reference.digest"  # an attestation's annotation: the image that it is about


@dataclasses.dataclass(frozen=True)
class Descriptor:
    """How one document points at a blob or a manifest; C(size) in bytes. Two are equal if they point at the same."""

    media_type: str
    digest: str
    size: int
    platform: t.Mapping[str, t.Any] | None = dataclasses.field(default=None, compare=False)
    annotations: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict, compare=False)
    urls: tuple[str, ...] = dataclasses.field(default=(), compare=False)

    @classmethod
    def parse(cls, raw: t.Any) -> Descriptor:
        """Read a descriptor out of a decoded document. Raises ImageInvalid."""
        if not isinstance(raw, dict) or not isinstance(raw.get("mediaType"), str):
            raise invalid("one of its descriptors has no media type")
        digest, size, urls = raw.get("digest"), raw.get("size"), raw.get("urls")
        if not is_digest(digest):
            raise invalid(f"it points to {shown(digest)}, which is not a sha256 digest")
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise invalid(f"it gives no size for {digest}")
        platform, annotations = raw.get("platform"), raw.get("annotations")
        return cls(
            raw["mediaType"],
            digest,
            size,
            platform if isinstance(platform, dict) else None,
            annotations if isinstance(annotations, dict) else {},
            tuple(url for url in urls if isinstance(url, str)) if isinstance(urls, list) else (),
        )

    @classmethod
    def of(cls, media_type: str, content: bytes) -> Descriptor:
        """The descriptor of these bytes."""
        return cls(media_type, f"sha256:{hashlib.sha256(content).hexdigest()}", len(content))

    @property
    def is_index(self) -> bool:
        return self.media_type in INDEXES

    @property
    def elsewhere(self) -> bool:
        """Whether this is a layer that no registry keeps: whoever pulls the image gets it from the URLs in it."""
        foreign = ".foreign." in self.media_type or ".nondistributable." in self.media_type
        return foreign and bool(self.urls)

    @property
    def platform_name(self) -> str | None:
        """C(os/architecture[/variant]), as the index says it."""
        return platform_name(self.platform)

    @property
    def is_attestation(self) -> bool:
        """Whether this is not an image, but what a builder says about one."""
        return (self.platform_name or "").startswith("unknown/") or ABOUT in self.annotations


class ImageSource(t.Protocol):
    """Something that an image can be read from. Several threads may read blobs at the same time.

    C(root) is the manifest or index that a tag shall point at. It may take work to tell (a docker-archive has to be
    compressed for it); C(config_digest) does not: it is the digest of the config if the source is one image and tells
    it at once, else None. C(origin) is (registry host, repository) if blobs can be mounted from there, else None.
    """

    @property
    def root(self) -> Descriptor: ...

    @property
    def config_digest(self) -> str | None: ...

    @property
    def origin(self) -> tuple[str, str] | None: ...

    def manifest(self, digest: str) -> bytes:
        """A manifest byte for byte. Raises ImageNotFound if it is not here; another error if it is not as its digest
        says."""

    def open(self, blob: Descriptor) -> t.BinaryIO:
        """A reader from the blob's first byte, which the caller closes; seekable where that is cheap.

        Where the blob is one piece of a file, the reader has C(file) (with a fileno()), C(offset) and C(size), so
        that several can read it at once (pread). Reading it all raises an error at the end if the bytes are not as the
        digest says; who uses C(file) has to prove them. Raises ImageNotFound if the blob is not here.
        """

    def close(self) -> None:
        """Let go of files and connections."""


class Document(t.NamedTuple):
    """A manifest or an index, byte for byte."""

    descriptor: Descriptor
    content: bytes


class Image(t.NamedTuple):
    """What an upload consists of: first C(blobs), then C(manifests) in their order; tags point at C(root).

    C(manifests) ends with the root's own. C(blobs) are distinct, in the order of their first use. C(elsewhere) are the
    layers that stay where their URLs say. C(platforms) are those that an index names, without attestations; none for
    a single image that is in no index, whose platform its config tells. C(config_digest) is None for an index.
    """

    root: Descriptor
    manifests: tuple[Document, ...]
    blobs: tuple[Descriptor, ...]
    elsewhere: tuple[Descriptor, ...]
    platforms: tuple[str, ...]
    config_digest: str | None

    @property
    def size(self) -> int:
        """Bytes of all blobs."""
        return sum(blob.size for blob in self.blobs)


def parse_document(content: bytes, what: str) -> dict[str, t.Any]:
    """A JSON object out of an image; C(what) is its name in messages. Raises ImageInvalid."""
    if len(content) > MAX_DOCUMENT:
        raise invalid(f"{what} is larger than {MAX_DOCUMENT} bytes")
    try:
        document = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError):
        raise invalid(f"{what} is not JSON") from None
    if not isinstance(document, dict):
        raise invalid(f"{what} is not a JSON object")
    return document


def platform_name(platform: t.Any) -> str | None:
    """C(os/architecture[/variant]) of a platform or a config; None if it does not tell."""
    if not isinstance(platform, t.Mapping):
        return None
    parts = [platform.get(key) for key in ("os", "architecture", "variant")]
    if not all(isinstance(part, str) and part for part in parts[:2]):
        return None
    return "/".join(part for part in parts if isinstance(part, str) and part)


def invalid(problem: str) -> ImageInvalid:
    """The error for an image that breaks the specification or a limit."""
    return ImageInvalid(f"the image is not a valid one: {problem}")


def shown(value: object) -> str:
    """Something out of an image as a message may quote it: printable, and not too long."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
