# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The manifests of one image, read out of a source that nobody trusts. Pure.

This module util is private to the collection.
"""

from __future__ import annotations

import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ContentMismatch, ImageInvalid, ImageNotFound
from ansible_collections.jdcloud.jcr.plugins.module_utils._imagesource import (
    DOCKER_SCHEMA_1,
    INDEXES,
    MANIFESTS,
    MAX_DOCUMENT,
    MAX_MANIFESTS,
    Descriptor,
    Document,
    ImageSource,
    invalid,
    parse_document,
    platform_name,
    shown,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._quantities import counted

MAX_DOCUMENTS = 64 * 1024 * 1024  # bytes of all manifests of one image, which are held in memory
MAX_DEPTH = 4  # an index in an index …

_SCHEMA_1 = (DOCKER_SCHEMA_1, "application/vnd.docker.distribution.manifest.v1+json")
_SCHEMA_1_CURE = "Pull it with docker and push it again, or convert it: skopeo copy --format v2s2."

Raw = dict[str, t.Any]


class ManifestReader:
    """Reads each manifest of a source once, and checks it.

    Raises ImageNotFound, ContentMismatch, and ImageInvalid for what breaks the specification or a limit, and for
    Docker's schema 1.
    """

    def __init__(self, source: ImageSource) -> None:
        self._source = source
        self._contents: dict[str, bytes] = {}
        self._bytes = 0

    def add(self, media_type: str, content: bytes) -> Descriptor:
        """Take up a manifest that was made here."""
        made = Descriptor.of(media_type, content)
        self._contents[made.digest] = content
        return made

    def document(self, descriptor: Descriptor) -> Document:
        """A manifest byte for byte; once it was read, and so checked."""
        return Document(descriptor, self._contents[descriptor.digest])

    def read(self, descriptor: Descriptor) -> Raw:
        """A manifest or an index, decoded."""
        what = f"manifest {descriptor.digest}"
        _check_type(descriptor)
        if descriptor.digest not in self._contents:
            self._contents[descriptor.digest] = self._fetch(descriptor)
        content = self._contents[descriptor.digest]
        if len(content) != descriptor.size:
            raise invalid(f"{what} has {counted(len(content), 'byte')} instead of {descriptor.size}")
        document = parse_document(content, what)
        _check_shape(document, descriptor, what)
        return document

    def children(self, index: Descriptor, depth: int) -> list[tuple[Raw, Descriptor]]:
        """What an index lists, each as it is written and as it is read; C(depth) is 1 for the root."""
        if depth > MAX_DEPTH:
            raise invalid(f"its indexes are nested deeper than {MAX_DEPTH}")
        return [(raw, Descriptor.parse(raw)) for raw in self.read(index)["manifests"]]

    def leaves(self, index: Descriptor, depth: int = 1) -> list[tuple[Raw, Descriptor]]:
        """The same of what is no index itself, with what the indexes in it list."""
        found: list[tuple[Raw, Descriptor]] = []
        for raw, entry in self.children(index, depth):
            found.extend(self.leaves(entry, depth + 1) if entry.is_index else [(raw, entry)])
            if len(found) > MAX_MANIFESTS:
                raise invalid(f"it has more than {MAX_MANIFESTS} manifests")
        return found

    def blobs(self, manifest: Descriptor) -> list[Descriptor]:
        """The config and the layers of an image."""
        document = self.read(manifest)
        found = [Descriptor.parse(raw) for raw in (document["config"], *document["layers"])]
        for blob in found:
            if blob.media_type.endswith("+encrypted"):
                raise ImageInvalid(
                    f"layer {blob.digest} of the image is encrypted",
                    cure="Decrypt the image first: skopeo copy --decryption-key.",
                )
        return found

    def config(self, manifest: Descriptor) -> Descriptor:
        """The config of an image."""
        return Descriptor.parse(self.read(manifest)["config"])

    def platform(self, entry: Descriptor) -> str | None:
        """The platform of an image as the index says; where it does not, as the config says."""
        if entry.platform_name:
            return entry.platform_name
        config = self.config(entry)
        if config.size > MAX_DOCUMENT:
            raise invalid(f"config {config.digest} is larger than {MAX_DOCUMENT} bytes")
        with self._source.open(config) as reader:
            content = read_blob(reader, MAX_DOCUMENT)
        try:
            return platform_name(parse_document(content, f"config {config.digest}"))
        except ImageInvalid:
            return None  # an artifact's config can be anything

    def _fetch(self, descriptor: Descriptor) -> bytes:
        self._bytes += descriptor.size
        if descriptor.size > MAX_DOCUMENT or self._bytes > MAX_DOCUMENTS or len(self._contents) >= MAX_MANIFESTS:
            raise invalid(
                f"its manifests are larger than {MAX_DOCUMENT} bytes, or {MAX_DOCUMENTS} together, "
                f"or more than {MAX_MANIFESTS}"
            )
        try:
            content = self._source.manifest(descriptor.digest)
        except ImageNotFound as error:
            if not descriptor.platform_name:
                raise
            raise ImageNotFound(
                f"its platform {descriptor.platform_name} is not there: {error.cause}",
                act=error.act,
                obj=error.obj,
                cure="Choose those that are there by platforms.",
            ) from None
        if Descriptor.of(descriptor.media_type, content).digest != descriptor.digest:
            raise ContentMismatch(f"manifest {descriptor.digest} is not what its digest says")
        return content


def read_blob(reader: t.BinaryIO, limit: int) -> bytes:
    """All of it, or somewhat more than the limit."""
    pieces: list[bytes] = []
    while sum(map(len, pieces)) <= limit:
        piece = reader.read(limit)
        if not piece:
            break
        pieces.append(piece)
    return b"".join(pieces)


def _check_type(descriptor: Descriptor) -> None:
    if descriptor.media_type in _SCHEMA_1:
        raise ImageInvalid(f"manifest {descriptor.digest} is of Docker's old schema 1", cure=_SCHEMA_1_CURE)
    if descriptor.media_type not in MANIFESTS + INDEXES:
        raise invalid(
            f"{descriptor.digest} is of type {shown(descriptor.media_type)}, which is no manifest of an image"
        )


def _check_shape(document: Raw, descriptor: Descriptor, what: str) -> None:
    """A manifest that could be read as something else too would be two images under one digest (CVE-2021-41190)."""
    if document.get("schemaVersion") == 1:
        raise ImageInvalid(f"{what} is of Docker's old schema 1", cure=_SCHEMA_1_CURE)
    if document.get("mediaType", descriptor.media_type) != descriptor.media_type:
        raise invalid(f"{what} is taken for {descriptor.media_type}, but calls itself {shown(document['mediaType'])}")
    wrong, lists = (("config", "layers"), "manifests") if descriptor.is_index else (("manifests",), "layers")
    if document.get("schemaVersion") != 2 or any(key in document for key in (*wrong, "fsLayers")):
        raise invalid(f"{what} is not a document of type {descriptor.media_type}")
    if not isinstance(document.get(lists), list):
        raise invalid(f"{what} has no list of {lists}")
    if not descriptor.is_index and "config" not in document:
        raise invalid(f"{what} has no config")
