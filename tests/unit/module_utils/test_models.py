# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The service's JSON and ours: every field there, absent, null, and of a wrong type."""

from __future__ import annotations

import base64
import contextlib
import datetime
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.jdcloud.jcr.plugins.module_utils import _models
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ProtocolError

REGION = "cn-north-1"
DIGEST = "sha256:" + "0123456789abcdef" * 4
CONFIG = "sha256:" + "c" * 64
MANIFEST = {
    "schemaVersion": 2,
    "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
    "config": {"size": 1000, "digest": CONFIG},
    "layers": [{"size": 24, "digest": CONFIG}],
}
PASSWORD = "abcDEF0123456789"
TOKEN = base64.b64encode(f"jdcloud:{PASSWORD}".encode()).decode()

REGISTRY = {
    "name": "myregistry",
    "registryUri": "myregistry-cn-north-1.jcr.service.jdcloud.com",
    "description": "team images",
    "totalSpaceUsedMB": 1.5,
    "createTime": "2018-10-25 23:05:53",
}
REPOSITORY = {
    "registryName": "myregistry",
    "repositoryName": "project-a/web_app",
    "repositoryUri": "myregistry-cn-north-1.jcr.service.jdcloud.com/project-a/web_app",
    "description": "the web",
    "totalSpaceUsedMB": 2,
    "createdAt": "1540479953",
    "updatedAt": "2018-10-25T15:05:54Z",
}
IMAGE = {
    "registryName": "myregistry",
    "repositoryName": "web",
    "imageDigest": DIGEST,
    "imageManifest": json.dumps(MANIFEST),
    "imagePushedAt": "2018-10-25T15:05:53Z",
    "imageSizeMB": 3.0,
    "imageTags": ["v2", "latest", "v1"],
    "lastPullAt": "2018-10-26T15:05:53Z",
    "totalPullTimes": 7,
}
QUOTA = {"resourceType": "registry", "limit": 5, "used": 3}
ISSUED = {"authorizationToken": TOKEN, "loginCmdLine": f"docker login -p {PASSWORD} host", "expiresAt": "1540479953"}
NAME_CHECK = {"code": 3, "reason": "taken"}

READERS = {
    "registry": (lambda raw: _models.registry(raw, REGION), REGISTRY),
    "repository": (lambda raw: _models.repository(raw, REGION), REPOSITORY),
    "image": (_models.image, IMAGE),
    "quota": (_models.quota, QUOTA),
    "issued_token": (_models.issued_token, ISSUED),
    "listed_token": (_models.listed_token, ISSUED),
    "name_check": (_models.name_check, NAME_CHECK),
    "total_count": (_models.total_count, {"totalCount": 12}),
}
REQUIRED = {
    "registry": {"name"},
    "repository": {"repositoryName"},
    "image": {"imageDigest"},
    "quota": {"resourceType", "limit", "used"},
    "issued_token": {"authorizationToken"},
    "listed_token": {"authorizationToken"},
    "name_check": {"code"},
    "total_count": set(),
}
# Fields that may hold anything without being an error: what is no time is no time, and a login line is not looked at.
FREE = {"createTime", "createdAt", "updatedAt", "imagePushedAt", "lastPullAt", "expiresAt", "loginCmdLine"}
NUMBERS = {"totalSpaceUsedMB", "imageSizeMB", "totalPullTimes", "limit", "used", "code", "totalCount"}
FIELDS = [(reader, key) for reader, (_read, raw) in READERS.items() for key in raw]


def without(raw, key):
    return {name: value for name, value in raw.items() if name != key}


# --- answers ---------------------------------------------------------------------------------------------------------


def test_registry():
    assert _models.registry(REGISTRY, REGION) == {
        "name": "myregistry",
        "region": REGION,
        "uri": "myregistry-cn-north-1.jcr.service.jdcloud.com",
        "description": "team images",
        "size_mb": 1.5,
        "created_at": "2018-10-25T15:05:53Z",
    }


def test_repository():
    assert _models.repository(REPOSITORY, REGION) == {
        "registry": "myregistry",
        "region": REGION,
        "name": "project-a/web_app",
        "uri": "myregistry-cn-north-1.jcr.service.jdcloud.com/project-a/web_app",
        "description": "the web",
        "size_mb": 2.0,
        "created_at": "2018-10-25T15:05:53Z",
        "updated_at": "2018-10-25T15:05:54Z",
    }


def test_a_created_repository_is_told_without_its_registry():
    short = {key: REPOSITORY[key] for key in ("createdAt", "repositoryName", "repositoryUri")}
    assert _models.repository(short, REGION)["registry"] is None
    assert _models.repository(short, REGION, "myregistry")["registry"] == "myregistry"
    assert _models.repository(REPOSITORY, REGION, "other")["registry"] == "myregistry"


def test_image():
    assert _models.image(IMAGE) == {
        "registry": "myregistry",
        "repository": "web",
        "digest": DIGEST,
        "tags": ["latest", "v1", "v2"],
        "manifest": MANIFEST,
        "manifest_text": IMAGE["imageManifest"],
        "media_type": MANIFEST["mediaType"],
        "config_digest": CONFIG,
        "platforms": [],
        "size": 1024,
        "pushed_at": "2018-10-25T15:05:53Z",
        "last_pull_at": "2018-10-26T15:05:53Z",
        "pulls": 7,
    }


