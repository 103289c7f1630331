# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The _info modules against the emulator, as modules and in the controller's process."""

from __future__ import annotations

import dataclasses
import json
import typing as t

import pytest

from tests.emulator_tests import registry as data_plane
from tests.emulator_tests.registry import RegistryClient, descriptor, encode, image_manifest
from tests.support.contents import push_index
from tests.support.emulator import RunningEmulator
from tests.support.tasks import WAYS, Account, Run, run_here

PLATFORMS = ("amd64", "arm64")
MODULES = {
    "jcr_registry_info": {},
    "jcr_repository_info": {"registry": "myshop"},
    "jcr_image_info": {"registry": "myshop"},
    "jcr_token_info": {"registry": "myshop"},
    "jcr_quota_info": {},
}


@pytest.fixture
def account(emulator: RunningEmulator, tmp_path) -> Account:
    return Account(emulator, tmp_path)


@pytest.fixture(params=sorted(WAYS))
def run(request) -> Run:
    return WAYS[request.param]


@dataclasses.dataclass
class Shop:
    """A registry with repositories, and a login to push with."""

    control: data_plane.Account
    client: RegistryClient

    @property
    def emulator(self) -> RunningEmulator:
        return self.control.api.emulator

    def push(self, repository: str, *tags: str, layer: bytes = b"layer") -> str:
        """Push an image under some tags; returns its digest."""
        return [self.client.push_image(repository, tag, layer) for tag in tags][0]

    def push_index(self, repository: str, tag: str) -> tuple[str, list[str]]:
        """Push an index of two platforms; returns its digest and those of its children."""
        entries = []
        for architecture in PLATFORMS:
            config = encode({"os": "linux", "architecture": architecture})
            child = image_manifest(config, [b"layer"])
            for blob in (config, b"layer"):
                self.client.push_blob(repository, blob)
            assert self.client.put_manifest(repository, data_plane.digest_of(child), child).status_code == 201
            platform = {"os": "linux", "architecture": architecture}
            entries.append({**descriptor(child, data_plane.OCI_IMAGE), "platform": platform})
        index = encode({"schemaVersion": 2, "mediaType": data_plane.OCI_INDEX, "manifests": entries})
        assert self.client.put_manifest(repository, tag, index, data_plane.OCI_INDEX).status_code == 201
        return data_plane.digest_of(index), [entry["digest"] for entry in entries]


@pytest.fixture
def shop(emulator: RunningEmulator) -> Shop:
    control = data_plane.Account(emulator)
    return Shop(control, control.declare("myshop", "shop/web", "shop/web-old", "shop/worker", "workshop/web"))


def ok(result: dict[str, t.Any]) -> dict[str, t.Any]:
    assert not result.get("failed"), result["msg"]
    assert result["changed"] is False
    return result


def refusal(result: dict[str, t.Any], kind: str) -> str:
    assert result["failed"] and result["changed"] is False
    assert result["error"]["kind"] == kind, result["msg"]
    assert result["error"]["cure"]
    return result["msg"]


def names(result: dict[str, t.Any], what: str) -> list[str]:
    return [entry["name"] for entry in ok(result)[what]]


def calls(emulator: RunningEmulator, since: int) -> list[str]:
    return [entry["operation"] for entry in emulator.requests(since)]


def last_index(emulator: RunningEmulator) -> int:
    return max((entry["index"] for entry in emulator.requests()), default=0)


# --- all of them -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("check", [False, True], ids=["run", "check"])
def test_nothing_is_ever_written(account: Account, run: Run, shop: Shop, name: str, check: bool) -> None:
    shop.push("shop/web", "1.0")
    shop.emulator.clock(frozen=True)
    before, state = last_index(shop.emulator), shop.emulator.state()
    ok(run(account, name, MODULES[name], check=check))
    log = shop.emulator.requests(before)
    assert log and not [entry for entry in log if entry["write"] or entry["token_issued"] or entry["plane"] == "data"]
    assert shop.emulator.state() == state


@pytest.mark.parametrize("name", MODULES)
def test_both_ways_and_the_check_run_give_the_same(account: Account, shop: Shop, name: str) -> None:
    shop.push("shop/web", "1.0", "latest")
    results = [ok(way(account, name, MODULES[name], check=check)) for way in WAYS.values() for check in (False, True)]
    for token in [token for result in results for token in result.get("tokens", ())]:
        token.pop("expires_in")  # counts down
    assert all(result == results[0] for result in results)


