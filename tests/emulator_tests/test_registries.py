# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Operations on registries, and the ports behind them."""

from __future__ import annotations

import re

import pytest
import requests

from tests.emulator_tests.api import Api, login_status, password_of


def test_create_describe_delete(api: Api) -> None:
    api.emulator.clock(now="2026-01-01T12:34:56Z", frozen=True)
    created = api.create_registry("myregistry", description="测试镜像 仓库")
    assert re.fullmatch(r"127\.0\.0\.1:[0-9]+", created["registryUri"])
    assert created == {
        "name": "myregistry",
        "registryUri": created["registryUri"],
        "description": "测试镜像 仓库",
        "totalSpaceUsedMB": 0.0,
        "createTime": "2026-01-01T12:34:56Z",
    }
    assert api.result("GET", "registries/myregistry") == {"registry": created}
    assert api.result("GET", "registries") == {"registries": [created]}
    assert api.result("DELETE", "registries/myregistry") is None
    assert api.refusal("GET", "registries/myregistry") == (404, "NOT_FOUND")
    assert api.refusal("DELETE", "registries/myregistry") == (404, "NOT_FOUND")
    assert api.result("GET", "registries") == {"registries": []}


def test_each_registry_has_a_port_until_it_is_deleted(api: Api) -> None:
    first, second = api.create_registry("first-one")["registryUri"], api.create_registry("second-one")["registryUri"]
    assert first != second
    password = password_of(api.issue("first-one")["authorizationToken"])
    assert (login_status(first, password), login_status(second, password)) == (200, 401)
    api.result("DELETE", "registries/first-one")
    with pytest.raises(requests.ConnectionError):
        login_status(first, password)
    assert login_status(second, password) == 401


def test_only_v2_is_served_on_the_port_of_a_registry(api: Api) -> None:
    uri = api.create_registry()["registryUri"]
    assert requests.get(f"http://{uri}/_emulator/state", timeout=60).status_code == 404
    assert requests.get(f"http://{uri}/v1/regions/cn-north-1/registries", timeout=60).status_code == 404


def test_real_host_names_are_told_apart_by_the_host_header(api: Api) -> None:
    api.emulator.settings({"hostnames": "real"})
    uri = api.create_registry("my-registry")["registryUri"]
    port = api.emulator.endpoint.rpartition(":")[2]
    assert uri == f"my-registry-cn-north-1.jcr.service.jdcloud.com:{port}"
    password = password_of(api.issue("my-registry")["authorizationToken"])
    inner = "my-registry-cn-north-1-inner.jcr.service.jdcloud.com"
    for host, code in ((uri, 200), (uri.upper(), 200), (inner, 200), (f"other-{uri}", 404), ("127.0.0.1", 404)):
        answer = requests.get(
            f"{api.emulator.endpoint}/v2/", headers={"host": host}, auth=("jdcloud", password), timeout=60
        )
        assert answer.status_code == code, host


def test_names_are_unique_over_regions_and_accounts(api: Api) -> None:
    api.create_registry("myregistry")
    south = Api(api.emulator, "cn-south-1")
    assert south.refusal("POST", "registries", {"registryName": "myregistry"}) == (409, "ALREADY_EXISTS")
    assert south.refusal("GET", "registries/myregistry") == (404, "NOT_FOUND")
    assert south.result("GET", "registries") == {"registries": []}
    api.emulator.settings({"taken_names": ["foreign"]})
    assert api.refusal("POST", "registries", {"registryName": "foreign"}) == (409, "ALREADY_EXISTS")
    assert api.refusal("GET", "registries/foreign") == (404, "NOT_FOUND")
    assert api.result("POST", "registries:checkRegistryName", {"registryName": "foreign"})["code"] == 3


def test_five_registries_a_region(api: Api) -> None:
    for number in range(5):
        api.create_registry(f"registry-{number}")
    assert api.refusal("POST", "registries", {"registryName": "registry-5"}) == (429, "QUOTA_EXCEEDED")
    assert Api(api.emulator, "cn-east-2").create_registry("registry-5")["name"] == "registry-5"
    api.emulator.settings({"registry_quota": 6})
    api.create_registry("registry-6")


def test_a_registry_with_repositories_is_not_deleted(api: Api) -> None:
    api.create_registry()
    api.create_repository("myrepo")
    assert api.refusal("DELETE", "registries/myregistry") == (400, "FAILED_PRECONDITION")
    api.result("DELETE", "registries/myregistry/repositories/myrepo")
    api.result("DELETE", "registries/myregistry")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, "INVALID_ARGUMENT"),
        (None, "INVALID_ARGUMENT"),
        ({"registryName": None}, "INVALID_ARGUMENT"),
        ({"registryName": 1227}, "INVALID_ARGUMENT"),
        ({"registryName": "abc"}, "INVALID_ARGUMENT"),
        ({"registryName": "myregistry", "description": "x" * 257}, "INVALID_ARGUMENT"),
        ({"registryName": "myregistry", "description": ["x"]}, "INVALID_ARGUMENT"),
        (["myregistry"], "HTTP_BAD_REQUEST"),
        (b"{", "HTTP_BAD_REQUEST"),
        (b"\xff", "HTTP_BAD_REQUEST"),
    ],
)
def test_bad_bodies(api: Api, body: object, status: str) -> None:
    assert api.refusal("POST", "registries", body) == (400, status)
    assert api.result("GET", "registries") == {"registries": []}


