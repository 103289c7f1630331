# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is to be pushed: an image in another place of the registry, or in another registry.

This module util is private to the collection.

Registries of this account are asked through the service's OpenAPI, which takes no token and counts as no pull; only
what has to be copied is read from the registry itself.
"""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    AuthenticationFailed,
    ConfigurationError,
    ContentMismatch,
    ImageNotFound,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._imageplace import ForeignPlace, OwnPlace, own_place
from ansible_collections.jdcloud.jcr.plugins.module_utils._imagesource import (
    MANIFESTS,
    Descriptor,
    Image,
    ImageSource,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._imagewalk import platforms_of, walk
from ansible_collections.jdcloud.jcr.plugins.module_utils._reference import ImageReference
from ansible_collections.jdcloud.jcr.plugins.module_utils._registrylogin import RegistryLogin
from ansible_collections.jdcloud.jcr.plugins.module_utils._resource import Host
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Secret
from ansible_collections.jdcloud.jcr.plugins.module_utils._tokensession import TokenSession

if t.TYPE_CHECKING:
    from ansible_collections.jdcloud.jcr.plugins.module_utils._client import Client
    from ansible_collections.jdcloud.jcr.plugins.module_utils._delivery import Delivery
    from ansible_collections.jdcloud.jcr.plugins.module_utils._distribution import Repository

_DEFAULT_TAG = "latest"


class RemoteContent:
    """The image C(from_image), or those of its C(platforms); a name without a host means the task's own registry.

    C(digest) is None as long as nobody can tell it: in check mode, where it would take a token to choose platforms.
    """

    known_by_config = False  # its digest stays the same wherever it goes

    def __init__(self, host: Host, session: TokenSession) -> None:
        self._params = host.params
        self._host = host
        self._session = session
        self._name: str = host.params["from_image"]
        self._platforms: t.Sequence[str] | None = host.params["platforms"]
        self._place: OwnPlace | ForeignPlace | None = None
        self._found: dict[str, t.Any] | None = None  # what the service tells of an image in an own place
        self._image: Image | None = None  # what the manifests tell
        self._root: str | None = None  # the digest of all of it, before platforms are chosen
        self.platforms: list[str] = []  # where they can be told without a token
        self.digest: str | None = None

    def check(self) -> None:
        """Refuse what is no name of an image."""
        self._reference = ImageReference.parse(self._name)
        self._wanted = self._reference.digest or self._reference.tag or _DEFAULT_TAG
        if self._params["from_username"] is not None and self._reference.host is None:
            raise ConfigurationError(
                f"from_username is given, but from_image '{self._name}' names no registry: it is in the task's own",
                cure="Put the registry's host before the name, or leave out from_username and from_password.",
            )

    def __str__(self) -> str:
        return f"image '{self._name}'"

    @property
    def facts(self) -> dict[str, t.Any]:
        source: t.Mapping[str, t.Any] = self._found if self._found and self.digest else {}
        if self._image:
            image = self._image
            source = {"media_type": image.root.media_type, "size": image.size}
        told = {name: source[name] for name in ("media_type", "size") if source.get(name)}
        return {"digest": self.digest or f"content of {self._name}", **told}

    @property
    def digests(self) -> list[str]:
        return [self.digest] if self.digest else []

    def is_same(self, remote: t.Mapping[str, t.Any]) -> bool:
        return remote["digest"] == self.digest

    # --- reading -----------------------------------------------------------------------------------------------------

    def read(self) -> None:
        """Learn the digest, once: what is pushed is what the tag stood for when the task began."""
        if self._place is not None:
            return
        self._place = self._find_place()
        if isinstance(self._place, OwnPlace):
            self._read_own(self._place)
        elif self._reference.digest and not self._platforms:
            self.digest = self._reference.digest
        else:
            self._read_foreign(self._place)

    def _find_place(self) -> OwnPlace | ForeignPlace:
        username, password = self._params["from_username"], self._params["from_password"]
        if username is None:
            own = own_place(self._session, self._reference, self._params["registry"])
            return own or ForeignPlace(self._session, self._reference)
        return ForeignPlace(self._session, self._reference, (username, Secret(password)))

    def _read_own(self, place: OwnPlace) -> None:
        self._found = place.find(self._reference, _DEFAULT_TAG)
        if self._found is None:
            return
        self._root = self._found["digest"]
        if not self._platforms or self._is_single:
            self.digest, self.platforms = self._found["digest"], self._found["platforms"]
            return
        with contextlib.suppress(_NotTold, ContentMismatch):
            self._take(walk(_Described(self._found, place.session.client), self._platforms))
            return
        opened = self._opened_to_look(place)
        if opened is None:
            self._host.warn(
                f"It takes a token to choose platforms of image '{self._name}'. None is held, and none is issued in "
                "check mode: predicted as if no tag stands for them yet."
            )
        else:
            self._read_manifests(opened, self._found["digest"])

    @property
    def _is_single(self) -> bool:
        """Whether the image is none for several platforms, so that there is nothing to choose."""
        return self._found is not None and self._found["media_type"] in MANIFESTS

    def _opened_to_look(self, place: OwnPlace) -> t.ContextManager[Repository] | None:
        """The repository to read from; in check mode, which issues no token, None if none is held."""
        if not self._host.check_mode:
            login = RegistryLogin(place.session, place.registry)
            return place.opened(login.token.password, login.renew)
        token = place.session.token_to_look_with(place.registry)
        return place.opened(token.password) if token else None

    def _read_foreign(self, place: ForeignPlace) -> None:
        try:
            self._read_manifests(place.opened(), self._wanted)
        except AuthenticationFailed as error:
            error.cure = "Give the login of that registry by from_username and from_password, or check it."
            raise

    def _look_closer_at_foreign(self, place: ForeignPlace) -> None:
        if not self._image:
            self._read_foreign(place)
        if not self.platforms:
            with place.opened() as repository:
                self.platforms = platforms_of(self._image, repository.open_blob)

    def _read_manifests(self, opened: t.ContextManager[Repository], reference: str) -> None:
        with opened as repository:
            source = _source(repository, reference)
            self._take(walk(source, self._platforms))
            self._root = source.root.digest

    def _take(self, image: Image) -> None:
        self._image, self.digest = image, image.root.digest
        self.platforms = list(image.platforms)

    def need(self) -> None:
        """The image must exist, or be foreseen in check mode."""
        if isinstance(self._place, OwnPlace) and self._found is None:
            self._session.missing(
                ImageNotFound(
                    f"there is no image '{self._name}' to copy", cure="Push it first, or check the tag or digest."
                )
            )

    def look_closer(self, there: t.Mapping[str, t.Any] | None) -> None:
        """Read what only matters now: of an image elsewhere its manifests and its platform, and of one in an own place
        whether it is of the platform that is wanted."""
        if isinstance(self._place, ForeignPlace) and not there:
            self._look_closer_at_foreign(self._place)
        elif isinstance(self._place, OwnPlace) and self._platforms and self._is_single:
            opened = self._opened_to_look(self._place)
            if opened:
                self._read_manifests(opened, self._found["digest"])

    # --- copying -----------------------------------------------------------------------------------------------------

    def send(self, delivery: Delivery, tags: t.Sequence[str]) -> t.Iterator[str]:
        """Nothing comes to lie on a disk; within one registry, blobs are mounted."""
        from ansible_collections.jdcloud.jcr.plugins.module_utils._upload import upload

        with self._opened_to_copy(delivery) as origin, delivery.repository() as repository:
            transfer = upload(
                _source(origin, self._root or self._wanted),
                repository,
                tags,
                platforms=self._platforms,
                guards=delivery.guards,
                digest=self.digest,
                progress=delivery.progress.layer,
            )
        delivery.pushed(transfer.root.digest, transfer.result())
        yield from tags

    def _opened_to_copy(self, delivery: Delivery) -> t.ContextManager[Repository]:
        place = self._place
        if not isinstance(place, OwnPlace):
            return place.opened()
        same = (place.host, place.registry) == (delivery.target.host, self._params["registry"])
        login = delivery.login if same else RegistryLogin(place.session, place.registry)
        return place.opened(login.token.password, login.renew)

    def named(self, delivery: Delivery, tags: t.Iterable[str]) -> None:
        """No engine has a part in it."""


def _source(repository: Repository, reference: str) -> ImageSource:
    from ansible_collections.jdcloud.jcr.plugins.module_utils._remotesource import RemoteSource

    return RemoteSource(repository, reference)


class _NotTold(Exception):
    """The service does not give the manifest or the config that is asked for; the registry itself has it."""


class _Described:
    """The manifests of an image as the service gives them in describeImages: enough to choose platforms."""

    origin = config_digest = None

    def __init__(self, found: t.Mapping[str, t.Any], client: Client) -> None:
        self._client = client
        self._place = found["registry"], found["repository"]
        self._root = found
        self.root = Descriptor(found["media_type"] or "", found["digest"], len(_text_of(found)))

    def manifest(self, digest: str) -> bytes:
        if digest == self.root.digest:
            return _text_of(self._root)
        return _text_of(next(iter(self._client.images(*self._place, digest=digest)), {}))

    def open(self, blob: Descriptor) -> t.BinaryIO:
        raise _NotTold

    def close(self) -> None:
        """Nothing is held open here."""


def _text_of(found: t.Mapping[str, t.Any]) -> bytes:
    """The manifest byte for byte, as far as a text can be; whoever reads it checks it against its digest."""
    text = found.get("manifest_text")
    if not text:
        raise _NotTold
    return text.encode("utf-8")