@pytest.mark.parametrize("text", [None, "", "<html>", "{}", "[" * 100_000], ids=range(5))
def test_an_image_without_a_usable_manifest_has_the_size_that_the_service_says(text):
    model = _models.image({**IMAGE, "imageManifest": text})
    assert (model["size"], model["media_type"], model["config_digest"]) == (3 * 1024 * 1024, None, None)


def test_an_image_without_any_size():
    assert _models.image({"imageDigest": DIGEST})["size"] is None


def test_tags_are_told_once():
    assert _models.image({**IMAGE, "imageTags": ["b", "a", "b"]})["tags"] == ["a", "b"]
    assert _models.image({**IMAGE, "imageTags": None})["tags"] == []


@pytest.mark.parametrize("digest", ["latest", DIGEST + "\n", DIGEST.upper(), "sha256:０"])
def test_an_image_without_a_real_digest_is_refused(digest):
    with pytest.raises(ProtocolError):
        _models.image({**IMAGE, "imageDigest": digest})


@pytest.mark.parametrize(("used", "free"), [(0, 5), (3, 2), (5, 0), (9, 0), (3.0, 2)])
def test_quota(used, free):
    model = _models.quota({**QUOTA, "used": used})
    assert model == {"resource_type": "registry", "limit": 5, "used": used, "free": free}
    assert isinstance(model["used"], int)


def test_issued_token():
    assert _models.issued_token(ISSUED) == {
        "authorization_token": TOKEN,
        "username": "jdcloud",
        "password": PASSWORD,
        "expires_at": datetime.datetime(2018, 10, 25, 15, 5, 53, tzinfo=datetime.UTC),
    }


def test_listed_token():
    model = _models.listed_token({**ISSUED, "expiresAt": "soon"})
    assert model == {"authorization_token": TOKEN, "expires_at": None}


@pytest.mark.parametrize(
    "plain",
    [
        b"",
        b"jdcloud",
        b"jdcloud:",
        b"root:secret",
        b":secret",
        b"JDCLOUD:secret",
        b"jdcloud:a b",
        b"jdcloud:a\n",
        b"jdcloud:\xff",
    ],
)
def test_a_token_that_holds_no_password_is_refused_without_being_told(plain):
    token = base64.b64encode(plain).decode()
    with pytest.raises(ProtocolError) as caught:
        _models.issued_token({**ISSUED, "authorizationToken": token})
    assert "secret" not in repr(caught.value) and (token or "-") not in caught.value.message
    assert caught.value.__context__ is None, "a traceback would show the token"


@pytest.mark.parametrize(
    "token", ["", "amRjbG91ZDp", "*" * 32, TOKEN + "\n", TOKEN[:-1], "密码", TOKEN[:20] + " " + TOKEN[20:]]
)
def test_what_is_not_base64_is_no_token(token):
    with pytest.raises(ProtocolError):
        _models.token_password(token)


@settings(derandomize=True, database=None, max_examples=200, deadline=None)
@given(st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=1))
def test_every_password_is_found_in_its_token(password):
    assert _models.token_password(base64.b64encode(f"jdcloud:{password}".encode()).decode()) == password


def test_name_check():
    assert _models.name_check(NAME_CHECK) == (3, "taken")
    assert _models.name_check({"code": 0}) == (0, "")


# --- shapes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("reader", "key"), FIELDS)
@pytest.mark.parametrize("absent", ["missing", "null"])
def test_every_field_may_be_absent_but_those_that_identify(reader, key, absent):
    read, whole = READERS[reader]
    raw = without(whole, key) if absent == "missing" else {**whole, key: None}
    if key in REQUIRED[reader]:
        with pytest.raises(ProtocolError, match=key if key not in ("limit", "used") else "limit or used"):
            read(raw)
    else:
        read(raw)


@pytest.mark.parametrize(("reader", "key"), FIELDS)
@pytest.mark.parametrize("value", [True, [5], {"a": "b"}, 1.5, "text", float("nan"), float("inf"), 10**400], ids=repr)
def test_a_wrong_type_is_refused_without_showing_the_value(reader, key, value):
    read, whole = READERS[reader]
    fits = value == "text" and key in ("name", "registryUri", "description", "repositoryName", "repositoryUri")
    fits = fits or (value == "text" and key in ("registryName", "imageManifest", "resourceType", "reason"))
    fits = fits or (value == 1.5 and key in ("totalSpaceUsedMB", "imageSizeMB"))
    fits = fits or (value == "text" and key == "authorizationToken" and reader == "listed_token")
    if key in FREE or fits:
        read({**whole, key: value})
        return
    with pytest.raises(ProtocolError) as caught:
        read({**whole, key: value})
    assert "text" not in caught.value.cause.replace("a text", "").replace("of texts", "")
    assert len(caught.value.message) < 200


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("raw", [None, [], "text", 5, True])
def test_what_is_no_object_is_refused(reader, raw):
    with pytest.raises(ProtocolError, match="not an object"):
        READERS[reader][0](raw)


