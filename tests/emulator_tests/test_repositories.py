# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Operations on repositories, pages and quotas."""

from __future__ import annotations

import pytest

from tests.emulator_tests.api import Api, password_of, push


def listed(api: Api, **body: object) -> tuple[list[str], int]:
    """Names and total of describeRepositories."""
    answer = api.result("POST", "listRepositories", body)
    return [repository["repositoryName"] for repository in answer["repositories"]], answer["totalCount"]


def test_create_and_describe(api: Api) -> None:
    api.emulator.clock(now="2026-01-01T12:34:56Z", frozen=True)
    uri = api.create_registry()["registryUri"]
    body = {"regionId": "cn-north-1", "registryName": "elsewhere", "repositoryName": "project-a/web_app"}
    created = api.result("POST", "registries/myregistry/repositories", {**body, "description": "d"})
    assert created == {
        "repository": {
            "createdAt": "2026-01-01T12:34:56Z",
            "repositoryName": "project-a/web_app",
            "repositoryUri": f"{uri}/project-a/web_app",
        }
    }
    answer = api.result("POST", "listRepositories", {"registryName": "myregistry", "filters": None, "pageSize": None})
    assert answer == {
        "repositories": [
            {
                "createdAt": "2026-01-01T12:34:56Z",
                "updatedAt": "2026-01-01T12:34:56Z",
                "registryName": "myregistry",
                "repositoryName": "project-a/web_app",
                "repositoryUri": f"{uri}/project-a/web_app",
                "totalSpaceUsedMB": 0.0,
                "description": "d",
            }
        ],
        "totalCount": 1,
    }


@pytest.mark.parametrize(
    "path", ["project-a/web_app", "project-a%2Fweb_app", "project-a%2fweb_app", "project-a%252Fweb_app"]
)
def test_a_slash_in_the_path_may_be_encoded(api: Api, path: str) -> None:
    api.create_registry()
    api.create_repository("project-a/web_app")
    assert api.refusal("POST", f"registries/myregistry/repositories/{path}:deleteImage", {"imageTag": "x"})[0] == 404
    assert api.refusal("POST", f"registries/myregistry/repositories/{path}%3AdeleteImage", {"imageTag": "x"})[0] == 404
    assert (
        "image x not found"
        in api.send("POST", f"registries/myregistry/repositories/{path}:deleteImage", {"imageTag": "x"}).text
    )
    api.result("DELETE", f"registries/myregistry/repositories/{path}")
    assert listed(api) == ([], 0)


def test_unknown_places(api: Api) -> None:
    api.create_registry()
    for method, path, body in (
        ("POST", "registries/nothing/repositories", {"repositoryName": "myrepo"}),
        ("DELETE", "registries/nothing/repositories/myrepo", None),
        ("DELETE", "registries/myregistry/repositories/myrepo", None),
        ("POST", "listRepositories", {"registryName": "nothing"}),
        ("POST", "repositories:checkRepositoryName", {"registryName": "nothing", "repositoryName": "myrepo"}),
    ):
        assert api.refusal(method, path, body) == (404, "NOT_FOUND"), path


def test_a_name_is_unique_in_its_registry(api: Api) -> None:
    for registry in ("first-one", "second-one"):
        api.create_registry(registry)
        api.create_repository("myrepo", registry)
    again = api.refusal("POST", "registries/first-one/repositories", {"repositoryName": "myrepo"})
    assert again == (409, "ALREADY_EXISTS")
    assert listed(api) == (["myrepo", "myrepo"], 2)
    assert listed(api, registryName="second-one") == (["myrepo"], 1)


def test_the_name_filter_is_fuzzy(api: Api) -> None:
    api.create_registry()
    for name in ("web-app", "my-web", "database", "a_web_b"):
        api.create_repository(name)
    names = [{"name": "name", "values": ["web"]}]
    assert listed(api, filters=names) == (["web-app", "my-web", "a_web_b"], 3)
    assert listed(api, filters=[{"name": "name", "operator": "like", "values": ["WEB-"]}]) == (["web-app"], 1)
    assert listed(api, filters=[{"name": "name", "values": ["_"]}]) == (["a_web_b"], 1)
    assert listed(api, filters=[]) == listed(api, filters=[{"name": "name", "values": []}])


