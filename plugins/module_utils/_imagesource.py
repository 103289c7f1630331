# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An image as its manifests tell it, wherever it is read from; and what of it has to be uploaded. Pure.

This module util is private to the collection.

A manifest is kept byte for byte, because its digest is the image's name. An index can be taken whole, or reduced to
platforms: one platform gives that platform's own manifest, untouched; several give a new index that lists the chosen
manifests, themselves untouched, in the order of the old one, so that the same choice always makes the same digest.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    ContentMismatch,
    ImageInvalid,
    ImageNotFound,
    RuleError,
)

DOCKER_SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1+prettyjws"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
MANIFESTS = (DOCKER_MANIFEST, OCI_MANIFEST)
INDEXES = (DOCKER_LIST, OCI_INDEX)

MAX_DOCUMENT = 4 * 1024 * 1024  # bytes of a manifest or a config; registries take no larger manifest
MAX_DOCUMENTS = 64 * 1024 * 1024  # bytes of all manifests of one image, which are held in memory
MAX_DEPTH = 4  # an index in an index …
MAX_MANIFESTS = 1000

_SCHEMA_1 = (DOCKER_SCHEMA_1, "application/vnd.docker.distribution.manifest.v1+json")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_PLATFORM = re.compile(r"[a-z0-9]+/[a-z0-9_.-]+(?:/[a-z0-9_.-]+)?")
_REFERS_TO = "vnd.docker.reference.digest"  # an attestation's annotation: the image that it is about
_USUAL_VARIANT = {"arm64": "v8", "amd64": "v1"}  # named or not, these are the same platform
_SCHEMA_1_CURE = "Pull it with docker and push it again, or convert it: skopeo copy --format v2s2."


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
            raise _bad("one of its descriptors has no media type")
        digest, size, urls = raw.get("digest"), raw.get("size"), raw.get("urls")
        if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
            raise _bad(f"it points to {_shown(digest)}, which is not a sha256 digest")
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise _bad(f"it gives no size for {digest}")
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
        return (self.platform_name or "").startswith("unknown/") or _REFERS_TO in self.annotations


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

        Where the blob is one piece of a file, the reader has C(file) (with a fileno()), C(offset) and C(size) for
        sendfile. Reading it all raises an error at the end if the bytes are not as the digest says; who uses
        C(file) leaves that to the receiver. Raises ImageNotFound if the blob is not here.
        """

    def close(self) -> None:
        """Let go of files and connections."""


@dataclasses.dataclass(frozen=True)
class Document:
    """A manifest or an index, byte for byte."""

    descriptor: Descriptor
    content: bytes


@dataclasses.dataclass(frozen=True)
class Image:
    """What an upload consists of: first C(blobs), then C(manifests) in their order; tags point at C(root).

    C(manifests) ends with the root's own. C(blobs) are distinct, in the order of their first use. C(elsewhere) are the
    layers that stay where their URLs say. C(platforms) are those that the index names, without attestations; none for
    a single image, whose platform its config tells. C(config_digest) is None for an index.
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


def walk(source: ImageSource, platforms: t.Sequence[str] | None = None) -> Image:
    """Read all manifests of an image; C(platforms) (C(os/architecture[/variant])) chooses from an index.

    An image that is no index has to be of the one platform that is chosen. Nothing but manifests is read, except for
    configs where only they can tell a platform.
    Raises ImageNotFound for a platform or a manifest that is not there, RuleError for what is no platform, ImageInvalid
    for manifests that break the specification or a limit, for schema 1 and for encrypted layers, and ContentMismatch.
    """
    return _Walk(source).run([_checked_platform(name) for name in platforms or ()])


def parse_document(content: bytes, what: str) -> dict[str, t.Any]:
    """A JSON object out of an image; C(what) is its name in messages. Raises ImageInvalid."""
    if len(content) > MAX_DOCUMENT:
        raise _bad(f"{what} is larger than {MAX_DOCUMENT} bytes")
    try:
        document = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError):
        raise _bad(f"{what} is not JSON") from None
    if not isinstance(document, dict):
        raise _bad(f"{what} is not a JSON object")
    return document


def platform_name(platform: t.Any) -> str | None:
    """C(os/architecture[/variant]) of a platform or a config; None if it does not tell."""
    if not isinstance(platform, t.Mapping):
        return None
    parts = [platform.get(key) for key in ("os", "architecture", "variant")]
    if not all(isinstance(part, str) and part for part in parts[:2]):
        return None
    return "/".join(part for part in parts if isinstance(part, str) and part)


# --- reading manifests -----------------------------------------------------------------------------------------------