BAD = [
    ("jcr_registry_info", {"name": ["My_Shop"]}),
    ("jcr_registry_info", {"older_than": "a month"}),
    ("jcr_registry_info", {"regex": "("}),
    ("jcr_repository_info", {"registry": "no registry"}),
    ("jcr_repository_info", {"name": ["shop//web"]}),
    ("jcr_repository_info", {"larger_than": "1GB", "smaller_than": "1MB"}),
    ("jcr_repository_info", {"descending": True}),
    ("jcr_image_info", {"registry": "myshop", "tag": [".1"]}),
    ("jcr_image_info", {"registry": "myshop", "digest": ["sha256:1"]}),
    ("jcr_image_info", {"registry": "myshop", "semver": "latest"}),
    ("jcr_image_info", {"registry": "myshop", "tag_status": "untagged", "tag": ["1.0"]}),
    ("jcr_image_info", {"registry": "myshop", "pulled_before": "1"}),
    ("jcr_image_info", {"registry": ""}),
    ("jcr_token_info", {"registry": ["myshop", "-"]}),
    ("jcr_token_info", {"expiring_within": "soon"}),
]


@pytest.mark.parametrize(("name", "options"), BAD)
def test_bad_input_is_refused_before_anything_is_sent(account: Account, name: str, options: dict) -> None:
    message = refusal(run_here(account, name, options), "rule")
    assert message.startswith("Cannot list ")
    assert account.emulator.requests() == []


@pytest.mark.parametrize(
    ("name", "options", "cause"),
    [
        ("jcr_registry_info", {"limit": 0}, "limit is 0"),
        ("jcr_image_info", {"registry": "myshop", "newest": -1}, "newest is -1"),
        ("jcr_token_info", {"limit": -1}, "limit is -1"),
    ],
)
def test_a_number_that_is_too_small(account: Account, name: str, options: dict, cause: str) -> None:
    message = refusal(run_here(account, name, options), "configuration")
    assert message.startswith("Cannot list ") and message.endswith(f": {cause}. Choose 1 or more.")
    assert account.emulator.requests() == []


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("jcr_registry_info", {"sort": "colour"}),
        ("jcr_registry_info", {"limit": "many"}),
        ("jcr_image_info", {}),
        ("jcr_quota_info", {"resource_type": ["image"]}),
    ],
)
def test_what_ansible_refuses(account: Account, run: Run, name: str, options: dict) -> None:
    refusal(run(account, name, options), "configuration")
    assert account.emulator.requests() == []


@pytest.mark.parametrize("name", MODULES)
def test_a_refusal_of_the_service(account: Account, run: Run, name: str) -> None:
    account.overrides = {"JDCLOUD_SECRET_KEY": "another"}
    assert refusal(run(account, name, MODULES[name]), "authentication").startswith("Cannot ")


# --- registries ------------------------------------------------------------------------------------------------------


def test_registries(account: Account, run: Run, shop: Shop) -> None:
    shop.control.declare("myshop-lab")
    shop.control.declare("another")
    everything = ok(run(account, "jcr_registry_info", {}))
    assert names(everything, "registries") == ["another", "myshop", "myshop-lab"]
    assert everything["registries"][1] == {
        "name": "myshop",
        "region": "cn-north-1",
        "uri": shop.client.host,
        "description": None,
        "size_mb": 0.0,
        "created_at": everything["registries"][1]["created_at"],
    }
    assert everything["matched"] == 3 and everything["missing"] == []
    result = run(account, "jcr_registry_info", {"pattern": "myshop*", "sort": "name", "descending": True, "limit": 1})
    assert names(result, "registries") == ["myshop-lab"] and result["matched"] == 2
    assert names(run(account, "jcr_registry_info", {"region": "cn-east-2"}), "registries") == []


def test_registries_by_name(account: Account, run: Run, shop: Shop) -> None:
    shop.control.declare("myshop-lab")
    before = last_index(shop.emulator)
    result = run(account, "jcr_registry_info", {"name": "myshop"})
    assert names(result, "registries") == ["myshop"]
    assert calls(shop.emulator, before) == ["describeRegistry"]
    result = run(account, "jcr_registry_info", {"names": ["myshop", "myshop-l", "shop"]})
    assert names(result, "registries") == ["myshop"]
    assert result["missing"] == ["myshop-l", "shop"]
    assert names(run(account, "jcr_registry_info", {"name": []}), "registries") == []
    many = ["myshop-lab", *(f"none-{number}" for number in range(9))]
    before = last_index(shop.emulator)
    result = run(account, "jcr_registry_info", {"name": many})
    assert names(result, "registries") == ["myshop-lab"] and result["missing"] == many[1:]
    assert calls(shop.emulator, before) == ["describeRegistries"]


