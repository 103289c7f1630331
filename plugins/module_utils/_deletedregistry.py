# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The resource of jcr_registry's C(state=absent): a registry that goes, with C(force) with all that is in it.

This module util is private to the collection.
"""

from __future__ import annotations

import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils import _cascade
from ansible_collections.jdcloud.jcr.plugins.module_utils._declared import listed
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    DeleteCapExceeded,
    InvalidArgument,
    JcrError,
    NotFound,
    PreconditionFailed,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._plan import DELETE, Change, Plan, State
from ansible_collections.jdcloud.jcr.plugins.module_utils._registryresource import RegistryResource

_SHOWN_NAMES = 5  # of repositories in a message
_NOT_EMPTY_CURE = (
    "A registry can be deleted only when it is empty: delete its repositories first, or set force: true, which deletes "
    "them with all their images."
)
_REFUSED_CURE = (
    "Nothing is deleted by force that is not listed: run the task again later, or delete this repository by "
    "jcr_repository with force: true if whatever is in it shall go."
)
_SETTLING = (1.0, 2.0, 4.0)  # seconds between two tries to delete a repository that is empty, but is refused as not so
_BUSY_CURE = "Something else works on this registry: run the task again when it has come to rest."


class DeletedRegistry(RegistryResource):
    """C(state=absent), with C(force) one plan for the registry and each image and repository in it.

    The keys of the state are those of _cascade.Item.
    """

    act = "delete"

    def __init__(self, host: t.Any) -> None:
        super().__init__(host)
        self._contents: _cascade.Contents | None = None
        self._approved = False  # whether nothing speaks against the plan, so that it was begun
        self._begun: str | None = None  # the key of the latest delete
        self._with_parents: set[str] = set()  # the keys of images that deleted ones pointed at

    # --- what is, and what shall be ----------------------------------------------------------------------------------

    def read(self) -> State:
        self._contents = None
        registry = self.look()
        if registry is None:
            return {self.name: None}
        try:
            self._contents = self._read_contents()
        except NotFound:  # somebody else has deleted it a moment ago
            return {self.name: None}
        inside = self._contents.state() if self.params["force"] else {}
        return {**inside, self.name: registry}

    def _read_contents(self) -> _cascade.Contents:
        """The repositories; their images, too, where those are to go and the repositories alone are not too many.

        Once the plan was begun, all of it is read: the runner judges by it what is left to do.
        """
        client, name = self.session.client, self.name
        repositories = {found["name"]: found for found in sorted(client.repositories(name), key=lambda r: r["name"])}
        too_many = len(repositories) > self.params["max_delete"] and not self._approved
        if too_many or not self.params["force"]:
            return _cascade.Contents(name, repositories)
        images: dict[str, list[_cascade.Fields]] = {repository: [] for repository in repositories}
        for image in client.images(name, None):
            if image["repository"] in images:  # else it is in one that came after the repositories were listed
                images[image["repository"]].append(_cascade.image_fields(image))
        return _cascade.Contents(name, repositories, images)

    def want(self, before: State) -> State:
        return dict.fromkeys(before)

    # --- what must not be done ---------------------------------------------------------------------------------------

    def foresee(self, plan: Plan) -> None:
        refusal = self._not_empty()
        if refusal:
            cause = refusal.cause[:1].upper() + refusal.cause[1:]
            self.host.warn(
                f"{cause}, and force is not set: predicted as if an earlier task of the real run deletes what is in it."
            )
        else:
            self._check_cap(plan)

    def _not_empty(self) -> PreconditionFailed | None:
        """Why the registry cannot be deleted without force; None if it can be, or is to be deleted with force."""
        names = list(self._contents.repositories) if self._contents else []
        if self.params["force"] or not names:
            return None
        noun = "repository" if len(names) == 1 else "repositories"
        told = f"registry '{self.name}' still has {len(names)} {noun}: {listed(names, _SHOWN_NAMES)}"
        return PreconditionFailed(told, cure=_NOT_EMPTY_CURE)

    def _check_cap(self, plan: Plan) -> None:
        """Refuse to delete more than was asked for."""
        contents = self._contents
        if not contents or not contents.repositories:
            return
        inside = [change.key for change in plan.to_do(DELETE) if change.key != self.name]
        cap = self.params["max_delete"]
        if contents.images is None:
            told = f"{_cascade.in_words(inside)} with all images in them would be deleted, but max_delete is {cap}"
            cure = "Nothing was deleted. max_delete counts repositories and images: raise it if all of that shall go."
            raise DeleteCapExceeded(told, cure=cure)
        if len(inside) > cap:
            told = f"{_cascade.in_words(inside)} would be deleted, {len(inside)} in all, but max_delete is {cap}"
            cure = f"Nothing was deleted. Set max_delete to {len(inside)} if all of that shall go."
            raise DeleteCapExceeded(told, cure=cure)

    # --- doing it ----------------------------------------------------------------------------------------------------

    def apply(self, plan: Plan) -> t.Iterator[str]:
        if not self._approved:
            self._approve(plan)
        for change in plan.to_do(DELETE):
            self._begun = change.key
            self._delete(change)
            yield change.key

    def _approve(self, plan: Plan) -> None:
        """Refuse what cannot be done, or was not asked for, before the first write."""
        refusal = self._not_empty()
        if refusal:
            raise refusal
        self._check_cap(plan)
        self._approved = True

    def _delete(self, change: Change) -> None:
        item = _cascade.Item.of(change.key)
        if item.repository is None:
            self._delete_registry()
        elif item.digest is None:
            self._delete_repository(item.repository)
        else:
            self._delete_image(change, item)

    def _delete_image(self, change: Change, item: _cascade.Item) -> None:
        """By its digest: what is pushed meanwhile stays, and then its repository, too."""
        try:
            self.session.client.delete_image(item.registry, item.repository, digest=item.digest)
        except NotFound:
            if change.key not in self._with_parents:
                raise
        references = (change.before or {}).get("references", ())
        self._with_parents |= {_cascade.Item(item.registry, item.repository, digest).key for digest in references}

    def _delete_repository(self, repository: str) -> None:
        """Without force, so that the service itself refuses if there is an image again.

        One that it lists as empty and yet does not let go may be about to: that is tried again, never by force.
        """
        client = self.session.client
        for pause in (*_SETTLING, None):
            try:
                return client.delete_repository(self.name, repository)
            except (PreconditionFailed, InvalidArgument) as error:
                if client.images(self.name, repository):
                    error.suggest(_BUSY_CURE)
                    raise
                left = self.session.deadline.left()
                if pause is None or (left is not None and left <= pause):
                    error.cause += "; yet the service lists no image in it"
                    error.cure = _REFUSED_CURE
                    raise
            self.session.clock.sleep(pause)

    def _delete_registry(self) -> None:
        try:
            self.session.client.delete_registry(self.name)
        except PreconditionFailed as error:
            error.suggest(_BUSY_CURE if self.params["force"] else _NOT_EMPTY_CURE)
            raise
        self.accepted(None)

    # --- telling it --------------------------------------------------------------------------------------------------

    def unfinished(
        self, error: JcrError, plan: Plan, done: t.Collection[str], failed: t.Mapping[str, Exception]
    ) -> None:
        if self._begun is None:
            return
        keys = [change.key for change in plan.to_do(DELETE)]
        deleted = [key for key in keys if key in done]
        undone = [key for key in keys if key not in done]
        not_tried = [key for key in undone if key != self._begun]
        if len(keys) > 1:
            error.cause = f"{error.cause.rstrip('.')}; {_cascade.in_words(deleted)} had been deleted before"
            error.cause += f", {_cascade.in_words(not_tried)} had not been tried yet" if not_tried else ""
        error.result = {
            "region": self.session.region,
            "deleted": _cascade.counted(deleted),
            "failed_at": vars(_cascade.Item.of(self._begun)) if self._begun in undone else None,
            "not_tried": _cascade.counted(not_tried),
        }

    def result(self, plan: Plan, after: State) -> dict[str, t.Any]:
        deleted = _cascade.counted(change.key for change in plan.to_do(DELETE))
        return {"registry": None, "region": self.session.region, "deleted": deleted}
