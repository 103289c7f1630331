# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Podman's Docker-compatible socket: the engine port, and whole tasks.

Podman says less than dockerd: no layers in a push, no digest but in words, and the digest of a push is not kept.
"""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Clock, Deadline
from ansible_collections.jdcloud.jcr.plugins.module_utils._engine import Engine
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ImageNotFound, LoginRefused, TransferRefused
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Secret
from tests.emulator_tests.registry import Account, RegistryClient
from tests.support import images, tasks
from tests.support.emulator import RunningEmulator
from tests.support.podman import podman_service

REGISTRY, REPOSITORY = "myregistry", "shop/web"
ONE, OTHER = "localhost/shop:one", "localhost/shop:other"
LAYERS = 3


class Place:
    """Podman with two images, and a registry with one repository."""

    def __init__(self, emulator: RunningEmulator, registry: RegistryClient, docker_host: str) -> None:
        self.emulator = emulator
        self.account = Account(emulator)
        self.registry = registry
        self.docker_host = docker_host
        self.engine = Engine(docker_host)
        self.password = Secret(registry.password or "")
        for seed, name in enumerate((ONE, OTHER)):
            images.load(docker_host, images.layered(name, LAYERS, 20_000, seed=seed))

    def name(self, tag: str = "1", repository: str = REPOSITORY) -> str:
        return f"{self.registry.host}/{repository}:{tag}"

    def transfer(self, act: str, name: str, password: Secret | None = None) -> dict[str, t.Any]:
        work = getattr(self.engine, act)
        return t.cast(
            dict[str, t.Any],
            work(name, "jdcloud", password or self.password, deadline=Deadline(Clock(), 300)),
        )

    def tags(self) -> dict[str, str]:
        held = self.account.images(REGISTRY, REPOSITORY)
        return {tag: image["digest"] for image in held for tag in image["tags"]}


@pytest.fixture
def place(emulator: RunningEmulator, tmp_path: Path) -> t.Iterator[Place]:
    registry = Account(emulator).declare(REGISTRY, REPOSITORY)
    with podman_service(tmp_path / "podman", registry.host) as docker_host:
        made = Place(emulator, registry, docker_host)
        yield made
        made.engine.close()


def test_transfers(place: Place) -> None:
    image_id = place.engine.inspect(ONE)["id"]
    place.engine.tag(ONE, place.name())
    first = place.transfer("push", place.name())
    assert place.tags() == {"1": first["digest"]}
    assert (first["layers_total"], first["layers"]) == (0, [])
    assert place.transfer("push", place.name())["digest"] == first["digest"]
    place.engine.remove(place.name())
    place.engine.remove(ONE)
    pulled = place.transfer("pull", place.name())
    assert (pulled["id"], pulled["digest"]) == (image_id, first["digest"])
    assert (pulled["layers_pulled"], pulled["layers_existing"]) == (LAYERS, 0)
    again = place.transfer("pull", place.name())
    assert (again["digest"], again["layers_pulled"], again["layers_existing"]) == (first["digest"], 0, LAYERS)
    repository = place.name().rpartition(":")[0]
    assert place.transfer("pull", f"{repository}@{first['digest']}")["id"] == image_id


def test_refusals(place: Place) -> None:
    place.engine.tag(ONE, place.name())
    for act in ("push", "pull"):
        with pytest.raises(LoginRefused) as caught:
            place.transfer(act, place.name(), Secret("a-wrong-password"))
        assert "a-wrong-password" not in caught.value.message
    with pytest.raises(ImageNotFound):
        place.transfer("pull", place.name("none"))
    with pytest.raises(ImageNotFound):
        place.transfer("push", place.name("none"))
    undeclared = place.name(repository="not/declared")
    place.engine.tag(ONE, undeclared)
    with pytest.raises(TransferRefused, match="name unknown"):
        place.transfer("push", undeclared)
    assert place.tags() == {}


@pytest.mark.parametrize("way", sorted(tasks.WAYS))
def test_tasks(place: Place, tmp_path: Path, way: str) -> None:
    """Predicted, done, and nothing to do the second time: for a new tag, a tag that moves, and a pull."""
    account = tasks.Account(place.emulator, tmp_path)
    shared = {"registry": REGISTRY, "repository": REPOSITORY, "docker_host": place.docker_host, "tag": "1"}

    def image(check: bool = False, **options: t.Any) -> dict[str, t.Any]:
        result = tasks.WAYS[way](account, "jcr_image", {**shared, **options}, check=check)
        assert not result.get("failed"), result["msg"]
        return result

    for wish in ({"source": ONE}, {"source": OTHER}, {"state": "pulled"}):
        if "state" in wish:
            for name in (place.name(), ONE, OTHER):
                place.engine.remove(name)
        predicted, done, again = image(**wish, check=True), image(**wish), image(**wish)
        assert [predicted["changed"], done["changed"], again["changed"]] == [True, True, False]
        assert predicted["diff"] == done["diff"]
        assert done["image"]["digest"] == place.tags()["1"]
