# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""jcr_image with C(state=present): tags that point at the wanted content.

This module util is private to the collection.
"""

from __future__ import annotations

import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ImageNotFound
from ansible_collections.jdcloud.jcr.plugins.module_utils._imageresource import NO_TRANSFER, ImageResource
from ansible_collections.jdcloud.jcr.plugins.module_utils._plan import NONE, Plan, State
from ansible_collections.jdcloud.jcr.plugins.module_utils._resource import Host


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
