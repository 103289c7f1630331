# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The resource of jcr_image_info: images of one registry.

This module util is private to the collection.
"""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils import _rules
from ansible_collections.jdcloud.jcr.plugins.module_utils._declared import listed
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ContentMismatch, ImageNotFound
from ansible_collections.jdcloud.jcr.plugins.module_utils._manifest import Manifest
from ansible_collections.jdcloud.jcr.plugins.module_utils._options import (
    CONNECTION,
    IMAGE_SELECTION,
    ORDER,
    SELECTION,
    TOKEN,
    ArgumentSpec,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._quantities import MEGABYTE
from ansible_collections.jdcloud.jcr.plugins.module_utils._resource import Host
from ansible_collections.jdcloud.jcr.plugins.module_utils._resource_info import LOOK_UPS, Models, SelectingResource
from ansible_collections.jdcloud.jcr.plugins.module_utils._selection import IMAGES, VERSION
from ansible_collections.jdcloud.jcr.plugins.module_utils._tokensession import TokenResource

if t.TYPE_CHECKING:
    from ansible_collections.jdcloud.jcr.plugins.module_utils._registrycall import Conversation

SPEC = ArgumentSpec(
    options={
        "registry": {"type": "str", "required": True},
        "repository": {"type": "list", "elements": "str", "aliases": ["repositories"]},
        "tag": {"type": "list", "elements": "str", "aliases": ["tags"]},
        "digest": {"type": "list", "elements": "str", "aliases": ["digests"]},
        "newest": {"type": "int"},
        "config": {"type": "bool", "default": False},
        "sort": {
            "type": "str",
            "choices": ["pushed_at", "last_pull_at", "pulls", "size", "repository", VERSION],
        },
    },
).merge(SELECTION, IMAGE_SELECTION, ORDER, TOKEN, CONNECTION)

_READERS = 8  # configs at the same time
# What one config fails of, and the others do not.
_OF_ONE_IMAGE = (ImageNotFound, ContentMismatch)


class ImagesInfo(TokenResource, SelectingResource):
    """Options C(registry), C(repository), C(tag), C(digest), C(newest), C(config), C(sort), and the parts in SPEC."""

    what = "images"
    shape = IMAGES

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._configs: dict[tuple[str, str], dict[str, t.Any]] = {}  # by repository and digest
        self._children: dict[tuple[str, str], dict[str, t.Any]] = {}  # images of the chosen indexes, likewise

    def purpose(self) -> tuple[str, str]:
        return "list images", f"of registry '{self.params['registry']}'{self.place}"

    def check(self) -> None:
        _rules.registry_name(self.params["registry"])
        for option, rule in (("repository", _rules.repository_name), ("tag", _rules.tag), ("digest", _rules.digest)):
            for value in self.params[option] or ():
                rule(value)
        if self.params["config"]:
            self.session.check_token_options()
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

    def look_closer(self, chosen: Models) -> None:
        """Read the configs of the chosen images, and of those in chosen indexes, each once."""
        if not self.params["config"]:
            return
        self._find_children(chosen)
        models = [*chosen, *self._children.values()]
        wanted = {_config_key(model): model for model in models if model["config_digest"]}
        if not wanted:
            return
        token = self.session.token_to_look_with(self.params["registry"])
        if token is None:
            self.host.warn("No token is held, and none is issued in check mode: the configs of the images are null.")
            return
        from ansible_collections.jdcloud.jcr.plugins.module_utils import _bulk
        from ansible_collections.jdcloud.jcr.plugins.module_utils._registrylogin import conversation

        with conversation(self.session, self.params["registry"], token) as registry:
            outcomes = _bulk.each(
                wanted.values(),
                lambda model: _read(registry, model),
                workers=_READERS,
                stop=lambda error: not isinstance(error, _OF_ONE_IMAGE),
            )
        for outcome in outcomes:
            if outcome.error is not None and not isinstance(outcome.error, _OF_ONE_IMAGE):
                raise outcome.error
        self._configs = {_config_key(outcome.item): outcome.value for outcome in outcomes if outcome.value}
        unread = [outcome.item["digest"] for outcome in outcomes if not outcome.value]
        if unread:
            self.host.warn(f"No config could be read of {listed(unread)}.")

    def _find_children(self, chosen: Models) -> None:
        """The images of the chosen indexes, as the service tells them."""
        by_repository: dict[str, set[str]] = {}
        for model in chosen:
            by_repository.setdefault(model["repository"], set()).update(_images_in(Manifest(model["manifest"])))
        for repository, digests in by_repository.items():
            listings = [{"digest": digest} for digest in sorted(digests)] if len(digests) <= LOOK_UPS else [{}]
            for filters in listings:
                for image in self.session.client.images(self.params["registry"], repository, **filters):
                    if image["digest"] in digests:
                        self._children[repository, image["digest"]] = image

    def _told_child(self, repository: str, child: dict[str, t.Any]) -> dict[str, t.Any]:
        image = self._children.get((repository, child["digest"]))
        return {**child, "config": self._configs.get(_config_key(image)) if image else None}

    def told(self, model: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
        host = self.session.registry_host(self.params["registry"])
        size = model["size"]
        config = self._configs.get(_config_key(model))
        platform = config and config["platform"]
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
            "platforms": [platform] if platform else model["platforms"],
            "children": [
                self._told_child(model["repository"], child) for child in Manifest(model["manifest"]).children
            ],
            "config": config,
        }


def _config_key(model: t.Mapping[str, t.Any]) -> tuple[str, str]:
    return model["repository"], model["config_digest"]


def _images_in(manifest: Manifest) -> list[str]:
    """The digests of the images in an index: what tells no platform is an attestation, if others tell theirs."""
    children = manifest.children
    return [child["digest"] for child in [each for each in children if each["platform"]] or children]


def _read(conversation: Conversation, model: t.Mapping[str, t.Any]) -> dict[str, t.Any] | None:
    """The config of an image, out of the registry itself; None for one that nobody could understand."""
    from ansible_collections.jdcloud.jcr.plugins.module_utils._distribution import Repository
    from ansible_collections.jdcloud.jcr.plugins.module_utils._imageconfig import MAX_CONFIG, read_config
    from ansible_collections.jdcloud.jcr.plugins.module_utils._imagesource import Descriptor

    repository, size = Repository(conversation, model["repository"]), Manifest(model["manifest"]).config_size

    def fetch(digest: str) -> bytes:
        with contextlib.closing(repository.open_blob(Descriptor("", digest, size))) as reader:
            return reader.read()

    return read_config(fetch, model["config_digest"]) if size <= MAX_CONFIG else None