def test_registries_by_age_as_the_service_counts(account: Account, run: Run, shop: Shop) -> None:
    shop.emulator.clock(advance_seconds=40 * 86400)
    shop.control.declare("myshop-lab")
    assert names(run(account, "jcr_registry_info", {"older_than": "30d"}), "registries") == ["myshop"]
    assert names(run(account, "jcr_registry_info", {"newer_than": "30d"}), "registries") == ["myshop-lab"]


# --- repositories ----------------------------------------------------------------------------------------------------


def test_repositories(account: Account, run: Run, shop: Shop) -> None:
    shop.control.declare("another", "shop/web")
    result = ok(run(account, "jcr_repository_info", {"registry": "myshop"}))
    assert names(result, "repositories") == ["shop/web", "shop/web-old", "shop/worker", "workshop/web"]
    assert {entry["registry"] for entry in result["repositories"]} == {"myshop"}
    assert result["repositories"][0]["uri"] == f"{shop.client.host}/shop/web"
    assert (result["matched"], result["missing"], result["complete"]) == (4, [], True)
    result = ok(run(account, "jcr_repository_info", {}))
    found = [(entry["registry"], entry["name"]) for entry in result["repositories"]]
    assert found[:2] == [("another", "shop/web"), ("myshop", "shop/web")] and len(found) == 5
    result = run(account, "jcr_repository_info", {"name": "shop/web"})
    assert [entry["registry"] for entry in ok(result)["repositories"]] == ["another", "myshop"]


@pytest.mark.parametrize("name", ["shop/web", "shop", "web", "shop/w", "op/web"])
def test_names_that_contain_each_other(account: Account, run: Run, shop: Shop, name: str) -> None:
    """The service's filter finds them all; an exact look-up finds the one, or none."""
    result = ok(run(account, "jcr_repository_info", {"registry": "myshop", "name": name}))
    exists = name == "shop/web"
    assert names(result, "repositories") == ([name] if exists else [])
    assert result["missing"] == ([] if exists else [f"myshop/{name}"])


def test_repositories_by_pattern_and_size(account: Account, run: Run, shop: Shop) -> None:
    shop.push("shop/worker", "1.0", layer=b"x" * 2 * 1024**2)

    def found(**options: t.Any) -> list[str]:
        return names(run(account, "jcr_repository_info", {"registry": "myshop", **options}), "repositories")

    assert found(pattern="shop/*", exclude="*-old") == ["shop/web", "shop/worker"]
    assert found(regex="(work)?shop/web") == ["shop/web", "workshop/web"]
    assert found(larger_than="2MB") == ["shop/worker"]
    assert found(sort="size_mb", descending=True, limit=1) == ["shop/worker"]
    assert found(name=["shop/web", "shop/worker"], smaller_than="1MB") == ["shop/web"]


def test_repositories_of_a_registry_that_does_not_exist(account: Account, run: Run, shop: Shop) -> None:
    for options in ({}, {"name": "shop/web"}, {"pattern": "*"}):
        result = ok(run(account, "jcr_repository_info", {"registry": "nowhere", **options}))
        assert (result["repositories"], result["missing"]) == ([], ["nowhere"])
        assert not result.get("warnings")


def test_250_repositories_are_three_pages(account: Account, run: Run, shop: Shop) -> None:
    for number in range(246):
        shop.control.api.create_repository(f"bulk/{number:03}", "myshop")
    before = last_index(shop.emulator)
    result = ok(run(account, "jcr_repository_info", {"registry": "myshop", "pattern": "bulk/*", "limit": 10}))
    assert names(result, "repositories") == [f"bulk/{number:03}" for number in range(10)]
    assert result["matched"] == 246
    assert calls(shop.emulator, before) == ["describeRepositories"] * 3
    before = last_index(shop.emulator)
    assert names(run(account, "jcr_repository_info", {"registry": "myshop", "name": "bulk/1"}), "repositories") == []
    wanted = [f"bulk/{number:03}" for number in range(100, 120)]
    assert names(run(account, "jcr_repository_info", {"registry": "myshop", "name": wanted}), "repositories") == wanted


