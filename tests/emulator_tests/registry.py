# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A registry of the emulator as tests use it: declared through the signed API, spoken to in plain HTTP."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import typing as t

import requests

from tests.emulator_tests.api import Api, password_of
from tests.support.emulator import RunningEmulator

OCI_IMAGE = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_IMAGE = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
ALL_MANIFESTS = ", ".join((OCI_IMAGE, OCI_INDEX, DOCKER_IMAGE, DOCKER_LIST))
_TIMEOUT = 120.0


def digest_of(content: bytes) -> str:
    """The digest of some bytes."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def encode(document: t.Any) -> bytes:
    """A manifest or config as bytes."""
    return json.dumps(document, sort_keys=True).encode()


def descriptor(content: bytes, media_type: str) -> dict[str, t.Any]:
    """What a manifest says of a blob or of another manifest."""
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}


def image_manifest(config: bytes, layers: t.Sequence[bytes], **more: t.Any) -> bytes:
    """An OCI image manifest; more are further members of it."""
    return encode(
        {
            "schemaVersion": 2,
            "mediaType": OCI_IMAGE,
            "config": descriptor(config, OCI_CONFIG),
            "layers": [descriptor(layer, OCI_LAYER) for layer in layers],
            **more,
        }
    )


def index_manifest(manifests: t.Sequence[bytes], platforms: t.Sequence[dict[str, str]] = ()) -> bytes:
    """An OCI index of image manifests, each for its platform where there are any."""
    entries: list[dict[str, t.Any]] = [descriptor(manifest, OCI_IMAGE) for manifest in manifests]
    for entry, platform in zip(entries, platforms, strict=False):
        entry["platform"] = platform
    return encode({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries})


@dataclasses.dataclass
class RegistryClient:
    """Speaks C(/v2/) to one registry. Paths are relative to C(/v2/); a Location is taken as the server gave it."""

    base: str
    password: str | None
    user: str = "jdcloud"
    session: requests.Session = dataclasses.field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        self.session.trust_env = False
        if self.password is not None:
            self.session.auth = (self.user, self.password)

    @property
    def host(self) -> str:
        """Host and port, as docker and skopeo name the registry."""
        return self.base.removeprefix("http://")

    @property
    def bearer(self) -> str:
        """The authorizationToken: base64 of user and password."""
        return base64.b64encode(f"{self.user}:{self.password}".encode()).decode()

    @property
    def authorization(self) -> str:
        """The Basic header of the login, for clients that do not make it themselves."""
        return f"Basic {self.bearer}"

    def call(self, method: str, path: str, **options: t.Any) -> requests.Response:
        """Send one request; never follows a redirect."""
        url = requests.compat.urljoin(f"{self.base}/v2/", path)
        return self.session.request(method, url, timeout=_TIMEOUT, allow_redirects=False, **options)

    def start_upload(self, repository: str) -> str:
        """Open an upload; returns its Location."""
        answer = self.call("POST", f"{repository}/blobs/uploads/")
        assert answer.status_code == 202, answer.text
        return answer.headers["Location"]

    def finish_upload(self, location: str, digest: str, data: bytes = b"", **headers: str) -> requests.Response:
        """Finish an upload. The Location may have a query already."""
        separator = "&" if "?" in location else "?"
        return self.call("PUT", f"{location}{separator}digest={digest}", data=data, headers=headers)

    def push_blob(self, repository: str, content: bytes) -> str:
        """Upload a blob; returns its digest."""
        digest = digest_of(content)
        answer = self.finish_upload(self.start_upload(repository), digest, content)
        assert answer.status_code == 201, answer.text
        return digest

    def put_manifest(
        self, repository: str, reference: str, content: bytes, media_type: str = OCI_IMAGE
    ) -> requests.Response:
        """Send a manifest under a tag or digest."""
        headers = {"Content-Type": media_type}
        return self.call("PUT", f"{repository}/manifests/{reference}", data=content, headers=headers)

    def get_manifest(self, repository: str, reference: str, method: str = "GET", **headers: str) -> requests.Response:
        """Ask for a manifest of any kind."""
        headers = {"Accept": ALL_MANIFESTS, **headers}
        return self.call(method, f"{repository}/manifests/{reference}", headers=headers)

    def push_image(self, repository: str, tag: str, *layers: bytes, config: bytes = b"{}") -> str:
        """Upload an image; returns the digest of its manifest."""
        for blob in (config, *layers):
            self.push_blob(repository, blob)
        manifest = image_manifest(config, layers)
        answer = self.put_manifest(repository, tag, manifest)
        assert answer.status_code == 201, answer.text
        return digest_of(manifest)

    def tags(self, repository: str) -> list[str]:
        """All tags."""
        return t.cast(list[str], self.call("GET", f"{repository}/tags/list").json()["tags"])


class Account:
    """What the data plane's tests need from the control plane of an emulator."""

    def __init__(self, emulator: RunningEmulator) -> None:
        self.api = Api(emulator)

    def declare(self, registry: str, *repositories: str) -> RegistryClient:
        """Create a registry with repositories and a token; returns a client that is logged in."""
        uri = self.api.create_registry(registry)["registryUri"]
        for repository in repositories:
            self.api.create_repository(repository, registry)
        return RegistryClient(f"http://{uri}", self.issue(registry))

    def issue(self, registry: str, hours: int = 12) -> str:
        """Issue a token; returns the password inside."""
        return password_of(self.api.issue(registry, hours)["authorizationToken"])

    def release(self, registry: str) -> None:
        """Release all tokens of a registry."""
        self.api.result("POST", f"registries/{registry}:releaseAuthorizationToken", {"forceAll": True})

    def delete_repository(self, registry: str, repository: str) -> None:
        """Delete a repository with all its images."""
        self.api.result("DELETE", f"registries/{registry}/repositories/{repository}?force=true")

    def images(self, registry: str, repository: str) -> list[dict[str, t.Any]]:
        """What the emulator's admin API says of the images of a repository."""
        registries = {entry["name"]: entry for entry in self.api.emulator.state()["registries"]}
        repositories = {entry["name"]: entry for entry in registries[registry]["repositories"]}
        return t.cast(list[dict[str, t.Any]], repositories[repository]["images"])
