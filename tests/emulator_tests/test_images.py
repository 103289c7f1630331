# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Operations on images that a client pushed."""

from __future__ import annotations

import json

import pytest

from tests.emulator_tests.api import Api, password_of, pull, push


@pytest.fixture
def pushed(api: Api) -> tuple[str, str, str]:
    """A registry with two images in myrepo (first: v1 and latest; second: no tag); its URI and both digests."""
    uri = api.create_registry()["registryUri"]
    api.create_repository("myrepo")
    api.create_repository("team/empty")
    password = password_of(api.issue()["authorizationToken"])
    api.emulator.clock(now="2026-01-01T00:00:00Z", frozen=True)
    password = password_of(api.issue(hours=24)["authorizationToken"])
    first = push(uri, "myrepo", ["v1", "latest"], password, b"a" * 1024)
    api.emulator.clock(advance_seconds=60)
    second = push(uri, "myrepo", [], password, b"b" * 2048)
    return uri, first, second


def digests(answer: dict) -> list[str]:
    """The digests of an answer of describeImages; checks the count on the way."""
    assert answer["totalCount"] == len(answer["imageDetails"])
    return [image["imageDigest"] for image in answer["imageDetails"]]


def test_describe(api: Api, pushed: tuple[str, str, str]) -> None:
    uri, first, _second = pushed
    image = api.images(registryName="myregistry", repositoryName="myrepo", imageTag="v1")["imageDetails"][0]
    manifest = json.loads(image.pop("imageManifest"))
    size = manifest["config"]["size"] + 1024
    assert image == {
        "registryName": "myregistry",
        "repositoryName": "myrepo",
        "imageDigest": first,
        "imagePushedAt": "2026-01-01T00:00:00Z",
        "imageSizeMB": size / 1048576,
        "imageTags": ["latest", "v1"],
        "totalPullTimes": 0,
    }
    password = password_of(api.issue()["authorizationToken"])
    assert pull(uri, "myrepo", "v1", password) == 200
    image = api.images(imageTag="v1")["imageDetails"][0]
    assert (image["totalPullTimes"], image["lastPullAt"]) == (1, "2026-01-01T00:01:00Z")
    used = api.result("GET", "registries/myregistry")["registry"]["totalSpaceUsedMB"]
    assert used == pytest.approx((manifest["config"]["size"] + 1024 + 2048) / 1048576)


def test_filters(api: Api, pushed: tuple[str, str, str]) -> None:
    _uri, first, second = pushed
    both = [first, second]
    assert digests(api.images()) == both
    assert digests(api.images(registryName="myregistry")) == both
    assert digests(api.images(repositoryName="myrepo")) == both
    assert digests(api.images(repositoryName="nothing")) == []
    assert digests(api.images(registryName="myregistry", repositoryName="team/empty")) == []
    assert digests(api.images(imageDigest=second)) == [second]
    assert digests(api.images(imageTag="latest")) == [first]
    assert digests(api.images(imageTag="nothing")) == []
    for tagged in ("TAGGED", "tagged"):
        assert digests(api.images(tagStatus=tagged)) == [first]
    assert digests(api.images(tagStatus="UNTAGGED")) == [second]
    assert digests(Api(api.emulator, "cn-east-2").images()) == []


def test_bad_filters(api: Api, pushed: tuple[str, str, str]) -> None:
    for query, refusal in (
        ("filters.1.name=tagStatus&filters.1.values.1=any", (400, "INVALID_ARGUMENT")),
        ("filters.1.name=colour&filters.1.values.1=red", (400, "INVALID_ARGUMENT")),
        ("filters.1.name=registryName&filters.1.values.1=nothing", (404, "NOT_FOUND")),
        (
            "filters.1.name=registryName&filters.1.values.1=myregistry"
            "&filters.2.name=repositoryName&filters.2.values.1=nothing",
            (404, "NOT_FOUND"),
        ),
        ("pageSize=9", (400, "INVALID_ARGUMENT")),
        ("pageNumber=0", (400, "INVALID_ARGUMENT")),
    ):
        assert api.refusal("GET", f"images?{query}") == refusal, query


def test_pages(api: Api) -> None:
    uri = api.create_registry()["registryUri"]
    api.create_repository("myrepo")
    password = password_of(api.issue()["authorizationToken"])
    api.emulator.clock(frozen=True)
    wanted = []
    for number in range(12):
        api.emulator.clock(advance_seconds=1)
        wanted.append(push(uri, "myrepo", [f"v{number}"], password, b"%d" % number))
    pages = [api.images(f"pageSize=10&pageNumber={number}") for number in (1, 2, 3)]
    assert [page["totalCount"] for page in pages] == [12, 12, 12]
    assert [[image["imageDigest"] for image in page["imageDetails"]] for page in pages] == [
        wanted[:10],
        wanted[10:],
        [],
    ]


DELETE = "registries/myregistry/repositories/myrepo:deleteImage"


def test_delete_by_digest(api: Api, pushed: tuple[str, str, str]) -> None:
    _uri, first, second = pushed
    body = {"imageDigest": first, "imageTag": None, "imageTagStatus": None}
    assert api.result("POST", DELETE, body) is None
    assert digests(api.images()) == [second]
    assert api.refusal("POST", DELETE, body) == (404, "NOT_FOUND")


def test_delete_by_tag(api: Api, pushed: tuple[str, str, str]) -> None:
    _uri, first, second = pushed
    api.result("POST", DELETE, {"imageTag": "v1"})
    assert api.images(imageDigest=first)["imageDetails"][0]["imageTags"] == ["latest"]
    assert api.refusal("POST", DELETE, {"imageTag": "v1"}) == (404, "NOT_FOUND")
    api.result("POST", DELETE, {"imageTag": "latest"})
    assert digests(api.images()) == [second]


def test_delete_by_tag_may_take_the_image(api: Api, pushed: tuple[str, str, str]) -> None:
    api.emulator.settings({"delete_by_tag": "delete_digest"})
    api.result("POST", DELETE, {"imageTag": "v1"})
    assert digests(api.images()) == [pushed[2]]


@pytest.mark.parametrize(("status", "left"), [("tagged", 2), ("UNTAGGED", 1)])
def test_delete_by_status(api: Api, pushed: tuple[str, str, str], status: str, left: int) -> None:
    api.result("POST", DELETE, {"imageTagStatus": status})
    assert digests(api.images()) == [pushed[left]]
    api.result("POST", DELETE, {"imageTagStatus": status})


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"imageDigest": None, "imageTag": None, "imageTagStatus": None},
        {"imageTag": "v1", "imageTagStatus": "tagged"},
        {"imageTagStatus": "any"},
        {"imageTag": 1},
    ],
)
def test_bad_selectors(api: Api, pushed: tuple[str, str, str], body: dict) -> None:
    assert api.refusal("POST", DELETE, body) == (400, "INVALID_ARGUMENT")
    assert digests(api.images()) == list(pushed[1:])


def test_delete_in_unknown_places(api: Api) -> None:
    api.create_registry()
    for path in ("registries/nothing/repositories/myrepo", "registries/myregistry/repositories/nothing"):
        assert api.refusal("POST", f"{path}:deleteImage", {"imageTag": "v1"}) == (404, "NOT_FOUND")
