# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Scripted faults, as a client on a real connection meets them."""

from __future__ import annotations

import concurrent.futures
import json
import typing as t

import pytest
import requests

from tests.emulator_tests.api import Api, login_status, password_of

CREATE = ("POST", "registries", {"registryName": "myregistry"})


def strike(api: Api, action: t.Any, times: int | None = 1, **match: t.Any) -> None:
    """Put one fault in force."""
    api.emulator.faults([{"match": match, "times": times, "action": action}])


def names(api: Api) -> list[str]:
    """The registries there are, looked up without going through the faults."""
    return [registry["name"] for registry in api.emulator.state()["registries"]]


def test_status(api: Api) -> None:
    strike(api, {"status": {"http": 429, "status": "RATE_LIMIT", "message": "slow down", "retry_after": 7}})
    response = api.send(*CREATE)
    assert (response.status_code, response.headers["retry-after"]) == (429, "7")
    assert response.json()["error"] == {"code": 429, "status": "RATE_LIMIT", "message": "slow down"}
    assert response.headers["x-jdcloud-request-id"] == response.json()["requestId"]
    assert names(api) == []
    assert [(entry["status"], entry["fault"]) for entry in api.emulator.requests()] == [(429, "status")]
    api.result(*CREATE)


def test_status_with_another_code_inside(api: Api) -> None:
    strike(api, {"status": {"http": 200, "code": 500, "status": "INTERNAL"}})
    response = api.send(*CREATE)
    assert (response.status_code, response.json()["error"]["code"]) == (200, 500)


def test_spoilt_statuses(api: Api) -> None:
    strike(api, {"status": {"http": 503, "request_id": False}})
    response = api.send(*CREATE)
    assert "requestId" not in response.json()
    assert "x-jdcloud-request-id" not in response.headers
    strike(api, {"status": {"http": 502, "html": True}})
    response = api.send(*CREATE)
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.text.startswith("<html>")
    strike(api, {"status": {"http": 500, "empty": True}})
    assert api.send(*CREATE).content == b""


def test_lost_answer(api: Api) -> None:
    strike(api, "lost_answer", operation="createRegistry")
    with pytest.raises(requests.ConnectionError):
        api.send(*CREATE)
    assert names(api) == ["myregistry"]
    uri = api.result("GET", "registries/myregistry")["registry"]["registryUri"]
    assert login_status(uri, "wrong") == 401


def test_lost_token_is_still_issued(api: Api) -> None:
    api.create_registry()
    strike(api, {"lost_answer": {}})
    with pytest.raises(requests.ConnectionError):
        api.issue()
    entry = api.emulator.requests()[-1]
    assert (entry["token_issued"], entry["status"], entry["fault"]) == (True, None, "lost_answer")
    assert len(api.emulator.state()["registries"][0]["tokens"]) == 1


def test_reset(api: Api) -> None:
    strike(api, "reset")
    with pytest.raises(requests.ConnectionError, match="reset by peer|Remote end closed connection"):
        api.send(*CREATE)
    assert names(api) == []


def test_slow(api: Api) -> None:
    strike(api, {"slow": {"seconds": 0.3}})
    assert api.send(*CREATE).elapsed.total_seconds() >= 0.3
    strike(api, {"slow": {"seconds": 600}})
    with pytest.raises(requests.ReadTimeout):
        api.session.post(f"{api.emulator.endpoint}/v1/x", timeout=0.2)


def test_hang(api: Api) -> None:
    strike(api, "hang")
    with pytest.raises(requests.ReadTimeout):
        api.session.get(f"{api.emulator.endpoint}/v1/x", timeout=0.2)
    assert api.emulator.requests()[-1]["status"] is None


def test_a_hang_ends_with_its_script(api: Api) -> None:
    """Some clients never give up: a Docker Engine that pushes, for example."""
    strike(api, "hang")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        hung = pool.submit(api.session.get, f"{api.emulator.endpoint}/v1/x", timeout=60)
        while not api.emulator.requests():  # it is on its way
            pass
        api.emulator.faults([])
        with pytest.raises(requests.ConnectionError):
            hung.result()


@pytest.mark.parametrize("after", [0, 1, 40])
def test_cut(api: Api, after: int) -> None:
    strike(api, {"cut": {"after_bytes": after}})
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        api.send(*CREATE)
    assert names(api) == ["myregistry"]
    assert api.emulator.requests()[-1]["bytes_sent"] == after


