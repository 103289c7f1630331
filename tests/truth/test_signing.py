# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Our signatures and those of the official signer: of random requests, and of the requests caught on the wire."""

from __future__ import annotations

import dataclasses
import datetime
import json
import pathlib
import random
import re
import typing as t
import urllib.parse

import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils import _signing
from tests.emulator.signatures import Policy, SignedRequest, verify
from tests.truth import sdk

REGION = "cn-north-1"
KEYS = {"access_key": "TESTAK", "secret_key": "TESTSK"}
NOW = datetime.datetime(2026, 1, 1, 12, 34, 56, tzinfo=datetime.UTC)
DATE = "20260101T123456Z"
CONTRACT = pathlib.Path(__file__).parents[1] / "contract"

# What names, filters, tokens and mistakes are made of. The last ones are never sent as they are.
CHARACTERS = "abcXYZ019-_.~:/%+ ,;@!*'()[]\"<>\\^`|{}$测试é🐳&=?#"
# Not ";": the SDK takes what follows one in the last part of a path for parameters, and does not sign them.
SENT_RAW_IN_PATHS = set("abcXYZ019-_.~:/+,@!*'()$&=")
SENT_RAW_IN_QUERIES = (SENT_RAW_IN_PATHS | set("?;")) - set("&=")
HOSTS = ("https://containerregistry.jdcloud-api.com", "http://127.0.0.1:18099", "https://localhost:443", "http://h:80")
TYPES = ("application/json", "application/json; charset=utf-8", "text/plain", " application/json ")


class Requests:
    """Random requests, the same ones for the same seed."""

    def __init__(self, seed: str, equals_in_values: bool) -> None:
        self._random = random.Random(seed)
        self._equals_in_values = equals_in_values

    def one(self, signs_date: bool) -> dict[str, t.Any]:
        """A request as the SDK's signer takes it. Without C(signs_date) the signer chooses date and nonce itself."""
        choose = self._random
        nonce = f"nonce-{choose.getrandbits(64):x}"
        dated = {"x-jdcloud-date": DATE, "x-jdcloud-nonce": nonce} if signs_date else {}
        return {
            "method": choose.choice(("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")),
            "url": choose.choice(HOSTS) + self._path() + choose.choice(("", "?" + self._query())),
            "headers": {"Content-Type": choose.choice(TYPES), **dated},
            "body": choose.choice(("", self._body())),
            "security_token": choose.choice(("", self._text(1, 30))),
        }

    def _path(self) -> str:
        return "/v1/regions/" + REGION + "/" + self._encoded(self._text(0, 30), SENT_RAW_IN_PATHS)

    def _query(self) -> str:
        pieces = [self._encoded(self._text(0, 8), SENT_RAW_IN_QUERIES) + self._value() for _piece in range(4)]
        return "&".join(pieces)

    def _value(self) -> str:
        """A value with its equals sign; sometimes neither, sometimes with equals signs inside as a token has them."""
        value = self._encoded(self._text(0, 12), SENT_RAW_IN_QUERIES)
        if self._equals_in_values:
            return f"={value}=="
        return self._random.choice(("", f"={value}", f"={value}"))

    def _body(self) -> str:
        """JSON, with what is not ASCII as it is or escaped."""
        content = {"description": self._text(0, 40), "expiredAfterHours": self._random.randrange(25)}
        return json.dumps(content, ensure_ascii=self._random.random() < 0.5)

    def _text(self, shortest: int, longest: int) -> str:
        return "".join(self._random.choices(CHARACTERS, k=self._random.randint(shortest, longest)))

    def _encoded(self, text: str, raw: set[str]) -> str:
        """Percent-encoded wherever it has to be, and sometimes where it need not be, in both cases of digits."""
        encoded = ""
        for character in text:
            if character in raw and self._random.random() < 0.8:
                encoded += character
            else:
                quoted = "".join(f"%{byte:02X}" for byte in character.encode())
                encoded += quoted if self._random.random() < 0.8 else quoted.lower()
        return encoded


@dataclasses.dataclass(frozen=True)
class Pair:
    """One request, signed by the SDK and by us over the same headers."""

    request: dict[str, t.Any]
    theirs: dict[str, str]
    their_canonical: str
    ours: dict[str, str]
    our_canonical: str


@pytest.fixture(scope="module")
def plain() -> list[Pair]:
    """200 requests whose values have no equals sign, 100 of them with a date that the signer was given."""
    return pairs(Requests("plain", equals_in_values=False), 200)


@pytest.fixture(scope="module")
def with_equals() -> list[Pair]:
    """60 requests whose values have equals signs, as base64 has them."""
    return pairs(Requests("equals", equals_in_values=True), 60)


def pairs(requests: Requests, count: int) -> list[Pair]:
    """Random requests, signed by both."""
    wanted = [requests.one(signs_date=number % 2 == 0) for number in range(count)]
    signed = sdk.run("sign", {**KEYS, "region": REGION, "requests": wanted})
    return [pair(request, answer) for request, answer in zip(wanted, signed, strict=True)]


