# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The checks of a preflight on registries and on the Docker Engine. Nothing is written.

This module util is private to the collection.

Each check gives rows of the table in _preflight. What keeps a check from being made (C(blocked)) was told by another
row; a check that the account's policy forbids is told as not made, since the run itself may do without it.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils import _deletions, _purge, _reference, _registryhost, _rules
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    AlreadyExists,
    ConfigurationError,
    EngineError,
    Forbidden,
    JcrError,
    MissingLibrary,
    RuleError,
    ServerError,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._estate import Registry
from ansible_collections.jdcloud.jcr.plugins.module_utils._ledger import ISSUES_AN_HOUR
from ansible_collections.jdcloud.jcr.plugins.module_utils._plan import CREATE, DELETE, NONE
from ansible_collections.jdcloud.jcr.plugins.module_utils._preflight import (
    FAIL,
    Row,
    fail,
    failed_by,
    not_checked,
    ok,
    quota,
    token_budget,
    warn,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._route import is_loopback
from ansible_collections.jdcloud.jcr.plugins.module_utils._session import accept_checked_name, moment
from ansible_collections.jdcloud.jcr.plugins.module_utils._tokensession import TokenSession
from ansible_collections.jdcloud.jcr.plugins.module_utils._transport import Transport

ASKED_NAMES = 100  # of new repositories of one registry; that they are free is known from the listing anyway
_UNKNOWN = "it is not known whether the registry exists"
_LEAVING = "is taken; by the one in another region that is declared absent, it seems"

Rule = t.Callable[[str], t.Any]
Fields = t.Mapping[str, t.Any]


# --- one registry ----------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Place:
    """A region with what is known of it, and the task's options.

    C(scattered) are the names of registries that are declared in several regions, C(leaving) of those that are declared
    absent in one.
    """

    session: TokenSession | None
    quotas: t.Mapping[str, t.Mapping[str, t.Any]]
    blocked: str | None
    params: t.Mapping[str, t.Any]
    scattered: frozenset[str] = frozenset()
    leaving: frozenset[str] = frozenset()
    _listed: dict[str, dict[str, Fields]] = dataclasses.field(default_factory=dict)

    def repositories(self, registry: str) -> t.Mapping[str, Fields]:
        """The repositories of a registry that exists, by their names, listed once."""
        if registry not in self._listed:
            self._listed[registry] = {found["name"]: found for found in self.session.client.repositories(registry)}
        return self._listed[registry]

    def rule(self, documented: Rule, addressable: Rule) -> Rule:
        """The rule that a name to create has to follow, by O(validate_names)."""
        return documented if self.params["validate_names"] == "documented" else addressable


def registry_rows(place: Place, declared: Registry) -> tuple[list[Row], str]:
    """All rows of one registry, and what a run does with it: C(create), C(delete) or C(none), as far as it is known."""
    name_row, exists = _registry_name(place, declared)
    rows = [name_row, *_descriptions(declared), *_repositories(place, declared, exists)]
    rows += _deletes(place, declared) if exists and declared.deletes else []
    if declared.present:
        rows.append(_registry_host(place, declared, exists))
        if declared.tokens_needed:
            rows.append(_guarded("token_budget", _the(declared), lambda: _tokens(place, declared, exists)))
    if declared.present:
        return rows, CREATE if exists is False and name_row.verdict != FAIL else NONE
    return rows, DELETE if exists else NONE


def registry_quota(place: Place, name: str, actions: t.Sequence[str]) -> Row:
    """Whether the region has room for what is declared; C(actions) tells what a run does with each registry."""
    obj = f"registries in {name}"
    told = _quota_told(place, "registry")
    if isinstance(told, str):
        return not_checked("quota", obj, told)
    create, delete = actions.count(CREATE), actions.count(DELETE)
    return quota(obj, used=told["used"], limit=told["limit"], create=create, delete=delete)


def _registry_name(place: Place, declared: Registry) -> tuple[Row, bool | None]:
    obj, name, exists = _the(declared), declared.name, None
    fault = _fault(_rules.registry_name, name)
    if fault:
        return failed_by("registry_name", obj, fault), False
    if declared.present:
        fault = _fault(place.rule(_rules.registry_name_to_create, _rules.registry_name), name)
    try:
        if place.blocked:
            row = failed_by("registry_name", obj, fault) if fault else None
            return row or not_checked("registry_name", obj, place.blocked), None
        exists = place.session.registry_host(name) is not None
        if exists or not declared.present:
            return ok("registry_name", obj, "exists in this account" if exists else "is not there"), exists
        if fault:
            raise fault
        accept_checked_name(f"registry '{name}'", *place.session.client.check_registry_name(name))
        if name in place.scattered:
            cure = "Names are unique among all regions, by the documents: choose another one in one of them."
            return warn("registry_name", obj, "is free, but declared in another region as well", cure), exists
        return ok("registry_name", obj, "is free"), exists
    except AlreadyExists as error:
        if name in place.leaving:
            return warn("registry_name", obj, _LEAVING, "Delete that one first, as role provision does."), exists
        return _trouble("registry_name", obj, error), exists
    except JcrError as error:
        return _trouble("registry_name", obj, error), exists


def _descriptions(declared: Registry) -> t.Iterator[Row]:
    """A row for each description that breaks the rule; the others need none."""
    for name, described in [(None, declared), *((entry.name, entry) for entry in declared.repositories)]:
        fault = _fault(_rules.description, described.description)
        if fault:
            yield failed_by("description", _the(declared, name), fault)


def _repositories(place: Place, declared: Registry, exists: bool | None) -> list[Row]:
    """A row for each repository that cannot be had, one for all others, and one for the room that they need."""
    if not declared.present or not declared.repositories:
        return []
    obj = f"repositories of {_the(declared)}"
    try:
        there = place.repositories(declared.name).keys() if exists else set()
    except JcrError as error:
        return [*_bad_names(place, declared, frozenset()), _trouble("repository_names", obj, error)]
    new = [entry.name for entry in declared.repositories if entry.present and entry.name not in there]
    rows = list(_bad_names(place, declared, frozenset(new)))
    if exists is None:
        return [*rows, not_checked("repository_names", obj, place.blocked or _UNKNOWN)]
    legal = _without(rows, declared, new)
    rows += _asked(place, declared, legal) if exists else []
    free = _without(rows, declared, legal)
    present = sum(entry.name in there for entry in declared.repositories)
    delete = sum(entry.name in there for entry in declared.repositories if not entry.present)
    if declared.purge:
        named = {entry.name for entry in declared.repositories}
        delete += len(_purge.undeclared(there, named, declared.purge_patterns, declared.purge_exclude))
    return [
        *rows,
        ok("repository_names", obj, f"{present} exist, {len(free)} can be created"),
        _room(place, obj, used=len(there), create=len(free), delete=delete),
    ]


def _deletes(place: Place, declared: Registry) -> list[Row]:
    """A row for what keeps a run from deleting, or one for all that it will delete; none where nothing goes."""
    obj = _the(declared)
    try:
        there = place.repositories(declared.name)
        if declared.force and not declared.present:
            images = place.session.client.images(declared.name, None)
            return [_deletions.cascade(obj, declared, there, images)]
    except JcrError as error:
        return [] if declared.repositories and declared.present else [_trouble("deletes", obj, error)]
    return _deletions.rows(obj, declared, there)


def _without(rows: t.Iterable[Row], declared: Registry, names: t.Iterable[str]) -> list[str]:
    """The names of repositories that no row is about."""
    objects = {row.object for row in rows}
    return [name for name in names if _the(declared, name) not in objects]


def _bad_names(place: Place, declared: Registry, new: t.Collection[str]) -> t.Iterator[Row]:
    """A row for each name that breaks its rule: that of new repositories, or that of all."""
    create_rule = place.rule(_rules.repository_name_to_create, _rules.repository_name)
    for entry in declared.repositories:
        fault = _fault(create_rule if entry.name in new else _rules.repository_name, entry.name)
        if fault:
            yield failed_by("repository_name", _the(declared, entry.name), fault)


def _room(place: Place, obj: str, *, used: int, create: int, delete: int) -> Row:
    """Whether a registry has room; the quota's own C(used) cannot be about a single registry."""
    told = _quota_told(place, "repository")
    if isinstance(told, str):
        return not_checked("quota", obj, told)
    return quota(obj, used=used, limit=told["limit"], create=create, delete=delete)


def _asked(place: Place, declared: Registry, names: t.Sequence[str]) -> list[Row]:
    """What the service itself says against names of new repositories."""
    rows = []
    for name in names[:ASKED_NAMES]:
        try:
            code, reason = place.session.client.check_repository_name(declared.name, name)
            accept_checked_name(f"repository '{name}'", code, reason)
        except (AlreadyExists, RuleError) as error:
            rows.append(failed_by("repository_name", _the(declared, name), error))
        except JcrError as error:  # what hinders one question hinders the others, too
            return [*rows, _trouble("repository_name", _the(declared, name), error)]
    return rows


def _registry_host(place: Place, declared: Registry, exists: bool | None) -> Row:
    """Whether the registry's own host answers, asked without credentials."""
    obj = _the(declared)
    if exists is None:
        return not_checked("registry_host", obj, place.blocked or _UNKNOWN)
    if not exists:
        try:
            host = _registryhost.registry_host(declared.name, declared.region)
        except RuleError:
            return not_checked("registry_host", obj, "the name makes no host")
        return ok("registry_host", obj, f"the registry does not exist yet; by the documents it will be {host}")
    try:
        host = place.session.trusted_host(declared.name)
        _knock(place.session, host, place.params["timeout"])
    except JcrError as error:
        row = failed_by("registry_host", obj, error)
        # Who only declares registries never speaks to their hosts.
        return row if declared.tokens_needed or declared.images else dataclasses.replace(row, verdict="warn")
    return ok("registry_host", obj, f"{host} answers")


def _knock(session: TokenSession, host: str, timeout: float) -> None:
    scheme = "http" if is_loopback(host) else "https"
    transport = Transport(
        f"{scheme}://{host}", verify=session.verify, timeout=timeout, clock=session.clock, called="registry host"
    )
    try:
        answer = transport.send(
            "GET", "/v2/", headers={}, body=None, sign=lambda prepared: None, deadline=session.deadline
        )
    finally:
        transport.close()
    if answer.status not in (200, 401):
        raise ServerError(f"{host} answers {answer.status} where a registry answers 200 or 401")


def _tokens(place: Place, declared: Registry, exists: bool | None) -> Row:
    obj, session = _the(declared), place.session
    if exists is None:
        return not_checked("token_budget", obj, place.blocked or _UNKNOWN)
    session.check_token_options()
    session.foresee_keeping(declared.name)
    # Asked first: the answer tells the service's time, by which the ledger counts.
    held = bool(exists and session.usable_tokens(declared.name))
    ledger = session.known_tokens.ledger(declared.name)
    return token_budget(
        obj,
        needed=max(0, declared.tokens_needed - held),
        held=held,
        issued=ledger["issued_last_hour"],
        listed=len(session.known_tokens.last_listing(declared.name)),
        allowed=ISSUES_AN_HOUR,
        next_slot=moment(ledger["next_slot_at"]),
        on_rate_limit=place.params["on_rate_limit"],
    )


# --- the Docker Engine -----------------------------------------------------------------------------------------------


def engine_rows(host: t.Any, sources: t.Sequence[str]) -> list[Row]:
    """Whether the host's Docker Engine is there and has the images."""
    faults = {source: _fault(_image_name, source) for source in sources}
    rows = [failed_by("image", source, fault) for source, fault in faults.items() if fault]
    names = [source for source, fault in faults.items() if not fault]
    for number, source in enumerate(names):
        try:
            image = host.engine().inspect(source)
        except (EngineError, MissingLibrary, ConfigurationError) as error:
            left = [not_checked("image", name, "the Docker Engine cannot be asked") for name in names[number:]]
            return [failed_by("engine", "Docker Engine", error), *rows, *left]
        if image is None:
            cure = "Build, load or pull it first, or check its name and tag."
            rows.append(fail("image", source, "the Docker Engine does not have it", cure))
        else:
            rows.append(ok("image", source, f"is there ({image['id'][:19]})"))
    return [ok("engine", "Docker Engine", "answers"), *rows] if names else rows


def _image_name(text: str) -> None:
    """Refuse what is neither the name nor the id of an image; names of a few digits of an id pass as well."""
    if not re.fullmatch(r"(?:sha256:)?[0-9a-f]{64}", text):
        _reference.ImageReference.parse(text)


# --- parts -----------------------------------------------------------------------------------------------------------


def _the(declared: Registry, repository: str | None = None) -> str:
    return f"{declared.name}{f'/{repository}' if repository is not None else ''} in {declared.region}"


def _fault(rule: Rule, value: t.Any) -> RuleError | None:
    """The error that a rule finds in a value."""
    try:
        rule(value)
    except RuleError as error:
        return error
    return None


def _trouble(check: str, obj: str, error: JcrError) -> Row:
    """The row for an error that ended a check."""
    if isinstance(error, Forbidden):
        return not_checked(check, obj, error.cause.rstrip("."), error.cure)
    return failed_by(check, obj, error)


def _guarded(check: str, obj: str, work: t.Callable[[], Row]) -> Row:
    try:
        return work()
    except JcrError as error:
        return _trouble(check, obj, error)


def _quota_told(place: Place, resource_type: str) -> t.Mapping[str, t.Any] | str:
    """The quota of this kind, or why it is not known."""
    return place.quotas.get(resource_type) or place.blocked or "the service does not tell it"
