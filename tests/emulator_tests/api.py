# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small client of the API and of /v2/ for these tests; it signs with the code that the vectors prove right."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import typing as t
import uuid
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

import requests

from tests.emulator import signatures
from tests.support.emulator import RunningEmulator

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_TIMEOUT = 60


class Api:
    """Calls operations of a running emulator."""

    def __init__(self, emulator: RunningEmulator, region: str = "cn-north-1") -> None:
        self.emulator = emulator
        self.region = region
        self.session = requests.Session()
        self.session.trust_env = False

    def send(
        self,
        method: str,
        path: str,
        body: t.Any = None,
        *,
        headers: dict[str, str] | None = None,
        now: datetime | None = None,
        key: tuple[str, str] | None = None,
        nonce: str | None = None,
        scope_region: str | None = None,
    ) -> requests.Response:
        """Send a signed request; C(path) goes below the region and may have a query, both encoded by the caller."""
        url = f"{self.emulator.endpoint}/v1/regions/{self.region}/{path}"
        content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        moment = now or datetime.fromisoformat(self.emulator.clock())
        signed = {
            "content-type": "application/json",
            "host": url.split("/")[2],
            "x-jdcloud-date": moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ"),
            "x-jdcloud-nonce": nonce or str(uuid.uuid4()),
            **(headers or {}),
        }
        key = key or (self.emulator.access_key, self.emulator.secret_key)
        signed["authorization"] = authorization(method, url, signed, content, key, scope_region or self.region)
        return self.session.request(method, url, data=content, headers=signed, timeout=_TIMEOUT, allow_redirects=False)

    def result(self, method: str, path: str, body: t.Any = None, **more: t.Any) -> t.Any:
        """The result of a call that has to work; None for an operation without one."""
        response = self.send(method, path, body, **more)
        assert response.status_code == 200, response.text
        assert "error" not in response.json()
        return response.json().get("result")

    def refusal(self, method: str, path: str, body: t.Any = None, **more: t.Any) -> tuple[int, str]:
        """HTTP code and status of a call that has to be refused; checks the envelope on the way."""
        response = self.send(method, path, body, **more)
        error = response.json()["error"]
        assert response.status_code == error["code"] >= 400, response.text
        assert error["message"]
        assert response.headers["x-jdcloud-request-id"] == response.json()["requestId"]
        return error["code"], error["status"]

    def create_registry(self, name: str = "myregistry", **more: t.Any) -> dict[str, t.Any]:
        """Create a registry and return its model."""
        return self.result("POST", "registries", {"registryName": name, **more})["registry"]

    def create_repository(self, name: str, registry: str = "myregistry") -> dict[str, t.Any]:
        """Create a repository and return its short model."""
        return self.result("POST", f"registries/{registry}/repositories", {"repositoryName": name})["repository"]

    def issue(self, registry: str = "myregistry", hours: int | None = None) -> dict[str, t.Any]:
        """Issue a token."""
        return self.result("POST", f"registries/{registry}:getAuthorizationToken", {"expiredAfterHours": hours})

    def images(self, page: str = "", **filters: str) -> dict[str, t.Any]:
        """A page of describeImages with these filters."""
        query = dict(pair.split("=") for pair in page.split("&") if pair)
        for place, (name, value) in enumerate(filters.items(), start=1):
            query[f"filters.{place}.name"] = name
            query[f"filters.{place}.values.1"] = value
        return self.result("GET", f"images?{urlencode(query)}")


def authorization(
    method: str, url: str, headers: dict[str, str], body: bytes, key: tuple[str, str], region: str
) -> str:
    """A JDCLOUD3 Authorization header that signs all given headers."""
    path, _mark, query = ("/" + url.split("/", 3)[3]).partition("?")
    day, names = headers["x-jdcloud-date"][:8], tuple(sorted(headers))
    unsigned = signatures.Authorization("3", key[0], day, region, signatures.SERVICE, names, "")
    request = signatures.SignedRequest(method, path, query, headers, body)
    text = signatures.string_to_sign(unsigned, request, next(signatures.canonical_requests(unsigned, request)))
    signature = hmac.new(signatures.signing_key(unsigned, key[1]), text.encode(), hashlib.sha256).hexdigest()
    credential = f"Credential={key[0]}/{unsigned.scope}"
    return f"JDCLOUD3-HMAC-SHA256 {credential}, SignedHeaders={';'.join(names)}, Signature={signature}"


def password_of(token: str) -> str:
    """The password inside an authorizationToken."""
    return base64.b64decode(token).decode().removeprefix("jdcloud:")


def login_status(uri: str, password: str) -> int:
    """The HTTP code of /v2/ of a registry for a login."""
    return requests.get(f"http://{uri}/v2/", auth=("jdcloud", password), timeout=_TIMEOUT).status_code


def push(uri: str, repository: str, tags: list[str], password: str, content: bytes = b"layer") -> str:
    """Push an image of one layer under some tags; returns its digest."""
    config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers"}}).encode()
    with requests.Session() as session:
        session.trust_env = False
        session.auth = ("jdcloud", password)
        base = f"http://{uri}/v2/{repository}"
        for blob in (config, content):
            start = session.post(f"{base}/blobs/uploads/", timeout=_TIMEOUT)
            assert start.status_code == 202, start.text
            location = requests.compat.urljoin(base, start.headers["location"])
            mark = "&" if "?" in location else "?"
            done = session.put(f"{location}{mark}digest={quote(_digest(blob))}", data=blob, timeout=_TIMEOUT)
            assert done.status_code == 201, done.text
        manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": DOCKER_MANIFEST,
                "config": _descriptor("application/vnd.docker.container.image.v1+json", config),
                "layers": [_descriptor("application/vnd.docker.image.rootfs.diff.tar.gzip", content)],
            }
        ).encode()
        for reference in tags or [_digest(manifest)]:
            put = session.put(
                f"{base}/manifests/{reference}",
                data=manifest,
                headers={"content-type": DOCKER_MANIFEST},
                timeout=_TIMEOUT,
            )
            assert put.status_code == 201, put.text
    return _digest(manifest)


def pull(uri: str, repository: str, reference: str, password: str) -> int:
    """Get a manifest; returns the HTTP code."""
    url = f"http://{uri}/v2/{repository}/manifests/{reference}"
    headers = {"accept": DOCKER_MANIFEST}
    return requests.get(url, auth=("jdcloud", password), headers=headers, timeout=_TIMEOUT).status_code


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _descriptor(media_type: str, content: bytes) -> dict[str, t.Any]:
    return {"mediaType": media_type, "size": len(content), "digest": _digest(content)}
