# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of an image has to be uploaded, and in which order; all of it, or some platforms. Pure.

This module util is private to the collection.

An index can be taken whole, or reduced to platforms: one platform gives that platform's own manifest, untouched;
several give a new index that lists the chosen manifests, themselves untouched, in the order of the old one, so that the
same choice always makes the same digest.
"""

from __future__ import annotations

import contextlib
import json
import re
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ImageInvalid, ImageNotFound, RuleError
from ansible_collections.jdcloud.jcr.plugins.module_utils._imagesource import (
    ABOUT,
    MAX_DOCUMENT,
    Descriptor,
    Document,
    Image,
    ImageSource,
    invalid,
    parse_document,
    platform_name,
    shown,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._manifestreader import ManifestReader, read_blob

_PLATFORM = re.compile(r"[a-z0-9]+/[a-z0-9_.-]+(?:/[a-z0-9_.-]+)?")
_USUAL_VARIANT = {"arm64": "v8", "amd64": "v1"}  # named or not, these are the same platform


def walk(source: ImageSource, platforms: t.Sequence[str] | None = None) -> Image:
    """Read all manifests of an image; C(platforms) (C(os/architecture[/variant])) chooses from an index.

    An image that is no index has to be of the one platform that is chosen. Nothing but manifests is read, except for
    configs where only they can tell a platform.
    Raises ImageNotFound for a platform or a manifest that is not there, RuleError for what is no platform, ImageInvalid
    for manifests that break the specification or a limit, for schema 1 and for encrypted layers, and ContentMismatch.
    """
    names = [checked_platform(name) for name in platforms or ()]
    reader = ManifestReader(source)
    root = _chosen(reader, source.root, names) if names else source.root
    upload = _Upload(reader)
    upload.collect(root, 1)
    named = [entry.platform_name for entry in _images(reader, root)]
    return Image(
        root,
        tuple(upload.documents.values()),
        tuple(upload.blobs.values()),
        tuple(upload.elsewhere.values()),
        tuple(dict.fromkeys(name for name in named if name)),
        None if root.is_index else reader.config(root).digest,
    )


def platforms_of(image: Image, open_blob: t.Callable[[Descriptor], t.BinaryIO]) -> list[str]:
    """For which platforms an image is: as an index says, or else its config, which is read for it.

    None where neither tells: the config of an artifact can be anything.
    """
    named = list(image.platforms)
    config = next((blob for blob in image.blobs if blob.digest == image.config_digest), None)
    if named or config is None or config.size > MAX_DOCUMENT:
        return named
    with open_blob(config) as reader:
        content = read_blob(reader, config.size)
    with contextlib.suppress(ImageInvalid):
        named.extend(filter(None, [platform_name(parse_document(content, f"config {config.digest}"))]))
    return named


def checked_platform(name: str) -> str:
    """The name of a platform, if it is one. Raises RuleError."""
    if not isinstance(name, str) or not _PLATFORM.fullmatch(name):
        raise RuleError(
            f"{shown(name)} is not a platform", cure="Write os/architecture or os/architecture/variant: linux/amd64."
        )
    return name


class _Upload:
    """What has to be uploaded, each once, by digest and in the order of the upload."""

    def __init__(self, reader: ManifestReader) -> None:
        self._reader = reader
        self.documents: dict[str, Document] = {}
        self.blobs: dict[str, Descriptor] = {}
        self.elsewhere: dict[str, Descriptor] = {}

    def collect(self, descriptor: Descriptor, depth: int) -> None:
        """Put a manifest behind all that it points at."""
        if descriptor.digest in self.documents:
            return
        if descriptor.is_index:
            for _raw, child in self._reader.children(descriptor, depth):
                self.collect(child, depth + 1)
        else:
            for blob in self._reader.blobs(descriptor):
                self._add_blob(blob)
        self.documents[descriptor.digest] = self._reader.document(descriptor)

    def _add_blob(self, blob: Descriptor) -> None:
        if blob.elsewhere:
            self.elsewhere.setdefault(blob.digest, blob)
        elif self.blobs.setdefault(blob.digest, blob).size != blob.size:
            raise invalid(f"it gives two sizes for {blob.digest}")


# --- platforms -------------------------------------------------------------------------------------------------------


def _images(reader: ManifestReader, root: Descriptor) -> list[Descriptor]:
    """The images of an index, those of the indexes in it too; or the image itself."""
    entries = [entry for _raw, entry in reader.leaves(root)] if root.is_index else [root]
    return [entry for entry in entries if not entry.is_attestation]


def _chosen(reader: ManifestReader, root: Descriptor, platforms: t.Sequence[str]) -> Descriptor:
    """The descriptor of what is left of an image: of one manifest, or of an index made here."""
    images = _images(reader, root)
    wanted = {entry.digest for name in platforms for entry in _matching(reader, images, name)}
    if len(wanted) == 1:
        return next(entry for entry in images if entry.digest in wanted)
    kept = [
        raw for raw, entry in reader.leaves(root) if entry.digest in wanted or entry.annotations.get(ABOUT) in wanted
    ]
    document = reader.read(root)
    if kept == document["manifests"]:
        return root
    try:
        content = json.dumps({**document, "manifests": kept}, separators=(",", ":")).encode("ascii")
    except RecursionError:
        raise invalid("its index is nested too deep") from None
    return reader.add(root.media_type, content)


def _matching(reader: ManifestReader, images: t.Sequence[Descriptor], wanted: str) -> list[Descriptor]:
    """The manifests of a platform. Windows has one for each os.version: they go together."""
    named = [(reader.platform(entry), entry) for entry in images]
    found = [entry for name, entry in named if _normal(name) == _normal(wanted)]
    if not found and wanted.count("/") == 1:  # any variant will do, if there is but one
        variants = {name: entry for name, entry in named if name and name.startswith(f"{wanted}/")}
        if len(variants) > 1:
            raise RuleError(
                f"platform {wanted} has several variants here: {_listed(variants)}",
                cure="Name the variant in platforms.",
            )
        found = [entry for name, entry in named if name in variants]
    if not found:
        there = _listed(name for name, _entry in named)
        raise ImageNotFound(f"it has no platform {wanted}; there is: {there}", cure="Choose from these.")
    return found


def _normal(name: str | None) -> str | None:
    """The name without the variant that goes without saying."""
    parts = (name or "").split("/")
    return "/".join(parts[:2]) if len(parts) == 3 and _USUAL_VARIANT.get(parts[1]) == parts[2] else name


def _listed(names: t.Iterable[str | None]) -> str:
    return ", ".join(dict.fromkeys(name or "one that does not tell its platform" for name in names)) or "none"
