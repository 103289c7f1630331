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

from ansible_collections.jdcloud.jcr.plugins.module_utils import _reference
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ContentMismatch, ImageNotFound
from ansible_collections.jdcloud.jcr.plugins.module_utils._imagesource import Descriptor, Image, ImageSource, walk
from ansible_collections.jdcloud.jcr.plugins.module_utils._reference import ImageReference
from ansible_collections.jdcloud.jcr.plugins.module_utils._registrylogin import RegistryLogin
from ansible_collections.jdcloud.jcr.plugins.module_utils._resource import Host
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import TOKEN_USER, Secret
from ansible_collections.jdcloud.jcr.plugins.module_utils._session import Session

if t.TYPE_CHECKING:
    from ansible_collections.jdcloud.jcr.plugins.module_utils._client import Client
    from ansible_collections.jdcloud.jcr.plugins.module_utils._delivery import Delivery
    from ansible_collections.jdcloud.jcr.plugins.module_utils._distribution import Repository

_DEFAULT_TAG = "latest"


class RemoteContent:
    """The image C(from_image), or those of its C(platforms); a name without a host means the task's own registry."""

    known_by_config = False  # its digest stays the same wherever it goes

    def __init__(self, host: Host, session: Session) -> None:
        self._params = host.params
        self._host = host
        self._session = session
        self._name: str = host.params["from_image"]
        self._platforms: t.Sequence[str] | None = host.params["platforms"]
        self._is_read = False
        self._own: tuple[Session, str, str] | None = None  # session, registry and host of a registry of this account
        self._found: dict[str, t.Any] | None = None  # what the service tells
        self._image: Image | None = None  # what the manifests tell

    def check(self) -> None:
        """Refuse what is no name of an image."""
        self._reference = ImageReference.parse(self._name)
        self._wanted = self._reference.digest or self._reference.tag or _DEFAULT_TAG

    def __str__(self) -> str:
        return f"image '{self._name}'"

    @property
    def _known(self) -> str | None:
        """The digest, if the name says it and nothing else."""
        return self._reference.digest if not self._platforms else None

    @property
    def digest(self) -> str | None:
        if self._image:
            return self._image.root.digest
        return self._found["digest"] if self._found else self._known

    @property
    def facts(self) -> dict[str, t.Any]:
        told = {"digest": self.digest or f"content of {self._name}"}
        source: t.Mapping[str, t.Any] = self._found or {}
        if self._image:
            image = self._image
            source = {"media_type": image.root.media_type, "size": image.size, "platforms": list(image.platforms)}
        told.update({name: source[name] for name in ("media_type", "size", "platforms") if source.get(name)})
        return told

    @property
    def platforms(self) -> list[str]:
        return self.facts.get("platforms", [])

    @property
    def digests(self) -> list[str]:
        return [self.digest] if self.digest else []

    def is_same(self, remote: t.Mapping[str, t.Any]) -> bool:
        return remote["digest"] == self.digest

    # --- reading -----------------------------------------------------------------------------------------------------

    def read(self) -> None:
        """Learn the digest, once: what is pushed is what the tag stood for when the task began."""
        if self._is_read:
            return
        self._is_read = True
        self._own = None if self._params["from_username"] else self._own_registry()
        if self._own:
            self._read_own(*self._own)
        elif self._known is None:
            with self._foreign() as repository:
                self._image = walk(_source(repository, self._wanted), self._platforms)

    def _own_registry(self) -> tuple[Session, str, str] | None:
        """Session, name and host if the image is in a registry of this account, in whatever region."""
        target = self._params["registry"]
        host = self._reference.host
        if host in (None, self._session.registry_host(target)):
            return self._session, target, self._session.foreseen_host(target)
        named = _reference.split_registry_host(host)
        if named:
            name, region, _inner = named
            session = self._session.in_region(region)
            uri = session.registry_host(name)
            return (session, name, host) if uri in (host, _reference.registry_host(name, region)) else None
        found = (registry for registry in self._session.client.registries() if registry["uri"] == host)
        return next(((self._session, registry["name"], host) for registry in found), None)

    def _read_own(self, session: Session, registry: str, host: str) -> None:
        selector = {"digest" if self._reference.digest else "tag": self._wanted}
        found = session.client.images(registry, self._reference.repository, **selector)
        if found and self._platforms:
            self._image = self._chosen(found[0], session, registry)
        self._found = found[0] if found else None

    def _chosen(self, found: t.Mapping[str, t.Any], session: Session, registry: str) -> Image | None:
        """The chosen platforms, as far as the manifests tell them that the service gives; else as the registry does."""
        with contextlib.suppress(_NotTold, ContentMismatch):
            return walk(_Described(found, session.client), self._platforms)
        if self._host.check_mode and not session.usable_tokens(registry):
            return None
        with self._opened_own(RegistryLogin(session, registry)) as repository:
            return walk(_source(repository, found["digest"]), self._platforms)

    def need(self) -> None:
        """The image must exist, or be foreseen in check mode."""
        if self._own and self._found is None:
            self._session.missing(
                ImageNotFound(
                    f"there is no image '{self._name}' to copy", cure="Push it first, or check the tag or digest."
                )
            )

    # --- copying -----------------------------------------------------------------------------------------------------

    def send(self, delivery: Delivery, tags: t.Sequence[str]) -> t.Iterator[str]:
        """Nothing comes to lie on a disk; within one registry, blobs are mounted."""
        from ansible_collections.jdcloud.jcr.plugins.module_utils._upload import upload

        with self._origin(delivery) as origin, delivery.repository() as repository:
            root = self._found["digest"] if self._found else self._wanted
            transfer = upload(
                _source(origin, root),
                repository,
                tags,
                platforms=self._platforms,
                guards=delivery.guards,
                digest=self.digest,
                progress=delivery.layer_told,
            )
        delivery.pushed(transfer.root.digest, transfer.result())
        yield from tags

    def named(self, delivery: Delivery, tags: t.Iterable[str]) -> None:
        """No engine has a part in it."""

    def _origin(self, delivery: Delivery) -> t.ContextManager[Repository]:
        if self._own is None:
            return self._foreign()
        session, registry, host = self._own
        same = (host, registry) == (delivery.target.host, self._params["registry"])
        return self._opened_own(delivery.login if same else RegistryLogin(session, registry))

    def _opened_own(self, login: RegistryLogin) -> t.ContextManager[Repository]:
        from ansible_collections.jdcloud.jcr.plugins.module_utils._target import Target

        session, registry, host = self._own
        trusted = session.trust(host, registry)
        target = Target(trusted, self._reference.repository, TOKEN_USER, **session.transfer_options())
        return target.opened(login.token.password, clock=session.clock, deadline=session.deadline, renew=login.renew)

    def _foreign(self) -> t.ContextManager[Repository]:
        """A registry that this account does not own: with the given login, or anonymously."""
        from ansible_collections.jdcloud.jcr.plugins.module_utils._target import Target

        username, password = self._params["from_username"], self._params["from_password"]
        target = Target(self._reference.host, self._reference.repository, username, **self._session.transfer_options())
        secret = Secret(password) if password else None
        return target.opened(secret, clock=self._session.clock, deadline=self._session.deadline)


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
