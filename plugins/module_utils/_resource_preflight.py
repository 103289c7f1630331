# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The resource of jcr_preflight: everything that could stop a run, looked at before it begins. Writes nothing.

This module util is private to the collection.
"""

from __future__ import annotations

import collections
import dataclasses
import functools
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils import _checks, _preflight, _probe, _rules
from ansible_collections.jdcloud.jcr.plugins.module_utils._credentials import DEFAULT_REGION, Account, resolve
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    CredentialsError,
    PreflightFailed,
    RuleError,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._estate import Registry, declared
from ansible_collections.jdcloud.jcr.plugins.module_utils._options import (
    CONNECTION,
    DOCKER,
    NAMES,
    TOKEN,
    ArgumentSpec,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._plan import Plan, State
from ansible_collections.jdcloud.jcr.plugins.module_utils._preflight import Row
from ansible_collections.jdcloud.jcr.plugins.module_utils._resource import Host, Resource
from ansible_collections.jdcloud.jcr.plugins.module_utils._tokensession import TokenSession

SPEC = ArgumentSpec(
    options={
        "registries": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {
                "name": {"type": "str", "required": True},
                "region": {"type": "str"},
                "description": {"type": "str"},
                "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
                "repositories": {
                    "type": "list",
                    "elements": "dict",
                    "default": [],
                    "options": {
                        "name": {"type": "str", "required": True},
                        "description": {"type": "str"},
                        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
                        "force": {"type": "bool", "default": False},
                    },
                },
                "purge": {"type": "bool", "default": False},
                "purge_patterns": {"type": "list", "elements": "str"},
                "purge_exclude": {"type": "list", "elements": "str"},
                "force": {"type": "bool", "default": False},
                "max_delete": {"type": "int", "default": 10},
                "images": {"type": "list", "elements": "str", "default": []},
                "tokens_needed": {"type": "int", "no_log": False},
            },
        },
        "images": {"type": "list", "elements": "str", "default": []},
        "tokens_needed": {"type": "int", "no_log": False},
        "on_failure": {"type": "str", "choices": ["fail", "warn"], "default": "fail"},
    },
).merge(NAMES, TOKEN, DOCKER, CONNECTION)

# Who asks where no access key was found: the endpoint and the time can be told all the same.
_NOBODY = {"access_key": "nobody", "secret_key": "nobody"}


class _Onlooker:
    """The task's host as the session of one region sees it.

    It is as in check mode, so that nothing can be written; what it would warn of stands in the table.
    """

    check_mode = True
    diff_mode = False

    def __init__(self, host: Host, params: t.Mapping[str, t.Any]) -> None:
        self.params = params
        self.environ = host.environ
        self.home = host.home
        self.keep_secret = host.keep_secret
        self.show = host.show
        self.engine = host.engine
        self.docker_logins = host.docker_logins

    def warn(self, text: str) -> None:
        """Say nothing."""


class PreflightResource(Resource):
    """A table of checks; there is nothing to plan."""

    usual_deadline = 300.0

    def __init__(self, host: Host) -> None:
        self.host = host
        self.params = host.params
        self.sessions: dict[str, TokenSession] = {}
        self.registries: list[Registry] = []
        self.rows: list[Row] = []
        self.unknown: CredentialsError | None = None  # why there is no access key

    def purpose(self) -> tuple[str, str]:
        names = list(dict.fromkeys(entry["name"] for entry in self.params["registries"]))
        about = f"{', '.join(map(repr, names[:5]))}{', …' if len(names) > 5 else ''}" if names else "the account"
        return "pass the preflight of", f"{'registries ' if len(names) > 1 else 'registry ' if names else ''}{about}"

    @functools.cached_property
    def account(self) -> Account | None:
        """Who asks; None where not even the endpoint can be told."""
        for stand_in in ({}, _NOBODY):
            try:
                return resolve({**self.params, **stand_in}, self.host.environ, self.host.home)
            except CredentialsError as error:
                self.unknown = self.unknown or error
        return None

    @functools.cached_property
    def region(self) -> str:
        """The region of registries that name none."""
        return self.account.region if self.account else self.params["region"] or DEFAULT_REGION

    def check(self) -> None:
        """Refuse what contradicts itself; what is merely wrong becomes a row of the table."""
        self.registries = declared(self.params["registries"], self.region, self.params["tokens_needed"])

    def read(self) -> State:
        regions = list(dict.fromkeys([registry.region for registry in self.registries] or [self.region]))
        probes: dict[str, _probe.Probe] = {}
        for region in regions:
            if self.account and _is_well_formed(region) and all(found.answered for found in probes.values()):
                probes[region] = _probe.ask(self._session(region))
        self.rows = self._about_account(list(probes.values()))
        for region in regions:
            self.rows += self._about_region(region, probes.get(region))
        sources = [*self.params["images"], *(image for registry in self.registries for image in registry.images)]
        self.rows += _checks.engine_rows(self.host, list(dict.fromkeys(sources)))
        return {}

    def _session(self, region: str) -> TokenSession:
        stand_in = _NOBODY if self.unknown else {}
        self.sessions[region] = TokenSession(
            _Onlooker(self.host, {**self.params, **stand_in, "region": region}), self.usual_deadline
        )
        # One deadline for the whole task.
        self.sessions[region].deadline = next(iter(self.sessions.values())).deadline
        return self.sessions[region]

    def _about_account(self, probes: list[_probe.Probe]) -> list[Row]:
        rows = []
        if self.account:
            verify = next((session.verify for session in self.sessions.values()), True)
            rows.append(_probe.endpoint(self.account.endpoint, probes, verify=verify))
        else:
            because = "it cannot be told without the account"
            rows.append(_preflight.not_checked("endpoint", self.params["endpoint"] or "endpoint", because))
        if self.unknown:
            rows.append(_preflight.failed_by("credentials", _probe.ACCESS_KEY, self.unknown))
        else:
            source = self.account.credential.source
            rows.append(_probe.credentials(source, probes, self.account.warnings))
        return [*rows, _probe.local_clock(probes)]

    def _about_region(self, region: str, found: _probe.Probe | None) -> list[Row]:
        if self.unknown:
            blocked = "there is no access key"
        elif not _is_well_formed(region):
            blocked = "there is no such region"
        else:
            blocked = found.blocked if found else "the endpoint cannot be asked"
        quotas = found.quotas if found else {}
        names = [registry.name for registry in self.registries if registry.present]
        scattered = frozenset(name for name, count in collections.Counter(names).items() if count > 1)
        leaving = frozenset(registry.name for registry in self.registries if not registry.present)
        place = _checks.Place(self.sessions.get(region), quotas, blocked, self.params, scattered, leaving)
        rows = [_probe.region(region, found)]
        actions = []
        for registry in self.registries:
            if registry.region == region:
                more, action = _checks.registry_rows(place, registry)
                rows += more
                actions.append(action)
        return [*rows, _checks.registry_quota(place, region, actions)] if actions else rows

    def want(self, before: State) -> State:
        return {}

    def result(self, plan: Plan, after: State) -> dict[str, t.Any]:
        counts = _preflight.summary(self.rows)
        results = {"checks": [dataclasses.asdict(row) for row in self.rows], "summary": counts}
        bad = [row for row in self.rows if row.verdict != _preflight.OK]
        if counts[_preflight.FAIL] and self.params["on_failure"] == "fail":
            error = PreflightFailed(f"{counts[_preflight.FAIL]} of {len(self.rows)} checks failed")
            error.result, error.table = results, _preflight.render(bad)
            raise error
        for row in bad:
            self.host.warn(f"{row.check} of {row.object}: {row.message.rstrip('.')}. {row.cure or ''}".rstrip())
        return results

    def close(self) -> None:
        for session in self.sessions.values():
            session.close()


def _is_well_formed(region: str) -> bool:
    try:
        _rules.region(region)
    except RuleError:
        return False
    return True