@pytest.mark.parametrize(
    "filters",
    [
        [{"name": "name", "values": ["a", "b"]}],
        [{"name": "colour", "values": ["red"]}],
        [{"name": "name", "operator": "between", "values": ["a"]}],
        [{"name": "name", "values": "a"}],
        [{"name": "name", "values": [1]}],
        {"name": "name", "values": ["a"]},
        ["name"],
    ],
)
def test_bad_filters(api: Api, filters: object) -> None:
    assert api.refusal("POST", "listRepositories", {"filters": filters}) == (400, "INVALID_ARGUMENT")


def test_pages(api: Api) -> None:
    api.create_registry()
    names = [f"repository-{number:02}" for number in range(25)]
    for name in names:
        api.create_repository(name)
    assert listed(api) == (names[:20], 25)
    assert listed(api, pageNumber=2) == (names[20:], 25)
    assert listed(api, pageNumber=3, pageSize=10) == (names[20:], 25)
    assert listed(api, pageNumber=4, pageSize=10) == ([], 25)
    assert listed(api, pageSize=100) == (names, 25)
    for bad in ({"pageSize": 9}, {"pageSize": 101}, {"pageNumber": 0}, {"pageSize": True}, {"pageNumber": "x"}):
        assert api.refusal("POST", "listRepositories", bad) == (400, "INVALID_ARGUMENT"), bad
    api.emulator.settings({"page_size": "clamp"})
    assert listed(api, pageSize=1) == (names[:10], 25)
    assert listed(api, pageSize=1000) == (names, 25)


@pytest.mark.parametrize(
    ("name", "code"), [("free/name", 0), ("", 1), (None, 1), ("a//b", 2), ("Upper", 2), (17, 2), ("myrepo", 3)]
)
def test_check_name(api: Api, name: object, code: int) -> None:
    api.create_registry()
    api.create_repository("myrepo")
    body = {"registryName": "myregistry", "repositoryName": name}
    answer = api.result("POST", "repositories:checkRepositoryName", body)
    assert answer["code"] == code
    assert bool(answer["reason"]) == (code != 0)


def test_a_repository_with_images_is_deleted_by_force_only(api: Api) -> None:
    uri = api.create_registry()["registryUri"]
    for name in ("myrepo", "other"):
        api.create_repository(name)
        push(uri, name, ["v1"], password_of(api.issue()["authorizationToken"]))
    path = "registries/myregistry/repositories/"
    for query in ("", "?force=false", "?force=False"):
        assert api.refusal("DELETE", f"{path}myrepo{query}") == (400, "FAILED_PRECONDITION")
    assert api.refusal("DELETE", f"{path}myrepo?force=maybe") == (400, "INVALID_ARGUMENT")
    api.result("DELETE", f"{path}myrepo?force=True")
    api.result("DELETE", f"{path}other?force=true")
    assert listed(api) == ([], 0)
    assert api.result("GET", "registries/myregistry")["registry"]["totalSpaceUsedMB"] == 0.0
    api.create_repository("myrepo")
    assert api.images() == {"imageDetails": [], "totalCount": 0}


def test_quota_of_repositories(api: Api) -> None:
    api.emulator.settings({"repository_quota": 2})
    for registry in ("first-one", "second-one"):
        api.create_registry(registry)
        for name in ("repo-1", "repo-2"):
            api.create_repository(name, registry)
        full = api.refusal("POST", f"registries/{registry}/repositories", {"repositoryName": "repo-3"})
        assert full == (429, "QUOTA_EXCEEDED")


def test_describe_quotas(api: Api) -> None:
    for registry, names in (("first-one", ["repo-1"]), ("second-one", ["repo-1", "repo-2"])):
        api.create_registry(registry)
        for name in names:
            api.create_repository(name, registry)
    registries = {"resourceType": "registry", "limit": 5, "used": 2}
    repositories = {"resourceType": "repository", "limit": 10000, "used": 2}
    assert api.result("GET", "quotas") == {"quotas": [registries, repositories]}
    query = "quotas?filters.1.name=resourceTypes&filters.1.values.1="
    assert api.result("GET", query + "repository") == {"quotas": [repositories]}
    assert api.result("GET", query + "repository&filters.1.values.2=registry") == {"quotas": [registries, repositories]}
    assert api.refusal("GET", query + "image") == (400, "INVALID_ARGUMENT")
    api.emulator.settings({"registry_quota": 7})
    assert api.result("GET", query + "registry")["quotas"][0]["limit"] == 7
