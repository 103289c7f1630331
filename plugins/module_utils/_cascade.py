# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What goes when a registry goes, in the order in which it has to: images, repositories, the registry. Pure.

This module util is private to the collection.
"""

from __future__ import annotations

import collections
import dataclasses
import typing as t

Fields = t.Mapping[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Item:
    """A registry, or a repository or an image in it; what it is not is None."""

    registry: str
    repository: str | None = None
    digest: str | None = None

    @property
    def key(self) -> str:
        """C(registry), C(registry/repository) or C(registry/repository@digest), as it stands in a plan."""
        name = "/".join(filter(None, (self.registry, self.repository)))
        return f"{name}@{self.digest}" if self.digest else name

    @classmethod
    def of(cls, key: str) -> Item:
        """The item that has this key."""
        name, _at, digest = key.partition("@")
        registry, _slash, repository = name.partition("/")
        return cls(registry, repository or None, digest or None)


@dataclasses.dataclass(frozen=True)
class Contents:
    """What is in a registry.

    C(repositories) and C(images) are as the client lists them, by the name of the repository. C(images=None) means that
    they were not looked at.
    """

    registry: str
    repositories: t.Mapping[str, Fields]
    images: t.Mapping[str, t.Sequence[Fields]] | None = None

    def state(self) -> dict[str, Fields]:
        """All items with what a plan has to know of them, by their key and in the order in which they can be deleted.

        An image stands before those that it points at, so that no index ever lacks a child.
        """
        images = {
            Item(self.registry, repository, image["digest"]).key: image
            for repository, found in (self.images or {}).items()
            for image in parents_first(found)
        }
        repositories = {Item(self.registry, name).key: fields for name, fields in self.repositories.items()}
        return {**images, **repositories}


def image_fields(image: Fields) -> Fields:
    """What a cascade keeps of an image as the client lists it: its manifest may be large."""
    from ansible_collections.jdcloud.jcr.plugins.module_utils._manifest import Manifest

    references = Manifest(image["manifest"]).references
    return {"digest": image["digest"], "tags": image["tags"], "references": references}


def parents_first(images: t.Sequence[Fields]) -> list[Fields]:
    """The images of one repository, each before those that it points at; otherwise in the order that they have."""
    by_digest = {image["digest"]: image for image in images}
    children = {
        digest: [child for child in dict.fromkeys(image["references"]) if child in by_digest and child != digest]
        for digest, image in by_digest.items()
    }
    pointers = collections.Counter(child for found in children.values() for child in found)
    free = collections.deque(digest for digest in by_digest if not pointers[digest])
    ordered: dict[str, Fields] = {}
    while free:
        digest = free.popleft()
        ordered[digest] = by_digest[digest]
        for child in children[digest]:
            pointers[child] -= 1
            if not pointers[child]:
                free.append(child)
    # No true digest can be part of a circle, but manifests are written by strangers.
    return list({**ordered, **by_digest}.values())


def counted(keys: t.Iterable[str]) -> dict[str, t.Any]:
    """The return value that tells of these items: {registries: [name], repositories: [name], images: number}."""
    items = [Item.of(key) for key in keys]
    return {
        "registries": [item.registry for item in items if item.repository is None],
        "repositories": [item.repository for item in items if item.repository is not None and item.digest is None],
        "images": sum(item.digest is not None for item in items),
    }


def in_words(keys: t.Collection[str]) -> str:
    """How much these items are: C(2 repositories and 1 image)."""
    told = counted(keys)
    numbers = [
        (len(told["registries"]), "registry", "registries"),
        (len(told["repositories"]), "repository", "repositories"),
        (told["images"], "image", "images"),
    ]
    parts = [f"{number} {one if number == 1 else many}" for number, one, many in numbers if number]
    return " and ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:]))) or "nothing"
