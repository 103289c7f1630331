# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Archives that docker and skopeo write, read here; and what both make of that once it is in a registry."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import typing as t
from pathlib import Path

import docker
import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils._archive import open_archive
from ansible_collections.jdcloud.jcr.plugins.module_utils._imagesource import DOCKER_MANIFEST, Image
from ansible_collections.jdcloud.jcr.plugins.module_utils._imagewalk import walk
from tests.emulator_tests.registry import Account, RegistryClient
from tests.support import images
from tests.support.archives import OCI_INDEX, Store, digest_of, write_folder
from tests.support.builds import oci_image
from tests.support.emulator import RunningEmulator
from tests.support.engine import RunningEngine

REPOSITORY = "shop/web"
_TIMEOUT = 300


class World:
    """A registry with one repository, an engine, and both clients."""

    def __init__(self, engine: RunningEngine, registry: RegistryClient, home: Path) -> None:
        self.engine = docker.APIClient(engine.docker_host, timeout=_TIMEOUT)
        self.registry, self.home = registry, home
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "XDG_RUNTIME_DIR": str(home),
            "DOCKER_HOST": engine.docker_host,
        }

    def run(self, *command: str) -> bytes:
        done = subprocess.run(command, env=self.environment, capture_output=True, timeout=_TIMEOUT, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def skopeo(self, *arguments: str) -> bytes:
        return self.run("skopeo", "--insecure-policy", "--tmpdir", str(self.home), *arguments)

    def load(self, archive: images.ImageArchive) -> str:
        return images.load(self.engine, archive)

    def save(self, *names: str) -> Path:
        """What docker save writes."""
        path = self.home / "saved.tar"
        self.run("docker", "save", "--output", str(path), *names)
        return path

    def push(self, path: Path, tag: str, name: str | None = None, platforms: t.Sequence[str] = ()) -> Image:
        """Read the archive and put all of it into the registry, with a client that no source knows."""
        with contextlib.closing(open_archive(str(path), name)) as source:
            image = walk(source, platforms)
            for blob in image.blobs:
                with source.open(blob) as reader:
                    assert self.registry.push_blob(REPOSITORY, reader.read()) == blob.digest
        for document in image.manifests:
            media_type, digest = document.descriptor.media_type, document.descriptor.digest
            for reference in (digest, tag) if document is image.manifests[-1] else (digest,):
                answer = self.registry.put_manifest(REPOSITORY, reference, document.content, media_type)
                assert (answer.status_code, answer.headers["Docker-Content-Digest"]) == (201, digest), answer.text
        return image

    def pull(self, tag: str) -> dict[str, t.Any]:
        """Let the engine pull it; returns what it has then."""
        name = f"{self.registry.host}/{REPOSITORY}"
        login = {"username": self.registry.user, "password": self.registry.password}
        for event in self.engine.pull(name, tag=tag, auth_config=login, stream=True, decode=True):
            assert "error" not in event, event
        return self.engine.inspect_image(f"{name}:{tag}")

    def output(self, image_id: str) -> bytes:
        """What the image's program prints."""
        return self.run("docker", "run", "--rm", "--network", "none", image_id)

    def remove(self, image_id: str) -> None:
        self.engine.remove_image(image_id, force=True)

    def inspect(self, tag: str) -> bytes:
        """The manifest as skopeo finds it in the registry."""
        login = f"--creds={self.registry.user}:{self.registry.password}"
        return self.skopeo("inspect", "--raw", "--tls-verify=false", login, self.remote(tag))

    def remote(self, tag: str) -> str:
        return f"docker://{self.registry.host}/{REPOSITORY}:{tag}"


@pytest.fixture
def world(docker_engine: RunningEngine, emulator: RunningEmulator, tmp_path: Path) -> t.Iterator[World]:
    world = World(docker_engine, Account(emulator).declare("archives", REPOSITORY), tmp_path)
    yield world
    world.engine.close()


def config_of(path: Path, name: str | None = None) -> str | None:
    with contextlib.closing(open_archive(str(path), name)) as source:
        return source.config_digest


def test_docker_save_to_docker_pull(world: World) -> None:
    image_id = world.load(images.runnable("archives:run", "out of an archive"))
    path = world.save("archives:run")
    world.remove(image_id)
    assert config_of(path) == image_id
    image = world.push(path, "run")
    assert image.root.media_type == DOCKER_MANIFEST
    assert world.inspect("run") == image.manifests[-1].content
    pulled = world.pull("run")
    assert pulled["Id"] == image_id
    assert pulled["RepoDigests"] == [f"{world.registry.host}/{REPOSITORY}@{image.root.digest}"]
    assert world.output(pulled["Id"]) == b"out of an archive\n"
    world.remove(image_id)


def test_docker_save_of_several_images_with_common_layers(world: World) -> None:
    ids = {
        name: world.load(images.layered(name, layers, 20_000, seed=7, compressible=True))
        for name, layers in (("archives/two:1", 2), ("archives/three:1", 3))
    }
    path = world.save(*ids)
    assert {name: config_of(path, name) for name in ids} == ids
    pushed = {name: world.push(path, name[9:-2], name) for name in ids}
    for name, image_id in ids.items():
        world.remove(image_id)
        pulled = world.pull(name[9:-2])
        assert pulled["Id"] == image_id == pushed[name].config_digest
    assert set(pushed["archives/two:1"].blobs[1:]) < set(pushed["archives/three:1"].blobs), "equal layers are equal"
    for image_id in ids.values():
        world.remove(image_id)


@pytest.mark.parametrize("form", ["oci", "oci-archive", "docker-archive"])
def test_what_skopeo_writes(world: World, form: str) -> None:
    made = images.layered("archives:skopeo", 3, 30_000, compressible=True)
    first, path = world.home / "first.tar", world.home / "copy"
    first.write_bytes(made.data())
    world.skopeo("copy", f"docker-archive:{first}", f"{form}:{path}:{made.reference}")
    config = digest_of(world.skopeo("inspect", "--raw", "--config", f"{form}:{path}:{made.reference}"))
    assert config_of(path) == config_of(path, made.reference) == config
    image = world.push(path, "skopeo")
    if form != "docker-archive":
        manifest = world.skopeo("inspect", "--raw", f"{form}:{path}:{made.reference}")
        assert (image.manifests[-1].content, image.root.digest) == (manifest, digest_of(manifest))
    assert world.inspect("skopeo") == image.manifests[-1].content
    pulled = world.pull("skopeo")
    assert pulled["Id"] == config
    world.remove(pulled["Id"])


@pytest.fixture
def several(tmp_path: Path) -> tuple[Path, dict[str, dict[str, t.Any]]]:
    """A layout with an index of three platforms, this machine's among them, and the index's entries."""
    store = Store()
    entries = {}
    for machine, platform in (("x86_64", "linux/amd64"), ("aarch64", "linux/arm64")):
        entries[platform] = oci_image(store, images.runnable("x", f"on {platform}", machine), platform)
    entries["linux/s390x"] = store.image("other", "linux/s390x")
    attestations = [store.attestation(entry) for entry in entries.values()]
    index = store.index(*entries.values(), *attestations)
    return write_folder(tmp_path / "several", store.layout(index)), entries


def test_a_whole_index_with_plain_layers(world: World, several: tuple[Path, dict[str, t.Any]]) -> None:
    path, entries = several
    image = world.push(path, "all")
    assert image.platforms == tuple(entries)
    raw = world.skopeo("inspect", "--raw", f"oci:{path}")
    assert digest_of(raw) == json.loads((path / "index.json").read_bytes())["manifests"][0]["digest"]
    assert world.inspect("all") == raw
    pulled = world.pull("all")
    assert world.output(pulled["Id"]) == f"on linux/{pulled['Architecture']}\n".encode()
    world.remove(pulled["Id"])


def test_chosen_platforms(world: World, several: tuple[Path, dict[str, t.Any]]) -> None:
    path, entries = several
    one = world.push(path, "one", platforms=["linux/s390x"])
    assert one.root.digest == digest_of(world.inspect("one")) == entries["linux/s390x"]["digest"]
    two = world.push(path, "two", platforms=["linux/arm64", "linux/amd64"])
    left = json.loads(world.inspect("two"))
    assert left["mediaType"] == OCI_INDEX
    assert left["manifests"][:2] == [entries["linux/amd64"], entries["linux/arm64"]]
    assert len(left["manifests"]) == 4, "two images and what is said about them"
    login = f"--src-creds={world.registry.user}:{world.registry.password}"
    target = f"oci:{world.home / 'back'}:two"
    world.skopeo("copy", "--all", "--preserve-digests", "--src-tls-verify=false", login, world.remote("two"), target)
    assert digest_of(world.skopeo("inspect", "--raw", target)) == two.root.digest
    pulled = world.pull("two")
    assert world.output(pulled["Id"]) == f"on linux/{pulled['Architecture']}\n".encode()
    world.remove(pulled["Id"])
