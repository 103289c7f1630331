# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The resource of jcr_registry: one registry in one region, and all that is in it when it is to go.

This module util is private to the collection.
"""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils import _cascade, _rules
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    AlreadyExists,
    ConfigurationError,
    DeleteCapExceeded,
    Forbidden,
    InvalidArgument,
    JcrError,
    NotApplied,
    NotFound,
    PreconditionFailed,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._options import CONNECTION, DRIFT, NAMES, STATE, ArgumentSpec
from ansible_collections.jdcloud.jcr.plugins.module_utils._plan import CREATE, DELETE, Change, Fields, Plan, State
from ansible_collections.jdcloud.jcr.plugins.module_utils._session import (
    NAME_TAKEN,
    ServiceResource,
    accept_checked_name,
)

SPEC = ArgumentSpec(
    options={
        "name": {"type": "str", "required": True},
        "description": {"type": "str"},
        "force": {"type": "bool", "default": False},
        "max_delete": {"type": "int", "default": 10},
        "wait": {"type": "bool", "default": True},
        "wait_timeout": {"type": "float", "default": 60.0},
        "validate_quota": {"type": "bool", "default": True},
    },
).merge(STATE, DRIFT, NAMES, CONNECTION)

_SHOWN_NAMES = 5  # of repositories in a message
_TAKEN_CURE = "Choose another name, or, if it is yours, give its region."
_NOT_EMPTY_CURE = (
    "A registry can be deleted only when it is empty: delete its repositories first, or set force: true, which deletes "
    "them with all their images."
)
_BUSY_CURE = "Something else works on this registry: run the task again when it has come to rest."


class RegistryResource(ServiceResource):
    """Options C(name), C(description), C(state), C(force), C(max_delete), C(wait), C(wait_timeout),
    C(validate_quota), C(on_drift), C(validate_names).

    Deleting by force is one plan for the registry and each image and repository in it; their keys are those of
    _cascade.Item.
    """

    fixed = ("description",)
    shown = ("region", "description", "tags")

    def __init__(self, host: t.Any) -> None:
        super().__init__(host)
        # What the service answered to this task's own writes: the registry as created, None once it is deleted.
        self._accepted: dict[str, Fields | None] = {}
        self._contents: _cascade.Contents | None = None
        self._approved = False  # whether nothing speaks against the plan, so that it was begun
        self._begun: str | None = None  # the key of the latest delete
        self._with_parents: set[str] = set()  # the keys of images that deleted ones pointed at

    @property
    def _absent(self) -> bool:
        return self.params["state"] == "absent"

    def purpose(self) -> tuple[str, str]:
        act = "delete" if self._absent else "manage"
        return act, f"registry '{self.params['name']}'{self.place}"

    def check(self) -> None:
        if not self._absent and self.params["validate_names"] == "documented":
            _rules.registry_name_to_create(self.params["name"])
        _rules.registry_name(self.params["name"])
        _rules.description(self.params["description"])
        if self.params["max_delete"] < 0:
            raise ConfigurationError(f"max_delete is {self.params['max_delete']}", cure="Choose 0 or more.")
        if not 0 < self.params["wait_timeout"] < float("inf"):
            cure = "Choose more than 0, or wait: false."
            raise ConfigurationError(f"wait_timeout is {self.params['wait_timeout']:g} seconds", cure=cure)

    # --- what is, and what shall be ----------------------------------------------------------------------------------

    def read(self) -> State:
        name = self.params["name"]
        self._contents = None
        registry = self._settled() if name in self._accepted else self.session.client.registry(name)
        if registry is None:
            if name not in self._accepted and not self._absent and self.params["validate_names"] == "server":
                self._check_name(name)
            return {name: None}
        if self._absent:
            try:
                self._contents = self._read_contents(name)
            except NotFound:  # somebody else has deleted it a moment ago
                return {name: None}
            if self.params["force"]:
                return {**self._contents.state(), name: registry}
        return {name: registry}

    def _check_name(self, name: str) -> None:
        try:
            accept_checked_name(f"registry '{name}'", *self.session.client.check_registry_name(name))
        except AlreadyExists as error:
            error.cure = _TAKEN_CURE
            raise

    def _read_contents(self, name: str) -> _cascade.Contents:
        """The repositories; their images, too, where those are to go and the repositories alone are not too many.

        Once the plan was begun, all of it is read: the runner judges by it what is left to do.
        """
        client = self.session.client
        repositories = {found["name"]: found for found in sorted(client.repositories(name), key=lambda r: r["name"])}
        too_many = len(repositories) > self.params["max_delete"] and not self._approved
        if too_many or not self.params["force"]:
            return _cascade.Contents(name, repositories)
        images = {
            repository: [_cascade.image_fields(image) for image in client.images(name, repository)]
            for repository in repositories
        }
        return _cascade.Contents(name, repositories, images)

    def _settled(self) -> Fields | None:
        """The registry after this task's own write, which the service may show a little later.

        Without C(wait) the answer to the write stands for what is not shown yet. Raises NotApplied when the service
        takes longer than C(wait_timeout).
        """
        name, seconds = self.params["name"], self.params["wait_timeout"]
        accepted = self._accepted[name]
        if not self.params["wait"]:
            return accepted and (self.session.client.registry(name) or accepted)

        def right(registry: Fields | None) -> bool:
            return registry is None if accepted is None else bool(registry and registry["uri"])

        registry = self.session.read_until(lambda: self.session.client.registry(name), right, seconds)
        if not right(registry):
            missing = "still lists the registry" if accepted is None else "does not list the registry with a uri"
            raise NotApplied(
                f"the service accepted it, but {missing} {seconds:g} seconds later",
                cure="Raise wait_timeout, or set wait: false to go on without looking.",
            )
        return registry

    def want(self, before: State) -> State:
        if self._absent:
            return dict.fromkeys(before)
        wanted = {"region": self.session.region}
        if self.params["description"] is not None:
            wanted["description"] = self.params["description"] or None
        return {self.params["name"]: wanted}

    # --- what must not be done ---------------------------------------------------------------------------------------

    def foresee(self, plan: Plan) -> None:
        self._check_quota(plan)
        self._tell_taken_name(plan)
        refusal = self._not_empty()
        if refusal:
            cause = refusal.cause[:1].upper() + refusal.cause[1:]
            self.host.warn(
                f"{cause}, and force is not set: predicted as if an earlier task of the real run deletes what is in it."
            )
        else:
            self._check_cap(plan)

    def _tell_taken_name(self, plan: Plan) -> None:
        """Warn of a name that somebody else has: names are unique among all accounts and regions."""
        for change in plan.to_do(CREATE):
            with contextlib.suppress(Forbidden):  # a policy need not allow the question
                code, reason = self.session.client.check_registry_name(change.key)
                if code == NAME_TAKEN:
                    self.host.warn(
                        f"The name '{change.key}' is taken ({reason}): predicted as if an earlier task of the real run "
                        "frees it."
                    )

    def _check_quota(self, plan: Plan) -> None:
        if self.params["validate_quota"] and plan.to_do(CREATE):
            self.session.need_quota("registry", 1)

    def _not_empty(self) -> PreconditionFailed | None:
        """Why the registry cannot be deleted without force; None if it can be, or is to be deleted with force."""
        names = list(self._contents.repositories) if self._contents else []
        if self.params["force"] or not names:
            return None
        shown = ", ".join(f"'{name}'" for name in names[:_SHOWN_NAMES]) + (", ..." * (len(names) > _SHOWN_NAMES))
        noun = "repository" if len(names) == 1 else "repositories"
        told = f"registry '{self.params['name']}' still has {len(names)} {noun}: {shown}"
        return PreconditionFailed(told, cure=_NOT_EMPTY_CURE)

    def _check_cap(self, plan: Plan) -> None:
        """Refuse to delete more than was asked for."""
        contents = self._contents
        if not contents or not contents.repositories:
            return
        inside = [change.key for change in plan.to_do(DELETE) if change.key != contents.registry]
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

    def _approve(self, plan: Plan) -> None:
        """Refuse what cannot be done, or was not asked for, before the first write."""
        self._check_quota(plan)
        refusal = self._not_empty()
        if refusal:
            raise refusal
        self._check_cap(plan)
        self._approved = True

    def apply(self, plan: Plan) -> t.Iterator[str]:
        if not self._approved:
            self._approve(plan)
        for change in plan.to_do(CREATE):
            self._create(change)
            yield change.key
        for change in plan.to_do(DELETE):
            self._begun = change.key
            self._delete(change)
            yield change.key

    def _create(self, change: Change) -> None:
        try:
            created = self.session.client.create_registry(change.key, self.params["description"])
        except AlreadyExists as error:
            # Told only where reading back does not show it: then it is not this account's in this region.
            error.cause = (
                f"{error.cause.rstrip('.')}; this account has none of that name in {self.session.region}, so that it "
                "is taken by another account or in another region, and names are unique among all of them"
            )
            error.suggest(_TAKEN_CURE)
            raise
        self._accepted[change.key] = {**created, **(change.after or {})}

    def _delete(self, change: Change) -> None:
        item = _cascade.Item.of(change.key)
        if item.repository is None:
            self._delete_registry(item.registry)
        elif item.digest is None:
            self._delete_repository(item.registry, item.repository)
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

    def _delete_repository(self, registry: str, repository: str) -> None:
        """Without force, so that the service itself refuses if there is an image again.

        Only where it lists none and refuses all the same (images of which it does not tell), force is used.
        """
        client = self.session.client
        try:
            client.delete_repository(registry, repository)
        except (PreconditionFailed, InvalidArgument) as error:
            if client.images(registry, repository):
                error.suggest(_BUSY_CURE)
                raise
            client.delete_repository(registry, repository, force=True)

    def _delete_registry(self, name: str) -> None:
        try:
            self.session.client.delete_registry(name)
        except PreconditionFailed as error:
            error.suggest(_BUSY_CURE if self.params["force"] else _NOT_EMPTY_CURE)
            raise
        self._accepted[name] = None

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
            "deleted": _cascade.counted(deleted),
            "failed_at": vars(_cascade.Item.of(self._begun)) if self._begun in undone else None,
            "not_tried": _cascade.counted(not_tried),
        }

    def result(self, plan: Plan, after: State) -> dict[str, t.Any]:
        if self._absent:
            deleted = _cascade.counted(change.key for change in plan.to_do(DELETE))
            return {"registry": None, "deleted": deleted}
        name = self.params["name"]
        registry = after[name] or {}
        foreseen = {
            "name": name,
            "region": self.session.region,
            "uri": registry.get("uri") or self.session.documented_host(name),
            "description": None,
            "size_mb": 0.0,
            "created_at": None,
        }
        told = {key: value for key, value in registry.items() if key != "uri" or value}
        return {"registry": {**foreseen, **told}}