def pair(request: dict[str, t.Any], answer: dict[str, t.Any]) -> Pair:
    """Sign over the headers that the SDK chose to sign."""
    theirs = {name.lower(): value for name, value in answer["headers"].items()}
    body = request["body"].encode()
    ours = _signing.sign(
        request["method"],
        request["url"],
        {"Content-Type": request["headers"]["Content-Type"]},
        body,
        **KEYS,
        region=REGION,
        now=datetime.datetime.strptime(theirs["x-jdcloud-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.UTC),
        nonce=theirs["x-jdcloud-nonce"],
        security_token=request["security_token"] or None,
    )
    ours = {"content-type": request["headers"]["Content-Type"], **{name.lower(): ours[name] for name in ours}}
    headers = {**ours, "host": _signing.host_of(request["url"])}
    signed = {name: headers[name] for name in signed_names(theirs["authorization"])}
    canonical = _signing.canonical_request(request["method"], request["url"], signed, body)
    return Pair(request, theirs, answer["canonical_request"], ours, canonical)


def signed_names(authorization: str) -> list[str]:
    return part_of(authorization, "SignedHeaders").split(";")


def part_of(authorization: str, name: str) -> str:
    return re.search(f"{name}=([^,]+)", authorization)[1]


def our_signature(canonical: str, date: str) -> str:
    scope = _signing.scope_of(date, REGION)
    return _signing.signature_of(KEYS["secret_key"], scope, _signing.string_to_sign(date, scope, canonical))


# --- random requests -------------------------------------------------------------------------------------------------


def test_the_random_requests_are_worth_their_name(plain, with_equals):
    urls = [one.request["url"] for one in plain]
    assert len({one.our_canonical for one in plain}) == len(plain) == 200
    for part in ("/%2f", ":", "%3A", "%25", "//", "+", "%20", "%2B", "?&", "%E6%B5%8B", "%F0%9F%90%B3"):
        assert any(part.lower() in url.lower() for url in urls), part
    assert sum("测" in one.request["body"] for one in plain) > 10
    assert sum("\\u6d4b" in one.request["body"] for one in plain) > 10
    assert sum(bool(one.request["security_token"]) for one in plain) > 50
    assert sum("==" in one.request["url"] for one in with_equals) > 20


def test_the_canonical_request_is_the_sdks(plain):
    for one in plain:
        assert one.our_canonical == one.their_canonical, one.request


def test_the_signature_is_the_sdks(plain):
    for one in plain:
        theirs = part_of(one.theirs["authorization"], "Signature")
        assert our_signature(one.our_canonical, one.theirs["x-jdcloud-date"]) == theirs, one.request


def test_with_the_date_given_all_headers_are_the_sdks(plain):
    """The SDK signs what we sign as soon as it is told date and nonce."""
    dated = [one for one in plain if "x-jdcloud-date" in one.request["headers"]]
    assert len(dated) == 100
    for one in dated:
        sent = {name: value for name, value in one.ours.items() if name != "x-jdcloud-algorithm"}
        assert sent == {name: one.theirs[name] for name in sent}, one.request


def test_equals_signs_in_values_are_the_only_difference(with_equals):
    """SDKs before March 2026 lose the name of such a value; newer ones, and the documents, agree with us."""
    for one in with_equals:
        ours, theirs = one.our_canonical.split("\n"), one.their_canonical.split("\n")
        assert ours[:2] + ours[3:] == theirs[:2] + theirs[3:], one.request


def test_the_emulator_takes_the_signatures_of_both(plain, with_equals):
    for one in plain + with_equals:
        check(one.request, one.theirs, strict=False)
        check(one.request, one.ours, strict=True)


def check(request: dict[str, t.Any], headers: dict[str, str], strict: bool) -> None:
    """The emulator's verdict on a request as it comes over the wire; AccessError if it is bad."""
    url = request["url"]
    host = urllib.parse.urlsplit(url).netloc
    path, _mark, query = url.partition(host)[2].partition("?")
    sent = SignedRequest(request["method"], path, query, {"host": host, **headers}, request["body"].encode())
    now = datetime.datetime.strptime(headers["x-jdcloud-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.UTC)
    verify(sent, secret_of={"TESTAK": "TESTSK"}.get, now=now, policy=Policy(0, strict=strict, region=REGION))


# --- requests caught on the wire -------------------------------------------------------------------------------------


def captures() -> list[dict[str, t.Any]]:
    lines = [line for client in ("sdk", "cli") for line in (CONTRACT / f"wire-{client}.jsonl").read_text().splitlines()]
    return [json.loads(line) for line in lines]


def test_there_are_captures():
    assert len(captures()) == 30


@pytest.mark.parametrize("capture", captures(), ids=lambda capture: capture["request_line"].split("?")[0])
def test_our_signer_makes_the_signature_that_was_sent(capture):
    method, target, _version = capture["request_line"].split(" ")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in capture["headers"])}
    url = f"http://{headers['host']}{target}"
    signed = {name: headers[name] for name in signed_names(headers["authorization"])}
    canonical = _signing.canonical_request(method, url, signed, capture["body"].encode())
    assert part_of(headers["authorization"], "Credential").startswith("TESTAK/")
    assert our_signature(canonical, headers["x-jdcloud-date"]) == part_of(headers["authorization"], "Signature")
