# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the states of jcr_image share: names, the registry's host, and what the registry holds.

This module util is private to the collection.

What the registry holds is read through the control plane (describeImages): that costs no token and counts as no pull.
"The same" is decided by digest, never by the words of a progress stream.
"""

from __future__ import annotations

import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils import _rules
from ansible_collections.jdcloud.jcr.plugins.module_utils._delivery import no_transfer
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ConfigurationError, NotFound
from ansible_collections.jdcloud.jcr.plugins.module_utils._plan import NONE, Plan, State
from ansible_collections.jdcloud.jcr.plugins.module_utils._reference import ImageReference
from ansible_collections.jdcloud.jcr.plugins.module_utils._resource import Host
from ansible_collections.jdcloud.jcr.plugins.module_utils._tokensession import TokenResource

DEFAULT_TAG = "latest"


class ImageResource(TokenResource):
    """What the three states share: names, the registry's host, and what the registry holds.

    The keys of the state are tags, or the one digest that was given.
    """

    shown: tuple[str, ...] = ("digest", "media_type", "size", "platforms")
    usual_deadline = None  # a large image takes its time; the engine ends a transfer that falls silent

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self.registry: str = self.params["registry"]
        self.repository: str = self.params["repository"]
        self.digest: str | None = self.params["digest"]
        one = DEFAULT_TAG if self.params["tag"] is None else self.params["tag"]
        self.tags: list[str] = list(dict.fromkeys(self.params["tags"] or [one]))
        self.registry_host: str | None = None
        self.remote: dict[str, dict[str, t.Any] | None] = {}
        self.repository_exists = False

    @property
    def keys(self) -> list[str]:
        return self.tags if self.digest is None else [self.digest]

    def purpose(self) -> tuple[str, str]:
        place = f"'{self.repository}' of registry '{self.registry}'{self.place}"
        act, way = {"present": ("push", "to"), "pulled": ("pull", "from"), "absent": ("delete", "from")}[
            self.params["state"]
        ]
        return act, f"{self.what} {way} {place}"

    @property
    def what(self) -> str:
        """What is pushed, pulled or deleted, as a message names it."""
        return ", ".join(self.keys)

    def check(self) -> None:
        _rules.registry_name(self.registry)
        _rules.repository_name(self.repository)
        if self.digest is not None:
            _rules.digest(self.digest)
        for tag in self.tags:
            _rules.tag(tag)
        for name, one in (("tags", "a tag"), ("platforms", "a platform")):
            if self.params[name] == []:
                raise ConfigurationError(f"{name} is an empty list", cure=f"Name {one}, or leave {name} out.")
        if self.params["state"] != "absent":
            self.session.check_token_options()

    def read_remote(self) -> None:
        """Learn what the registry holds under each key; where something does not exist yet, None."""
        self.registry_host = self.session.registry_host(self.registry)
        self.remote = {key: self._remote_image(key) if self.registry_host else None for key in self.keys}
        self.repository_exists = any(self.remote.values()) or self._has_repository()

    def _has_repository(self) -> bool:
        """Whether the repository exists; asked only where none of its images says so already."""
        return bool(self.registry_host and self.session.client.repository(self.registry, self.repository))

    def _remote_image(self, key: str) -> dict[str, t.Any] | None:
        selector = {"digest": key} if self.digest else {"tag": key}
        found = self.session.client.images(self.registry, self.repository, **selector)
        return found[0] if found else None

    def need_repository(self) -> None:
        """The repository must exist, or be foreseen in check mode."""
        exists = self.registry_host is not None
        self.registry_host = self.session.trusted_host(self.registry)
        if exists and not self.repository_exists:
            self.session.missing(
                NotFound(
                    f"repository '{self.repository}' does not exist in registry '{self.registry}'",
                    cure="Create it with jcr_repository first, or check its name.",
                )
            )

    def reference(self, key: str) -> str:
        """What docker calls the image of this key."""
        plain = ImageReference(self.registry_host, self.repository, None, None)
        return str(plain.with_digest(key) if self.digest else plain.with_tag(key))

    def result(self, plan: Plan, after: State) -> dict[str, t.Any]:
        tags = {
            change.key: {
                "digest": digest_of(after[change.key]),
                "previous_digest": digest_of(change.before),
                "changed": change.action != NONE,
            }
            for change in plan.changes
            if change.key in self.keys
        }
        self.registry_host = self.registry_host or self.session.foreseen_host(self.registry)
        digest = next((entry["digest"] for entry in tags.values() if entry["digest"]), None)
        remote = next((image for image in self.remote.values() if image and image["digest"] == digest), {})
        image = {
            "registry": self.registry,
            "repository": self.repository,
            "digest": digest,
            "media_type": remote.get("media_type"),
            "size": remote.get("size"),
            "platforms": remote.get("platforms") or [],
            "tags": {} if self.digest else tags,
            "uris": [self.reference(key) for key in self.keys],
            "pulled_id": None,
        }
        return {"image": image, "transfer": no_transfer(), "created_repository": False}


def told(image: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The fields of an image in the repository that a diff shows; a single image has its platform in its config."""
    fields = {"digest": image["digest"], "media_type": image["media_type"], "size": image["size"]}
    return {**fields, "platforms": image["platforms"]} if image["platforms"] else fields


def digest_of(fields: t.Mapping[str, t.Any] | None) -> str | None:
    """The digest of a tag; None where a prediction cannot know it yet."""
    digest = fields.get("digest") if fields else None
    return digest if digest and digest.startswith("sha256:") else None
