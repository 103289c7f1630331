# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Images in memory as an uploader reads them, and what it needs to speak to a registry."""

from __future__ import annotations

import gzip
import io
import json
import random
import typing as t
from pathlib import Path

from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Clock, Deadline
from ansible_collections.jdcloud.jcr.plugins.module_utils._imagesource import (
    OCI_INDEX,
    OCI_MANIFEST,
    Descriptor,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._registrycall import Conversation
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Secret

CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


class HastyClock(Clock):
    """The machine's clock, but nobody waits: C(slept) is what would have been waited, in seconds."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


class MemorySource:
    """An ImageSource whose manifests and blobs are in C(contents) by digest; C(opened) counts the readers."""

    origin = None
    config_digest = None

    def __init__(self, *, seekable: bool = True) -> None:
        self.contents: dict[str, bytes] = {}
        self.root = Descriptor(OCI_MANIFEST, "", 0)
        self.opened: list[str] = []
        self._seekable = seekable

    def add(self, content: bytes, media_type: str) -> dict[str, t.Any]:
        """Keep some bytes; returns their descriptor as JSON has it."""
        found = Descriptor.of(media_type, content)
        self.contents[found.digest] = content
        return {"mediaType": media_type, "digest": found.digest, "size": found.size}

    def manifest(self, digest: str) -> bytes:
        return self.contents[digest]

    def open(self, blob: Descriptor) -> t.BinaryIO:
        self.opened.append(blob.digest)
        content = self.contents[blob.digest]
        return t.cast(t.BinaryIO, io.BytesIO(content) if self._seekable else _Once(content))

    def close(self) -> None:
        """Nothing to close."""


class _Once(io.BytesIO):
    """A reader that cannot go back."""

    def seekable(self) -> bool:
        return False

    def seek(self, *_args: t.Any) -> int:
        raise io.UnsupportedOperation


def image(sizes: t.Sequence[int], *, seed: int = 0, architecture: str = "amd64", **options: t.Any) -> MemorySource:
    """An image with random layers of these sizes in bytes."""
    source = MemorySource(**options)
    source.root = Descriptor.parse(_add_image(source, _random_layers(sizes, seed), seed, architecture))
    return source


def gzipped_image(sizes: t.Sequence[int], *, seed: int) -> MemorySource:
    """As image(), but each layer is gzip, as its media type says: skopeo compresses what is not, and takes longer."""
    source = MemorySource()
    layers = [gzip.compress(layer, compresslevel=0, mtime=0) for layer in _random_layers(sizes, seed)]
    source.root = Descriptor.parse(_add_image(source, layers, seed, "amd64"))
    return source


def index(architectures: t.Sequence[str], sizes: t.Sequence[int]) -> MemorySource:
    """An index of an image for each architecture."""
    source = MemorySource()
    entries = [
        {
            **_add_image(source, _random_layers(sizes, number), number, name),
            "platform": {"architecture": name, "os": "linux"},
        }
        for number, name in enumerate(architectures)
    ]
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
    source.root = Descriptor.parse(source.add(json.dumps(document, indent=1).encode(), OCI_INDEX))
    return source


def _random_layers(sizes: t.Sequence[int], seed: int) -> list[bytes]:
    return [random.Random(f"{seed}/{n}").randbytes(size) for n, size in enumerate(sizes)]


def _add_image(source: MemorySource, contents: t.Sequence[bytes], seed: int, architecture: str) -> dict[str, t.Any]:
    layers = [source.add(content, LAYER) for content in contents]
    rootfs = {"type": "layers", "diff_ids": [layer["digest"] for layer in layers]}
    config = json.dumps({"architecture": architecture, "os": "linux", "rootfs": rootfs, "seed": seed}).encode()
    document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": source.add(config, CONFIG), "layers": layers}
    return source.add(json.dumps(document, indent=3).encode(), OCI_MANIFEST)


def write_layout(source: MemorySource, directory: Path) -> Path:
    """The image as an OCI layout, for those who read files; returns the directory."""
    blobs = directory / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    for digest, content in source.contents.items():
        (blobs / digest.partition(":")[2]).write_bytes(content)
    root = {"mediaType": source.root.media_type, "digest": source.root.digest, "size": source.root.size}
    (directory / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [root]}), encoding="utf-8")
    (directory / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}', encoding="utf-8")
    return directory


def converse(host: str, password: str | None = None, *, clock: Clock | None = None, **options: t.Any) -> Conversation:
    """A conversation with a registry that a test may have with little patience, and without waiting between."""
    clock = clock or HastyClock()
    options = {"timeout": 60.0, "idle": 60.0, "retries": 5, "deadline": Deadline(clock, None), **options}
    login = ("jdcloud", Secret(password)) if password is not None else None
    return Conversation(host, login, clock=clock, **options)
