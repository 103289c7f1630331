# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The resources of jcr_image: tags pushed, images pulled, images deleted.

This module util is private to the collection.

What the registry holds is read through the control plane (describeImages): that costs no token and counts as no pull.
"The same" is decided by digest, never by the words of a progress stream.
"""

from __future__ import annotations

import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils import _rules
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ConfigurationError, ImageNotFound, NotFound
from ansible_collections.jdcloud.jcr.plugins.module_utils._options import CONNECTION, DOCKER, TOKEN, ArgumentSpec
from ansible_collections.jdcloud.jcr.plugins.module_utils._plan import DELETE, NONE, Plan, State
from ansible_collections.jdcloud.jcr.plugins.module_utils._reference import ImageReference
from ansible_collections.jdcloud.jcr.plugins.module_utils._resource import Host, Resource
from ansible_collections.jdcloud.jcr.plugins.module_utils._session import ServiceResource

SPEC = ArgumentSpec(
    options={
        "registry": {"type": "str", "required": True},
        "repository": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent", "pulled"], "default": "present"},
        "source": {"type": "str"},
        "tag": {"type": "str"},
        "tags": {"type": "list", "elements": "str"},
        "digest": {"type": "str"},
        "keep_local_tag": {"type": "bool", "default": True},
    },
    mutually_exclusive=(("tag", "tags"), ("digest", "tag"), ("digest", "tags"), ("digest", "source")),
    # What is to be deleted has to be named: a variable that came out empty must not mean the tag latest.
    required_if=(("state", "present", ("source",)), ("state", "absent", ("tag", "tags", "digest"), True)),
).merge(TOKEN, DOCKER, CONNECTION)

DEFAULT_TAG = "latest"
NO_TRANSFER = {
    "layers_total": 0,
    "layers_pushed": 0,
    "layers_existing": 0,
    "layers_mounted": 0,
    "bytes_sent": 0,
    "seconds": 0.0,
}


def build(host: Host) -> Resource:
    """The resource for the wanted C(state)."""
    return {"present": PushedImage, "pulled": PulledImage, "absent": DeletedImage}[host.params["state"]](host)


class ImageResource(ServiceResource):
    """What the three states share: names, the registry's host, and what the registry holds.

    The keys of the state are tags, or the one digest that was given.
    """

    shown: tuple[str, ...] = ("digest",)
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
        return {
            "present": ("push", f"image '{self.params['source']}' to {place}"),
            "pulled": ("pull", f"{', '.join(self.keys)} from {place}"),
            "absent": ("delete", f"{', '.join(self.keys)} from {place}"),
        }[self.params["state"]]

    def check(self) -> None:
        _rules.registry_name(self.registry)
        _rules.repository_name(self.repository)
        if self.digest is not None:
            _rules.digest(self.digest)
        for tag in self.tags:
            _rules.tag(tag)
        if self.params["tags"] is not None and not self.params["tags"]:
            raise ConfigurationError("tags is an empty list", cure="Name a tag, or leave tags out.")
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
                    cure="Create it with jcr_repository first.",
                )
            )

    def reference(self, key: str) -> str:
        """What docker calls the image of this key."""
        plain = ImageReference(self.registry_host, self.repository, None, None)
        return str(plain.with_digest(key) if self.digest else plain.with_tag(key))

    def result(self, plan: Plan, after: State) -> dict[str, t.Any]:
        tags = {
            change.key: {
                "digest": _digest(after[change.key]),
                "previous_digest": _digest(change.before),
                "changed": change.action != NONE,
            }
            for change in plan.changes
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
            "tags": {} if self.digest else tags,
            "uris": [self.reference(key) for key in self.keys],
            "pulled_id": None,
        }
        return {"image": image, "transfer": dict(NO_TRANSFER)}


class PushedImage(ImageResource):
    """C(state=present): each tag in the registry points at the content of the local image C(source)."""

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self.transfer = dict(NO_TRANSFER)
        self.pushed: dict[str, str] = {}

    def read(self) -> State:
        self.read_remote()
        self.need_repository()
        self.local = self.host.engine().inspect(self.params["source"])
        if self.local is None:
            self.session.missing(
                ImageNotFound(
                    f"the Docker Engine has no image '{self.params['source']}'",
                    cure="Build, load or pull it first, or check its name and tag.",
                )
            )
        return {tag: remote and self._fields(tag, remote) for tag, remote in self.remote.items()}

    def _fields(self, tag: str, remote: dict[str, t.Any]) -> dict[str, t.Any]:
        """C(same): the tag holds the local image; once this task has pushed it, by the very digest of that push."""
        same = remote["digest"] == self.pushed[tag] if tag in self.pushed else self._is_local(remote)
        return {"digest": remote["digest"], "same": same}

    def _is_local(self, remote: dict[str, t.Any]) -> bool:
        """Whether a remote image is the local one: by the digest it got when pushed or pulled, or by its config.

        The id of a local image is the digest of its config in Docker's classic store, and the digest of its manifest
        in the containerd store; a manifest's digest and a config's digest are never equal, so both may be compared.
        """
        if self.local is None:
            return False
        known = {digest.partition("@")[2] for digest in self.local["repo_digests"]}
        return remote["digest"] in known | {self.local["id"]} or remote["config_digest"] == self.local["id"]

    def want(self, before: State) -> State:
        # What is there already under one tag has the digest that the other tags will get.
        foreseen = next((image["digest"] for image in self.remote.values() if image and self._is_local(image)), None)
        wanted: dict[str, t.Any] = {}
        for tag in self.tags:
            present = before[tag]
            if present and present["same"]:
                wanted[tag] = {"same": True}
            else:
                wanted[tag] = {"same": True, "digest": foreseen or self._content()}
        return wanted

    def foresee(self, plan: Plan) -> None:
        self.session.foresee_token(self.registry)

    def _content(self) -> str:
        return f"content of {self.params['source']}" + (f" ({self.local['id'][:19]})" if self.local else "")

    def apply(self, plan: Plan) -> t.Iterator[str]:
        engine = self.host.engine()
        token = self.session.token(self.registry)
        for change in plan.changes:
            if change.action == NONE:
                continue
            reference = self.reference(change.key)
            # A name that was there before belongs to the user, the source's own among them.
            temporary = not self.params["keep_local_tag"] and engine.inspect(reference) is None
            engine.tag(self.params["source"], reference)
            try:
                pushed = engine.push(reference, token.username, token.password, deadline=self.session.deadline)
            finally:
                if temporary:
                    engine.remove(reference)
            self.pushed[change.key] = pushed["digest"]
            self._count(pushed)
            yield change.key

    def _count(self, pushed: dict[str, t.Any]) -> None:
        for name in NO_TRANSFER:
            # Each further tag of the same image goes over the same layers again; they are counted once.
            once = name.startswith("layers_") and len(self.pushed) > 1
            self.transfer[name] = self.transfer[name] if once else self.transfer[name] + pushed[name]

    def result(self, plan: Plan, after: State) -> dict[str, t.Any]:
        return {**super().result(plan, after), "transfer": self.transfer}


class PulledImage(ImageResource):
    """C(state=pulled): the Docker Engine of the host has what the registry holds under each tag, or the digest."""

    shown = ("digest",)

    def read(self) -> State:
        self.read_remote()
        self.need_repository()
        engine = self.host.engine()
        for key, remote in self.remote.items():
            if remote is None:
                self.session.missing(
                    ImageNotFound(
                        f"there is no image '{self.reference(key)}' in the registry",
                        cure="Push it first, or check the tag or digest.",
                    )
                )
        self.local = {key: engine.inspect(self.reference(key)) for key in self.keys}
        return {key: self._fields(key) for key in self.keys}

    def _fields(self, key: str) -> dict[str, t.Any] | None:
        """The digest that this repository gives the local image under C(key); None if it came from elsewhere."""
        local = self.local[key]
        if local is None:
            return None
        name = self.reference(key).rpartition("@" if self.digest else ":")[0]
        digests = [known.partition("@")[2] for known in local["repo_digests"] if known.startswith(f"{name}@")]
        remote = self.remote[key]
        wanted = remote and remote["digest"]
        return {"digest": wanted if wanted in digests else next(iter(digests), None), "id": local["id"]}

    def want(self, before: State) -> State:
        wanted: dict[str, t.Any] = {}
        for key, remote in self.remote.items():
            wanted[key] = {"digest": remote["digest"] if remote else "what the registry will hold"}
        return wanted

    def foresee(self, plan: Plan) -> None:
        self.session.foresee_token(self.registry)

    def apply(self, plan: Plan) -> t.Iterator[str]:
        engine = self.host.engine()
        token = self.session.token(self.registry)
        for change in plan.changes:
            if change.action != NONE:
                engine.pull(self.reference(change.key), token.username, token.password, deadline=self.session.deadline)
                yield change.key

    def result(self, plan: Plan, after: State) -> dict[str, t.Any]:
        result = super().result(plan, after)
        ids = [fields["id"] for fields in after.values() if fields and fields.get("id")]
        result["image"]["pulled_id"] = ids[0] if ids else None
        return result


class DeletedImage(ImageResource):
    """C(state=absent): the registry has no such tag, or no image of this digest.

    What the service does to the other tags of an image when one of them is deleted is not documented.
    """

    def read(self) -> State:
        self.read_remote()
        return {key: remote and {"digest": remote["digest"]} for key, remote in self.remote.items()}

    def want(self, before: State) -> State:
        return dict.fromkeys(before)

    def apply(self, plan: Plan) -> t.Iterator[str]:
        for change in plan.to_do(DELETE):
            selector = {"digest": change.key} if self.digest else {"tag": change.key}
            self.session.client.delete_image(self.registry, self.repository, **selector)
            yield change.key


def _digest(fields: t.Mapping[str, t.Any] | None) -> str | None:
    """The digest of a tag; None where a prediction cannot know it yet."""
    digest = fields.get("digest") if fields else None
    return digest if digest and digest.startswith("sha256:") else None
