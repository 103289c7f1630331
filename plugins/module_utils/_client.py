# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The service's 15 operations, one short method for each, and the pages of its listings.

This module util is private to the collection.
"""

from __future__ import annotations

import contextlib
import datetime
import operator
import random as random_module
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils import _models, _operations
from ansible_collections.jdcloud.jcr.plugins.module_utils._call import Caller
from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Clock, Deadline
from ansible_collections.jdcloud.jcr.plugins.module_utils._credentials import Account
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    JcrError,
    NotFound,
    ProtocolError,
    QuotaExceeded,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._listing import Page, Unsteady, listing
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Secret
from ansible_collections.jdcloud.jcr.plugins.module_utils._transport import Transport

DEFAULT_RETRIES = 5  # attempts after the first; with the usual pauses of _retry about 15 seconds in all
PAGE_SIZE = 100  # the largest that the API documents


class Client:
    """One account in one region, spoken to through one transport.

    C(retries) attempts may follow the first of each call; before each pause for that, C(tell) gets a line for people.
    C(read_only) refuses every writing call before anything is sent. C(calls) tells what was called: {operation,
    http_status, milliseconds, request_id, attempts} each.

    All methods raise subclasses of JcrError that know their act and object: RuleError for a name that cannot stand in a
    path, those of _refusals, Unreachable, ProtocolError and DeadlineExceeded when there is no answer to go
    by, and, from writes only, UnknownOutcome and CheckModeViolation.
    """

    def __init__(
        self,
        account: Account,
        *,
        transport: Transport,
        clock: Clock,
        deadline: Deadline,
        retries: int = DEFAULT_RETRIES,
        read_only: bool = False,
        tell: t.Callable[[str], None] = lambda text: None,
        random: random_module.Random | None = None,
        nonce: t.Callable[[], str] | None = None,
    ) -> None:
        self.account = account
        self.deadline = deadline
        self.read_only = read_only
        self._transport = transport
        self._caller = Caller(
            account,
            transport=transport,
            clock=clock,
            deadline=deadline,
            retries=retries,
            read_only=read_only,
            tell=tell,
            random=random,
            nonce=nonce,
        )

    @property
    def region(self) -> str:
        return self.account.region

    @property
    def endpoint(self) -> str:
        return self.account.endpoint

    @property
    def calls(self) -> list[dict[str, t.Any]]:
        return self._caller.trace

    def now(self) -> datetime.datetime:
        """The service's time, as far as its answers have told it; until then the local clock."""
        return self._caller.now()

    def close(self) -> None:
        """Close the kept-alive connections."""
        self._transport.close()

    # --- registries --------------------------------------------------------------------------------------------------

    def registries(self) -> list[_models.Model]:
        """All registries of the region."""
        return self._caller.call(_operations.DESCRIBE_REGISTRIES, self._registries)

    def registry(self, name: str) -> _models.Model | None:
        """The registry of this name, or None."""
        with contextlib.suppress(NotFound):
            return self._caller.call(
                _operations.DESCRIBE_REGISTRY, lambda result: self._registry(result, name), registry=name
            )
        return None

    def create_registry(self, name: str, description: str | None = None) -> _models.Model:
        """Create a registry; its description can never be changed."""
        with self._quota_told("registry"):
            return self._caller.call(
                _operations.CREATE_REGISTRY,
                lambda result: self._registry(result, name),
                body=_models.registry_body(name, description),
                registry=name,
            )

    def delete_registry(self, name: str) -> None:
        """Delete an empty registry; NotFound if there is none."""
        self._caller.call(_operations.DELETE_REGISTRY, _nothing, registry=name)

    def check_registry_name(self, name: str) -> tuple[int, str]:
        """The service's verdict on a name to create: code (0 passes, 1 empty, 2 ill-formed, 3 taken) and reason."""
        body = _models.registry_body(name)
        return self._caller.call(_operations.CHECK_REGISTRY_NAME, _models.name_check, body=body, registry=name)

    # --- repositories ------------------------------------------------------------------------------------------------

    def repositories(
        self, registry: str | None = None, *, name: str | None = None, unsteady: Unsteady | None = None
    ) -> list[_models.Model]:
        """All repositories of a registry, or of all registries of the region; with C(name) those of exactly this name.

        A listing that never comes to rest is an error; or C(unsteady) is told of it and what was found is returned.
        """
        found = self._repositories(registry, name, unsteady)
        return [repository for repository in found if name in (None, repository["name"])]

    def repository(self, registry: str, name: str) -> _models.Model | None:
        """The repository of exactly this name, or None, also if there is no such registry."""
        with contextlib.suppress(NotFound):
            return next(iter(self.repositories(registry, name=name)), None)
        return None

    def count_repositories(self, registry: str) -> int | None:
        """How many repositories a registry has, asked without reading them all; None where the service does not say."""
        with contextlib.suppress(NotFound):
            return self._repositories_page(registry, None, 1)[1]
        return 0

    def create_repository(self, registry: str, name: str, description: str | None = None) -> _models.Model:
        """Create a repository; its description can never be changed."""
        with self._quota_told("repository"):
            return self._caller.call(
                _operations.CREATE_REPOSITORY,
                lambda result: self._repository(result["repository"], registry, name),
                body=_models.repository_body(registry, name, description),
                registry=registry,
                repository=name,
            )

    def delete_repository(self, registry: str, name: str, force: bool = False) -> None:
        """Delete a repository, with C(force) also one that has images; NotFound if there is none."""
        query = _models.delete_repository_query(force)
        self._caller.call(_operations.DELETE_REPOSITORY, _nothing, query=query, registry=registry, repository=name)

    def check_repository_name(self, registry: str, name: str) -> tuple[int, str]:
        """The service's verdict on a name to create: code (0 passes, 1 empty, 2 ill-formed, 3 taken) and reason."""
        body = _models.repository_body(registry, name)
        operation = _operations.CHECK_REPOSITORY_NAME
        return self._caller.call(operation, _models.name_check, body=body, registry=registry, repository=name)

    # --- images ------------------------------------------------------------------------------------------------------

    def images(
        self,
        registry: str,
        repository: str | None,
        *,
        digest: str | None = None,
        tag: str | None = None,
        tag_status: str | None = None,
        unsteady: Unsteady | None = None,
    ) -> list[_models.Model]:
        """The images of a repository, or of all repositories of a registry, that match all that is given.

        None if there is no such repository. C(tag_status): C(tagged) or C(untagged). C(unsteady) as in repositories().
        """
        filters = _models.image_filters(registry, repository, digest=digest, tag=tag, tag_status=tag_status)
        tagged = None if tag_status is None else tag_status.lower() == "tagged"

        def read(raw: _models.Raw) -> _models.Model:
            image = _models.image(raw)
            return {**image, "registry": image["registry"] or registry, "repository": image["repository"] or repository}

        def page(number: int) -> Page:
            query = [*filters, *_models.page_query(number, PAGE_SIZE)]
            place = repository or "*"  # in messages only
            return self._page(_operations.DESCRIBE_IMAGES, read, query=query, registry=registry, repository=place)

        def matches(image: _models.Model) -> bool:
            return (
                image["registry"] == registry
                and repository in (None, image["repository"])
                and digest in (None, image["digest"])
                and (tag is None or tag in image["tags"])
                and tagged in (None, bool(image["tags"]))
            )

        with contextlib.suppress(NotFound):
            key = operator.itemgetter("registry", "repository", "digest")
            found = listing(page, key, unsteady=unsteady)
            return [image for image in found if matches(image)]
        return []

    def delete_image(
        self,
        registry: str,
        repository: str,
        *,
        digest: str | None = None,
        tag: str | None = None,
        tag_status: str | None = None,
    ) -> None:
        """Delete the image of this digest or tag, or all that are C(tagged) or C(untagged); exactly one is given."""
        body = _models.delete_image_body(digest, tag, tag_status)
        self._caller.call(_operations.DELETE_IMAGE, _nothing, body=body, registry=registry, repository=repository)

    # --- quotas ------------------------------------------------------------------------------------------------------

    def quotas(self, resource_type: str | None = None) -> list[_models.Model]:
        """Limit and use of C(registry) or C(repository), or of both, in the region."""

        def read(result: _models.Raw) -> list[_models.Model]:
            quotas = [_models.quota(raw) for raw in result.get("quotas") or []]
            return [quota for quota in quotas if resource_type in (None, quota["resource_type"])]

        query = _models.filter_query({"resourceTypes": resource_type})
        return self._caller.call(_operations.DESCRIBE_QUOTAS, read, query=query)

    # --- tokens ------------------------------------------------------------------------------------------------------

    def issue_token(self, registry: str, hours: int) -> _models.Model:
        """Issue a token; C(authorization_token) and C(password) are Secrets. Five an hour at most, shown only once."""

        def read(result: _models.Raw) -> _models.Model:
            token = _models.issued_token(result)
            return {**token, **{key: self._secret(token[key]) for key in ("authorization_token", "password")}}

        return self._caller.call(_operations.ISSUE_TOKEN, read, body=_models.token_body(hours), registry=registry)

    def tokens(self, registry: str) -> list[_models.Model]:
        """The valid tokens of a registry: C(authorization_token), a Secret, and C(expires_at)."""

        def read(raw: _models.Raw) -> _models.Model:
            token = _models.listed_token(raw)
            return {**token, "authorization_token": self._secret(token["authorization_token"])}

        def page(number: int) -> Page:
            query = _models.page_query(number, PAGE_SIZE)
            return self._page(_operations.DESCRIBE_TOKENS, read, query=query, registry=registry)

        return listing(page, lambda token: token["authorization_token"].fingerprint())

    def release_token(self, registry: str, token: Secret) -> None:
        """Make one token invalid, given by its authorization token."""
        self._caller.redactor.add(token)
        self._release(registry, token.reveal())

    def release_all_tokens(self, registry: str) -> None:
        """Make all tokens of a registry invalid, whoever issued them."""
        self._release(registry, None)

    def _release(self, registry: str, authorization_token: str | None) -> None:
        body = _models.release_body(authorization_token)
        self._caller.call(_operations.RELEASE_TOKEN, _nothing, body=body, registry=registry)

    # --- reading results ---------------------------------------------------------------------------------------------

    def _registries(self, result: _models.Raw) -> list[_models.Model]:
        return [_models.registry(raw, self.region) for raw in result.get("registries") or []]

    def _registry(self, result: _models.Raw, name: str) -> _models.Model:
        return _about(_models.registry(result["registry"], self.region), name)

    def _repository(self, raw: _models.Raw, registry: str, name: str) -> _models.Model:
        return _about(_models.repository(raw, self.region, registry), name)

    def _secret(self, value: str) -> Secret:
        secret = Secret(value)
        self._caller.redactor.add(secret)
        return secret

    def _repositories(self, registry: str | None, name: str | None, unsteady: Unsteady | None) -> list[_models.Model]:
        """C(name) goes into the service's fuzzy filter; in one registry the reading ends early where it is found."""

        def page(number: int) -> Page:
            return self._repositories_page(registry, name, number)

        def is_wanted(repository: _models.Model) -> bool:
            return repository["name"] == name

        wanted = is_wanted if registry is not None and name is not None else None
        found = listing(page, operator.itemgetter("registry", "name"), wanted, unsteady)
        return [repository for repository in found if registry in (None, repository["registry"])]

    def _repositories_page(self, registry: str | None, name: str | None, number: int) -> Page:
        body = _models.repositories_body(registry, name, number, PAGE_SIZE)
        return self._page(
            _operations.DESCRIBE_REPOSITORIES, lambda raw: _models.repository(raw, self.region, registry), body=body
        )

    def _page(
        self, operation: _operations.Operation, read: t.Callable[[_models.Raw], _models.Model], **request: t.Any
    ) -> Page:
        """The objects on one page and how many there are in all, if the service says so."""
        items_key = next(iter(operation.answer))
        return self._caller.call(
            operation,
            lambda result: ([read(raw) for raw in result.get(items_key) or []], _models.total_count(result)),
            **request,
        )

    @contextlib.contextmanager
    def _quota_told(self, resource_type: str) -> t.Iterator[None]:
        """Adds to a refusal for want of quota how much of it is used, where the service tells."""
        try:
            yield
        except QuotaExceeded as error:
            with contextlib.suppress(JcrError):
                for quota in self.quotas():
                    if quota["resource_type"] == resource_type:
                        error.cause += f"; {quota['used']} of {quota['limit']} are used"
            raise


def _nothing(result: _models.Raw) -> None:
    """What a call gives whose success is all there is to know."""


def _about(model: _models.Model, name: str) -> _models.Model:
    if model["name"] != name:
        raise ProtocolError(f"the answer is about {model['name']!r}, but '{name}' was asked for")
    return model
