# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task needs to speak to the service: account, client, token broker, each made when it is first asked for.

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
    ConfigurationError,
    JcrError,
    NotFound,
    QuotaExceeded,
    RuleError,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._models import format_time
from ansible_collections.jdcloud.jcr.plugins.module_utils._resource import Host, Resource
from ansible_collections.jdcloud.jcr.plugins.module_utils._route import is_loopback
from ansible_collections.jdcloud.jcr.plugins.module_utils._rules import region as check_region
from ansible_collections.jdcloud.jcr.plugins.module_utils._rules import token_hours
from ansible_collections.jdcloud.jcr.plugins.module_utils._transport import Transport

if t.TYPE_CHECKING:
    from ansible_collections.jdcloud.jcr.plugins.module_utils._registrycall import Conversation
    from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Secret
    from ansible_collections.jdcloud.jcr.plugins.module_utils._tokens import Token, TokenBroker

T = t.TypeVar("T")

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
        self._unkept: dict[str, Token] = {}
        self._elsewhere: dict[str, Session] = {}
        self._conversations: list[Conversation] = []
        self.account = resolve(self._params, host.environ, host.home)
        host.keep_secret(self.account.credential.secret_key)
        if self.account.credential.security_token:
            host.keep_secret(self.account.credential.security_token)
        for text in filter(None, [*self.account.warnings, check_region(self.account.region)]):
            host.warn(text)

    def _seconds(self, option: str, usual: float | None = None) -> float | None:
        """An option that is a time, or the usual one where it was left out or the module has none."""
        seconds = self._params.get(option)
        if seconds is None:
            return usual
        if not 0 < seconds < float("inf"):
            cure = "Choose more than 0. Leave it out for the usual time."
            raise ConfigurationError(f"{option} is {seconds:g} seconds", cure=cure)
        return seconds

    @functools.cached_property
    def deadline(self) -> Deadline:
        """When the task gives up; it begins to count when it is first asked for."""
        return Deadline(self.clock, self._seconds("deadline", self._usual_deadline))

    @property
    def region(self) -> str:
        return self.account.region

    def in_region(self, region: str) -> Session:
        """The same account in another region, with the same deadline; this session closes it."""
        if region == self.region:
            return self
        if region not in self._elsewhere:
            session = Session(self._host, None, self.clock, region)
            session.__dict__["deadline"] = self.deadline
            self._elsewhere[region] = session
        return self._elsewhere[region]

    @functools.cached_property
    def client(self) -> Client:
        transport = Transport(
            self.account.endpoint,
            verify=self.verify,
            timeout=self._seconds("timeout"),
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
        if self._params["retries"] < 0:
            raise ConfigurationError(f"retries is {self._params['retries']}", cure="Choose 0 or more.")
        return t.cast(int, self._params["retries"])

    @property
    def verify(self) -> bool | str:
        """Which certificates to trust: none checked, the system's, or those of a file."""
        if not self._params["validate_certs"]:
            return False
        return self._params["ca_path"] or self._host.environ.get("JDCLOUD_CA_PATH") or True

    @functools.cached_property
    def broker(self) -> TokenBroker:
        from ansible_collections.jdcloud.jcr.plugins.module_utils._tokencache import default_cache_dir
        from ansible_collections.jdcloud.jcr.plugins.module_utils._tokens import TokenBroker

        cache = self._params.get("cache") or default_cache_dir(self._host.environ, self._host.home)
        return TokenBroker(self.client, cache, clock=self.clock)

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
        from ansible_collections.jdcloud.jcr.plugins.module_utils import _reference

        return _reference.registry_host(registry, self.region)

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
        from ansible_collections.jdcloud.jcr.plugins.module_utils import _reference

        return _reference.check_registry_host(
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

    # --- tokens ------------------------------------------------------------------------------------------------------

    @property
    def min_remaining(self) -> datetime.timedelta:
        return datetime.timedelta(minutes=self._params["min_remaining"])

    def check_token_options(self) -> None:
        """Refuse hours and min_remaining that can never be met."""
        hours = token_hours(self._params["hours"])
        if isinstance(self._params["min_remaining"], bool):  # which passes as the number 0 or 1 otherwise
            raise RuleError("min_remaining is not a number of minutes but of type bool", cure="Give it as a number.")
        if not 0 <= self._params["min_remaining"] < hours * 60:
            raise RuleError(
                f"min_remaining is {self._params['min_remaining']} minutes, but a token of {hours} h must outlive it",
                cure=f"Choose min_remaining from 0 to {hours * 60 - 1} minutes, or more hours.",
            )

    def token(self, registry: str) -> Token:
        """A token of C(registry) that lives long enough: from the cache, or issued now."""
        token = self.broker.acquire(
            registry,
            hours=self._params["hours"],
            min_remaining=self.min_remaining,
            on_rate_limit=self._policy,
        )
        self.keep_token(token)
        if token.expires_at is None:  # the broker does not keep it, so that this task is the only one to know it
            self._unkept[registry] = token
        return token

    def token_to_look_with(self, registry: str) -> Token | None:
        """As token(); in check mode, which must not issue one, a token that is held, or None."""
        if not self._host.check_mode:
            return self.token(registry)
        return next(iter(self.usable_tokens(registry)), None)

    def conversation(self, registry: str, token: Token) -> Conversation:
        """What speaks the registry's own protocol with the login of this token; the session closes it.

        Raises HostNotAllowed as trusted_host() does.
        """
        from ansible_collections.jdcloud.jcr.plugins.module_utils._registrycall import Conversation

        conversation = Conversation(
            self.trusted_host(registry),
            (token.username, token.password),
            clock=self.clock,
            deadline=self.deadline,
            **self.transfer_options(),
        )
        self._conversations.append(conversation)
        return conversation

    def renewed_token(self, registry: str, replacing: t.Collection[Secret]) -> Token:
        """A token to put in the place of others; the broker's hand_over() does that."""
        token = self.broker.renew(
            registry, hours=self._params["hours"], replacing=replacing, on_rate_limit=self._policy
        )
        self.keep_token(token)
        return token

    def foresee_renewal(self, registry: str, replacing: t.Collection[Secret]) -> None:
        """Fail as renewed_token() would, for want of a free slot or of a usable cache. Issues and writes nothing."""
        self.broker.foresee_renewal(registry, replacing=replacing, on_rate_limit=self._policy)

    def foresee_keeping(self, registry: str) -> None:
        """Fail as it would fail to put a token into the cache, as far as it can be foreseen. Writes nothing."""
        self.broker.foresee_writing(registry)

    @property
    def _policy(self) -> str:
        return self._params["on_rate_limit"]

    def foresee_token(self, registry: str) -> None:
        """Fail as token() would, for want of a free slot or of a usable cache. Issues and writes nothing."""
        self.broker.foresee(registry, min_remaining=self.min_remaining, on_rate_limit=self._policy)

    def usable_tokens(self, registry: str) -> list[Token]:
        """The cached tokens that token() would be content with now, the longest living first. Issues, writes nothing.

        Where the hour's tokens are used up and O(on_rate_limit=reuse), those are all that are valid.
        """
        if registry in self._unkept:
            return [self._unkept[registry]]
        held = self.held_tokens(registry)
        long_enough = [token for token in held if token.expires_at - self.client.now() > self.min_remaining]
        if not long_enough and self._policy == "reuse":
            return held if self.broker.ledger(registry)["next_slot_at"] else []
        return long_enough

    def held_tokens(self, registry: str) -> list[Token]:
        """The cached tokens of C(registry) that the service lists as valid, the longest living first."""
        return self._kept_secret(self.broker.held(registry))

    def owned_tokens(self, registry: str) -> list[Token]:
        """As held_tokens(), with those that a rotation has replaced and not released yet."""
        return self._kept_secret(self.broker.owned(registry))

    def _kept_secret(self, tokens: list[Token]) -> list[Token]:
        for token in tokens:
            self.keep_token(token)
        return tokens

    def keep_token(self, token: Token) -> None:
        self._host.keep_secret(token.password)
        self._host.keep_secret(token.authorization_token)

    def transfer_options(self) -> dict[str, t.Any]:
        """How a registry itself is to be spoken to, as _target.Target takes it."""
        from ansible_collections.jdcloud.jcr.plugins.module_utils._engineaddress import IDLE_SECONDS

        return {
            "timeout": self._seconds("timeout"),
            "idle": self._seconds("idle_timeout", IDLE_SECONDS),
            "retries": self.retries,
            "verify": self.verify,
            "allowed_hosts": tuple(self._params["allowed_registry_hosts"]),
        }

    def close(self) -> None:
        """Hand the broker's warnings on, and let go of the connections."""
        for session in self._elsewhere.values():
            session.close()
        if "broker" in self.__dict__:
            for text in self.broker.warnings:
                self._host.warn(text)
        for conversation in self._conversations:
            conversation.close()
        if "client" in self.__dict__:
            self.client.close()


class ServiceResource(Resource):
    """A resource that speaks to the service through a session of its own."""

    # Seconds for the whole task where the option says nothing; None: no limit but that of each step.
    usual_deadline: float | None = 300.0

    def __init__(self, host: Host) -> None:
        self.params = host.params
        self.host = host

    @functools.cached_property
    def session(self) -> Session:
        """Made when first used, so that a failure to make it can say what the task was about."""
        return Session(self.host, self.usual_deadline)

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