def test_null_is_absent_and_the_path_decides(api: Api) -> None:
    body = {"regionId": "cn-south-1", "registryName": "myregistry", "description": None, "unheardOf": {"a": 1}}
    assert api.result("POST", "registries", body)["registry"]["description"] == ""
    assert [registry["name"] for registry in api.result("GET", "registries")["registries"]] == ["myregistry"]


@pytest.mark.parametrize(
    ("name", "code"), [("free-name", 0), ("", 1), (None, 1), ("abc", 2), ("Upper", 2), (17, 2), ("myregistry", 3)]
)
def test_check_name(api: Api, name: object, code: int) -> None:
    api.create_registry()
    answer = api.result("POST", "registries:checkRegistryName", {"registryName": name})
    assert answer["code"] == code
    assert bool(answer["reason"]) == (code != 0)


def test_names_can_be_loosened(api: Api) -> None:
    assert api.refusal("POST", "registries", {"registryName": "abc"}) == (400, "INVALID_ARGUMENT")
    api.emulator.settings({"names": "addressable"})
    assert api.create_registry("abc")["name"] == "abc"


def test_unknown_regions(api: Api) -> None:
    nowhere = Api(api.emulator, "cn-nowhere-9")
    assert nowhere.refusal("GET", "registries") == (404, "NOT_FOUND")
    api.emulator.settings({"unknown_region": "accept"})
    assert nowhere.result("GET", "registries") == {"registries": []}
    api.emulator.settings({"unknown_region": "refuse", "regions": ["cn-nowhere-9"]})
    assert nowhere.result("GET", "registries") == {"registries": []}
    assert api.refusal("GET", "registries") == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", "registries"), ("GET", "registries/"), ("POST", "registries/r"), ("GET", "webhooks"), ("HEAD", "quotas")],
)
def test_no_route(api: Api, method: str, path: str) -> None:
    response = api.send(method, path)
    assert response.status_code == 404
    if method != "HEAD":
        assert response.json()["error"]["message"] == "no route and no API found with those values"


def test_limits_of_the_gateway(api: Api) -> None:
    assert api.refusal("GET", "registries?x=" + "a" * 8192) == (414, "HTTP_URI_TOO_LONG")
    assert api.refusal("POST", "registries", b" " * (1024 * 1024 + 1)) == (413, "HTTP_REQUEST_ENTITY_TOO_LARGE")


def test_every_answer_has_an_id_and_the_time_of_the_emulator(api: Api) -> None:
    api.emulator.clock(now="2026-02-03T04:05:06Z", frozen=True)
    seen = set()
    for path in ("registries", "registries/none"):
        response = api.send("GET", path)
        assert re.fullmatch("[0-9a-z]{32}", response.json()["requestId"])
        assert response.headers["x-jdcloud-request-id"] == response.json()["requestId"]
        assert response.headers["date"] == "Tue, 03 Feb 2026 04:05:06 GMT"
        assert response.headers["content-type"] == "application/json; charset=utf-8"
        seen.add(response.json()["requestId"])
    assert len(seen) == 2


@pytest.mark.parametrize(
    ("switches", "created", "issued"),
    [
        ({"real_name": "missing"}, (403, "HTTP_FORBIDDEN"), (403, "HTTP_FORBIDDEN")),
        ({"balance": "low"}, (400, "FAILED_PRECONDITION"), None),
        (
            {"real_name": "missing", "error_real_name": "400:FAILED_PRECONDITION"},
            (400, "FAILED_PRECONDITION"),
            (400, "FAILED_PRECONDITION"),
        ),
    ],
)
def test_accounts_that_may_not(
    api: Api, switches: dict[str, str], created: tuple[int, str], issued: tuple[int, str] | None
) -> None:
    api.create_registry("before-it")
    api.emulator.settings(switches)
    assert api.refusal("POST", "registries", {"registryName": "myregistry"}) == created
    assert api.refusal("POST", "registries/before-it/repositories", {"repositoryName": "myrepo"}) == created
    if issued:
        assert api.refusal("POST", "registries/before-it:getAuthorizationToken", {}) == issued
    else:
        api.issue("before-it")
    assert len(api.result("GET", "registries")["registries"]) == 1
