# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which images of a repository need each other, and what can go of those that are to go. Pure.

This module util is private to the collection.

An index needs its children. What is about another image (a signature, a bill of materials, an attestation) belongs to
it: by the C(subject) of its manifest, or by tags such as C(sha256-HEX.sig), as cosign makes them.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._manifest import Manifest

Image = t.Mapping[str, t.Any]  # as the client lists it

_ABOUT = re.compile(r"sha256-([0-9a-f]{64})(?:\.[a-z0-9]+)?")


@dataclasses.dataclass(frozen=True)
class Deletion:
    """What can go.

    C(waves): digests of the images that go; what one of them points at is in a later wave than itself.
    C(untagged): tags that go from images that stay, by digest. C(kept): why an image that was to go stays, by digest.
    """

    waves: tuple[tuple[str, ...], ...] = ()
    untagged: t.Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    kept: t.Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def images(self) -> tuple[str, ...]:
        """The digests of all waves."""
        return tuple(digest for wave in self.waves for digest in wave)


class ImageGraph:
    """All images of one repository; what points at an image that is not there counts for nothing."""

    def __init__(self, images: t.Iterable[Image]) -> None:
        self.images = {image["digest"]: image for image in images}
        self._parents: dict[str, set[str]] = {digest: set() for digest in self.images}
        self._subjects: dict[str, set[str]] = {digest: set() for digest in self.images}
        self._belongings: dict[str, set[str]] = {digest: set() for digest in self.images}
        for digest, image in self.images.items():
            manifest = Manifest(image["manifest"])
            for child in self._others(digest, manifest.child_digests):
                self._parents[child].add(digest)
                self._belongings[digest].add(child)
            for subject in self._others(digest, [*filter(None, [manifest.subject]), *_told_by_tags(image)]):
                self._subjects[digest].add(subject)
                self._belongings[subject].add(digest)

    def _others(self, digest: str, pointed_at: t.Iterable[str]) -> t.Iterator[str]:
        return (other for other in pointed_at if other in self.images and other != digest)

    def owners(self, digest: str) -> frozenset[str]:
        """The indexes that an image is in, and the images that it is about."""
        return frozenset(self._parents[digest] | self._subjects[digest])

    def is_part(self, digest: str) -> bool:
        """Whether an image has no name of its own, but is a child of an index, or about another image."""
        return bool(self.owners(digest)) and self._is_nameless(digest)

    def unreadable(self, besides: t.Container[str]) -> list[str]:
        """Digests of images that nobody can tell of whether they are an index, C(besides) some of them."""
        return [digest for digest, image in self.images.items() if image["manifest"] is None and digest not in besides]

    def deletion(
        self,
        chosen: t.Mapping[str, t.Collection[str]],
        *,
        with_children: bool = True,
        by_name: bool = False,
        spared: t.Container[str] = (),
    ) -> Deletion:
        """What can go of what was chosen: tags by the digest that they stand for; with all of its tags, an image goes.

        C(with_children): what belongs to an image that goes, and has no name of its own, goes too, but for C(spared)
        digests. C(by_name): what is about an image that stays may go, because it was chosen for its name.
        """
        whole = {digest for digest, tags in chosen.items() if set(self.images[digest]["tags"]) <= set(tags)}
        going = set(self._with_belongings(whole, spared) if with_children else whole)
        kept: dict[str, str] = {}
        while True:
            obstacles = {digest: self._obstacle(digest, going, by_name and digest in whole) for digest in going}
            held = {digest: why for digest, why in obstacles.items() if why}
            if not held:
                break
            going -= held.keys()
            kept.update((digest, why) for digest, why in held.items() if digest in whole)
        untagged = {}
        for digest, tags in chosen.items():
            shielded = digest in kept and not self._parents[digest] - going
            if tags and digest not in going and not shielded:
                untagged[digest] = tuple(sorted(tags))
        in_order = {digest: kept[digest] for digest in self.images if digest in kept}
        return Deletion(self._waves(going), untagged, in_order)

    def _with_belongings(self, digests: t.Collection[str], spared: t.Container[str]) -> set[str]:
        found, todo = set(digests), list(digests)
        while todo:
            new = {other for other in self._belongings[todo.pop()] - found if self._is_nameless(other)}
            new = {other for other in new if other not in spared}
            found |= new
            todo.extend(new)
        return found

    def _is_nameless(self, digest: str) -> bool:
        image = self.images[digest]
        return not image["tags"] or bool(_told_by_tags(image))

    def _obstacle(self, digest: str, going: t.Container[str], by_name: bool) -> str | None:
        """Why an image cannot go when these do."""
        indexes = sorted(parent for parent in self._parents[digest] if parent not in going)
        if indexes:
            return f"it is part of {self._called(indexes[0])}"
        subjects = sorted(subject for subject in self._subjects[digest] if subject not in going)
        return f"it is about {self._called(subjects[0])}" if subjects and not by_name else None

    def _called(self, digest: str) -> str:
        tags = self.images[digest]["tags"]
        return f"{digest} ({', '.join(tags)})" if tags else digest

    def _waves(self, going: t.Collection[str]) -> tuple[tuple[str, ...], ...]:
        """An image goes after the indexes that it is in and the images that it is about, otherwise as it was listed."""
        left = [digest for digest in self.images if digest in going]
        waves = []
        while left:
            wave = [digest for digest in left if not self.owners(digest) & set(left)]
            # An index can be about its own child, and tags can say that two images are about each other.
            wave = wave or [digest for digest in left if not self._parents[digest] & set(left)] or left
            waves.append(tuple(wave))
            left = [digest for digest in left if digest not in wave]
        return tuple(waves)


def _told_by_tags(image: Image) -> list[str]:
    """The digests that an image is about, if that is all that its tags say."""
    found = [_ABOUT.fullmatch(tag) for tag in image["tags"]]
    return [f"sha256:{match[1]}" for match in found if match] if all(found) else []
