# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is to be pushed: an image of a Docker Engine.

This module util is private to the collection.
"""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._declared import listed
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    ConfigurationError,
    ContentMismatch,
    ImageNotFound,
    JcrError,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._reference import ImageReference, check_local_name

if t.TYPE_CHECKING:
    from ansible_collections.jdcloud.jcr.plugins.module_utils._delivery import Delivery
    from ansible_collections.jdcloud.jcr.plugins.module_utils._resource import Host
    from ansible_collections.jdcloud.jcr.plugins.module_utils._tokensession import TokenSession

_KIND = "sha256:"
_DIGESTS = 5  # that the repository is asked for at most: one image can have been pushed to many places


class LocalContent:
    """The local image C(source), as the engine of the task's host has it."""

    known_by_config = False  # the engine pushes it: then it knows the digest, too, and that is enough for a pull

    def __init__(self, host: Host, session: TokenSession) -> None:
        self._host = host
        self._session = session
        self._name: str = host.params["source"]
        self._keep_name: bool = host.params["keep_local_tag"]
        self._image: dict[str, t.Any] | None = None
        self._pushed_as: str | None = None  # the tag that the push needed, and the engine keeps

    def check(self) -> None:
        """A name that no engine could read is refused."""
        check_local_name(self._name)

    def __str__(self) -> str:
        return f"image '{self._name}'"

    @property
    def present(self) -> bool:
        return self._image is not None

    @property
    def facts(self) -> dict[str, t.Any]:
        """The digest that the registry will give it is not known before the push."""
        short = f" ({self._image['id'][:19]})" if self._image else ""
        return {"digest": f"content of {self._name}{short}"}

    @property
    def platforms(self) -> list[str]:
        return self._image["platforms"] if self._image else []

    @property
    def digests(self) -> list[str]:
        """By which the repository may have it already: those that it got when it was pushed or pulled."""
        if self._image is None:
            return []
        known = [self._image["pushed_as"], *(name.partition("@")[2] for name in self._image["repo_digests"])]
        return list(dict.fromkeys(filter(None, known)))[:_DIGESTS]

    @property
    def diff_ids(self) -> list[str]:
        """The digests of its layers before compression."""
        return self._image["diff_ids"] if self._image else []

    def read(self) -> None:
        """Learn what the image is, once: what is pushed is what the name stood for when the task began."""
        if self._image is None:
            self._image = self._host.engine().inspect(self._name)

    def need(self) -> None:
        """The image must exist, or be foreseen in check mode."""
        if self._image is None:
            self._session.missing(
                ImageNotFound(
                    f"the Docker Engine has no image '{self._name}'",
                    cure="Build, load or pull it first, or check its name and tag.",
                )
            )
        elif self._host.params["remove_local_source"]:
            self._need_removable(self._image)

    def _need_removable(self, image: t.Mapping[str, t.Any]) -> None:
        """An engine takes an image away by its id only if it has one name at most: better told before the push."""
        names = image["repo_tags"]
        hexadecimal = self._name[len(_KIND) :] if self._name.startswith(_KIND) else self._name
        by_id = image["id"].startswith(_KIND + hexadecimal) and not any(n.startswith(f"{self._name}:") for n in names)
        if by_id and len(names) + self._keep_name > 1:
            kept = ", and keep_local_tag gives it another one" if self._keep_name else ""
            raise ConfigurationError(
                f"remove_local_source cannot take '{self._name}' away by this id, because the image is called "
                f"{listed(names)}{kept}",
                cure="Give the name that is to be taken away as source.",
            )

    def look_closer(self, there: t.Mapping[str, t.Any] | None) -> None:
        """All that can be known beforehand is known by now."""

    def is_same(self, remote: t.Mapping[str, t.Any]) -> bool:
        """Whether a remote image is the local one: by the digest it got when pushed or pulled, or by its config.

        The id of a local image is the digest of its config in Docker's classic store, and the digest of its manifest
        in the containerd store; a manifest's digest and a config's digest are never equal, so both may be compared. Of
        an index, that store may have and push one image only.
        """
        if self._image is None:
            return False
        known = {name.partition("@")[2] for name in self._image["repo_digests"]}
        known |= {self._image["id"], self._image["pushed_as"]}
        return remote["digest"] in known or remote["config_digest"] == self._image["id"]

    def send(self, delivery: Delivery, tags: t.Sequence[str]) -> t.Iterator[str]:
        """The first tag goes through the engine; for the others its manifest is put again, byte for byte."""
        first, *others = tags
        digest = self._push(delivery, first)
        yield first
        if others:
            with delivery.repository() as repository:
                yield from delivery.put(repository, others, repository.manifest(digest))

    def named(self, delivery: Delivery, tags: t.Iterable[str]) -> None:
        """Give the image the names of these tags in the engine as well, if it shall have them."""
        if self._keep_name:
            for tag in tags:
                if tag != self._pushed_as:
                    self._give_name(_reference(delivery, tag))

    def _push(self, delivery: Delivery, tag: str) -> str:
        engine = self._host.engine()
        reference = _reference(delivery, tag)
        # A name that was there before belongs to the user, the source's own among them.
        temporary = not self._keep_name and reference != self._name and engine.inspect(reference) is None
        self._give_name(reference)
        try:
            if delivery.guards.guarded(tag):
                self._look_again(delivery, tag)
            pushed = delivery.login.through(
                lambda token: engine.push(
                    reference,
                    token.username,
                    token.password,
                    deadline=delivery.session.deadline,
                    progress=delivery.progress.layer,
                    verify=delivery.target.verify,
                    allowed_hosts=delivery.target.allowed_hosts,
                )
            )
        except BaseException:
            if temporary:
                with contextlib.suppress(JcrError):  # why the push failed is what matters
                    engine.remove(reference)
            raise
        if temporary:
            engine.remove(reference)
        self._pushed_as = tag
        delivery.pushed(pushed["digest"], pushed)
        return pushed["digest"]

    def _give_name(self, reference: str) -> None:
        """The name goes to what was read: another program may have moved the source's own name meanwhile.

        A source that is called so already keeps its name, whatever that stands for by then: it is the user's.
        """
        if reference != self._name:
            self._host.engine().tag(self._image["id"], reference)

    def _look_again(self, delivery: Delivery, tag: str) -> None:
        with delivery.repository() as repository:
            there = repository.head_manifest(tag)
        if there is not None:
            delivery.guards.check({tag: there.digest})

    def remove(self) -> None:
        """Take the name away from the engine, and the image with its last name.

        Raises ContentMismatch if another program has given the name to another image, which nobody has pushed.
        """
        engine = self._host.engine()
        now = engine.inspect(self._name)
        if self._image and now and now["id"] != self._image["id"]:
            raise ContentMismatch(
                f"'{self._name}' stands for another image by now, {now['id']}, so it was not taken away",
                cure="Run the task again to push that one.",
            )
        engine.remove(self._name)
        self._image = None


def _reference(delivery: Delivery, tag: str) -> str:
    """What docker calls it."""
    return str(ImageReference(delivery.target.host, delivery.target.repository, tag=tag))
