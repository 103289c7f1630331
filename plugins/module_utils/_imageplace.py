# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where an image that is to be copied is: in a registry of this account, or in any other one.

This module util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils import _registryhost
from ansible_collections.jdcloud.jcr.plugins.module_utils._reference import ImageReference
from ansible_collections.jdcloud.jcr.plugins.module_utils._route import is_loopback
from ansible_collections.jdcloud.jcr.plugins.module_utils._rules import REGIONS
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import TOKEN_USER, Secret
from ansible_collections.jdcloud.jcr.plugins.module_utils._tokensession import TokenSession

if t.TYPE_CHECKING:
    from ansible_collections.jdcloud.jcr.plugins.module_utils._distribution import Repository
    from ansible_collections.jdcloud.jcr.plugins.module_utils._target import Target

# Docker Hub is called by another name than it listens to, and has its logins and layers elsewhere
# (Docker's documentation, "Allowlist for Docker Desktop").
_HUB_NAMES = ("docker.io", "index.docker.io")
_HUB = "registry-1.docker.io"
_HUB_PARTS = (
    "auth.docker.io",
    "production.cloudflare.docker.com",
    "production.cloudfront.docker.com",
    "docker-images-prod.6aa30f8b08e16409b46e0173d6de2f56.r2.cloudflarestorage.com",
)


@dataclasses.dataclass(frozen=True)
class OwnPlace:
    """A repository in a registry of this account, which C(session) (of its region) can ask the service about."""

    session: TokenSession
    registry: str
    host: str
    repository: str

    def find(self, reference: ImageReference, usual_tag: str) -> dict[str, t.Any] | None:
        """The image as the service tells it, which takes no token and counts as no pull; None if it is not there."""
        selector = {"digest": reference.digest} if reference.digest else {"tag": reference.tag or usual_tag}
        found = self.session.client.images(self.registry, self.repository, **selector)
        return found[0] if found else None

    def opened(self, password: Secret, renew: t.Callable[[], Secret] | None = None) -> t.ContextManager[Repository]:
        """The repository as the registry itself serves it. Raises HostNotAllowed."""
        host = self.session.trust(self.host, self.registry)
        target = _target(self.session, host, self.repository, TOKEN_USER)
        return target.opened(password, clock=self.session.clock, deadline=self.session.deadline, renew=renew)


@dataclasses.dataclass(frozen=True)
class ForeignPlace:
    """A repository in a registry that this account does not own: with a login of its own, or anonymously."""

    session: TokenSession
    reference: ImageReference  # with a host
    login: tuple[str, Secret] | None = None

    @property
    def target(self) -> Target:
        """How the repository is spoken to."""
        host, repository = self.reference.host, self.reference.repository
        username = self.login[0] if self.login else None
        if host.lower() not in _HUB_NAMES:
            return _target(self.session, host, repository, username)
        official = f"library/{repository}"
        target = _target(self.session, _HUB, repository if "/" in repository else official, username)
        return dataclasses.replace(target, allowed_hosts=(*target.allowed_hosts, *_HUB_PARTS))

    def opened(self) -> t.ContextManager[Repository]:
        """The repository as the registry itself serves it."""
        password = self.login[1] if self.login else None
        return self.target.opened(password, clock=self.session.clock, deadline=self.session.deadline)


def own_place(session: TokenSession, reference: ImageReference, registry: str) -> OwnPlace | None:
    """Where the image is if that is a registry of this account, in whatever region; None for any other one.

    C(registry) is the task's own: meant by a name without a host, and spoken to in one way only, whichever of its hosts
    the name has, so that its layers can be mounted.
    """
    host, repository = reference.host, reference.repository
    if host in (None, session.registry_host(registry)):
        return OwnPlace(session, registry, session.foreseen_host(registry), repository)
    named = _registryhost.split_registry_host(host)
    if named is None:
        return _listed_place(session, host, repository)
    name, region, _inner = named
    home = session.in_region(region)
    told = home.registry_host(name)
    if told is None:
        return None
    as_documented = told == home.documented_host(name) and (home, name) != (session, registry)
    return OwnPlace(home, name, host if as_documented else told, repository)


def _listed_place(session: TokenSession, host: str, repository: str) -> OwnPlace | None:
    """The same of a host that does not tell its registry: the service is asked which one has it.

    All regions are asked only where every registry has such a host, which is with an emulator on this machine.
    """
    emulated = is_loopback(host) and is_loopback(session.account.endpoint)
    for home in [session, *(session.in_region(region) for region in REGIONS if emulated and region != session.region)]:
        for each in home.client.registries():
            if each["uri"] == host:
                return OwnPlace(home, each["name"], host, repository)
    return None


def _target(session: TokenSession, host: str, repository: str, username: str | None) -> Target:
    from ansible_collections.jdcloud.jcr.plugins.module_utils._target import Target

    return Target(host, repository, username, **session.transfer_options())
