# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An image in an OCI image layout: a directory, or the same in a tar.

This module util is private to the collection.

Blobs and manifests are taken byte for byte, so the image keeps its digest.
"""

from __future__ import annotations

import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._candidates import Candidate, choose
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ArchiveInvalid, ContentMismatch, ImageNotFound
from ansible_collections.jdcloud.jcr.plugins.module_utils._filerange import FileRange
from ansible_collections.jdcloud.jcr.plugins.module_utils._imagesource import (
    MAX_DOCUMENT,
    MAX_MANIFESTS,
    Descriptor,
    parse_document,
)

MARKER, INDEX = "oci-layout", "index.json"

_NAMES = ("org.opencontainers.image.ref.name", "io.containerd.image.name")
_UNCOMPRESSED = ("application/vnd.oci.image.layer.v1.tar", "application/vnd.docker.image.rootfs.diff.tar")


class Files(t.Protocol):
    """What an archive's files are read by: a Tar or a Folder."""

    def has(self, name: str) -> bool: ...

    def read(self, name: str, limit: int) -> bytes: ...

    def open(self, name: str, size: int | None = None, digest: str | None = None) -> FileRange: ...

    def close(self) -> None: ...


class OciLayout:
    """An ImageSource. C(name) chooses among several images: a name in the index, or the digest of a manifest.

    C(what) is the layout's name in messages. The files are closed with the source.
    Raises ArchiveInvalid, ImageInvalid, ImageNotFound, ConfigurationError.
    """

    origin = None

    def __init__(self, files: Files, what: str, name: str | None = None) -> None:
        self._files, self._what = files, what
        version = parse_document(files.read(MARKER, MAX_DOCUMENT), MARKER).get("imageLayoutVersion")
        if not isinstance(version, str) or not version.startswith("1."):
            raise ArchiveInvalid(f"its layout is of version {version!r:.40}; only 1.0.0 is known", act="read", obj=what)
        self.root: Descriptor = choose(self._candidates(), name, what).value

    @property
    def config_digest(self) -> str | None:
        """The digest of the image's config; None for an index."""
        config = None if self.root.is_index else self._root_document().get("config")
        return Descriptor.parse(config).digest if config else None

    @property
    def uncompressed(self) -> bool:
        """Whether this is one image whose layers lie there as plain tars."""
        layers = [] if self.root.is_index else self._root_document().get("layers")
        return isinstance(layers, list) and any(Descriptor.parse(raw).media_type in _UNCOMPRESSED for raw in layers)

    def manifest(self, digest: str) -> bytes:
        """Raises ImageNotFound, ArchiveInvalid, ContentMismatch."""
        name = self._blob(digest)
        with self._files.open(name) as reader:
            if reader.size > MAX_DOCUMENT:
                raise ArchiveInvalid(f"{name} is larger than {MAX_DOCUMENT} bytes", act="read", obj=self._what)
            content = reader.read()
        if Descriptor.of("", content).digest != digest:
            raise ContentMismatch(f"manifest {digest} is not what its digest says", act="read", obj=self._what)
        return content

    def open(self, blob: Descriptor) -> FileRange:
        """Raises ImageNotFound, ArchiveInvalid, ContentMismatch."""
        return self._files.open(self._blob(blob.digest), blob.size, blob.digest)

    def close(self) -> None:
        self._files.close()

    def _candidates(self) -> list[Candidate]:
        index = parse_document(self._files.read(INDEX, MAX_DOCUMENT), INDEX)
        entries = index.get("manifests")
        if not isinstance(entries, list) or len(entries) > MAX_MANIFESTS:
            raise ArchiveInvalid(
                f"its {INDEX} has no list of at most {MAX_MANIFESTS} manifests", act="read", obj=self._what
            )
        found = []
        for entry in map(Descriptor.parse, entries):
            names = [entry.annotations.get(key) for key in _NAMES]
            found.append(Candidate(tuple(name for name in names if isinstance(name, str)), entry.digest, entry))
        return found

    def _root_document(self) -> dict[str, t.Any]:
        return parse_document(self.manifest(self.root.digest), f"manifest {self.root.digest}")

    def _blob(self, digest: str) -> str:
        name = f"blobs/sha256/{digest.partition(':')[2]}"
        if not self._files.has(name):
            cure = "Save the image again, with all its parts."
            raise ImageNotFound(f"{digest} is not in it", act="read", obj=self._what, cure=cure)
        return name
