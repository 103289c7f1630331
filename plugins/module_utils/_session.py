# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task needs to speak to the service: account, client, each made when it is first asked for.

This module util is private to the collection.
"""

from __future__ import annotations

import datetime
import functools
import itertools
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._client import Client
from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Clock, Deadline
from ansible_collections.jdcloud.jcr.plugins.module_utils._credentials import resolve
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    AlreadyExists,
    JcrError,
    NotFound,
    QuotaExceeded,
    RuleError,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._models import format_time
from ansible_collections.jdcloud.jcr.plugins.module_utils._quantities import at_least, positive_seconds
from ansible_collections.jdcloud.jcr.plugins.module_utils._resource import Host, Resource
from ansible_collections.jdcloud.jcr.plugins.module_utils._route import is_loopback
from ansible_collections.jdcloud.jcr.plugins.module_utils._rules import region as check_region
from ansible_collections.jdcloud.jcr.plugins.module_utils._transport import Transport

T = t.TypeVar("T")
S = t.TypeVar("S", bound="Session")

_POLL_PAUSES = (0.5, 1.0, 2.0, 4.0)  # seconds between two looks at what is not there yet; the last for ever


class Session:
    """One task's conversation with the service.

    What not every task needs is imported where it is used: a module's process compiles anew whatever it imports.
    Making it sends nothing. Raises CredentialsError or RuleError for options that cannot work.
    """

    def __init__(
        self, host: Host, usual_deadline: float | None, clock: Clock | None = None, region: str | None = None
    ) -> None:
        self._host = host
        self._params = host.params if region is None else {**host.params, "region": region}
        self.clock = clock or Clock()
        self._usual_deadline = usual_deadline
        self._hosts: dict[str, str] = {}
        self._elsewhere: dict[str, t.Any] = {}  # sessions of this kind, by region
        self.account = resolve(self._params, host.environ, host.home)
        host.keep_secret(self.account.credential.secret_key)
        if self.account.credential.security_token:
            host.keep_secret(self.account.credential.security_token)
        for text in filter(None, [*self.account.warnings, check_region(self.account.region)]):
            host.warn(text)

    def _seconds(self, option: str, usual: float | None) -> float | None:
        """An option that is a time, or the usual one where it was left out or the module has none."""
        seconds = self._params.get(option)
        return usual if seconds is None else positive_seconds(option, seconds)

    @functools.cached_property
    def deadline(self) -> Deadline:
        """When the task gives up; it begins to count when it is first asked for."""
        return Deadline(self.clock, self._seconds("deadline", self._usual_deadline))

    @property
    def region(self) -> str:
        return self.account.region

    def in_region(self: S, region: str) -> S:
        """The same account in another region, with the same deadline; this session closes it."""
        if region == self.region:
            return self
        if region not in self._elsewhere:
            session = type(self)(self._host, None, self.clock, region)
            session.__dict__["deadline"] = self.deadline
            self._elsewhere[region] = session
        return self._elsewhere[region]

    @functools.cached_property
    def client(self) -> Client:
        transport = Transport(
            self.account.endpoint,
            verify=self.verify,
            timeout=self._params["timeout"],
            clock=self.clock,
        )
        return Client(
            self.account,
            transport=transport,
            clock=self.clock,
            deadline=self.deadline,
            retries=self.retries,
            read_only=self._host.check_mode,
            tell=lambda text: self._host.show(text, verbosity=1),
        )

    @property
    def retries(self) -> int:
        """How often what may pass is tried again."""
        return t.cast(int, at_least(0, "retries", self._params["retries"]))

    @property
    def verify(self) -> bool | str:
        """Which certificates to trust: none checked, the system's, or those of a file."""
        if not self._params["validate_certs"]:
            return False
        return self._params["ca_path"] or self._host.environ.get("JDCLOUD_CA_PATH") or True

    def registry_host(self, registry: str) -> str | None:
        """The host that the service names for C(registry), unchecked; None if the registry does not exist."""
        if registry not in self._hosts:
            found = self.client.registry(registry)
            if found is None:
                return None
            self._hosts[registry] = found["uri"]
        return self._hosts[registry]

    def foreseen_host(self, registry: str) -> str:
        """The host of a registry, unchecked; by the documented rule where it does not exist (yet)."""
        return self.registry_host(registry) or self.documented_host(registry)

    def documented_host(self, registry: str) -> str:
        """The host that a registry of this name has by the documented rule; the service is not asked."""
        from ansible_collections.jdcloud.jcr.plugins.module_utils import _registryhost

        return _registryhost.registry_host(registry, self.region)

    def existing_host(self, registry: str) -> str:
        """The host of a registry that has to exist, unchecked; in check mode the foreseen one if it does not."""
        if self.registry_host(registry) is None:
            self.missing(
                NotFound(
                    f"registry '{registry}' does not exist in {self.region}",
                    cure="Create it with jcr_registry, or check the name and the region.",
                )
            )
        return self.foreseen_host(registry)

    def trusted_host(self, registry: str) -> str:
        """The host of a registry that has to exist, checked before anything secret may be sent to it.

        Raises HostNotAllowed for a host that is not the expected one.
        """
        return self.trust(self.existing_host(registry), registry)

    def trust(self, host: str, registry: str) -> str:
        """The host itself, if a token of this registry may be sent to it; raises HostNotAllowed."""
        from ansible_collections.jdcloud.jcr.plugins.module_utils import _registryhost

        return _registryhost.check_registry_host(
            host,
            registry,
            self.region,
            allowed=self._params["allowed_registry_hosts"],
            loopback_endpoint=is_loopback(self.account.endpoint),
        )

    def need_quota(self, resource_type: str, count: int, *, used: int | None = None) -> None:
        """Raise QuotaExceeded where the service's quota has no room for C(count) more of C(registry) or C(repository).

        C(used) takes the place of the use that the service tells: its figure for repositories names no registry, so
        that whoever knows the registry's own number gives it. Silent where the service does not tell the quota: then
        its answer to the write has to do.
        """
        try:
            quotas = self.client.quotas()
        except JcrError:
            return
        for quota in quotas:
            taken = quota["used"] if used is None else used
            if quota["resource_type"] == resource_type and 0 <= quota["limit"] < taken + count:
                raise QuotaExceeded(
                    f"the quota has no room for {count} more: {taken} of {quota['limit']} are used "
                    f"(resource type {resource_type} in {self.region})"
                )

    def read_until(self, read: t.Callable[[], T], right: t.Callable[[T], bool], seconds: float) -> T:
        """Read until what is read is right, or C(seconds) have passed; returns what was read last.

        Raises what C(read) raises: DeadlineExceeded as well, because no pause goes beyond the task's own time.
        """
        patience = Deadline(self.clock, seconds)
        for pause in itertools.chain(_POLL_PAUSES, itertools.repeat(_POLL_PAUSES[-1])):
            found = read()
            left = patience.left()
            if right(found) or left == 0.0:
                return found
            self.clock.sleep(min(time for time in (pause, left, self.deadline.left()) if time is not None))
        raise RuntimeError("unreachable: the pauses have no end")

    def missing(self, error: NotFound) -> None:
        """Something that the task builds on does not exist.

        A real run fails. A prediction goes on with a warning: an earlier task of the real run may create it.
        """
        if not self._host.check_mode:
            raise error
        cause = error.cause[:1].upper() + error.cause[1:]
        self._host.warn(f"{cause}: predicted as if an earlier task of the real run creates it.")

    def close(self) -> None:
        """Let go of the connections."""
        for session in self._elsewhere.values():
            session.close()
        if "client" in self.__dict__:
            self.client.close()


