# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is to be pushed: an image in an archive.

This module util is private to the collection.
"""

from __future__ import annotations

import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ImageNotFound

if t.TYPE_CHECKING:
    from ansible_collections.jdcloud.jcr.plugins.module_utils._delivery import Delivery
    from ansible_collections.jdcloud.jcr.plugins.module_utils._resource import Host
    from ansible_collections.jdcloud.jcr.plugins.module_utils._tokensession import TokenSession


class ArchiveContent:
    """The image C(archive_image) of C(archive), a path on the task's host, or those of its C(platforms)."""

    def __init__(self, host: Host, session: TokenSession) -> None:
        self._host = host
        self._session = session
        self._path: str = host.params["archive"]
        self._choice = (host.params["archive_image"], host.params["platforms"])
        self._image: dict[str, t.Any] | None = None

    def check(self) -> None:
        """What is wrong with the choice is told when the archive is read."""

    def __str__(self) -> str:
        return f"archive '{self._path}'"

    @property
    def facts(self) -> dict[str, t.Any]:
        """What docker save wrote has no digest before it is compressed."""
        image = self._image or {"digest": None, "config_digest": None}
        short = f" ({image['config_digest'][:19]})" if image["config_digest"] else ""
        told = {"digest": image["digest"] or f"content of {self._path}{short}"}
        told.update({name: image[name] for name in ("media_type", "size") if image.get(name) is not None})
        return told

    @property
    def platforms(self) -> list[str]:
        return self._image["platforms"] if self._image else []

    @property
    def digests(self) -> list[str]:
        return [self._image["digest"]] if self._image and self._image["digest"] else []

    @property
    def known_by_config(self) -> bool:
        """Whether the repository may have it by a digest that cannot be told beforehand."""
        return self._image is not None and not self._image["digest"]

    def read(self) -> None:
        if self._image is None:
            self._image = self._host.archives().inspect(self._path, *self._choice)

    def need(self) -> None:
        """The archive must exist, or be foreseen in check mode."""
        if self._image is None:
            self._session.missing(
                ImageNotFound(f"there is no archive '{self._path}'", cure="Save the image first, or check the path.")
            )

    def look_closer(self, there: t.Mapping[str, t.Any] | None) -> None:
        """All that can be known beforehand is known by now."""

    def is_same(self, remote: t.Mapping[str, t.Any]) -> bool:
        """By the digest where that is known, else by the digest of the config, which no compression changes."""
        if self._image is None:
            return False
        if self._image["digest"]:
            return remote["digest"] == self._image["digest"]
        return remote["config_digest"] == self._image["config_digest"]

    def send(self, delivery: Delivery, tags: t.Sequence[str]) -> t.Iterator[str]:
        pushed = self._host.archives().push(
            self._path,
            *self._choice,
            delivery.target,
            tags,
            delivery.login.token.password,
            guards=delivery.guards,
            expected={name: self._image[name] for name in ("digest", "config_digest")},
            deadline=delivery.session.deadline,
            renew=delivery.login.renew,
            progress=delivery.progress.layer,
        )
        delivery.pushed(pushed["digest"], pushed["transfer"])
        yield from tags

    def named(self, delivery: Delivery, tags: t.Iterable[str]) -> None:
        """An archive has no names of its own."""
