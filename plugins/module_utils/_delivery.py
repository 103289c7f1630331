# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every way of pushing an image needs: the repository, a login that lasts, the guards, and the telling.

This module util is private to the collection.
"""

from __future__ import annotations

import contextlib
import typing as t

# What sends is imported where something is sent: a task that changes nothing has no use for it.
if t.TYPE_CHECKING:
    from ansible_collections.jdcloud.jcr.plugins.module_utils._distribution import Repository
    from ansible_collections.jdcloud.jcr.plugins.module_utils._imagesource import Document
    from ansible_collections.jdcloud.jcr.plugins.module_utils._pushprogress import PushProgress
    from ansible_collections.jdcloud.jcr.plugins.module_utils._registrylogin import RegistryLogin
    from ansible_collections.jdcloud.jcr.plugins.module_utils._tagguards import TagGuards
    from ansible_collections.jdcloud.jcr.plugins.module_utils._target import Target
    from ansible_collections.jdcloud.jcr.plugins.module_utils._tokensession import TokenSession


def no_transfer() -> dict[str, t.Any]:
    """C(transfer) of a result where nothing was sent."""
    counts = dict.fromkeys(("layers_total", "layers_pushed", "layers_existing", "layers_mounted", "bytes_sent"), 0)
    return {**counts, "seconds": 0.0, "layers": []}


class Delivery:
    """One image on its way into a repository; C(transfer) is what came of it so far, C(digest) what was pushed."""

    def __init__(
        self,
        session: TokenSession,
        login: RegistryLogin,
        target: Target,
        guards: TagGuards,
        progress: PushProgress,
    ) -> None:
        self.session = session
        self.login = login
        self.target = target
        self.guards = guards
        self.progress = progress
        self.transfer = no_transfer()
        self.digest: str | None = None

    @contextlib.contextmanager
    def repository(self) -> t.Iterator[Repository]:
        """The repository as the registry itself serves it."""
        session = self.session
        with self.target.opened(
            self.login.token.password, clock=session.clock, deadline=session.deadline, renew=self.login.renew
        ) as repository:
            yield repository

    def pushed(self, digest: str, transfer: t.Mapping[str, t.Any]) -> None:
        """The content is in the repository."""
        self.digest = digest
        self.transfer = {name: transfer.get(name, none) for name, none in no_transfer().items()}

    def put(self, repository: Repository, tags: t.Iterable[str], document: Document) -> t.Iterator[str]:
        """Let tags stand for a manifest that is in the repository; yields each that does."""
        from ansible_collections.jdcloud.jcr.plugins.module_utils._upload import put_tag

        for tag in tags:
            put_tag(repository, tag, document, self.guards)
            yield tag

    def retagged(self, tags: t.Iterable[str], digest: str) -> t.Iterator[str]:
        """Let tags stand for content that the repository has already."""
        started = self.session.clock.monotonic()
        with self.repository() as repository:
            document = repository.manifest(digest)
            self.pushed(digest, _existing(document))
            yield from self.put(repository, tags, document)
        self.transfer["seconds"] = round(self.session.clock.monotonic() - started, 3)


def _existing(document: Document) -> dict[str, t.Any]:
    """C(transfer) for a manifest that the repository has with all that it points at."""
    from ansible_collections.jdcloud.jcr.plugins.module_utils._imagesource import parse_document
    from ansible_collections.jdcloud.jcr.plugins.module_utils._upload import EXISTING

    raw = parse_document(document.content, f"manifest {document.descriptor.digest}").get("layers")
    found = [entry for entry in raw if isinstance(entry, dict)] if isinstance(raw, list) else []
    layers = [
        {"digest": entry.get("digest"), "state": EXISTING, "bytes": entry.get("size"), "seconds": 0.0}
        for entry in found
    ]
    return {"layers_total": len(layers), "layers_existing": len(layers), "layers": layers}
