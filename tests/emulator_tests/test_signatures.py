# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The verifier against the vectors of the official signers, and against everything that must not pass."""

from __future__ import annotations

import dataclasses
import json
import typing as t
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.emulator.errors import AccessError
from tests.emulator.signatures import (
    Authorization,
    Policy,
    SignedRequest,
    canonical_requests,
    signing_key,
    string_to_sign,
    verify,
)
from tests.emulator_tests.api import authorization

VECTORS = json.loads((Path(__file__).parents[1] / "contract" / "signing-vectors.json").read_text(encoding="utf-8"))
NOW = datetime(2026, 1, 1, 12, 34, 56, tzinfo=UTC)
POLICY = Policy(window=900, region="cn-north-1")


def request_of(vector: dict[str, t.Any]) -> SignedRequest:
    inputs = vector["inputs"]
    url = urlsplit(inputs["url"])
    headers = {name.lower(): value for name, value in vector["headers_after_signing"].items()}
    path = inputs["url"].split(url.netloc, 1)[1].partition("?")[0]
    return SignedRequest(inputs["method"], path, url.query, {"host": url.netloc, **headers}, inputs["body"].encode())


def secret_of(access_key: str) -> str | None:
    return {"TESTAK": "TESTSK"}.get(access_key)


def check(request: SignedRequest, now: datetime = NOW, policy: Policy = POLICY) -> Authorization:
    return verify(request, secret_of=secret_of, now=now, policy=policy)


def with_headers(request: SignedRequest, **changes: str | None) -> SignedRequest:
    changed = {**request.headers, **{name.replace("_", "-"): value for name, value in changes.items()}}
    return dataclasses.replace(request, headers={name: value for name, value in changed.items() if value is not None})


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda vector: vector["id"])
class TestVectors:
    def test_is_accepted(self, vector: dict[str, t.Any]) -> None:
        assert check(request_of(vector)).access_key == "TESTAK"

    def test_every_step_is_as_published(self, vector: dict[str, t.Any]) -> None:
        request = request_of(vector)
        parsed = Authorization.parse(vector["authorization"])
        canonical = next(form for form in canonical_requests(parsed, request) if form == vector["canonical_request"])
        assert string_to_sign(parsed, request, canonical) == vector["string_to_sign"]
        assert signing_key(parsed, "TESTSK").hex() == vector["signing_key_chain_hex"]["kSigning"]

    def test_changes_are_refused(self, vector: dict[str, t.Any]) -> None:
        request = request_of(vector)
        spoilt = (
            dataclasses.replace(request, method="PATCH"),
            dataclasses.replace(request, path=request.path + "x"),
            dataclasses.replace(request, query=request.query + "&a=b"),
            with_headers(request, host="example.org"),
            with_headers(request, x_jdcloud_date="20260101T123457Z"),
        )
        for one in spoilt:
            with pytest.raises(AccessError, match="sign result is not same"):
                check(one)
        with pytest.raises(AccessError, match="is not the hash of the body"):
            check(dataclasses.replace(request, body=request.body + b" "))

    def test_changed_body_is_refused_without_its_hash(self, vector: dict[str, t.Any]) -> None:
        request = with_headers(request_of(vector), x_jdcloud_content_sha256=None)
        with pytest.raises(AccessError, match="sign result is not same"):
            check(dataclasses.replace(request, body=request.body + b" "))


FIRST = request_of(VECTORS["vectors"][0])
AUTHORIZATION = FIRST.headers["authorization"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"authorization": None}, "lack of header authorization"),
        ({"authorization": "Basic abc"}, "lack of credential"),
        ({"authorization": AUTHORIZATION.split(", SignedHeaders")[0]}, "lack of header signedHeaders"),
        ({"authorization": AUTHORIZATION.replace("JDCLOUD3", "JDCLOUD4")}, "malformed"),
        ({"authorization": AUTHORIZATION.replace("jdcloud3_request", "jdcloud2_request")}, "malformed"),
        ({"authorization": AUTHORIZATION[:-1]}, "malformed"),
        ({"authorization": AUTHORIZATION.replace("TESTAK", "OTHERAK")}, "Invalid accessKey"),
        ({"authorization": AUTHORIZATION.replace("20260101", "20260102")}, "not the date of x-jdcloud-date"),
        ({"authorization": AUTHORIZATION.replace("containerregistry", "vm")}, "another service or region"),
        ({"authorization": AUTHORIZATION.replace("cn-north-1", "cn-south-1")}, "another service or region"),
        ({"authorization": AUTHORIZATION.replace("content-type;", "content-type;x-other;")}, "lack of header x-other"),
        ({"x_jdcloud_date": None}, "lack of header x-jdcloud-date"),
        ({"x_jdcloud_date": "2026-01-01"}, "malformed"),
        ({"x_jdcloud_date": "20261301T000000Z"}, "no date"),
        ({"x_jdcloud_content_sha256": "UNSIGNED-PAYLOAD"}, "not the hash of the body"),
    ],
)
def test_says_what_is_wrong(changes: dict[str, str | None], message: str) -> None:
    with pytest.raises(AccessError, match=message):
        check(with_headers(FIRST, **changes))


@pytest.mark.parametrize(("seconds", "accepted"), [(900, True), (-900, True), (901, False), (-901, False)])
def test_clock_window(seconds: int, accepted: bool) -> None:
    now = NOW + timedelta(seconds=seconds)
    if accepted:
        assert check(FIRST, now)
    else:
        with pytest.raises(AccessError, match="differs too much"):
            check(FIRST, now)


def test_strict_mode_wants_date_and_nonce_signed() -> None:
    strict = dataclasses.replace(POLICY, strict=True)
    by_id = {vector["id"]: request_of(vector) for vector in VECTORS["vectors"]}
    assert check(by_id["v3-delete-with-security-token+date_nonce_signed"], policy=strict)
    with pytest.raises(AccessError, match="x-jdcloud-date is not signed"):
        check(by_id["v3-get-no-params"], policy=strict)


def test_default_ports_are_dropped_from_the_host() -> None:
    for port in (":80", ":443"):
        assert check(with_headers(FIRST, host=FIRST.headers["host"] + port))


def sign(query: str, canonical_query: str) -> SignedRequest:
    """A request with one query, signed as if the canonical query were another (no character of it is recoded)."""
    headers = {"host": "127.0.0.1:1", "x-jdcloud-date": "20260101T123456Z"}
    url = "http://127.0.0.1:1/v1/regions/cn-north-1/registries/r/tokens"
    header = authorization("GET", f"{url}?{canonical_query}", headers, b"", ("TESTAK", "TESTSK"), "cn-north-1")
    return SignedRequest("GET", urlsplit(url).path, query, {**headers, "authorization": header}, b"")


def test_equals_sign_in_a_value_as_new_and_old_python_sdks_sign_it() -> None:
    query = "filters.1.name=token&filters.1.values.1=YWJjZA=="
    assert check(sign(query, "filters.1.name=token&filters.1.values.1=YWJjZA%3D%3D"))
    old = sign(query, query)
    parsed = Authorization.parse(old.headers["authorization"])
    assert [form.split("\n")[2] for form in canonical_requests(parsed, old)] == [
        "filters.1.name=token&filters.1.values.1=YWJjZA%3D%3D",
        "filters.1.name=token&YWJjZA%3D%3D",
    ]
