# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""M1 to M8: what other modules were measured to get wrong, and this collection must not.

Each is told once here, by its number, with a real Docker Engine, a real registry and real files. All states of an image
are in test_image_states.py.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import secrets
import typing as t
from pathlib import Path

import docker
import pytest

from tests.support import images
from tests.support.emulator import RunningEmulator
from tests.support.engine import RunningEngine
from tests.support.tasks import WAYS, Account, Run, run_here, run_module

REGISTRY, REPOSITORY = "myregistry", "shop/web"
FOREIGN = {"registry.example": {"auth": "bWU6c2VjcmV0"}}
MANY = 8
ROUNDS = 2


@pytest.fixture(params=sorted(WAYS))
def run(request: pytest.FixtureRequest) -> Run:
    return WAYS[request.param]


def ok(result: dict[str, t.Any]) -> dict[str, t.Any]:
    assert not result.get("failed"), result["msg"]
    return result


class Shop:
    """A repository, and two local images that share all but their last layer."""

    def __init__(self, emulator: RunningEmulator, engine: RunningEngine, home: Path, run: Run) -> None:
        self.emulator = emulator
        self.account = Account(emulator, home, {"DOCKER_HOST": engine.docker_host})
        self._run = run
        word = secrets.token_hex(4)
        self.old, self.new = f"shop-{word}:old", f"shop-{word}:new"
        self.ids = {
            self.old: images.load(engine.docker_host, images.layered(self.old, 2, 10_000, seed=1)),
            self.new: images.load(engine.docker_host, images.layered(self.new, 3, 10_000, seed=1)),
        }
        ok(run_here(self.account, "jcr_registry", {"name": REGISTRY}))
        ok(run_here(self.account, "jcr_repository", {"registry": REGISTRY, "name": REPOSITORY}))

    def image(self, *, check: bool = False, **options: t.Any) -> dict[str, t.Any]:
        wish = {"registry": REGISTRY, "repository": REPOSITORY, **options}
        return ok(self._run(self.account, "jcr_image", wish, check=check))

    def tags(self) -> dict[str, str]:
        """What the registry holds: tag to digest."""
        (registry,) = self.emulator.state()["registries"]
        held = [image for repository in registry["repositories"] for image in repository["images"]]
        return {tag: image["digest"] for image in held for tag in image["tags"]}


@pytest.fixture
def shop(emulator: RunningEmulator, docker_engine: RunningEngine, tmp_path: Path, run: Run) -> t.Iterator[Shop]:
    made = Shop(emulator, docker_engine, tmp_path, run)
    yield made
    with contextlib.closing(docker.APIClient(docker_engine.docker_host)) as client:
        for image_id in set(made.ids.values()):
            client.remove_image(image_id, force=True)


def test_m1_a_tag_that_is_new_is_a_change_although_all_layers_are_there(shop: Shop) -> None:
    digest = shop.image(source=shop.old, tag="1")["image"]["digest"]
    done = shop.image(source=shop.old, tag="2")
    assert done["changed"] is True
    assert done["image"]["tags"]["2"] == {"digest": digest, "previous_digest": None, "changed": True}
    assert shop.tags() == {"1": digest, "2": digest}


def test_m2_a_tag_that_moves_is_a_change_and_says_from_where(shop: Shop) -> None:
    """To an image whose layers are all there: no line of the engine's stream tells of a change."""
    before = shop.image(source=shop.old, tag="latest")["image"]["digest"]
    after = shop.image(source=shop.new, tag="new")["image"]["digest"]
    done = shop.image(source=shop.new, tag="latest")
    assert done["changed"] is True
    assert done["image"]["tags"]["latest"] == {"digest": after, "previous_digest": before, "changed": True}
    assert shop.tags()["latest"] == after != before


def test_m3_a_push_is_predicted(shop: Shop) -> None:
    predicted = shop.image(source=shop.old, tag="1", check=True)
    assert predicted["changed"] is True and "skipped" not in predicted
    assert shop.tags() == {}
    done = shop.image(source=shop.old, tag="1")
    assert (predicted["changed"], predicted["diff"]) == (done["changed"], done["diff"])


