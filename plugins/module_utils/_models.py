# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The service's JSON ↔ our dictionaries. Pure. With _operations the only place where camelCase is spelled.

This module util is private to the collection.

Reading is strict about types and lenient about absence: the API documents every field as optional, and a null means
that it is absent. A wrong type, or the absence of what identifies an object, raises ProtocolError; its text never
contains a value, because a value may be a token.

Times come out as C(YYYY-MM-DDTHH:MM:SSZ) or None, except those of tokens, which are datetimes to reckon with.
"""

from __future__ import annotations

import base64
import math
import re
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._digest import is_digest
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ProtocolError
from ansible_collections.jdcloud.jcr.plugins.module_utils._times import format_time, parse_time

Raw = t.Mapping[str, t.Any]
Model = dict[str, t.Any]

_TOKEN_USER = "jdcloud"

_MEGABYTE = 1024 * 1024  # of imageSizeMB; the documents do not say whether 1000 or 1024 is meant
_PASSWORD = re.compile(r"[!-~]+")  # visible ASCII


# --- answers ---------------------------------------------------------------------------------------------------------


def registry(raw: Raw, region: str) -> Model:
    """{name, region, uri, description, size_mb, created_at}"""
    fields = _Fields("registry", raw)
    return {
        "name": fields.name("name"),
        "region": region,
        "uri": fields.text("registryUri"),
        "description": fields.text("description"),
        "size_mb": fields.number("totalSpaceUsedMB"),
        "created_at": fields.time("createTime"),
    }


def repository(raw: Raw, region: str, registry_name: str | None = None) -> Model:
    """{registry, region, name, uri, description, size_mb, created_at, updated_at}

    C(registry_name) stands in for the registry's name, which createRepository's answer does not repeat.
    """
    fields = _Fields("repository", raw)
    return {
        "registry": fields.text("registryName") or registry_name,
        "region": region,
        "name": fields.name("repositoryName"),
        "uri": fields.text("repositoryUri"),
        "description": fields.text("description"),
        "size_mb": fields.number("totalSpaceUsedMB"),
        "created_at": fields.time("createdAt"),
        "updated_at": fields.time("updatedAt"),
    }


def image(raw: Raw) -> Model:
    """{registry, repository, digest, tags, size, pushed_at, last_pull_at, pulls} and, from the manifest,
    {manifest, manifest_text, media_type, config_digest, platforms}.

    C(tags) is sorted. C(manifest) is decoded, None if there is none or if it is not a JSON object; C(manifest_text) is
    as the service gives it. C(size) counts the
    compressed bytes of an image, exactly if the manifest says so. C(platforms) are those of an index; a plain image
    tells its platform in its config only.
    """
    from ansible_collections.jdcloud.jcr.plugins.module_utils._manifest import Manifest

    fields = _Fields("image", raw)
    digest = fields.name("imageDigest")
    if not is_digest(digest):
        raise ProtocolError("the answer has an image whose imageDigest is not a SHA-256 digest")
    text = fields.text("imageManifest")
    manifest = Manifest.parse(text)
    megabytes = fields.number("imageSizeMB")
    size = manifest.size
    if size is None and megabytes is not None:
        size = round(megabytes * _MEGABYTE)
    return {
        "registry": fields.text("registryName"),
        "repository": fields.text("repositoryName"),
        "digest": digest,
        "tags": sorted(set(fields.texts("imageTags"))),
        "manifest": manifest.document,
        "manifest_text": text,
        "media_type": manifest.media_type,
        "config_digest": manifest.config_digest,
        "platforms": manifest.platforms,
        "size": size,
        "pushed_at": fields.time("imagePushedAt"),
        "last_pull_at": fields.time("lastPullAt"),
        "pulls": fields.count("totalPullTimes"),
    }


def quota(raw: Raw) -> Model:
    """{resource_type, limit, used, free}; C(free) is never below 0."""
    fields = _Fields("quota", raw)
    limit, used = fields.count("limit"), fields.count("used")
    if limit is None or used is None:
        raise ProtocolError("the answer has a quota without limit or used")
    return {"resource_type": fields.name("resourceType"), "limit": limit, "used": used, "free": max(0, limit - used)}


def issued_token(raw: Raw) -> Model:
    """{authorization_token, username, password, expires_at}; C(loginCmdLine) is left behind on purpose."""
    token = listed_token(raw)
    password = token_password(token["authorization_token"])
    return {**token, "username": _TOKEN_USER, "password": password}


def listed_token(raw: Raw) -> Model:
    """{authorization_token, expires_at}; C(expires_at) is None if the service gave a time that cannot be understood."""
    fields = _Fields("token", raw)
    return {"authorization_token": fields.name("authorizationToken"), "expires_at": parse_time(raw.get("expiresAt"))}


def token_password(authorization_token: str) -> str:
    """The password that an authorizationToken holds: it is the base64 of C(jdcloud:PASSWORD)."""
    try:
        login = base64.b64decode(authorization_token, validate=True).decode("ascii")
    except ValueError:  # not base64, not ASCII
        login = ""
    user, _colon, password = login.partition(":")
    if user != _TOKEN_USER or not _PASSWORD.fullmatch(password):
        raise ProtocolError("the answer has an authorizationToken that does not hold the password of user jdcloud")
    return password


def name_check(raw: Raw) -> tuple[int, str]:
    """Code and reason of checkRegistryName and checkRepositoryName: 0 passes, 1 empty, 2 ill-formed, 3 taken."""
    fields = _Fields("name check", raw)
    code = fields.count("code")
    if code is None:
        raise ProtocolError("the answer has a name check without a code")
    return code, fields.text("reason") or ""


def total_count(raw: Raw) -> int | None:
    """How many objects a paged listing has in all; None if the answer does not say."""
    return _Fields("listing", raw).count("totalCount")


def request_id_of(headers: t.Mapping[str, str]) -> str | None:
    """The request id of an answer, which the gateway puts into a header as well."""
    return headers.get("x-jdcloud-request-id") or None


def envelope(document: t.Any) -> tuple[str | None, Raw | None, Raw | None]:
    """Request id, result and error of a decoded answer, each None where it is absent or null.

    C(error) has C(code) int|None, C(status) str|None, C(message) str and C(details) list. Raises ProtocolError for
    anything that is not an answer of the gateway, but leaves it to the caller what to do without a request id.
    """
    fields = _Fields("answer", document)
    request_id, result, error = fields.text("requestId"), document.get("result"), document.get("error")
    if result is not None and not isinstance(result, dict):
        raise ProtocolError("the answer's result is not an object")
    if not error:
        return request_id, result, None
    told = _Fields("error", error)
    details = error.get("details")
    return (
        request_id,
        result,
        {
            "code": told.count("code"),
            "status": told.text("status"),
            "message": told.text("message") or "",
            "details": details if isinstance(details, list) else [],
        },
    )


# --- requests --------------------------------------------------------------------------------------------------------


def registry_body(name: str, description: str | None = None) -> Model:
    """Of createRegistry and checkRegistryName."""
    return _present({"registryName": name, "description": description})


def repository_body(registry_name: str, name: str, description: str | None = None) -> Model:
    """Of createRepository and checkRepositoryName."""
    return _present({"registryName": registry_name, "repositoryName": name, "description": description})


def repositories_body(registry_name: str | None, name: str | None, page: int, page_size: int) -> Model:
    """Of describeRepositories. C(name) filters fuzzily: the answer also has other names that resemble it."""
    filters = [{"name": "name", "values": [name]}] if name is not None else None
    return _present({"registryName": registry_name, "filters": filters, "pageNumber": page, "pageSize": page_size})


def token_body(hours: int) -> Model:
    """Of getAuthorizationToken."""
    return {"expiredAfterHours": hours}


def release_body(authorization_token: str | None) -> Model:
    """Of releaseAuthorizationToken: one token, or all of the registry for None.

    C(forceAll=false) is never sent: the documents say of it, too, that it deletes every valid token.
    """
    return {"forceAll": True} if authorization_token is None else {"authorizationToken": authorization_token}


def delete_image_body(digest: str | None = None, tag: str | None = None, tag_status: str | None = None) -> Model:
    """Of deleteImage, which takes exactly one of the three; C(tag_status) is C(tagged) or C(untagged)."""
    status = tag_status.lower() if tag_status is not None else None
    body = _present({"imageDigest": digest, "imageTag": tag, "imageTagStatus": status})
    if len(body) != 1:
        raise ValueError("deleteImage takes exactly one of digest, tag and tag_status")
    return body


def delete_repository_query(force: bool) -> list[tuple[str, str]]:
    """Of deleteRepository."""
    return [("force", "true")] if force else []


def page_query(page: int, page_size: int) -> list[tuple[str, str]]:
    """The part of a query that asks for one page; pages count from 1."""
    return [("pageNumber", str(page)), ("pageSize", str(page_size))]


def image_filters(
    registry_name: str,
    repository_name: str | None,
    *,
    digest: str | None = None,
    tag: str | None = None,
    tag_status: str | None = None,
) -> list[tuple[str, str]]:
    """The query of describeImages; C(tag_status) is C(tagged) or C(untagged)."""
    return filter_query(
        {
            "registryName": registry_name,
            "repositoryName": repository_name,
            "imageDigest": digest,
            "imageTag": tag,
            "tagStatus": tag_status.upper() if tag_status is not None else None,
        }
    )


def filter_query(filters: t.Mapping[str, str | None]) -> list[tuple[str, str]]:
    """Filters as they stand in a query, counted from 1: filters.1.name=…, filters.1.values.1=…"""
    query: list[tuple[str, str]] = []
    for position, (name, value) in enumerate(_present(filters).items(), start=1):
        query += [(f"filters.{position}.name", name), (f"filters.{position}.values.1", value)]
    return query


def _present(fields: t.Mapping[str, t.Any]) -> Model:
    return {name: value for name, value in fields.items() if value is not None}


# --- fields ----------------------------------------------------------------------------------------------------------


class _Fields:
    """The fields of one raw object, each read with its type checked; None where it is absent or null."""

    def __init__(self, what: str, raw: t.Any) -> None:
        if not isinstance(raw, dict):
            raise ProtocolError(f"the answer has a {what} that is not an object")
        self._what = what
        self._raw = raw

    def text(self, key: str) -> str | None:
        """A text; an empty one counts as absent."""
        return self._typed(key, str, "a text") or None

    def name(self, key: str) -> str:
        """A text that has to be there."""
        value = self.text(key)
        if value is None:
            raise ProtocolError(f"the answer has a {self._what} without {key}")
        return value

    def texts(self, key: str) -> list[str]:
        values = self._typed(key, list, "a list") or []
        if not all(isinstance(value, str) for value in values):
            raise self._wrong(key, "a list of texts")
        return values

    def number(self, key: str) -> float | None:
        value = self._typed(key, (int, float), "a number")
        try:
            number = None if value is None else float(value)
        except OverflowError:
            number = math.inf
        if number is not None and not math.isfinite(number):
            raise self._wrong(key, "a finite number")
        return number

    def count(self, key: str) -> int | None:
        """A whole number; the documents call some of them just a number, so 3.0 is 3."""
        number = self.number(key)
        if number is not None and number != int(number):
            raise self._wrong(key, "a whole number")
        return None if number is None else int(number)

    def time(self, key: str) -> str | None:
        moment = parse_time(self._raw.get(key))
        return None if moment is None else format_time(moment)

    def _typed(self, key: str, kind: type | tuple[type, ...], called: str) -> t.Any:
        value = self._raw.get(key)
        if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
            raise self._wrong(key, called)
        return value

    def _wrong(self, key: str, called: str) -> ProtocolError:
        return ProtocolError(f"the answer has a {self._what} whose {key} is not {called}")
