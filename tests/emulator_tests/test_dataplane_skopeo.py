# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The data plane as skopeo uses it: a client that nobody here wrote."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.emulator_tests.registry import (
    OCI_CONFIG,
    OCI_IMAGE,
    OCI_INDEX,
    OCI_LAYER,
    Account,
    RegistryClient,
    descriptor,
    digest_of,
    encode,
)
from tests.support import images
from tests.support.emulator import RunningEmulator

REGISTRY = "dataplane"
REPOSITORY = "team-a/web"
_TIMEOUT = 300


class Skopeo:
    """Runs skopeo with a home of its own, so that no login of the user counts."""

    def __init__(self, home: Path, registry: RegistryClient) -> None:
        self.home = home
        self.registry = registry

    def run(
        self, command: str, *arguments: str, password: str | None = None, platform: tuple[str, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on the registry; with the registry's own password unless another one is given."""
        prefixes = ("--src-", "--dest-") if command == "copy" else ("--",)
        login = f"creds=jdcloud:{password or self.registry.password}"
        options = [f"{prefix}{option}" for prefix in prefixes for option in ("tls-verify=false", login)]
        line = ["skopeo", "--insecure-policy", "--tmpdir", str(self.home), *platform, command, *options, *arguments]
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.home), "XDG_RUNTIME_DIR": str(self.home)}
        return subprocess.run(line, env=environment, capture_output=True, text=True, timeout=_TIMEOUT, check=False)

    def ok(self, command: str, *arguments: str) -> str:
        """Run a command that has to work; returns what it writes."""
        done = self.run(command, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def remote(self, repository: str, reference: str = "") -> str:
        """How skopeo names something in the registry."""
        return f"docker://{self.registry.host}/{repository}{reference}"


@pytest.fixture
def account(emulator: RunningEmulator) -> Account:
    return Account(emulator)


@pytest.fixture
def skopeo(account: Account, tmp_path: Path) -> Skopeo:
    return Skopeo(tmp_path, account.declare(REGISTRY, REPOSITORY, "team-b/web"))


def test_copy_inspect_list_delete(account: Account, skopeo: Skopeo, tmp_path: Path) -> None:
    archive = tmp_path / "image.tar"
    archive.write_bytes(images.layered("bench:v1", 3, 100_000).data())
    for tag in (":v1", ":v2"):
        skopeo.ok("copy", f"docker-archive:{archive}", skopeo.remote(REPOSITORY, tag))
    assert json.loads(skopeo.ok("list-tags", skopeo.remote(REPOSITORY)))["Tags"] == ["v1", "v2"]
    shown = json.loads(skopeo.ok("inspect", skopeo.remote(REPOSITORY, ":v1")))
    (image,) = account.images(REGISTRY, REPOSITORY)
    assert (shown["Digest"], len(shown["Layers"])) == (image["digest"], 3)
    skopeo.ok("copy", skopeo.remote(REPOSITORY, ":v1"), f"dir:{tmp_path / 'pulled'}")
    pulled = json.loads((tmp_path / "pulled" / "manifest.json").read_text(encoding="utf-8"))
    for layer in pulled["layers"]:
        content = (tmp_path / "pulled" / layer["digest"].removeprefix("sha256:")).read_bytes()
        assert digest_of(content) == layer["digest"]
    # skopeo looks the tag's digest up and deletes that.
    skopeo.ok("delete", skopeo.remote(REPOSITORY, ":v1"))
    assert account.images(REGISTRY, REPOSITORY) == []


def test_copy_within_the_registry(account: Account, skopeo: Skopeo, tmp_path: Path) -> None:
    archive = tmp_path / "image.tar"
    archive.write_bytes(images.layered("bench:v1", 2, 100_000).data())
    skopeo.ok("copy", f"docker-archive:{archive}", skopeo.remote(REPOSITORY, ":v1"))
    skopeo.ok("copy", "--preserve-digests", skopeo.remote(REPOSITORY, ":v1"), skopeo.remote("team-b/web", ":v1"))
    assert [image["digest"] for image in account.images(REGISTRY, "team-b/web")] == [
        image["digest"] for image in account.images(REGISTRY, REPOSITORY)
    ]


def test_copy_of_all_images_of_an_index(account: Account, skopeo: Skopeo, tmp_path: Path) -> None:
    index = write_layout(tmp_path / "layout", ("amd64", "arm64"))
    remote = skopeo.remote(REPOSITORY, ":all")
    skopeo.ok("copy", "--all", "--preserve-digests", f"oci:{tmp_path / 'layout'}:all", remote)
    stored = {image["digest"]: image["tags"] for image in account.images(REGISTRY, REPOSITORY)}
    assert stored.pop(digest_of(index)) == ["all"]
    assert list(stored.values()) == [[], []]
    raw = skopeo.ok("inspect", "--raw", skopeo.remote(REPOSITORY, ":all"))
    assert raw.encode() == index
    skopeo.ok("copy", "--all", "--preserve-digests", remote, f"oci:{tmp_path / 'back'}:all")
    assert (tmp_path / "back/blobs" / digest_of(index).replace(":", "/")).read_bytes() == index
    arm = skopeo.run("inspect", remote, platform=("--override-arch=arm64", "--override-os=linux"))
    assert json.loads(arm.stdout)["Architecture"] == "arm64"


def test_refusals_can_be_read(account: Account, skopeo: Skopeo, tmp_path: Path) -> None:
    archive = tmp_path / "image.tar"
    archive.write_bytes(images.layered("bench:v1", 1, 1000).data())
    push = ("copy", f"docker-archive:{archive}")
    undeclared = "name unknown: repository 'not/declared' does not exist in registry 'dataplane'"
    assert undeclared in skopeo.run(*push, skopeo.remote("not/declared", ":v1")).stderr
    assert undeclared in skopeo.run("inspect", skopeo.remote("not/declared", ":v1")).stderr
    wrong = skopeo.run(*push, skopeo.remote(REPOSITORY, ":v1"), password="wrong")
    assert "user name or password is wrong" in wrong.stderr
    account.release(REGISTRY)
    assert "the authorization token was released" in skopeo.run(*push, skopeo.remote(REPOSITORY, ":v1")).stderr


def write_layout(directory: Path, architectures: tuple[str, ...]) -> bytes:
    """An OCI layout with an index, tagged all, of one image for each architecture; returns the index."""

    def store(content: bytes, media_type: str) -> dict[str, object]:
        path = directory / "blobs" / digest_of(content).replace(":", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return descriptor(content, media_type)

    entries = []
    for architecture in architectures:
        layer = store(b"layer for " + architecture.encode(), OCI_LAYER.removesuffix("+gzip"))
        root = {"type": "layers", "diff_ids": [layer["digest"]]}
        config = store(encode({"architecture": architecture, "os": "linux", "rootfs": root}), OCI_CONFIG)
        manifest = {"schemaVersion": 2, "mediaType": OCI_IMAGE, "config": config, "layers": [layer]}
        platform = {"architecture": architecture, "os": "linux"}
        entries.append({**store(encode(manifest), OCI_IMAGE), "platform": platform})
    index = encode({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries})
    tagged = {**store(index, OCI_INDEX), "annotations": {"org.opencontainers.image.ref.name": "all"}}
    (directory / "index.json").write_bytes(encode({"schemaVersion": 2, "manifests": [tagged]}))
    (directory / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}', encoding="utf-8")
    return index