def test_body(api: Api) -> None:
    strike(api, {"body": {"text": "{", "content_type": "text/plain"}})
    response = api.send(*CREATE)
    assert (response.status_code, response.text, response.headers["content-type"]) == (200, "{", "text/plain")
    assert names(api) == []
    strike(api, {"body": {"base64": "//4=", "http": 206, "commit": True}})
    response = api.send(*CREATE)
    assert (response.status_code, response.content) == (206, b"\xff\xfe")
    assert names(api) == ["myregistry"]


def test_redirect(api: Api) -> None:
    strike(api, {"redirect": {"location": "http://example.org/", "http": 307}})
    response = api.send(*CREATE)
    assert (response.status_code, response.headers["location"]) == (307, "http://example.org/")


def test_wrong_type(api: Api) -> None:
    api.create_registry()
    strike(api, "wrong_type")
    assert api.send("GET", "registries").json()["result"] == []
    strike(api, {"wrong_type": {"member": "result.registries.0.name", "value": {"a": 1}}})
    assert api.send("GET", "registries").json()["result"]["registries"][0]["name"] == {"a": 1}


def test_match_nth_and_times(api: Api) -> None:
    api.emulator.faults(
        [{"match": {"operation": "describeQuotas", "nth": 2}, "times": 2, "action": {"status": {"http": 503}}}]
    )
    api.result("GET", "registries")
    assert [api.send("GET", "quotas").status_code for _time in range(5)] == [200, 503, 503, 200, 200]
    strike(api, {"status": {"http": 500}}, times=None, path_regex="quot", method="GET")
    assert [api.send("GET", path).status_code for path in ("quotas", "registries", "quotas")] == [500, 200, 500]


def test_rules_follow_one_another(api: Api) -> None:
    script = [
        {"match": {"plane": "control"}, "times": 2, "action": {"status": {"http": 429}}},
        {"match": {"plane": "control"}, "action": {"status": {"http": 503}}},
    ]
    api.emulator.faults(script)
    assert [api.send("GET", "quotas").status_code for _time in range(4)] == [429, 429, 503, 200]
    api.emulator.faults(script)
    api.emulator.reset()
    assert api.send("GET", "quotas").status_code == 200


def test_faults_of_the_data_plane(api: Api) -> None:
    uri = api.create_registry()["registryUri"]
    password = password_of(api.issue()["authorizationToken"])
    strike(api, {"status": {"http": 429}}, plane="data", operation="ping")
    response = requests.get(f"http://{uri}/v2/", auth=("jdcloud", password), timeout=60)
    assert response.json() == {"errors": [{"code": "TOOMANYREQUESTS", "message": "rate limit"}]}
    strike(api, "reset", plane="data")
    with pytest.raises(requests.ConnectionError):
        login_status(uri, password)
    assert login_status(uri, password) == 200
    logged = [entry for entry in api.emulator.requests() if entry["plane"] == "data"]
    assert [(entry["operation"], entry["registry"], entry["fault"]) for entry in logged] == [
        ("ping", "myregistry", "status"),
        ("ping", "myregistry", "reset"),
        ("ping", "myregistry", None),
    ]


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ([{"action": "explode"}], "no action explode"),
        ([{"action": {"status": {}}}], "status needs http"),
        ([{"action": {"status": {"http": "500"}}}], "http has a value of the wrong type"),
        ([{"action": {"slow": {"hours": 1}}}], "no option hours"),
        ([{"action": "reset", "times": 0}], "times is a number from 1"),
        ([{"action": "reset", "match": {"plane": "astral"}}], "plane is control or data"),
        (
            [{"action": "reset", "match": {"operation": "makeRegistry"}}],
            "no operation makeRegistry; there are describeRegi",
        ),
        ([{"action": "reset", "match": {"plane": "data", "operation": "createRegistry"}}], "there are ping, listTags"),
        ([{"action": "reset", "match": {"method": "get"}}], "no method get; there are GET, HEAD, POST"),
        ([{"action": "reset", "match": {"nth": 0}}], "nth is a number from 1"),
        ([{"action": "reset", "match": {"path_regex": "("}}], "path_regex"),
        ([{"action": "reset"}, {"match": {}}], "fault 2 is not an object with action"),
        (["reset"], "fault 1 is not an object with action"),
    ],
)
def test_bad_scripts(api: Api, script: list[t.Any], message: str) -> None:
    response = requests.post(f"{api.emulator.admin}/faults", data=json.dumps(script), timeout=60)
    assert response.status_code == 400
    assert message in response.json()["error"]
