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
from ansible_collections.jdcloud.jcr.plugins.module_utils._plan import Plan, State
from ansible_collections.jdcloud.jcr.plugins.module_utils._registrylogin import RegistryLogin

ALWAYS, MISSING, NEVER = "always", "missing", "never"
POLICIES = (ALWAYS, MISSING, NEVER)


class PulledImage(ImageResource):
    """C(state=pulled): the Docker Engine of the host has what the registry holds under each tag, or the digest.

    With C(pull_policy) other than C(always), what it has under the name is enough, whatever the registry holds.
    """

    def read(self) -> State:
        self.read_remote()
        self.need_repository()
        self.local = {}
        if self.params["pull_policy"] == ALWAYS:
            self._need_remote()
        engine = self.host.engine()
        self.local = {key: engine.inspect(self.reference(key)) for key in self.keys}
        if self.params["pull_policy"] == MISSING:
            self._need_remote()
        if self.params["pull_policy"] == NEVER:
            self._need_local()
        return {key: self._fields(key) for key in self.keys}

    def _need_remote(self) -> None:
        """What may have to be pulled must exist, or be foreseen in check mode."""
        for key, remote in self.remote.items():
            if remote is None and self.local.get(key) is None:
                self.session.missing(
                    ImageNotFound(
                        f"there is no image '{self.reference(key)}' in the registry",
                        cure="Push it first, or check the tag or digest.",
                    )
                )

    def _need_local(self) -> None:
        """What may not be pulled must be there, or be foreseen in check mode."""
        for key, local in self.local.items():
            if local is None:
                self.session.missing(
                    ImageNotFound(
                        f"the Docker Engine has no image '{self.reference(key)}', and pull_policy is never",
                        cure="Load it, or let it be pulled: pull_policy: missing.",
                    )
                )

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
            if self.local[key] is not None and self.params["pull_policy"] != ALWAYS:
                wanted[key] = {}
            elif self.params["pull_policy"] != NEVER:
                wanted[key] = {"digest": remote["digest"] if remote else "what the registry will hold"}
        return wanted

    def foresee(self, plan: Plan) -> None:
        self.session.foresee_token(self.registry)

    def apply(self, plan: Plan) -> t.Iterator[str]:
        engine = self.host.engine()
        login = RegistryLogin(self.session, self.registry)
        for key in self.keys:
            if key in plan.pending:
                self._pull(engine, login, self.reference(key))
                yield key

    def _pull(self, engine: t.Any, login: RegistryLogin, reference: str) -> None:
        deadline = self.session.deadline
        login.through(lambda token: engine.pull(reference, token.username, token.password, deadline=deadline))

    def result(self, plan: Plan, after: State) -> dict[str, t.Any]:
        result = super().result(plan, after)
        ids = [fields["id"] for fields in after.values() if fields and fields.get("id")]
        result["image"]["pulled_id"] = ids[0] if ids else None
        return result