def test_an_empty_text_is_absent():
    assert _models.registry({"name": "a", "description": ""}, REGION)["description"] is None
    with pytest.raises(ProtocolError):
        _models.registry({"name": ""}, REGION)


# --- envelope --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({"requestId": "r", "result": {"a": 1}}, ("r", {"a": 1}, None)),
        ({"requestId": "r"}, ("r", None, None)),
        ({"requestId": "r", "result": None, "error": None}, ("r", None, None)),
        ({"requestId": "r", "result": {}, "error": {}}, ("r", {}, None)),
        ({}, (None, None, None)),
        (
            {"requestId": "r", "error": {"code": 404, "status": "NOT_FOUND", "message": "no"}},
            ("r", None, {"code": 404, "status": "NOT_FOUND", "message": "no", "details": []}),
        ),
        (
            {"error": {"details": [{"a": "b"}]}, "result": {"x": 1}},
            (None, {"x": 1}, {"code": None, "status": None, "message": "", "details": [{"a": "b"}]}),
        ),
        (
            {"error": {"code": 429.0, "details": "x"}},
            (None, None, {"code": 429, "status": None, "message": "", "details": []}),
        ),
    ],
)
def test_envelope(document, told):
    assert _models.envelope(document) == told


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        "text",
        5,
        {"requestId": 5},
        {"result": []},
        {"result": "x"},
        {"error": "x"},
        {"error": ["x"]},
        {"error": {"code": "404"}},
    ],
)
def test_what_is_no_envelope_is_refused(document):
    with pytest.raises(ProtocolError):
        _models.envelope(document)


# --- requests --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (_models.registry_body("a"), {"registryName": "a"}),
        (_models.registry_body("a", "d"), {"registryName": "a", "description": "d"}),
        (_models.registry_body("a", ""), {"registryName": "a", "description": ""}),
        (_models.repository_body("a", "b/c"), {"registryName": "a", "repositoryName": "b/c"}),
        (_models.repository_body("a", "b", "d"), {"registryName": "a", "repositoryName": "b", "description": "d"}),
        (_models.repositories_body(None, None, 1, 100), {"pageNumber": 1, "pageSize": 100}),
        (
            _models.repositories_body("a", "b", 2, 10),
            {"registryName": "a", "filters": [{"name": "name", "values": ["b"]}], "pageNumber": 2, "pageSize": 10},
        ),
        (_models.token_body(12), {"expiredAfterHours": 12}),
        (_models.release_body(TOKEN), {"authorizationToken": TOKEN}),
        (_models.release_body(None), {"forceAll": True}),
        (_models.delete_image_body(digest=DIGEST), {"imageDigest": DIGEST}),
        (_models.delete_image_body(tag="v1"), {"imageTag": "v1"}),
        (_models.delete_image_body(tag_status="UNTAGGED"), {"imageTagStatus": "untagged"}),
        (_models.delete_repository_query(True), [("force", "true")]),
        (_models.delete_repository_query(False), []),
        (_models.page_query(3, 100), [("pageNumber", "3"), ("pageSize", "100")]),
        (
            _models.image_filters("a", "b/c", tag="v1", tag_status="tagged"),
            [
                ("filters.1.name", "registryName"),
                ("filters.1.values.1", "a"),
                ("filters.2.name", "repositoryName"),
                ("filters.2.values.1", "b/c"),
                ("filters.3.name", "imageTag"),
                ("filters.3.values.1", "v1"),
                ("filters.4.name", "tagStatus"),
                ("filters.4.values.1", "TAGGED"),
            ],
        ),
        (
            _models.image_filters("a", "b", digest=DIGEST)[4:],
            [("filters.3.name", "imageDigest"), ("filters.3.values.1", DIGEST)],
        ),
    ],
)
def test_what_is_sent(made, expected):
    assert made == expected


@pytest.mark.parametrize("choice", [{}, {"digest": DIGEST, "tag": "v1"}, {"tag": "v1", "tag_status": "tagged"}])
def test_an_image_is_deleted_by_exactly_one_of_three(choice):
    with pytest.raises(ValueError, match="exactly one"):
        _models.delete_image_body(**choice)


# --- for any JSON ----------------------------------------------------------------------------------------------------

leaves = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10) | st.sampled_from([DIGEST, TOKEN])
)
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner))


@settings(derandomize=True, database=None, max_examples=300, deadline=None)
@given(st.sampled_from(sorted(READERS)), st.data())
def test_any_object_is_read_or_refused(reader, data):
    read, whole = READERS[reader]
    raw = {key: data.draw(values) for key in whole}
    with contextlib.suppress(ProtocolError):
        read(raw)


@pytest.mark.parametrize("token", [None, "amRjbG91ZDowMTIzNDU2Nzg5YWJjZGVm", ""])
def test_force_all_is_never_sent_as_false(token):
    """The documents say of it, too, that it deletes every valid token."""
    body = _models.release_body(token)
    assert len(body) == 1
    assert body.get("forceAll", True) is True