class _Walk:
    """One reading of one source; remembers what it has seen."""

    def __init__(self, source: ImageSource) -> None:
        self._source = source
        self._documents: dict[str, Document] = {}  # in upload order
        self._read: dict[str, bytes] = {}
        self._bytes = 0
        self._blobs: dict[str, Descriptor] = {}
        self._elsewhere: dict[str, Descriptor] = {}

    def run(self, platforms: t.Sequence[str]) -> Image:
        root = self._chosen(self._source.root, platforms) if platforms else self._source.root
        self._collect(root, 1)
        names = [entry.platform_name for entry in self._leaves(root)] if root.is_index else []
        config = None if root.is_index else self._config(root)
        return Image(
            root,
            tuple(self._documents.values()),
            tuple(self._blobs.values()),
            tuple(self._elsewhere.values()),
            tuple(dict.fromkeys(name for name in names if name)),
            config.digest if config else None,
        )

    def _collect(self, descriptor: Descriptor, depth: int) -> None:
        """Put a manifest behind all that it points at."""
        if descriptor.digest in self._documents:
            return
        document = self._document(descriptor)
        if descriptor.is_index:
            _check_depth(depth)
            for child in _children(document):
                self._collect(child, depth + 1)
        else:
            for blob in _blobs(document):
                self._add_blob(blob)
        self._documents[descriptor.digest] = Document(descriptor, self._read[descriptor.digest])

    def _add_blob(self, blob: Descriptor) -> None:
        if blob.elsewhere:
            self._elsewhere.setdefault(blob.digest, blob)
        elif self._blobs.setdefault(blob.digest, blob).size != blob.size:
            raise _bad(f"it gives two sizes for {blob.digest}")

    def _document(self, descriptor: Descriptor) -> dict[str, t.Any]:
        what = f"manifest {descriptor.digest}"
        _check_manifest_type(descriptor)
        if descriptor.digest not in self._read:
            self._read[descriptor.digest] = self._fetch(descriptor)
        content = self._read[descriptor.digest]
        if len(content) != descriptor.size:
            raise _bad(f"{what} has {len(content)} bytes instead of {descriptor.size}")
        document = parse_document(content, what)
        _check_shape(document, descriptor, what)
        return document

    def _fetch(self, descriptor: Descriptor) -> bytes:
        self._bytes += descriptor.size
        if descriptor.size > MAX_DOCUMENT or self._bytes > MAX_DOCUMENTS or len(self._read) >= MAX_MANIFESTS:
            raise _bad(
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

    # --- platforms

    def _chosen(self, root: Descriptor, platforms: t.Sequence[str]) -> Descriptor:
        """The descriptor of what is left of an image: of one manifest, or of an index made here."""
        leaves = self._leaves(root)
        wanted = {entry.digest for name in platforms for entry in self._matching(leaves, name)}
        if len(wanted) == 1:
            return next(entry for entry in leaves if entry.digest in wanted)
        kept = [
            raw
            for raw, entry in self._entries(root, 1)
            if entry.digest in wanted or entry.annotations.get(_REFERS_TO) in wanted
        ]
        document = self._document(root)
        if kept == document["manifests"]:
            return root
        try:
            content = json.dumps({**document, "manifests": kept}, separators=(",", ":")).encode("ascii")
        except RecursionError:
            raise _bad("its index is nested too deep") from None
        reduced = Descriptor.of(root.media_type, content)
        self._read[reduced.digest] = content
        return reduced

    def _matching(self, leaves: t.Sequence[Descriptor], wanted: str) -> list[Descriptor]:
        """The manifests of a platform. Windows has one for each os.version: they go together."""
        named = [(_normal(self._platform(entry)), entry) for entry in leaves]
        found = [entry for name, entry in named if name == _normal(wanted)]
        if not found and wanted.count("/") == 1:  # any variant will do, if there is but one
            found = [entry for name, entry in named if name and name.startswith(f"{wanted}/")]
            if len({entry.platform_name for entry in found}) > 1:
                raise RuleError(
                    f"platform {wanted} has several variants here: {_listed(self._platform(entry) for entry in found)}",
                    cure="Name the variant in platforms.",
                )
        if not found:
            there = _listed(self._platform(entry) for entry in leaves)
            raise ImageNotFound(f"it has no platform {wanted}; there is: {there}", cure="Choose from these.")
        return found

    def _leaves(self, root: Descriptor) -> list[Descriptor]:
        """The images of an index, those of the indexes in it too; or the image itself."""
        entries = [entry for _raw, entry in self._entries(root, 1)] if root.is_index else [root]
        return [entry for entry in entries if not entry.is_attestation]

    def _entries(self, index: Descriptor, depth: int) -> list[tuple[dict[str, t.Any], Descriptor]]:
        """What an index lists that is no index, each as it is written and as it is read."""
        _check_depth(depth)
        document, found = self._document(index), []
        for raw, entry in zip(document["manifests"], _children(document)):
            found.extend(self._entries(entry, depth + 1) if entry.is_index else [(raw, entry)])
            if len(found) > MAX_MANIFESTS:
                raise _bad(f"it has more than {MAX_MANIFESTS} manifests")
        return found

    def _platform(self, entry: Descriptor) -> str | None:
        """As the index says; where it does not, as the config says."""
        if entry.platform_name:
            return entry.platform_name
        config = self._config(entry)
        if config.size > MAX_DOCUMENT:
            raise _bad(f"config {config.digest} is larger than {MAX_DOCUMENT} bytes")
        with self._source.open(config) as reader:
            content = _read(reader, MAX_DOCUMENT)
        try:
            return platform_name(parse_document(content, f"config {config.digest}"))
        except ImageInvalid:
            return None  # an artifact's config can be anything

    def _config(self, manifest: Descriptor) -> Descriptor:
        return Descriptor.parse(self._document(manifest)["config"])


def _read(reader: t.BinaryIO, limit: int) -> bytes:
    """All of it, or somewhat more than the limit."""
    pieces: list[bytes] = []
    while sum(map(len, pieces)) <= limit:
        piece = reader.read(limit)
        if not piece:
            break
        pieces.append(piece)
    return b"".join(pieces)


def _children(index: dict[str, t.Any]) -> list[Descriptor]:
    return [Descriptor.parse(raw) for raw in index["manifests"]]


def _blobs(manifest: dict[str, t.Any]) -> list[Descriptor]:
    found = [Descriptor.parse(raw) for raw in (manifest["config"], *manifest["layers"])]
    for blob in found:
        if blob.media_type.endswith("+encrypted"):
            raise ImageInvalid(
                f"layer {blob.digest} of the image is encrypted",
                cure="Decrypt the image first: skopeo copy --decryption-key.",
            )
    return found


# --- checks ----------------------------------------------------------------------------------------------------------


def _check_manifest_type(descriptor: Descriptor) -> None:
    if descriptor.media_type in _SCHEMA_1:
        raise ImageInvalid(f"manifest {descriptor.digest} is of Docker's old schema 1", cure=_SCHEMA_1_CURE)
    if descriptor.media_type not in MANIFESTS + INDEXES:
        raise _bad(f"{descriptor.digest} is of type {_shown(descriptor.media_type)}, which is no manifest of an image")


def _check_shape(document: dict[str, t.Any], descriptor: Descriptor, what: str) -> None:
    """A manifest that could be read as something else too would be two images under one digest (CVE-2021-41190)."""
    if document.get("schemaVersion") == 1:
        raise ImageInvalid(f"{what} is of Docker's old schema 1", cure=_SCHEMA_1_CURE)
    if document.get("mediaType", descriptor.media_type) != descriptor.media_type:
        raise _bad(f"{what} is taken for {descriptor.media_type}, but calls itself {_shown(document['mediaType'])}")
    wrong, lists = (("config", "layers"), "manifests") if descriptor.is_index else (("manifests",), "layers")
    if document.get("schemaVersion") != 2 or any(key in document for key in (*wrong, "fsLayers")):
        raise _bad(f"{what} is not a document of type {descriptor.media_type}")
    if not isinstance(document.get(lists), list):
        raise _bad(f"{what} has no list of {lists}")
    if not descriptor.is_index and "config" not in document:
        raise _bad(f"{what} has no config")


def _check_depth(depth: int) -> None:
    if depth > MAX_DEPTH:
        raise _bad(f"its indexes are nested deeper than {MAX_DEPTH}")


def _checked_platform(name: str) -> str:
    if not isinstance(name, str) or not _PLATFORM.fullmatch(name):
        raise RuleError(
            f"{_shown(name)} is not a platform", cure="Write os/architecture or os/architecture/variant: linux/amd64."
        )
    return name


def _normal(name: str | None) -> str | None:
    """The name without the variant that goes without saying."""
    parts = (name or "").split("/")
    return "/".join(parts[:2]) if len(parts) == 3 and _USUAL_VARIANT.get(parts[1]) == parts[2] else name


def _bad(problem: str) -> ImageInvalid:
    return ImageInvalid(f"the image is not a valid one: {problem}")


def _listed(names: t.Iterable[str | None]) -> str:
    return ", ".join(dict.fromkeys(name or "one that does not tell its platform" for name in names)) or "none"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
