# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which images of a repository a task wants to be deleted: by tag, by digest, or by a selection. Pure.

This module util is private to the collection.
"""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ConfigurationError
from ansible_collections.jdcloud.jcr.plugins.module_utils._imagegraph import Deletion, Image, ImageGraph
from ansible_collections.jdcloud.jcr.plugins.module_utils._placeholder import is_placeholder
from ansible_collections.jdcloud.jcr.plugins.module_utils._quantities import at_least
from ansible_collections.jdcloud.jcr.plugins.module_utils._selection import IMAGES, Selection

NAMES = ("tag", "tags", "digest")
# Options that choose by themselves; one of them is needed, so that an empty selection never means everything.
CHOOSING = (
    "tag_status",
    "pattern",
    "regex",
    "semver",
    "older_than",
    "newer_than",
    "larger_than",
    "smaller_than",
    "pulled_before",
    "never_pulled",
)
# Options that only spare something of what the others choose.
SPARING = ("exclude", "keep_last", "keep_newest")
# Options for what an image is called, whatever its age, size and pulls.
_FOR_NAMES = ("tag_status", "pattern", "regex", "semver", "exclude")


class ImageChoice:
    """What the options of a task name or choose.

    Making it checks the options: RuleError or ConfigurationError for those that cannot be understood or do not go
    together.
    """

    def __init__(self, params: t.Mapping[str, t.Any]) -> None:
        names = [option for option in NAMES if params[option] is not None]
        choosing = [option for option in (*CHOOSING, *SPARING) if params[option] is not None]
        if names and choosing:
            raise ConfigurationError(
                f"{' and '.join(names)} name what to delete, and {', '.join(choosing)} would choose it",
                cure="Leave one or the other out.",
            )
        self.named = bool(names)
        self._digest: str | None = params["digest"]
        self._tags: list[str] = params["tags"] or [params["tag"]]
        self._with_children: bool = params["with_children"]
        self._keep_last: int | None = params["keep_last"]
        for option in ("keep_last", "keep_newest"):
            at_least(1, option, params[option])
        # What must never be overwritten must not be swept away either.
        spared = [*(params["exclude"] or ()), *(params["immutable_tags"] or ())]
        params = {**params, "exclude": spared or None}
        self._selection = Selection({option: params[option] for option in (*CHOOSING, "exclude")}, IMAGES)
        by_name = {option: params[option] for option in _FOR_NAMES}
        self._rivals = Selection(by_name, IMAGES)
        self._newest = Selection({**by_name, "newest": params["keep_newest"]}, IMAGES)
        self._keeps_newest = params["keep_newest"] is not None

    def deletion(self, images: t.Sequence[Image], now: datetime.datetime) -> Deletion:
        """What can go of the images of one repository at this time."""
        graph = ImageGraph(images)
        by_name = self.named or self._selection.is_about_labels
        spared = [image["digest"] for image in images if self._selection.excludes(image)]
        chosen = self._named(images) if self.named else self._selected(graph, now)
        return graph.deletion(chosen, with_children=self._with_children, by_name=by_name, spared=spared)

    def _named(self, images: t.Sequence[Image]) -> dict[str, list[str]]:
        """The tags that are to go, by the digest of the image that they stand for."""
        if self._digest is not None:
            return {image["digest"]: image["tags"] for image in images if image["digest"] == self._digest}
        found = {image["digest"]: [tag for tag in self._tags if tag in image["tags"]] for image in images}
        return {digest: tags for digest, tags in found.items() if tags}

    def _selected(self, graph: ImageGraph, now: datetime.datetime) -> dict[str, list[str]]:
        """The same of a selection: of an image that meets it, the tags that do; all, if it is not about tags."""
        images = graph.images.values()
        kept = self._kept([image for image in images if not graph.is_part(image["digest"])], now)
        found, _number = self._selection.choose(images, now)
        chosen = {image["digest"]: self._selection.labels(image) for image in found if image["digest"] not in kept}
        return {**chosen, **{image["digest"]: image["tags"] for image in images if is_placeholder(image)}}

    def _kept(self, images: t.Sequence[Image], now: datetime.datetime) -> set[str]:
        """Digests of what keep_last and keep_newest spare; an image whose time is not known counts as the last one."""
        kept: set[str] = set()
        if self._keep_last is not None:
            rivals, _number = self._rivals.choose(images, now)
            kept |= {image["digest"] for image in rivals[: self._keep_last]}
            kept |= {image["digest"] for image in rivals if image["pushed_at"] is None}
        if self._keeps_newest:
            kept |= {image["digest"] for image in self._newest.choose(images, now)[0]}
        return kept
