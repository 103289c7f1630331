# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An image in a docker-archive, the tar that docker save writes.

This module util is private to the collection.

The archive has a config and uncompressed layers, but no manifest. One is made: Docker's schema 2 with gzip layers,
always the same for the same archive and the same zlib. Another zlib may compress otherwise and so give another digest;
what never changes is the digest of the config, so that one tells whether a registry has the image already.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import functools
import gzip
import hashlib
import io
import json
import os
import re
import tempfile
import typing as t
import zlib

from ansible_collections.jdcloud.jcr.plugins.module_utils._candidates import Candidate, choose
from ansible_collections.jdcloud.jcr.plugins.module_utils._digest import is_digest
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    ArchiveInvalid,
    ContentMismatch,
    FileError,
    ImageInvalid,
    ImageNotFound,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._filerange import FileRange
from ansible_collections.jdcloud.jcr.plugins.module_utils._imagesource import (
    DOCKER_MANIFEST,
    MAX_DOCUMENT,
    Descriptor,
    parse_document,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._ocilayout import Files
from ansible_collections.jdcloud.jcr.plugins.module_utils._quantities import counted

LISTING = "manifest.json"

_CONFIG = "application/vnd.docker.container.image.v1+json"
_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
_LEVEL = 6  # a part of the digest: never to be changed
_GZIP_WRAPPER = 31  # of zlib; its header has neither a time nor a name
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_PIECE = 1 << 20
_WORKERS = 4
_HEX_NAME = re.compile(r"(?:.*/)?([0-9a-f]{64})(?:\.json)?")


@dataclasses.dataclass(frozen=True)
class _Layer:
    """A layer as it is uploaded; C(file) is a temporary one, or None where the archive has the very bytes."""

    descriptor: Descriptor
    file: t.BinaryIO | None
    name: str


class DockerArchive:
    """An ImageSource. C(name) chooses among several images: a name, or the id of the image.

    Compressing waits for the first use of C(root), manifest() or open(); it takes room for the compressed layers in the
    directory C(tmp). C(what) is the archive's name in messages. The files are closed with the source.
    Raises ArchiveInvalid, ImageInvalid, ImageNotFound, ConfigurationError, ContentMismatch.
    """

    origin = None

    def __init__(self, files: Files, what: str, name: str | None = None, tmp: str | None = None) -> None:
        self._files, self._what, self._tmp = files, what, tmp
        chosen = choose([self._candidate(entry) for entry in self._listing()], name, what)
        self._config, self._layer_names = chosen.value
        self.config_digest: str = chosen.digest
        self._diff_ids = self._read_diff_ids()
        self._check_layers()
        self._opened: list[t.BinaryIO] = []

    @functools.cached_property
    def root(self) -> Descriptor:
        return Descriptor.of(DOCKER_MANIFEST, self._manifest)

    def manifest(self, digest: str) -> bytes:
        """Raises ImageNotFound, and what compressing raises."""
        if digest != self.root.digest:
            raise ImageNotFound(f"manifest {digest} is not in it", act="read", obj=self._what)
        return self._manifest

    def open(self, blob: Descriptor) -> t.BinaryIO:
        """Raises ImageNotFound, and what compressing raises."""
        if blob.digest == self.config_digest:
            return io.BytesIO(self._config)
        for layer in self._layers:
            if layer.descriptor == blob and layer.file:
                return FileRange(layer.file, 0, blob.size, f"layer {blob.digest}", blob.digest)
            if layer.descriptor == blob:
                return self._files.open(layer.name, blob.size, blob.digest)
        raise ImageNotFound(f"{blob.digest} is not in it", act="read", obj=self._what)

    def close(self) -> None:
        for file in self._opened:
            file.close()
        self._files.close()

    # --- what the archive says

    def _listing(self) -> list[dict[str, t.Any]]:
        try:
            entries = json.loads(self._files.read(LISTING, MAX_DOCUMENT).decode("utf-8"))
        except (ValueError, RecursionError):
            raise self._bad(f"its {LISTING} is not JSON") from None
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise self._bad(f"its {LISTING} is not a list of images")
        return entries

    def _candidate(self, entry: dict[str, t.Any]) -> Candidate:
        config, tags, layers = entry.get("Config"), entry.get("RepoTags") or [], entry.get("Layers") or []
        if not isinstance(config, str) or not _is_texts(tags) or not _is_texts(layers):
            raise self._bad(f"its {LISTING} does not tell config, names and layers")
        content = self._files.read(config, MAX_DOCUMENT)
        digest = Descriptor.of(_CONFIG, content).digest
        named = _HEX_NAME.fullmatch(config)
        if named and f"sha256:{named[1]}" != digest:
            raise ContentMismatch(f"config {config!r} is not what its name says", act="read", obj=self._what)
        return Candidate(tuple(tags), digest, (content, layers))

    def _read_diff_ids(self) -> list[str]:
        rootfs = parse_document(self._config, f"config {self.config_digest}").get("rootfs")
        found = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
        found = [] if found is None and not self._layer_names else found
        if not _is_texts(found) or not all(map(is_digest, found)):
            raise ImageInvalid("the config does not tell the digests of its layers", act="read", obj=self._what)
        if len(found) != len(self._layer_names):
            raise self._bad(
                f"the config tells of {counted(len(found), 'layer')}, {LISTING} of {len(self._layer_names)}"
            )
        return found

    def _check_layers(self) -> None:
        """Every layer has to be there; what is in it is proven when it is compressed."""
        for name in dict.fromkeys(self._layer_names):
            with self._files.open(name) as reader:
                if reader.read(len(_ZSTD)) == _ZSTD:
                    raise self._bad(f"layer {name!r} is compressed by zstd", "Save the image with plain layers.")

    # --- what is made of it

    @functools.cached_property
    def _manifest(self) -> bytes:
        layers = [_told(layer.descriptor) for layer in self._layers]
        config = _told(Descriptor.of(_CONFIG, self._config))
        document = {"schemaVersion": 2, "mediaType": DOCKER_MANIFEST, "config": config, "layers": layers}
        return json.dumps(document, separators=(",", ":")).encode("ascii")

    @functools.cached_property
    def _layers(self) -> list[_Layer]:
        """All layers, compressed; equal ones once, several at the same time, the memory is that of a few pieces."""
        pairs = list(zip(self._layer_names, self._diff_ids))
        with concurrent.futures.ThreadPoolExecutor(min(_WORKERS, os.cpu_count() or 1)) as pool:
            running = {pair: pool.submit(self._layer, *pair) for pair in pairs}
            try:
                made = {pair: future.result() for pair, future in running.items()}
            except BaseException:
                for future in running.values():
                    future.cancel()
                raise
        return [made[pair] for pair in pairs]

    def _layer(self, name: str, diff_id: str) -> _Layer:
        try:
            with self._files.open(name) as reader:
                start = reader.read(len(_GZIP))
                reader.seek(0)
                if start == _GZIP:
                    return self._as_it_is(reader, name, diff_id)
                return self._compressed(reader, name, diff_id)
        except OSError as error:
            raise FileError(
                error.strerror or str(error),
                act="compress",
                obj=f"layer {name!r} of {self._what}",
                cure="Compressed layers take room in the directory for temporary files, as long as the task runs.",
            ) from None

    def _compressed(self, reader: FileRange, name: str, diff_id: str) -> _Layer:
        file = tempfile.TemporaryFile(dir=self._tmp)  # noqa: SIM115 (read until the source is closed)
        self._opened.append(file)
        packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP_WRAPPER)
        plain, packed = hashlib.sha256(), hashlib.sha256()
        for piece in _pieces(reader):
            plain.update(piece)
            _keep(packer.compress(piece), file, packed)
        _keep(packer.flush(), file, packed)
        file.flush()
        self._check_diff_id(plain, name, diff_id)
        return _Layer(Descriptor(_LAYER, f"sha256:{packed.hexdigest()}", file.tell()), file, name)

    def _as_it_is(self, reader: FileRange, name: str, diff_id: str) -> _Layer:
        """Some programs put compressed layers into a docker-archive."""
        packed, plain = hashlib.sha256(), hashlib.sha256()
        for piece in _pieces(reader):
            packed.update(piece)
        reader.seek(0)
        try:
            with gzip.GzipFile(fileobj=reader) as unpacked:
                for piece in _pieces(unpacked):
                    plain.update(piece)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise self._bad(f"layer {name!r} cannot be unpacked: {error}") from None
        self._check_diff_id(plain, name, diff_id)
        return _Layer(Descriptor(_LAYER, f"sha256:{packed.hexdigest()}", reader.size), None, name)

    def _check_diff_id(self, plain: t.Any, name: str, diff_id: str) -> None:
        if f"sha256:{plain.hexdigest()}" != diff_id:
            raise ContentMismatch(
                f"layer {name!r} is not what the config says: {diff_id} was expected", act="read", obj=self._what
            )

    def _bad(self, problem: str, cure: str | None = None) -> ArchiveInvalid:
        return ArchiveInvalid(problem, act="read", obj=self._what, cure=cure)


def _pieces(reader: t.Any) -> t.Iterator[bytes]:
    return iter(lambda: reader.read(_PIECE), b"")


def _keep(data: bytes, file: t.BinaryIO, digest: t.Any) -> None:
    file.write(data)
    digest.update(data)


def _told(descriptor: Descriptor) -> dict[str, t.Any]:
    return {"mediaType": descriptor.media_type, "size": descriptor.size, "digest": descriptor.digest}


def _is_texts(value: t.Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)
