# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The checks of an account and its regions, all from one signed call in each region. Nothing is written.

This module util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils import _rules
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    ApiError,
    AuthenticationFailed,
    ConfigurationError,
    Forbidden,
    JcrError,
    NotFound,
    RuleError,
    ServerError,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._preflight import (
    Row,
    clock,
    failed_by,
    not_checked,
    ok,
    warn,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._session import Session

ACCESS_KEY = "access key"


@dataclasses.dataclass(frozen=True)
class Probe:
    """What reading the quotas of a region told. C(skew) is the service's time minus ours, None without an answer."""

    region: str
    quotas: t.Mapping[str, t.Mapping[str, t.Any]]
    failure: JcrError | None
    skew: datetime.timedelta | None

    @property
    def answered(self) -> bool:
        """Whether the service itself has answered; what a portal or a broken gateway says does not count."""
        service = (ApiError, ConfigurationError)
        by_service = isinstance(self.failure, service) and not isinstance(self.failure, ServerError)
        return self.failure is None or (by_service and self.failure.http_status is not None)

    @property
    def served(self) -> bool:
        """Whether the region is there and the account accepted."""
        return self.failure is None or isinstance(self.failure, Forbidden)

    @property
    def elsewhere(self) -> bool:
        """Whether the service says that there is nothing in this region."""
        return self.answered and isinstance(self.failure, (ConfigurationError, NotFound))

    @property
    def blocked(self) -> str | None:
        """Why nothing more can be asked in this region."""
        if self.served:
            return None
        if not self.answered:
            return "the endpoint cannot be asked"
        if self.elsewhere:
            return "the region is not served"
        if isinstance(self.failure, AuthenticationFailed):
            return "the access key is not accepted"
        return f"the service refuses ({self.failure.cause.rstrip('.')})"


def ask(session: Session) -> Probe:
    """Read the quotas: that shows endpoint, time, access key and region as well."""
    quotas: dict[str, t.Any] = {}
    failure = None
    try:
        quotas = {found["resource_type"]: found for found in session.client.quotas()}
    except JcrError as error:
        failure = error
    heard = failure is None or failure.http_status is not None
    skew = session.client.now() - session.clock.now() if heard else None
    return Probe(session.region, quotas, failure, skew)


def endpoint(address: str, probes: t.Sequence[Probe], *, verify: bool | str) -> Row:
    """Name, connection, TLS and HTTP: the transport's errors say which of them is the trouble."""
    unanswered = next((found for found in probes if not found.answered), None)
    if unanswered:
        return failed_by("endpoint", address, unanswered.failure)
    if not probes:
        return not_checked("endpoint", address, "there is no region to ask in")
    if not address.startswith("https:"):
        return ok("endpoint", address, "answers")
    return ok("endpoint", address, "answers over TLS" + ("" if verify else ", whose certificate is not checked"))


def credentials(source: str, probes: t.Sequence[Probe], warnings: t.Sequence[str]) -> Row:
    """Whether the service accepts the access key; C(warnings) are about where it lies."""
    refused = next((found for found in probes if found.answered and not (found.served or found.elsewhere)), None)
    if refused:
        return failed_by("credentials", ACCESS_KEY, refused.failure)
    if not any(found.served for found in probes):
        because = next((found.blocked for found in probes), "there is no region to ask in")
        return not_checked("credentials", ACCESS_KEY, because)
    told = f"accepted, by {source}"
    if warnings:
        return warn("credentials", ACCESS_KEY, f"{told}; {' '.join(warnings)}", "Let nobody else read the key.")
    return ok("credentials", ACCESS_KEY, told)


def local_clock(probes: t.Sequence[Probe]) -> Row:
    """How far the local clock is from the Date of the service's answers."""
    skews = [found.skew for found in probes if found.skew is not None]
    if not skews:
        return not_checked("clock", "local clock", "the service has not told its time")
    return clock(max(skews, key=abs))


def region(name: str, found: Probe | None) -> Row:
    """Whether the service is there in this region; C(found) is None where it was not asked."""
    try:
        undocumented = _rules.region(name)
    except RuleError as error:
        return failed_by("region", name, error)
    if found is not None and found.served:
        return ok("region", name, "is served" + (", though not documented" if undocumented else ""))
    if found is not None and found.elsewhere:
        return failed_by("region", name, found.failure)
    if undocumented:
        return not_checked("region", name, "the service cannot be asked, and the documents do not name it")
    return ok("region", name, "is documented")
