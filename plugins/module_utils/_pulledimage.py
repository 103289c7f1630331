# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""jcr_image with C(state=pulled): images of the registry on a Docker Engine.

This module util is private to the collection.
"""

from __future__ import annotations

import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ImageNotFound
from ansible_collections.jdcloud.jcr.plugins.module_utils._imageresource import ImageResource
from ansible_collections.jdcloud.jcr.plugins.module_utils._plan import NONE, Plan, State


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
