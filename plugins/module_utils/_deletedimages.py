# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""jcr_image with C(state=absent): tags and images that the registry shall not have.

This module util is private to the collection.

What goes is fixed when the repository is read for the first time: what comes later stays. Images go by their digest,
each after those that need it; a tag goes alone only where its image stays.
"""

from __future__ import annotations

import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils import _bulk, _rules
from ansible_collections.jdcloud.jcr.plugins.module_utils._declared import listed
from ansible_collections.jdcloud.jcr.plugins.module_utils._distribution import Repository
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    ConfigurationError,
    DeleteCapExceeded,
    ImageInUse,
    JcrError,
    NotApplied,
    NotFound,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._imagechoice import CHOOSING, NAMES, ImageChoice
from ansible_collections.jdcloud.jcr.plugins.module_utils._imagegraph import Deletion, Image, ImageGraph
from ansible_collections.jdcloud.jcr.plugins.module_utils._imageresource import ImageResource
from ansible_collections.jdcloud.jcr.plugins.module_utils._options import IMAGE_SELECTION, SELECTION, ArgumentSpec
from ansible_collections.jdcloud.jcr.plugins.module_utils._placeholder import Placeholder
from ansible_collections.jdcloud.jcr.plugins.module_utils._plan import DELETE, Plan, State
from ansible_collections.jdcloud.jcr.plugins.module_utils._quantities import at_least, counted
from ansible_collections.jdcloud.jcr.plugins.module_utils._registrylogin import conversation
from ansible_collections.jdcloud.jcr.plugins.module_utils._resource import Failed, Host
from ansible_collections.jdcloud.jcr.plugins.module_utils._tagguards import ALWAYS, NEVER, TagGuards
from ansible_collections.jdcloud.jcr.plugins.module_utils._upload import upload

DELETION = ArgumentSpec(
    options={
        "keep_last": {"type": "int"},
        "keep_newest": {"type": "int"},
        "with_children": {"type": "bool", "default": True},
        "siblings": {"type": "str", "choices": ["keep", "trust", "refuse"], "default": "keep"},
        "max_delete": {"type": "int", "default": 10},
    },
    # What is to be deleted has to be named: a variable that came out empty must not mean the tag latest, or everything.
    required_if=(("state", "absent", (*NAMES, *CHOOSING), True),),
    narrowing=("keep_last", "keep_newest", *SELECTION.options, *IMAGE_SELECTION.options),
).merge(SELECTION, IMAGE_SELECTION)

_WORKERS = 8  # deletes at the same time
_LOOK_UPS = 5  # names that are asked for one by one before the whole repository is read


class DeletedImages(ImageResource):
    """C(state=absent): the registry has no such tags, no image of this digest, or nothing that is selected.

    The keys of the state are tags and digests: an image that goes takes its tags with it.
    """

    shown = ("digest", "tags")

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._deletion: Deletion | None = None
        self._known: dict[str, Image] = {}  # what goes, and what loses tags, as it was read first
        self._owners: dict[str, frozenset[str]] = {}  # of what goes: images that have to go before
        self._gone: set[str] = set()  # digests that this task has deleted

    @property
    def keys(self) -> list[str]:
        return super().keys if any(self.params[option] is not None for option in NAMES) else []

    def purpose(self) -> tuple[str, str]:
        place = f"'{self.repository}' of registry '{self.registry}'{self.place}"
        return "delete", f"{', '.join(self.keys) or 'images'} from {place}"

    def check(self) -> None:
        super().check()
        self.session.check_token_options()
        at_least(0, "max_delete", self.params["max_delete"])
        self._guards = self._asked_guards()
        self._choice = ImageChoice(self.params)
        if self.params["expected_digest"] is not None and not self._choice.named:
            raise ConfigurationError(
                "expected_digest is about named tags, but a selection chooses what to delete",
                cure="Name the tags with tag or tags, or leave out expected_digest.",
            )

    def _asked_guards(self) -> TagGuards:
        """Deleting overwrites nothing, so that C(overwrite=never) has no say in it; the other guards have."""
        expected = self.params["expected_digest"]
        if expected is not None:
            _rules.digest(expected)
        overwrite = ALWAYS if self.params["overwrite"] == NEVER else self.params["overwrite"]
        return TagGuards(overwrite, expected, self.params["immutable_tags"] or ())

    # --- what is, and what shall be ----------------------------------------------------------------------------------

    def read(self) -> State:
        self.registry_host = self.session.registry_host(self.registry)
        images = self._images() if self.registry_host and self._is_worth_a_listing() else []
        if self._deletion is None:
            self._fix(images)
        return self._state(images)

    def _images(self) -> list[dict[str, t.Any]]:
        return self.session.client.images(self.registry, self.repository)

    def _is_worth_a_listing(self) -> bool:
        """Whether there is something to delete; few names that do not exist are told by the service at less cost."""
        if self._deletion is not None:
            return bool(self._known)
        if not self._choice.named or len(self.keys) > _LOOK_UPS:
            return True
        option = "digest" if self.digest else "tag"
        return any(self.session.client.images(self.registry, self.repository, **{option: key}) for key in self.keys)

    def _fix(self, images: list[dict[str, t.Any]]) -> None:
        """Decide what goes, or refuse."""
        graph = ImageGraph(images)
        deletion = self._choice.deletion(images, self.session.client.now())
        self._refuse_guarded(images)
        self._refuse_needed(graph, deletion)
        self._refuse_untagging(graph, deletion)
        self._refuse_too_many(graph, deletion)
        before: set[str] = set()
        for wave in deletion.waves:
            self._owners.update((digest, graph.owners(digest) & before) for digest in wave)
            before.update(wave)
        self._known = {digest: graph.images[digest] for digest in (*deletion.images, *deletion.untagged)}
        self._deletion = deletion

    def _state(self, images: list[dict[str, t.Any]]) -> State:
        """What is still there of what was fixed; a tag that stands for something else by now does not count."""
        present = {image["digest"]: image for image in images}
        holders = {tag: image["digest"] for image in images for tag in image["tags"]}
        state: dict[str, dict[str, t.Any] | None] = dict.fromkeys(self.keys)
        for digest in self._deletion.untagged if self._deletion else ():
            for tag in self._tags_of(digest):
                mine = holders.get(tag) in (digest, Placeholder(tag).root.digest)
                state[tag] = {"digest": digest} if mine else None
        for digest in self._deletion.images if self._deletion else ():
            for tag in self._tags_of(digest):
                state[tag] = {"digest": digest} if holders.get(tag) == digest else None
            state[digest] = {"tags": self._tags_of(digest)} if digest in present else None
        return state

    def _tags_of(self, digest: str) -> list[str]:
        """The tags of an image that go: some if it stays, otherwise all."""
        some = self._deletion.untagged.get(digest) if self._deletion else None
        return list(self._known[digest]["tags"] if some is None else some)

    def want(self, before: State) -> State:
        return dict.fromkeys(before)

    # --- what must not be done ---------------------------------------------------------------------------------------

    def _refuse_guarded(self, images: t.Iterable[Image]) -> None:
        """Refuse to delete a protected tag that is named, or that the image of O(digest) has."""
        if self._choice.named:
            holders = {tag: image["digest"] for image in images for tag in image["tags"]}
            named = {tag: digest for tag, digest in holders.items() if digest == self.digest or tag in self.keys}
            self._guards.check(named)

    def _refuse_needed(self, graph: ImageGraph, deletion: Deletion) -> None:
        if self.digest in deletion.kept:
            raise ImageInUse(f"the image cannot go, because {deletion.kept[self.digest]}")
        unreadable = graph.unreadable(besides=deletion.images) if deletion.images else []
        if unreadable:
            raise ImageInUse(
                f"the service gives no manifest of {listed(unreadable)}, so that nobody can tell what they need",
                cure="Nothing was deleted. Delete these images first, by their digests, or push them again.",
            )

    def _refuse_untagging(self, graph: ImageGraph, deletion: Deletion) -> None:
        """Refuse what O(siblings) forbids, before anything is lost."""
        policy = self.params["siblings"]
        for digest, tags in deletion.untagged.items() if policy != "keep" else ():
            others = [tag for tag in graph.images[digest]["tags"] if tag not in tags]
            if policy == "refuse" or not others:
                why = f"has the tags {listed(others)} as well" if others else deletion.kept[digest]
                raise ImageInUse(
                    f"the image of {listed(tags)} {'cannot go, because ' * (not others)}{why}",
                    cure="Nothing was deleted. Set siblings: keep to take off only these tags.",
                )

    def _refuse_too_many(self, graph: ImageGraph, deletion: Deletion) -> None:
        tags = [tag for found in deletion.untagged.values() for tag in found]
        number, cap = len(deletion.images) + len(tags), self.params["max_delete"]
        if self._choice.named or number <= cap:
            return
        names = [", ".join(graph.images[digest]["tags"]) or digest for digest in deletion.images]
        parts = sum(graph.is_part(digest) for digest in deletion.images)
        told = [counted(len(deletion.images), "image")] if deletion.images else []
        told += [f"{counted(len(tags), 'tag')} of images that stay"] if tags else []
        raise DeleteCapExceeded(
            f"{' and '.join(told)} would be deleted{f' ({parts} of them are parts of others)' if parts else ''}, "
            f"max_delete is {cap}: {listed([*names, *tags])}",
            cure=f"Nothing was deleted. Choose less, or set max_delete to {number} if all of that shall go.",
        )

    def foresee(self, plan: Plan) -> None:
        if self._to_untag(plan) and self.params["siblings"] == "keep":
            self.session.trusted_host(self.registry)
            self.session.foresee_token(self.registry)

    # --- doing it ----------------------------------------------------------------------------------------------------

    def apply(self, plan: Plan) -> t.Iterator[str | Failed]:
        """Tags first: if there is no token for them, nothing has been deleted."""
        to_untag = self._to_untag(plan)
        if self.params["siblings"] == "keep":
            yield from self._untag_aside(to_untag)
        else:
            yield from self._untag_straight(to_untag)
        yield from self._delete_images(plan.pending)

    def _to_untag(self, plan: Plan) -> list[tuple[str, str]]:
        """(digest, tag) of each tag that goes from an image that stays."""
        untagged = self._deletion.untagged if self._deletion else {}
        return [(digest, tag) for digest, tags in untagged.items() for tag in tags if tag in plan.pending]

    def _untag_aside(self, to_untag: t.Sequence[tuple[str, str]]) -> t.Iterator[str | Failed]:
        """Move each tag to an image of its own, and delete that: no other tag is in danger, ever."""
        if not to_untag:
            return
        with conversation(self.session, self.registry, self.session.token(self.registry)) as opened:
            target = Repository(opened, self.repository)
            outcomes = _bulk.each(to_untag, lambda item: self._put_aside(target, *item), workers=_WORKERS)
        for outcome in outcomes:
            _digest, tag = outcome.item
            if outcome.error is not None:
                yield Failed(tag, outcome.error)
            elif outcome.value:
                yield tag
        for outcome in outcomes:
            if outcome.error is not None and _bulk.pointless(outcome.error):
                raise outcome.error

    def _put_aside(self, target: Repository, digest: str, tag: str) -> bool:
        """Whether the tag was there still, standing for the same image."""
        placeholder = Placeholder(tag)
        now = self._holder_of(tag)
        if now not in (digest, placeholder.root.digest):
            return False
        if now == digest:
            try:
                upload(placeholder, target, [tag])
            except JcrError as error:
                error.act = error.obj = ""  # the task's own act tells more than that of this step
                error.cause = f"tag {tag} could not be taken off an image that stays: {error.cause}"
                raise
        try:
            self.session.client.delete_image(self.registry, self.repository, digest=placeholder.root.digest)
        except JcrError as error:
            error.changed = True
            error.cause += f"; the tag {tag} stands for an empty image now, which goes when the task is run again"
            raise
        return True

    def _holder_of(self, tag: str) -> str | None:
        """The digest that a tag stands for now."""
        found = self.session.client.images(self.registry, self.repository, tag=tag)
        return found[0]["digest"] if found else None

    def _untag_straight(self, to_untag: t.Sequence[tuple[str, str]]) -> t.Iterator[str]:
        """Have the service delete the tags, one by one, and stop at the first that takes others with it."""
        client, deleted = self.session.client, {tag for _digest, tag in to_untag}
        for digest, tag in to_untag:
            if self._holder_of(tag) != digest:
                continue
            client.delete_image(self.registry, self.repository, tag=tag)
            yield tag
            found = client.images(self.registry, self.repository, digest=digest)
            lost = set(self._known[digest]["tags"]) - deleted - {tag for image in found for tag in image["tags"]}
            if lost:
                raise NotApplied(
                    f"when tag {tag} was deleted, the service deleted {digest} with its other tags, too: "
                    f"{listed(sorted(lost))}",
                    cure="Push them again, and set siblings: keep, which does not ask the service to delete a tag.",
                )

    def _delete_images(self, pending: t.Container[str]) -> t.Iterator[str | Failed]:
        """Delete wave after wave; what belongs to an image that could not be deleted stays."""
        left = {digest for digest in self._deletion.images if digest in pending} if self._deletion else set()
        for wave in self._deletion.waves if self._deletion else ():
            ready = [digest for digest in wave if digest in left and not self._owners[digest] & left]
            outcomes = _bulk.each(ready, self._delete_image, workers=_WORKERS)
            for outcome in outcomes:
                keys = [outcome.item, *self._tags_of(outcome.item)]
                if outcome.error is not None:
                    yield from (Failed(key, outcome.error) for key in keys)
                elif outcome.done:
                    left.discard(outcome.item)
                    yield from keys
            if any(outcome.error is not None and _bulk.pointless(outcome.error) for outcome in outcomes):
                return

    def _delete_image(self, digest: str) -> None:
        """By its digest, if nobody has given it another tag meanwhile."""
        client = self.session.client
        try:
            found = client.images(self.registry, self.repository, digest=digest)
            new = {tag for image in found for tag in image["tags"]} - set(self._known[digest]["tags"])
            if new:
                raise ImageInUse(
                    f"the image {digest} got the tags {listed(sorted(new))} meanwhile",
                    cure="It stays. Run the task again if it shall go all the same.",
                )
            client.delete_image(self.registry, self.repository, digest=digest)
        except NotFound:
            if not self._owners[digest] & self._gone:  # otherwise the service has deleted it with its owner
                raise
        self._gone.add(digest)

    # --- telling it --------------------------------------------------------------------------------------------------

    def result(self, plan: Plan, after: State) -> dict[str, t.Any]:
        named = Plan(tuple(change for change in plan.changes if change.key in self.keys))
        kept = self._deletion.kept if self._deletion else {}
        return {
            **super().result(named, after),
            "deleted": self._entries(change.key for change in plan.to_do(DELETE)),
            "kept": [{"digest": digest, "reason": reason} for digest, reason in kept.items()],
        }

    def _entries(self, keys: t.Iterable[str]) -> list[dict[str, t.Any]]:
        """What these keys are about, an entry for each image."""
        chosen = frozenset(keys)
        entries = []
        for digest, image in self._known.items():
            tags = [tag for tag in self._tags_of(digest) if tag in chosen]
            if tags or digest in chosen:
                entries.append(
                    {"digest": digest, "tags": tags, "size": image["size"], "image_deleted": digest in chosen}
                )
        return entries

    def unfinished(
        self, error: JcrError, plan: Plan, done: t.Collection[str], failed: t.Mapping[str, Exception]
    ) -> None:
        keys = [change.key for change in plan.to_do(DELETE)]
        told = {
            "deleted": self._entries(key for key in keys if key in done),
            "failed_images": self._entries(key for key in keys if key in failed),
            "not_tried": self._entries(key for key in keys if key not in done and key not in failed),
        }
        for entry in told["failed_images"]:
            fault = next(failed[key] for key in (entry["digest"], *entry["tags"]) if key in failed)
            entry["error"] = fault.message if isinstance(fault, JcrError) else f"{type(fault).__name__}: {fault}"
        error.result = told
        error.changed = error.changed or any(getattr(fault, "changed", False) for fault in failed.values())
        numbers = {name: len(entries) for name, entries in told.items()}
        if sum(numbers.values()) > 1:
            error.cause = (
                f"{error.cause.rstrip('.')}; of {sum(numbers.values())} images {numbers['deleted']} are done, "
                f"{numbers['failed_images']} failed and {numbers['not_tried']} were not tried"
            )
