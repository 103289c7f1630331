# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An image that a tag is moved to in order to be deleted with it. Pure.

This module util is private to the collection.

Nobody knows whether the service, asked to delete a tag, deletes the image with all its other tags. So a tag that shares
its image is moved to an image of its own, which is then deleted by its digest: the other tags are never touched.
"""

from __future__ import annotations

import io
import json
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._imagesource import DOCKER_MANIFEST, Descriptor

_CONFIG = "application/vnd.docker.container.image.v1+json"
_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
_EPOCH = "1970-01-01T00:00:00Z"
# An empty tar, packed, as the parts of a gzip file before and after its comment; written out, because other versions of
# zlib would pack it into other bytes.
_BEFORE_COMMENT = bytes.fromhex("1f8b08100000000000ff")
_AFTER_COMMENT = bytes.fromhex("00621805a360148c5800080000ffff2eafb5ef00040000")
_EMPTY_UNPACKED = "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"


class Placeholder:
    """The ImageSource of the placeholder of one tag: no other tag has the same, and this one always has the same.

    Its kind, and that it has a layer, are what every registry takes.
    """

    origin = None

    def __init__(self, tag: str) -> None:
        config = _encoded(
            {
                "architecture": "amd64",
                "os": "linux",
                "created": _EPOCH,
                "config": {"Labels": {"jdcloud.jcr.deleted-tag": tag}},
                "rootfs": {"type": "layers", "diff_ids": [_EMPTY_UNPACKED]},
                "history": [{"created": _EPOCH, "created_by": f"jdcloud.jcr deletes the tag {tag}"}],
            }
        )
        # Of its own, too: a layer that placeholders share could go with one of them while another one is being pushed.
        layer = _BEFORE_COMMENT + tag.encode("ascii") + _AFTER_COMMENT
        blobs = [Descriptor.of(_CONFIG, config), Descriptor.of(_LAYER, layer)]
        described = [{"mediaType": blob.media_type, "size": blob.size, "digest": blob.digest} for blob in blobs]
        manifest = _encoded(
            {"schemaVersion": 2, "mediaType": DOCKER_MANIFEST, "config": described[0], "layers": described[1:]}
        )
        self.root = Descriptor.of(DOCKER_MANIFEST, manifest)
        self.config_digest = blobs[0].digest
        self._contents = {self.root.digest: manifest, blobs[0].digest: config, blobs[1].digest: layer}

    def manifest(self, digest: str) -> bytes:
        """The one manifest."""
        return self._contents[digest]

    def open(self, blob: Descriptor) -> t.BinaryIO:
        """The config or the layer."""
        return io.BytesIO(self._contents[blob.digest])

    def close(self) -> None:
        """Nothing is held open here."""


def is_placeholder(image: t.Mapping[str, t.Any]) -> bool:
    """Whether an image, as the client lists it, is the placeholder of its only tag: left by a task that was cut."""
    return len(image["tags"]) == 1 and Placeholder(image["tags"][0]).root.digest == image["digest"]


def _encoded(document: t.Any) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