def test_a_listing_that_never_comes_to_rest(account: Account, run: Run, shop: Shop) -> None:
    wrong_total = {"wrong_type": {"member": "result.totalCount", "value": 9}}
    shop.emulator.faults([{"match": {"operation": "describeRepositories"}, "times": None, "action": wrong_total}])
    result = ok(run(account, "jcr_repository_info", {"registry": "myshop"}))
    assert result["complete"] is False and result["matched"] == 4
    (warning,) = result["warnings"]
    assert "changed while it was read" in str(warning) and "repositories" in str(warning)


def test_a_listing_that_changes_once_is_read_again(account: Account, run: Run, shop: Shop) -> None:
    wrong_total = {"wrong_type": {"member": "result.totalCount", "value": 5}}
    shop.emulator.faults([{"match": {"operation": "describeRepositories"}, "times": 2, "action": wrong_total}])
    result = ok(run(account, "jcr_repository_info", {"registry": "myshop"}))
    assert result["complete"] is True and result["matched"] == 4 and not result.get("warnings")


# --- images ----------------------------------------------------------------------------------------------------------


def found_digests(run: Run, account: Account, **options: t.Any) -> list[str]:
    result = ok(run(account, "jcr_image_info", {"registry": "myshop", **options}))
    return [image["digest"] for image in result["images"]]


def test_an_image(account: Account, run: Run, shop: Shop) -> None:
    digest = shop.push("shop/web", "latest", "1.0")
    shop.client.get_manifest("shop/web", "1.0")
    result = ok(run(account, "jcr_image_info", {"registry": "myshop", "repository": "shop/web"}))
    (image,) = result["images"]
    assert image["pushed_at"] <= image["last_pull_at"]
    del image["pushed_at"], image["last_pull_at"]
    assert image == {
        "registry": "myshop",
        "region": "cn-north-1",
        "repository": "shop/web",
        "digest": digest,
        "uri": f"{shop.client.host}/shop/web@{digest}",
        "tags": ["1.0", "latest"],
        "media_type": data_plane.OCI_IMAGE,
        "size": len(b"{}") + len(b"layer"),
        "size_mb": 0.0,
        "pulls": 1,
        "config_digest": data_plane.digest_of(b"{}"),
        "platforms": [],
        "children": [],
        "config": None,
    }
    assert (result["matched"], result["missing"], result["complete"]) == (1, [], True)


def test_an_index(account: Account, run: Run, shop: Shop) -> None:
    index, children = shop.push_index("shop/web", "1.0")
    result = ok(run(account, "jcr_image_info", {"registry": "myshop", "repository": "shop/web", "tag": "1.0"}))
    (image,) = result["images"]
    assert (image["digest"], image["media_type"]) == (index, data_plane.OCI_INDEX)
    assert image["platforms"] == ["linux/amd64", "linux/arm64"]
    assert [(child["digest"], child["platform"]) for child in image["children"]] == list(
        zip(children, image["platforms"], strict=True)
    )
    assert image["config_digest"] is None
    assert set(found_digests(run, account, tag_status="untagged")) == set(children)


def test_images_by_tag_and_digest_are_asked_of_the_service(account: Account, run: Run, shop: Shop) -> None:
    one, two = shop.push("shop/web", "1.0", "stable"), shop.push("shop/web", "1.0.1", layer=b"2")
    web = {"registry": "myshop", "repository": "shop/web"}
    shop.push("shop/worker", "1.0", layer=b"3")

    def found(**options: t.Any) -> tuple[list[str], list[str]]:
        result = ok(run(account, "jcr_image_info", {**web, **options}))
        return [image["digest"] for image in result["images"]], result["missing"]

    assert found(tag="1.0") == ([one], [])
    assert found(tag="1") == ([], ["myshop/shop/web:1"])
    assert found(tag=["1.0", "stable", "2.0"]) == ([one], ["myshop/shop/web:2.0"])
    assert found(digest=two) == ([two], [])
    other = data_plane.digest_of(b"other")
    assert found(digest=[one, other]) == ([one], [f"myshop/shop/web@{other}"])
    assert found(digest=[one, two], tag="1.0.1") == ([two], [])
    assert found(digest=one, tag_status="untagged") == ([], [])
    many = ["1.0", *(f"9.{number}" for number in range(9))]
    before = last_index(shop.emulator)
    assert found(tag=many) == ([one], [f"myshop/shop/web:{tag}" for tag in many[1:]])
    assert calls(shop.emulator, before).count("describeImages") == 1
    assert found(tag=[]) == ([], [])


