# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The resource of jcr_image_info: images of one registry.

This module util is private to the collection.
"""

from __future__ import annotations

import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils import _rules
from ansible_collections.jdcloud.jcr.plugins.module_utils._manifest import Manifest
from ansible_collections.jdcloud.jcr.plugins.module_utils._options import (
    CONNECTION,
    IMAGE_SELECTION,
    ORDER,
    SELECTION,
    ArgumentSpec,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._quantities import MEGABYTE
from ansible_collections.jdcloud.jcr.plugins.module_utils._resource_info import LOOK_UPS, Models, SelectingResource
from ansible_collections.jdcloud.jcr.plugins.module_utils._selection import VERSION, Shape

SPEC = ArgumentSpec(
    options={
        "registry": {"type": "str", "required": True},
        "repository": {"type": "list", "elements": "str", "aliases": ["repositories"]},
        "tag": {"type": "list", "elements": "str", "aliases": ["tags"]},
        "digest": {"type": "list", "elements": "str", "aliases": ["digests"]},
        "sort": {
            "type": "str",
            "choices": ["pushed_at", "last_pull_at", "pulls", "size", "repository", VERSION],
        },
    },
).merge(SELECTION, IMAGE_SELECTION, ORDER, CONNECTION)


class ImagesInfo(SelectingResource):
    """Options C(registry), C(repository), C(tag), C(digest), C(sort), and those of the parts in SPEC."""

    what = "images"
    shape = Shape(
        labels="tags",
        exact="tag",
        moment="pushed_at",
        size="size",
        unit=1,
        home=("registry", "repository"),
        order=(("pushed_at", True), ("repository", False), ("digest", False)),
    )

    def purpose(self) -> tuple[str, str]:
        return "list images", f"of registry '{self.params['registry']}'{self.place}"

    def check(self) -> None:
        _rules.registry_name(self.params["registry"])
        for option, rule in (("repository", _rules.repository_name), ("tag", _rules.tag), ("digest", _rules.digest)):
            for value in self.params[option] or ():
                rule(value)
        super().check()

    def candidates(self) -> tuple[Models, list[str]]:
        registry, repositories = self.params["registry"], self.params["repository"]
        if self.session.registry_host(registry) is None:
            return [], [registry]
        if repositories is None:
            return self._images(None), []
        images: Models = []
        missing: list[str] = []
        for repository in dict.fromkeys(repositories):
            found = self._images(repository)
            images += found
            missing += self._missing(f"{registry}/{repository}", repository, found)
        return images, missing

    def _images(self, repository: str | None) -> Models:
        """The images of one repository, or of all; as few as the service's own filters can make them."""
        found: dict[tuple[str, str], dict[str, t.Any]] = {}
        for filters in self._filters():
            for image in self.session.client.images(
                self.params["registry"], repository, **filters, unsteady=self.unsteady
            ):
                found[image["repository"], image["digest"]] = image
        digests = self.params["digest"]
        return [image for image in found.values() if digests is None or image["digest"] in digests]

    def _filters(self) -> list[dict[str, str]]:
        """What the service is to filter by, a listing each."""
        for option in ("digest", "tag"):
            values = self.params[option]
            if values is not None:
                return [{option: value} for value in dict.fromkeys(values)] if len(values) <= LOOK_UPS else [{}]
        return [{"tag_status": self.params["tag_status"]}] if self.params["tag_status"] else [{}]

    def _missing(self, place: str, repository: str, found: Models) -> list[str]:
        """References of what was asked for in one repository and does not exist."""
        if not found and self.session.client.repository(self.params["registry"], repository) is None:
            return [place]
        if self.params["digest"] is not None:
            digests = {image["digest"] for image in found}
            return [f"{place}@{digest}" for digest in dict.fromkeys(self.params["digest"]) if digest not in digests]
        tags = {tag for image in found for tag in image["tags"]}
        return [f"{place}:{tag}" for tag in dict.fromkeys(self.params["tag"] or ()) if tag not in tags]

    def told(self, model: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
        host = self.session.registry_host(self.params["registry"])
        size = model["size"]
        return {
            "registry": model["registry"],
            "region": self.session.region,
            "repository": model["repository"],
            "digest": model["digest"],
            "uri": f"{host}/{model['repository']}@{model['digest']}",
            "tags": model["tags"],
            "media_type": model["media_type"],
            "size": size,
            "size_mb": None if size is None else round(size / MEGABYTE, 2),
            "pushed_at": model["pushed_at"],
            "last_pull_at": model["last_pull_at"],
            "pulls": model["pulls"],
            "config_digest": model["config_digest"],
            "platforms": model["platforms"],
            "children": Manifest(model["manifest"]).children,
        }
