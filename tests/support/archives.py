# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Archives of images made here, right ones and planted bad ones: OCI layouts and docker-archives, member by member."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import pathlib
import tarfile
import typing as t

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"

Json = dict[str, t.Any]


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def encode(document: t.Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def plain_tar(*members: tuple[str, bytes] | tarfile.TarInfo, form: int = tarfile.USTAR_FORMAT) -> bytes:
    """A tar; a TarInfo stands for a member without content (a link)."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=form) as archive:
        for member in members:
            info = member if isinstance(member, tarfile.TarInfo) else tarfile.TarInfo(member[0])
            content = b"" if isinstance(member, tarfile.TarInfo) else member[1]
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return target.getvalue()


def members(files: t.Mapping[str, bytes]) -> bytes:
    """The beginning of a tar: something can be put behind it."""
    found = []
    for name, content in files.items():
        info = tarfile.TarInfo(name)
        info.size = len(content)
        found.append(info.tobuf(tarfile.USTAR_FORMAT) + content + bytes(-len(content) % tarfile.BLOCKSIZE))
    return b"".join(found)


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


class Store:
    """The content of an OCI layout, and the source of an image that a test reads."""

    origin = None
    config_digest = None

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.root: t.Any = None

    def add(self, media_type: str, data: bytes | Json, **more: t.Any) -> Json:
        """Keep a blob or a document; returns its descriptor."""
        content = data if isinstance(data, bytes) else encode(data)
        self.blobs[digest_of(content)] = content
        return {"mediaType": media_type, "digest": digest_of(content), "size": len(content), **more}

    def image(
        self, text: str, platform: str = "linux/amd64", *, tell: bool = True, compress: bool = True, **more: t.Any
    ) -> Json:
        """An OCI image of one layer with one file; C(tell) writes the platform into the descriptor too."""
        layer = plain_tar(("file", text.encode()))
        parts = dict(zip(("os", "architecture", "variant"), platform.split("/"), strict=False))
        config = {**parts, "rootfs": {"type": "layers", "diff_ids": [digest_of(layer)]}, "config": {}}
        packed = (f"{OCI_LAYER}+gzip", gzip.compress(layer, mtime=0)) if compress else (OCI_LAYER, layer)
        manifest = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": self.add(OCI_CONFIG, config),
            "layers": [self.add(*packed)],
        }
        return self.add(OCI_MANIFEST, manifest, **({"platform": parts} if tell else {}), **more)

    def index(self, *entries: Json, media_type: str = OCI_INDEX, **more: t.Any) -> Json:
        document = {"schemaVersion": 2, "mediaType": media_type, "manifests": list(entries)}
        return self.add(media_type, {**document, **more})

    def attestation(self, about: Json) -> Json:
        """What buildkit says about an image."""
        kind = {"vnd.docker.reference.digest": about["digest"], "vnd.docker.reference.type": "attestation-manifest"}
        return self.image(f"about {about['digest']}", "unknown/unknown", annotations=kind)

    def layout(self, *roots: Json) -> dict[str, bytes]:
        """The files of a layout."""
        return {
            "oci-layout": encode({"imageLayoutVersion": "1.0.0"}),
            "index.json": encode({"schemaVersion": 2, "manifests": list(roots)}),
            **{f"blobs/sha256/{digest[7:]}": data for digest, data in self.blobs.items()},
        }

    # --- as an ImageSource

    def manifest(self, digest: str) -> bytes:
        self.asked.append(digest)
        return self.blobs[digest]

    def open(self, blob: t.Any) -> t.BinaryIO:
        self.asked.append(blob.digest)
        return io.BytesIO(self.blobs[blob.digest])

    def close(self) -> None:
        """Nothing to let go of."""


def docker_files(
    *layers: bytes, tags: t.Sequence[str] = ("shop/web:1.0",), names: t.Sequence[str] = (), **listing: t.Any
) -> dict[str, bytes]:
    """The files of a docker-archive with one image; C(names) are those of its layers, C(listing) changes its entry."""
    config = encode({"os": "linux", "rootfs": {"type": "layers", "diff_ids": [digest_of(layer) for layer in layers]}})
    names = names or [f"{digest_of(layer)[7:]}/layer.tar" for layer in layers]
    entry = {"Config": f"{digest_of(config)[7:]}.json", "RepoTags": list(tags), "Layers": list(names), **listing}
    return {**dict(zip(names, layers, strict=True)), entry["Config"]: config, "manifest.json": encode([entry])}


def write_tar(path: pathlib.Path, files: t.Mapping[str, bytes]) -> pathlib.Path:
    path.write_bytes(plain_tar(*files.items()))
    return path


def write_folder(path: pathlib.Path, files: t.Mapping[str, bytes]) -> pathlib.Path:
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path