def test_images_of_a_whole_registry(account: Account, run: Run, shop: Shop) -> None:
    first = shop.push("shop/web", "1.0")
    shop.emulator.clock(advance_seconds=60)
    second = shop.push("shop/worker", "1.1", layer=b"2")
    assert found_digests(run, account) == [second, first]  # the last push comes first
    assert found_digests(run, account, sort="version") == [first, second]
    assert found_digests(run, account, repository=["shop/web", "workshop/web"]) == [first]


def test_images_by_version_age_and_pulls(account: Account, run: Run, shop: Shop) -> None:
    old = shop.push("shop/web", "1.2.0", layer=b"1")
    shop.emulator.clock(advance_seconds=40 * 86400)
    shop.client.password = shop.control.issue("myshop")  # the first one has expired
    shop.client.session.auth = ("jdcloud", shop.client.password)
    new = shop.push("shop/web", "v1.10", "latest", layer=b"2" * 5000)
    shop.client.get_manifest("shop/web", "latest")
    assert found_digests(run, account, semver="^1.2", sort="version") == [old, new]
    assert found_digests(run, account, newest=1) == [new]
    assert found_digests(run, account, older_than="30d") == [old]
    assert found_digests(run, account, newer_than="30d") == [new]
    assert found_digests(run, account, pulled_before="30d") == [old]
    assert found_digests(run, account, never_pulled=True) == [old]
    assert found_digests(run, account, never_pulled=False) == [new]
    assert found_digests(run, account, larger_than="4kB") == [new]
    assert found_digests(run, account, exclude="latest") == [old]


@pytest.mark.parametrize(
    ("options", "missing"),
    [
        ({"registry": "nowhere"}, ["nowhere"]),
        ({"registry": "nowhere", "repository": "shop/web", "tag": "1.0"}, ["nowhere"]),
        ({"registry": "myshop", "repository": ["shop/web", "shop/none"]}, ["myshop/shop/none"]),
        ({"registry": "myshop", "repository": "shop/we", "tag": "1.0"}, ["myshop/shop/we"]),
        ({"registry": "myshop", "tag": "9.9"}, []),
    ],
)
def test_images_that_are_not_there(account: Account, run: Run, shop: Shop, options: dict, missing: list) -> None:
    result = ok(run(account, "jcr_image_info", options))
    assert (result["images"], result["missing"]) == ([], missing)


def test_150_images_are_two_pages(account: Account, run: Run, shop: Shop) -> None:
    for blob in (b"{}", b"layer"):
        shop.client.push_blob("shop/web", blob)
    for number in range(150):
        manifest = image_manifest(b"{}", [b"layer"], annotations={"number": str(number)})
        assert shop.client.put_manifest("shop/web", f"0.{number}.0", manifest).status_code == 201
    before = last_index(shop.emulator)
    result = ok(run(account, "jcr_image_info", {"registry": "myshop", "sort": "version", "limit": 3}))
    assert [image["tags"] for image in result["images"]] == [["0.0.0"], ["0.1.0"], ["0.2.0"]]
    assert result["matched"] == 150
    assert calls(shop.emulator, before).count("describeImages") == 2


# --- configs of images -----------------------------------------------------------------------------------------------

CONFIG = {
    "os": "linux",
    "architecture": "arm64",
    "created": "2026-01-01T00:00:00Z",
    "config": {"Labels": {"revision": "4f2a9c1"}, "Env": ["PATH=/bin"], "Entrypoint": ["/shop"]},
    "history": [{"created_by": "COPY shop /"}],
}


def configs(run: Run, account: Account, check: bool = False, **options: t.Any) -> dict[str, t.Any]:
    wish = {"registry": "myshop", "repository": "shop/web", "config": True, **options}
    return ok(run(account, "jcr_image_info", wish, check=check))


