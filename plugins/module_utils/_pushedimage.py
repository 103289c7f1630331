# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""jcr_image with C(state=present): tags that point at the wanted content.

This module util is private to the collection.
"""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils import _rules
from ansible_collections.jdcloud.jcr.plugins.module_utils._delivery import no_transfer
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ConfigurationError
from ansible_collections.jdcloud.jcr.plugins.module_utils._imageresource import ImageResource, told
from ansible_collections.jdcloud.jcr.plugins.module_utils._imagewalk import checked_platform
from ansible_collections.jdcloud.jcr.plugins.module_utils._layerlog import transfer_of_manifest
from ansible_collections.jdcloud.jcr.plugins.module_utils._manifest import Manifest
from ansible_collections.jdcloud.jcr.plugins.module_utils._plan import NONE, Plan, State
from ansible_collections.jdcloud.jcr.plugins.module_utils._resource import Host
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import TOKEN_USER, Secret
from ansible_collections.jdcloud.jcr.plugins.module_utils._tagguards import TagGuards

SOURCES = ("source", "archive", "from_image")


class PushedImage(ImageResource):
    """C(state=present): each tag in the registry points at the content of C(source), C(archive) or C(from_image).

    Beside the tags, the state may hold the repository, if the task may create it, and the local image, if the task is
    to remove it; their keys have blanks, which no tag has.
    """

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self.transfer = no_transfer()
        self.pushed: dict[str, str] = {}  # the digests that this task has given to tags
        self.there: dict[str, t.Any] | None = None  # the content, as the repository has it already
        self.writing = False
        self.repository_key = f"repository {self.repository}"
        self.source_key = f"local image {self.params['source']}"
        if self.params["from_password"]:
            host.keep_secret(Secret(self.params["from_password"]))

    @property
    def what(self) -> str:
        kind, name = next((option, self.params[option]) for option in SOURCES if self.params[option] is not None)
        return f"{'archive' if kind == 'archive' else 'image'} '{name}'"

    def check(self) -> None:
        super().check()
        self.guards = TagGuards(
            self.params["overwrite"], self.params["expected_digest"], self.params["immutable_tags"] or ()
        )
        if self.params["expected_digest"] is not None:
            _rules.digest(self.params["expected_digest"])
        if self.params["create_repository"]:
            _rules.repository_name_to_create(self.repository)
        if self.params["progress_file"]:
            from ansible_collections.jdcloud.jcr.plugins.module_utils import _progressfile

            _progressfile.check(self.params["progress_file"])
        self.session.transfer_options()
        self._check_source()
        self.content = self._content()
        self.content.check()

    def _check_source(self) -> None:
        for option in SOURCES:
            if self.params[option] is not None and not self.params[option].strip():
                raise ConfigurationError(f"{option} is empty", cure="Say what is to be pushed.")
        for option, home, given in (
            ("remove_local_source", "source", self.params["remove_local_source"]),
            ("archive_image", "archive", self.params["archive_image"]),
            ("from_username", "from_image", self.params["from_username"]),
        ):
            if given and self.params[home] is None:
                raise ConfigurationError(f"{option} goes with {home} only", cure=f"Leave out {option}, or give {home}.")
        if self.params["source"] is not None and self.params["platforms"]:
            raise ConfigurationError(
                "platforms goes with archive and from_image only: an engine pushes what it has",
                cure="Leave out platforms.",
            )
        for platform in self.params["platforms"] or ():
            checked_platform(platform)

    def _content(self) -> t.Any:
        """Only the kind that the task needs is imported."""
        if self.params["source"] is not None:
            from ansible_collections.jdcloud.jcr.plugins.module_utils._localcontent import LocalContent as Content
        elif self.params["archive"] is not None:
            from ansible_collections.jdcloud.jcr.plugins.module_utils._archivecontent import ArchiveContent as Content
        else:
            from ansible_collections.jdcloud.jcr.plugins.module_utils._remotecontent import RemoteContent as Content
        return Content(self.host, self.session)

    # --- what is, and what shall be ----------------------------------------------------------------------------------

    def read(self) -> State:
        self.read_remote()
        if self.params["create_repository"]:
            self.registry_host = self.session.trusted_host(self.registry)
        else:
            self.need_repository()
        self.content.read()
        if not self._settled_without_source():
            self.content.need()
        state: dict[str, t.Any] = {}
        if self.params["create_repository"]:
            state[self.repository_key] = {} if self.repository_exists else None
        for tag, remote in self.remote.items():
            state[tag] = remote and {**told(remote), "same": self._is_same(tag, remote)}
        if self.params["remove_local_source"]:
            state[self.source_key] = {} if self.content.present else None
        return state

    def _settled_without_source(self) -> bool:
        """Whether an earlier run may have removed the local image, as it was told, after all tags got there."""
        return self.params["remove_local_source"] and not self.content.present and all(self.remote.values())

    def _is_same(self, tag: str, remote: t.Mapping[str, t.Any]) -> bool:
        """Whether a tag holds the content; once this task has pushed it, by the very digest of that push."""
        if tag in self.pushed:
            return remote["digest"] == self.pushed[tag]
        return self._settled_without_source() or self.content.is_same(remote)

    def want(self, before: State) -> State:
        wanted: dict[str, t.Any] = {}
        if self.params["create_repository"]:
            self._need_room(before)
            wanted[self.repository_key] = {}
        open_tags = [tag for tag in self.tags if not (before[tag] and before[tag]["same"])]
        if not self.writing:
            self.guards.check({tag: before[tag]["digest"] for tag in open_tags if before[tag]})
            if open_tags:
                self.there = self._present_elsewhere()
                self.content.look_closer(self.there)
        facts = self._facts()
        for tag in self.tags:
            wanted[tag] = {"same": True}
            if tag in open_tags:
                wanted[tag].update({name: facts.get(name) for name in {*facts, *(before[tag] or ())} & {*self.shown}})
        if self.params["remove_local_source"]:
            wanted[self.source_key] = None
        return wanted

    def _facts(self) -> dict[str, t.Any]:
        """What is known beforehand of what the tags will stand for.

        The platforms of a single image are in its config, which the content may have seen, and the service does not
        tell; those of an index in an index neither.
        """
        facts = told(self.there) if self.there else self.content.facts
        platforms = max(facts.get("platforms", []), self.content.platforms, key=len)
        return {**facts, "platforms": platforms} if platforms else facts

    def _need_room(self, before: State) -> None:
        if before[self.repository_key] is None and self.session.registry_host(self.registry) and not self.writing:
            used = self.session.client.count_repositories(self.registry)
            self.session.need_quota("repository", 1, used=used)

    def _present_elsewhere(self) -> dict[str, t.Any] | None:
        """The content, if the repository has it already: under one of the tags, or under whatever other one."""
        return next((image for image in self._candidates() if self.content.is_same(image)), None)

    def _candidates(self) -> t.Iterator[dict[str, t.Any]]:
        """Images of the repository that may be the content, those first that are quickly found."""
        yield from filter(None, self.remote.values())
        if not self.repository_exists:
            return
        for digest in self.content.digests:
            yield from self.session.client.images(self.registry, self.repository, digest=digest)
        if self.content.known_by_config:
            yield from self.session.client.images(self.registry, self.repository)

    # --- doing it ----------------------------------------------------------------------------------------------------

    def foresee(self, plan: Plan) -> None:
        if plan.pending & {*self.tags}:
            self.session.foresee_token(self.registry)

    def apply(self, plan: Plan) -> t.Iterator[str]:
        self.writing = True
        if self.repository_key in plan.pending:
            self.session.client.create_repository(self.registry, self.repository)
            yield self.repository_key
        tags = [tag for tag in self.tags if tag in plan.pending]
        if tags:
            yield from self._deliver(tags)
        if self.source_key in plan.pending:
            self.content.remove()
            yield self.source_key

    def _deliver(self, tags: t.Sequence[str]) -> t.Iterator[str]:
        from ansible_collections.jdcloud.jcr.plugins.module_utils._delivery import Delivery
        from ansible_collections.jdcloud.jcr.plugins.module_utils._pushprogress import PushProgress
        from ansible_collections.jdcloud.jcr.plugins.module_utils._registrylogin import RegistryLogin
        from ansible_collections.jdcloud.jcr.plugins.module_utils._target import Target

        session = self.session
        target = Target(self.registry_host, self.repository, TOKEN_USER, **session.transfer_options())
        file = self._progress_file(tags[0])
        show = self.host.show if self.params["show_progress"] else None
        with contextlib.closing(PushProgress(self.host.scrub, file, show)) as progress:
            progress.tell("begin", image=self.what, uris=[self.reference(tag) for tag in tags])
            delivery = Delivery(session, RegistryLogin(session, self.registry), target, self.guards, progress)
            steps = delivery.retagged(tags, self.there["digest"]) if self.there else self.content.send(delivery, tags)
            try:
                for tag in steps:
                    self.pushed[tag] = delivery.digest
                    progress.tell("tag", tag=tag, digest=delivery.digest)
                    yield tag
                self.content.named(delivery, tags)
            except Exception as error:
                progress.tell("failed", why=getattr(error, "cause", type(error).__name__))
                raise
            finally:
                self.transfer = delivery.transfer
            progress.tell("end", digest=delivery.digest, **self.transfer)

    def _progress_file(self, tag: str) -> t.Any:
        if not self.params["progress_file"]:
            return None
        from ansible_collections.jdcloud.jcr.plugins.module_utils._progressfile import ProgressFile

        return ProgressFile(self.params["progress_file"], self.reference(tag), self.session.clock)

    def result(self, plan: Plan, after: State) -> dict[str, t.Any]:
        result = super().result(plan, after)
        image, facts = result["image"], self._facts()
        for name in ("media_type", "size"):
            image[name] = image[name] or facts.get(name)
        image["platforms"] = max(image["platforms"], facts.get("platforms", []), key=len)
        actions = {change.key: change.action for change in plan.changes}
        created = actions.get(self.repository_key, NONE) != NONE
        return {**result, "transfer": self._transfer_told(image["digest"]), "created_repository": created}

    def _transfer_told(self, digest: str | None) -> dict[str, t.Any]:
        """An engine calls layers by names of its own, and counts them otherwise: told is what the registry knows."""
        if self.params["source"] is None:
            return self.transfer
        remote = next((image for image in self.remote.values() if image and image["digest"] == digest), None)
        manifest = Manifest(remote["manifest"] if remote else None)
        return transfer_of_manifest(self.transfer, manifest.layers, self.content.diff_ids)
