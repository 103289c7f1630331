# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Signatures, against vectors computed by the official signer (tests/contract/signing-vectors.json)."""

from __future__ import annotations

import base64
import datetime
import re
import urllib.parse

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.jdcloud.jcr.plugins.module_utils import _signing
from tests.support.contract import load

ALL_VECTORS = load("signing-vectors.json")["vectors"]
VECTORS = [vector for vector in ALL_VECTORS if vector["algorithm"] == _signing.ALGORITHM]
BOTH_SIGNED = [vector for vector in VECTORS if vector["mode"] == "date_nonce_presigned"]
ENDPOINT = "https://containerregistry.jdcloud-api.com"
NOW = datetime.datetime(2026, 1, 1, 12, 34, 56, 789, tzinfo=datetime.UTC)


def by_id(vector):
    return vector["id"]


def signed_headers(vector) -> dict[str, str]:
    """The headers that a vector's signature covers, with their values."""
    given_in = vector["inputs"]
    values = {
        "content-type": "application/json",
        "host": _signing.host_of(given_in["url"]),
        "x-jdcloud-date": given_in["date"],
        "x-jdcloud-nonce": given_in["nonce"],
        "x-jdcloud-security-token": base64.b64encode(given_in["security_token_plain"].encode()).decode(),
    }
    names = re.search(r"SignedHeaders=([^,]+),", vector["authorization"])[1]
    return {name: values[name] for name in names.split(";")}


def sign(method="GET", url=ENDPOINT + "/v1/regions/cn-north-1/registries", headers=None, body=b"", **options):
    options = {
        "access_key": "TESTAK",
        "secret_key": "TESTSK",
        "region": "cn-north-1",
        "now": NOW,
        "nonce": "ed558a3b-9808-4edb-8597-187bda63a4f2",
        **options,
    }
    return _signing.sign(method, url, headers or {"Content-Type": "application/json"}, body, **options)


def test_there_are_vectors_of_both_modes():
    assert len(BOTH_SIGNED) >= 10
    assert len(VECTORS) - len(BOTH_SIGNED) >= 10


@pytest.mark.parametrize("vector", VECTORS, ids=by_id)
def test_reproduces_each_step_of_the_official_signer(vector):
    given_in = vector["inputs"]
    body = given_in["body"].encode()
    canonical = _signing.canonical_request(given_in["method"], given_in["url"], signed_headers(vector), body)
    assert canonical == vector["canonical_request"]
    scope = _signing.scope_of(given_in["date"], given_in["region"])
    text = _signing.string_to_sign(given_in["date"], scope, canonical)
    assert text == vector["string_to_sign"]
    assert _signing.signature_of(given_in["secret_key"], scope, text) == vector["signature"]


@pytest.mark.parametrize("vector", BOTH_SIGNED, ids=by_id)
def test_sign_makes_the_headers_of_the_vector(vector):
    given_in = vector["inputs"]
    added = sign(
        given_in["method"],
        given_in["url"],
        body=given_in["body"].encode(),
        security_token=given_in["security_token_plain"] or None,
    )
    theirs = {name.lower(): value for name, value in vector["headers_after_signing"].items()}
    assert added.pop("x-jdcloud-algorithm") == "JDCLOUD3-HMAC-SHA256"
    for name, value in added.items():
        assert value == theirs[name.lower()]
    assert added["Authorization"] == vector["authorization"]


def test_date_nonce_host_type_and_token_are_signed():
    authorization = sign(security_token="mfa-token-123")["Authorization"]
    names = "content-type;host;x-jdcloud-date;x-jdcloud-nonce;x-jdcloud-security-token"
    assert f"SignedHeaders={names}, " in authorization


def test_the_security_token_travels_in_base64():
    assert sign(security_token="mfa-token-123")["x-jdcloud-security-token"] == "bWZhLXRva2VuLTEyMw=="
    assert "x-jdcloud-security-token" not in sign()
    assert "x-jdcloud-security-token" not in sign(security_token="")


def test_a_missing_content_type_is_added_and_a_given_one_is_signed():
    assert sign(headers={"Accept": "*/*"})["content-type"] == "application/json"
    assert sign(headers={"Accept": "*/*"})["Authorization"] == sign()["Authorization"]
    other = sign(headers={"CONTENT-TYPE": "text/plain"})
    assert "content-type" not in other
    assert other["Authorization"] != sign()["Authorization"]


BASE = {"method": "GET", "url": ENDPOINT + "/v1/a?x=1", "body": b"{}", "region": "cn-north-1", "nonce": "n", "now": NOW}


@pytest.mark.parametrize(
    ("what", "value"),
    [
        ("method", "POST"),
        ("url", ENDPOINT + "/v1/b?x=1"),
        ("url", ENDPOINT + "/v1/a?x=2"),
        ("url", "https://other.jdcloud-api.com/v1/a?x=1"),
        ("url", ENDPOINT + ":8443/v1/a?x=1"),
        ("body", b"{} "),
        ("region", "cn-east-2"),
        ("nonce", "m"),
        ("now", NOW + datetime.timedelta(seconds=1)),
        ("secret_key", "OTHER"),
        ("security_token", "t"),
    ],
)
def test_every_part_of_a_request_counts(what, value):
    assert signature(**BASE) != signature(**{**BASE, what: value})