@pytest.mark.parametrize("challenge", ["bearer", "basic"])
def test_configs(account: Account, run: Run, shop: Shop, challenge: str) -> None:
    shop.emulator.settings({"challenge": challenge})
    shop.client.push_image("shop/web", "1.0", b"layer", config=encode(CONFIG))
    shop.client.push_image("shop/web", "2.0", b"other", config=encode(CONFIG))
    shop.push_index("shop/web", "multi")
    before = last_index(shop.emulator)
    result = configs(run, account)
    images = {(image["tags"] or [None])[0]: image for image in result["images"]}
    assert images["1.0"]["config"]["labels"] == {"revision": "4f2a9c1"}
    assert images["1.0"]["config"]["env"] == {"PATH": "/bin"}
    assert images["1.0"]["config"]["entrypoint"] == ["/shop"]
    assert images["1.0"]["config"]["history"][0]["created_by"] == "COPY shop /"
    assert images["1.0"]["config"]["created"] == "2026-01-01T00:00:00Z"
    assert images["1.0"]["config"] == images["2.0"]["config"]
    assert images["1.0"]["platforms"] == ["linux/arm64"]
    assert images["multi"]["config"] is None and images["multi"]["platforms"] == ["linux/amd64", "linux/arm64"]
    assert not result.get("warnings")
    assert all(image["pulls"] == 0 for image in configs(run, account)["images"])
    log = shop.emulator.requests(before)
    operations = [entry["operation"] for entry in log]
    assert operations.count("getAuthorizationToken") == 1  # the second task takes it from the cache
    assert operations.count("getBlob") == 6  # of five images, two have the same config
    assert "getManifest" not in operations and "headManifest" not in operations


def test_configs_of_the_images_in_an_index(account: Account, run: Run, shop: Shop) -> None:
    """They are asked for by name, and not the attestations between them."""
    entries, attested = [], {**CONFIG, "os": "unknown", "architecture": "unknown"}
    for config in (CONFIG, {**CONFIG, "architecture": "amd64", "history": []}, attested):
        digest = shop.client.push_image("shop/web", "tmp", b"layer", config=encode(config))
        platform = {"os": config["os"], "architecture": config["architecture"]}
        manifest = shop.client.get_manifest("shop/web", digest).content
        entries.append({**data_plane.descriptor(manifest, data_plane.OCI_IMAGE), "platform": platform})
    index = encode({"schemaVersion": 2, "mediaType": data_plane.OCI_INDEX, "manifests": entries})
    assert shop.client.put_manifest("shop/web", "multi", index, data_plane.OCI_INDEX).status_code == 201
    before = last_index(shop.emulator)
    (image,) = configs(run, account, tag="multi")["images"]
    arm, amd, attestation = image["children"]
    assert image["config"] is None and attestation["config"] is None
    assert (arm["config"]["platform"], amd["config"]["platform"]) == ("linux/arm64", "linux/amd64")
    assert arm["config"]["labels"] == amd["config"]["labels"] == {"revision": "4f2a9c1"}
    assert [step["created_by"] for step in arm["config"]["history"]] == ["COPY shop /"]
    assert calls(shop.emulator, before).count("getBlob") == 2
    plain = ok(run(account, "jcr_image_info", {"registry": "myshop", "repository": "shop/web", "tag": "multi"}))
    assert [child["config"] for child in plain["images"][0]["children"]] == [None, None, None]


def test_configs_of_an_index_of_many_images(account: Account, run: Run, shop: Shop) -> None:
    """They are found in one listing."""
    index, *_children = push_index(shop.client, "shop/web", "many", children=8)
    before = last_index(shop.emulator)
    (image,) = configs(run, account, digest=index)["images"]
    assert len(image["children"]) == 8
    assert calls(shop.emulator, before).count("describeImages") == 2


def test_configs_of_what_was_chosen_only(account: Account, run: Run, shop: Shop) -> None:
    shop.push("shop/web", "1.0")
    shop.push("shop/web", "2.0", layer=b"other")
    before = last_index(shop.emulator)
    configs(run, account, tag="1.0")
    assert calls(shop.emulator, before).count("getBlob") == 1
    before = last_index(shop.emulator)
    assert configs(run, account, tag="9.9")["images"] == []
    assert not [entry for entry in shop.emulator.requests(before) if entry["token_issued"] or entry["plane"] == "data"]


def test_configs_in_check_mode(account: Account, run: Run, shop: Shop) -> None:
    """A token that is held is used; none is issued."""
    shop.client.push_image("shop/web", "1.0", b"layer", config=encode(CONFIG))
    before = last_index(shop.emulator)
    result = configs(run, account, check=True)
    assert result["images"][0]["config"] is None and "No token is held" in str(result["warnings"])
    assert not [entry for entry in shop.emulator.requests(before) if entry["token_issued"] or entry["plane"] == "data"]
    run_here(account, "jcr_token", {"registry": "myshop"})
    before = last_index(shop.emulator)
    assert configs(run, account, check=True)["images"][0]["config"]["platform"] == "linux/arm64"
    assert not [entry for entry in shop.emulator.requests(before) if entry["token_issued"]]