class ServiceResource(Resource):
    """A resource that speaks to the service through a session of its own."""

    session_type: type[Session] = Session
    # Seconds for the whole task where the option says nothing; None: no limit but that of each step.
    usual_deadline: float | None = 300.0

    def __init__(self, host: Host) -> None:
        self.params = host.params
        self.host = host

    @functools.cached_property
    def session(self) -> Session:
        """Made when first used, so that a failure to make it can say what the task was about."""
        return self.session_type(self.host, self.usual_deadline)

    @property
    def place(self) -> str:
        """The region as the end of a message's object, C( in cn-north-1); nothing where it cannot be told."""
        try:
            return f" in {self.session.region}"
        except JcrError:
            return ""

    def close(self) -> None:
        if "session" in self.__dict__:
            self.session.close()


NAME_TAKEN = 3  # what checkRegistryName and checkRepositoryName answer for a name that somebody has


def accept_checked_name(what: str, code: int, reason: str) -> None:
    """Judge the answer of checkRegistryName or checkRepositoryName: 0 passes, 1 empty, 2 ill-formed, 3 taken."""
    if code == NAME_TAKEN:
        raise AlreadyExists(f"{what} is taken already: {reason}", cure="Choose another name.")
    if code != 0:
        raise RuleError(f"the service does not accept {what}: {reason}", cure="Choose a name that the service accepts.")


def moment(value: datetime.datetime | None) -> str | None:
    """A time as the collection returns it: RFC 3339 in UTC, whole seconds."""
    return None if value is None else format_time(value)