def test_m4_a_push_with_nothing_to_do_is_predicted_as_such(shop: Shop) -> None:
    shop.image(source=shop.old, tag="1")
    assert shop.image(source=shop.old, tag="1", check=True)["changed"] is False
    assert shop.image(source=shop.old, tag="1")["changed"] is False


def test_m5_a_pull_with_nothing_to_do_is_predicted_as_such(shop: Shop) -> None:
    """And one with something to do as well, though the name is there: the tag has moved."""
    shop.image(source=shop.old, tag="1")
    shop.image(state="pulled", tag="1")
    assert shop.image(state="pulled", tag="1", check=True)["changed"] is False
    shop.image(source=shop.new, tag="1", keep_local_tag=False)
    with contextlib.closing(docker.APIClient(shop.account.environment()["DOCKER_HOST"])) as client:
        name = shop.image(state="pulled", tag="1", check=True)["image"]["uris"][0]
        client.tag(shop.old, name.rpartition(":")[0], "1", force=True)
    assert shop.image(state="pulled", tag="1", check=True)["changed"] is True
    done = shop.image(state="pulled", tag="1")
    assert (done["changed"], done["image"]["pulled_id"]) == (True, shop.ids[shop.new])


def test_m6_a_push_tells_the_digest(shop: Shop) -> None:
    """The first one as well, before which the engine knows none."""
    first = shop.image(source=shop.old, tag="1")["image"]
    assert first["digest"] == first["tags"]["1"]["digest"] == shop.tags()["1"]
    assert first["media_type"] and first["size"] > 0
    assert shop.image(source=shop.old, tag="1")["image"]["digest"] == first["digest"]


def test_m7_a_docker_configuration_that_cannot_be_parsed_is_never_replaced(
    emulator: RunningEmulator, tmp_path: Path, run: Run
) -> None:
    account = Account(emulator, tmp_path)
    ok(run_here(account, "jcr_registry", {"name": REGISTRY}))
    config = tmp_path / "config.json"
    content = json.dumps({"auths": FOREIGN}).replace("}}}", "}},}")
    config.write_text(content)
    config.chmod(0o644)
    for state in ("present", "absent"):
        wish = {"registry": REGISTRY, "config_path": str(config), "state": state}
        for check in (True, False):
            failed = run(account, "jcr_login", wish, check=check)
            assert failed["error"]["kind"] == "file" and "line 1" in failed["msg"]
            assert config.read_text() == content
    config.write_text(content.replace("}},}", "}}}"))
    ok(run(account, "jcr_login", {"registry": REGISTRY, "config_path": str(config)}))
    assert config.stat().st_mode & 0o777 == 0o600
    auths = json.loads(config.read_text())["auths"]
    assert {host: auths[host] for host in FOREIGN} == FOREIGN and len(auths) == 2


def test_m8_logins_of_parallel_tasks_are_all_kept(emulator: RunningEmulator, tmp_path: Path) -> None:
    """One process for each login, all into one file, over and over; other people's entries stay as well."""
    account = Account(emulator, tmp_path)
    places = [(f"shop-{number}", ("cn-north-1", "cn-east-2")[number % 2]) for number in range(MANY)]
    hosts = set()
    for name, region in places:
        hosts.add(ok(run_here(account, "jcr_registry", {"name": name, "region": region}))["registry"]["uri"])
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"auths": FOREIGN, "psFormat": "table"}))

    def login(place: tuple[str, str], state: str) -> bool:
        wish = {"registry": place[0], "region": place[1], "state": state, "config_path": str(config), "verify": False}
        return t.cast(bool, ok(run_module(account, "jcr_login", wish))["changed"])

    with concurrent.futures.ThreadPoolExecutor(MANY) as pool:
        for _round in range(ROUNDS):
            for state, wanted in (("present", hosts), ("absent", set())):
                assert all(pool.map(login, places, [state] * MANY))
                document = json.loads(config.read_text())
                assert document["auths"].keys() == wanted | FOREIGN.keys()
                assert {host: document["auths"][host] for host in FOREIGN} == FOREIGN
                assert document["psFormat"] == "table"