@pytest.mark.parametrize(
    "damage",
    [
        {"status": {"http": 404, "empty": True}},
        {"body": {"text": "x" * 300, "http": 200, "content_type": "application/octet-stream"}},
    ],
)
def test_a_config_that_cannot_be_had(account: Account, run: Run, shop: Shop, damage: dict) -> None:
    shop.client.push_image("shop/web", "1.0", b"layer", config=encode(CONFIG))
    digest = shop.client.push_image("shop/web", "2.0", b"layer", config=b"not a config")
    result = configs(run, account)
    assert [image["config"] is None for image in result["images"]].count(True) == 1
    assert digest in str(result["warnings"])
    shop.emulator.faults([{"match": {"operation": "getBlob"}, "times": None, "action": damage}])
    result = configs(run, account)
    assert [image["config"] for image in result["images"]] == [None, None]
    assert "No config could be read of" in str(result["warnings"])


def test_no_token_is_in_any_result_with_configs(account: Account, run: Run, shop: Shop) -> None:
    """Not even where somebody has built it into an image, or the registry repeats it."""
    held = run_here(account, "jcr_token", {"registry": "myshop", "return_secret": True})["token"]["password"]
    content = encode({**CONFIG, "config": {"Env": [f"TOKEN={held}"]}})
    shop.client.push_image("shop/web", "1.0", b"layer", config=content)
    result = configs(run, account)
    assert result["images"][0]["config"]["env"].keys() == {"TOKEN"} and held not in json.dumps(result)
    spoken = {"status": {"http": 403, "message": f"no {held}"}}
    shop.emulator.faults([{"match": {"operation": "getBlob"}, "times": None, "action": spoken}])
    result = run(account, "jcr_image_info", {"registry": "myshop", "config": True})
    assert refusal(result, "transfer_refused") and held not in json.dumps(result)


@pytest.mark.parametrize("options", [{"hours": 0}, {"min_remaining": 9999}])
def test_configs_with_bad_options_for_tokens(account: Account, options: dict) -> None:
    refusal(run_here(account, "jcr_image_info", {"registry": "myshop", "config": True, **options}), "rule")
    assert account.emulator.requests() == []


# --- tokens ----------------------------------------------------------------------------------------------------------


def issued(emulator: RunningEmulator) -> list[str]:
    """Every secret that the emulator has issued, in the forms that could be in a text."""
    registries = emulator.state(secrets=True)["registries"]
    tokens = [token for registry in registries for token in registry["tokens"]]
    assert tokens
    return [token[key] for token in tokens for key in ("password", "authorization_token")]


def test_tokens(account: Account, run: Run, shop: Shop) -> None:
    ok_token = run_here(account, "jcr_token", {"registry": "myshop", "hours": 2})
    assert ok_token["changed"] is True
    shop.emulator.clock(frozen=True)
    before = [entry["operation"] for entry in shop.emulator.requests()].count("describeAuthorizationTokens")
    result = ok(run(account, "jcr_token_info", {"registry": "myshop"}))
    after = [entry["operation"] for entry in shop.emulator.requests()].count("describeAuthorizationTokens")
    assert after == before + 1
    assert [token["held"] for token in result["tokens"]] == [True, False]  # what expires first comes first
    held, foreign = result["tokens"]
    assert held["expires_at"] == ok_token["token"]["expires_at"]
    assert 7100 < held["expires_in"] <= 7200 and foreign["expires_in"] > 40000
    assert held["id"] != foreign["id"] and (held["registry"], held["region"]) == ("myshop", "cn-north-1")
    (ledger,) = result["ledgers"]
    assert (ledger["registry"], ledger["valid"], ledger["next_slot_at"]) == ("myshop", 2, None)
    assert ledger["issued_last_hour"] >= 1
    assert (result["matched"], result["missing"]) == (2, [])


def test_which_tokens(account: Account, run: Run, shop: Shop) -> None:
    shop.control.declare("another")
    run_here(account, "jcr_token", {"registry": "myshop", "hours": 1})

    def found(**options: t.Any) -> list[tuple[str, bool]]:
        tokens = ok(run(account, "jcr_token_info", options))["tokens"]
        return [(token["registry"], token["held"]) for token in tokens]

    assert found() == [("another", False), ("myshop", True), ("myshop", False)]
    assert found(sort="expires_at")[0] == ("myshop", True)
    assert found(sort="expires_at", descending=True, limit=2)[1][1] is False
    assert found(held=True) == [("myshop", True)]
    assert found(registries=["myshop"], held=False) == [("myshop", False)]
    assert found(expiring_within="2h") == [("myshop", True)]
    assert found(expiring_within="1m") == []
    result = ok(run(account, "jcr_token_info", {"registry": ["myshop", "nowhere"]}))
    assert result["missing"] == ["nowhere"] and len(result["tokens"]) == 2
    assert [ledger["registry"] for ledger in result["ledgers"]] == ["myshop"]


