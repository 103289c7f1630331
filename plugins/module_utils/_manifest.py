# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the manifest of an image or of an index tells. Pure.

This module util is private to the collection.

A manifest is written by whoever pushed the image, so nothing is taken for granted: what is not as the Docker and OCI
image specifications say is as good as absent, and never an error.
"""

from __future__ import annotations

import json
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._digest import is_digest
from ansible_collections.jdcloud.jcr.plugins.module_utils._imagesource import (
    DOCKER_SCHEMA_1,
    OCI_INDEX,
    OCI_MANIFEST,
    platform_name,
)


class Manifest(t.NamedTuple):
    """C(document) is the decoded manifest; None if there is none, or no JSON object."""

    document: dict[str, t.Any] | None

    @classmethod
    def parse(cls, text: str | bytes | None) -> Manifest:
        try:
            document = json.loads(text) if text else None
        except (ValueError, RecursionError):
            document = None
        return cls(document if isinstance(document, dict) else None)

    @property
    def media_type(self) -> str | None:
        """What the manifest calls itself, or what its shape says: OCI manifests need not name their type."""
        named = self._get("mediaType", str)
        if named:
            return named
        if self._get("schemaVersion", int) == 1:
            return DOCKER_SCHEMA_1
        if self._get("manifests", list) is not None:
            return OCI_INDEX
        return OCI_MANIFEST if self.config_digest else None

    @property
    def config_digest(self) -> str | None:
        """The id that the image has in a Docker Engine with the classic image store."""
        config = self._get("config", dict)
        return config["digest"] if _is_descriptor(config) else None

    @property
    def config_size(self) -> int | None:
        """How many bytes the config has."""
        return self._get("config", dict)["size"] if self.config_digest else None

    @property
    def size(self) -> int | None:
        """Bytes of config and layers as they are stored; None for an index, which does not say."""
        blobs = [self._get("config", dict), *(self._get("layers", list) or [None])]
        return sum(blob["size"] for blob in blobs) if all(map(_is_descriptor, blobs)) else None

    @property
    def layers(self) -> list[dict[str, t.Any]]:
        """{digest, size} of each layer, the lowest first; none for an index, nor where it does not tell them all."""
        layers = self._get("layers", list) or []
        return [
            {"digest": layer["digest"], "size": layer["size"]} for layer in layers if all(map(_is_descriptor, layers))
        ]

    @property
    def platforms(self) -> list[str]:
        """C(os/architecture[/variant]) of each child of an index, in its order.

        Attestations, which call their platform unknown, are left out.
        """
        names = [_platform(child) for child in self._get("manifests", list) or []]
        return [name for name in names if name and not name.startswith("unknown/")]

    @property
    def children(self) -> list[dict[str, t.Any]]:
        """{digest, media_type, size, platform} of each child of an index, in its order.

        C(platform) is None for attestations, and where an index does not tell it.
        """
        return [_child(child) for child in self._get("manifests", list) or [] if _is_descriptor(child)]

    @property
    def child_digests(self) -> list[str]:
        """Digests of the children of an index; also of those of which it tells nothing else."""
        return [entry["digest"] for entry in self._get("manifests", list) or [] if _has_digest(entry)]

    @property
    def subject(self) -> str | None:
        """The digest of the manifest that this one is about, as a signature is."""
        subject = self._get("subject", dict)
        return subject["digest"] if _has_digest(subject) else None

    @property
    def references(self) -> list[str]:
        """Digests of the other manifests that this one points at: the children of an index, and its subject."""
        return [*self.child_digests, *filter(None, [self.subject])]

    def _get(self, key: str, kind: type) -> t.Any:
        value = (self.document or {}).get(key)
        return value if isinstance(value, kind) else None


def _child(descriptor: dict[str, t.Any]) -> dict[str, t.Any]:
    media_type, platform = descriptor.get("mediaType"), _platform(descriptor)
    return {
        "digest": descriptor["digest"],
        "media_type": media_type if isinstance(media_type, str) else None,
        "size": descriptor["size"],
        "platform": None if platform is None or platform.startswith("unknown/") else platform,
    }


def _platform(child: t.Any) -> str | None:
    return platform_name(child.get("platform")) if isinstance(child, dict) else None


def _is_descriptor(value: t.Any) -> bool:
    size = value.get("size") if _has_digest(value) else None
    return isinstance(size, int) and not isinstance(size, bool) and size >= 0


def _has_digest(value: t.Any) -> bool:
    digest = value.get("digest") if isinstance(value, dict) else None
    return is_digest(digest)