def signature(**options) -> str:
    return sign(**options)["Authorization"].rpartition("Signature=")[2]


def test_the_time_is_told_in_utc():
    beijing = NOW.astimezone(datetime.timezone(datetime.timedelta(hours=8)))
    assert sign(now=beijing) == sign()
    assert sign()["x-jdcloud-date"] == "20260101T123456Z"
    with pytest.raises(ValueError, match="zone"):
        sign(now=NOW.replace(tzinfo=None))


def test_no_secret_is_in_the_headers():
    added = sign(secret_key="VERYSECRETKEY", security_token="PLAINTOKEN")
    assert "VERYSECRETKEY" not in repr(added)
    assert "PLAINTOKEN" not in repr(added)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://containerregistry.jdcloud-api.com/v1", "containerregistry.jdcloud-api.com"),
        ("https://containerregistry.jdcloud-api.com:443/v1", "containerregistry.jdcloud-api.com"),
        ("http://containerregistry.jdcloud-api.com:80/", "containerregistry.jdcloud-api.com"),
        ("https://containerregistry.jdcloud-api.com:80/", "containerregistry.jdcloud-api.com"),
        ("https://ContainerRegistry.JDCloud-API.com:8443", "containerregistry.jdcloud-api.com:8443"),
        ("http://127.0.0.1:18099/v1", "127.0.0.1:18099"),
        ("http://[::1]:18099/v1", "[::1]:18099"),
        ("http://[::1]/v1", "[::1]"),
        ("http://[::1]:80/v1", "[::1]"),
        ("https://[fe80::1%25eth0]:8443/v1", "[fe80::1]:8443"),
        ("https://user:password@host:8443/v1", "host:8443"),
    ],
)
def test_the_host_that_is_signed(url, host):
    assert _signing.host_of(url) == host


# --- what is canonical -----------------------------------------------------------------------------------------------


def canonical_line(url: str, line: int) -> str:
    return _signing.canonical_request("get", url, {}, b"").split("\n")[line]


@pytest.mark.parametrize(
    ("path", "canonical"),
    [
        ("", "/"),
        ("/", "/"),
        ("/v1/a:b", "/v1/a%3Ab"),
        ("//v1///a//", "/v1/a/"),
        ("/a%2Fb", "/a/b"),
        ("/a%252Fb", "/a%252Fb"),
        ("/a+b", "/a%20b"),
        ("/a%20b", "/a%20b"),
        ("/~a-b_c.d", "/~a-b_c.d"),
        ("/测试", "/%E6%B5%8B%E8%AF%95"),
        ("/%e6%b5%8b", "/%E6%B5%8B"),
    ],
)
def test_paths(path, canonical):
    assert canonical_line(ENDPOINT + path, 1) == canonical


@pytest.mark.parametrize(
    ("query", "canonical"),
    [
        ("", ""),
        ("b=2&a=1", "a=1&b=2"),
        ("a=2&a=1", "a=1&a=2"),
        ("a=1=2", "a=1%3D2"),
        ("a=YWJjZA==", "a=YWJjZA%3D%3D"),
        ("a=b/c", "a=b%2Fc"),
        ("a=b+c&d=e%20f", "a=b%20c&d=e%20f"),
        ("a=", "a="),
        ("a&b=1&=2&", "b=1"),
        ("filters.10.name=x&filters.2.name=y", "filters.10.name=x&filters.2.name=y"),
    ],
)
def test_queries(query, canonical):
    assert canonical_line(f"{ENDPOINT}/?{query}", 2) == canonical


def test_headers_are_lower_case_sorted_and_trimmed():
    canonical = _signing.canonical_request("get", ENDPOINT, {"X-B": " 2  3 ", "host": "h", "x-a": "1"}, b"")
    assert canonical.split("\n")[3:8] == ["host:h", "x-a:1", "x-b:2  3", "", "host;x-a;x-b"]


@settings(derandomize=True, database=None, max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(["host", "X-Jdcloud-Date", "Content-Type", "x-a"]), st.text(max_size=10)))
def test_the_order_of_headers_does_not_matter(headers):
    reversed_headers = dict(reversed(headers.items()))
    assert _signing.canonical_request("GET", ENDPOINT, headers, b"") == _signing.canonical_request(
        "GET", ENDPOINT, reversed_headers, b""
    )


@settings(derandomize=True, database=None, max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.text(min_size=1), st.text()), max_size=5), st.randoms(use_true_random=False))
def test_the_order_of_parameters_does_not_matter(pairs, random):
    shuffled = random.sample(pairs, len(pairs))
    url, other = (f"{ENDPOINT}/?{urllib.parse.urlencode(query)}" for query in (pairs, shuffled))
    assert canonical_line(url, 2) == canonical_line(other, 2)