def test_the_hour_is_used_up(account: Account, run: Run, shop: Shop) -> None:
    shop.control.release("myshop")
    shop.emulator.settings({"tokens_per_hour": 6})
    for _number in range(5):
        token = run_here(account, "jcr_token", {"registry": "myshop", "hours": 1, "min_remaining": 59})
        assert token["changed"] is True
        shop.emulator.clock(advance_seconds=120)
    result = ok(run(account, "jcr_token_info", {"registry": "myshop", "limit": 1}))
    (ledger,) = result["ledgers"]
    assert (ledger["valid"], ledger["issued_last_hour"]) == (5, 5) and ledger["next_slot_at"]
    assert (len(result["tokens"]), result["matched"]) == (1, 5)


@pytest.mark.parametrize("options", [{}, {"registry": "myshop"}, {"registry": ["myshop", "nowhere"]}])
def test_no_secret_is_in_any_result(account: Account, run: Run, shop: Shop, options: dict) -> None:
    run_here(account, "jcr_token", {"registry": "myshop"})
    text = json.dumps(ok(run(account, "jcr_token_info", options)))
    assert not [secret for secret in issued(shop.emulator) if secret in text]


def test_no_listed_secret_is_in_a_failure_whose_text_the_service_wrote(account: Account, run: Run, shop: Shop) -> None:
    run_here(account, "jcr_token", {"registry": "myshop"})
    secret, options = issued(shop.emulator)[0], {"registry": ["myshop", "nowhere"]}
    spoken = {"status": {"http": 400, "status": "INVALID_ARGUMENT", "message": f"no {secret}"}}
    rule = {"match": {"operation": "describeAuthorizationTokens", "nth": 2}, "times": 1, "action": spoken}
    shop.emulator.faults([rule])
    text = json.dumps(run(account, "jcr_token_info", options))
    assert "INVALID_ARGUMENT" in text
    assert not [secret for secret in issued(shop.emulator) if secret in text]


@pytest.mark.parametrize("form", ["epoch", "epoch_ms", "rfc3339", "local"])
def test_expiry_in_any_form(account: Account, run: Run, shop: Shop, form: str) -> None:
    shop.emulator.settings({"expires_format": form})
    (token,) = ok(run(account, "jcr_token_info", {"registry": "myshop"}))["tokens"]
    assert 43000 < token["expires_in"] <= 43200


def test_an_expiry_that_cannot_be_read(account: Account, run: Run, shop: Shop) -> None:
    odd = {"wrong_type": {"member": "result.authorizationTokens.0.expiresAt", "value": "tomorrow"}}
    rules = [{"match": {"operation": "describeAuthorizationTokens"}, "times": None, "action": odd}]
    shop.emulator.faults(rules)
    (token,) = ok(run(account, "jcr_token_info", {"registry": "myshop"}))["tokens"]
    assert token["expires_at"] is None and token["expires_in"] is None
    assert ok(run(account, "jcr_token_info", {"registry": "myshop", "expiring_within": "24h"}))["tokens"] == []


# --- quotas ----------------------------------------------------------------------------------------------------------


def test_quotas(account: Account, run: Run, shop: Shop) -> None:
    registries = {"resource_type": "registry", "limit": 5, "used": 1, "free": 4}
    repositories = {"resource_type": "repository", "limit": 10000, "used": 4, "free": 9996}
    assert ok(run(account, "jcr_quota_info", {}))["quotas"] == [registries, repositories]
    assert ok(run(account, "jcr_quota_info", {"resource_type": "registry"}))["quotas"] == [registries]
    assert ok(run(account, "jcr_quota_info", {"resource_type": ["repository", "registry"]}))["quotas"] == [
        registries,
        repositories,
    ]
    assert ok(run(account, "jcr_quota_info", {"resource_type": []}))["quotas"] == []
    assert ok(run(account, "jcr_quota_info", {"region": "cn-east-2"}))["quotas"][0]["used"] == 0
