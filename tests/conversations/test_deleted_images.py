# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""jcr_image with state absent against the emulator: selections, caps, indexes, siblings, failures half way."""

from __future__ import annotations

import dataclasses
import json
import typing as t

import pytest

from tests.emulator_tests import registry as dataplane
from tests.emulator_tests.registry import RegistryClient, descriptor, encode, image_manifest
from tests.support.contents import push_index
from tests.support.emulator import RunningEmulator
from tests.support.tasks import WAYS, Account, Run

REGISTRY, REPOSITORY = "myshop", "shop/web"
DAY = 86400
SERVICES = ["untag", "delete_digest"]  # what it may do with the siblings of a deleted tag


@dataclasses.dataclass
class Shop:
    """A registry with a repository, somebody who pushes to it, and tasks that delete."""

    account: Account
    control: dataplane.Account
    client: RegistryClient
    run: Run

    @property
    def emulator(self) -> RunningEmulator:
        return self.account.emulator

    def push(self, *tags: str, layer: bytes = b"") -> str:
        """Push an image of its own under these tags; returns its digest."""
        layer = layer or tags[0].encode()
        return [self.client.push_image(REPOSITORY, tag, layer) for tag in tags][0]

    def put(self, manifest: bytes, reference: str | None = None, media_type: str = dataplane.OCI_IMAGE) -> str:
        """Put a manifest under a tag, or only under its digest; returns its digest."""
        digest = dataplane.digest_of(manifest)
        answer = self.client.put_manifest(REPOSITORY, reference or digest, manifest, media_type)
        assert answer.status_code == 201, answer.text
        return digest

    def untagged(self, name: str, **more: t.Any) -> str:
        """Push an image without a tag; C(more) are members of its manifest."""
        for blob in (b"{}", name.encode()):
            self.client.push_blob(REPOSITORY, blob)
        return self.put(image_manifest(b"{}", [name.encode()], **more))

    def sign(self, digest: str) -> str:
        """Push something that is about an image."""
        return self.untagged(f"about {digest}", subject=self.descriptor(digest))

    def descriptor(self, digest: str) -> dict[str, t.Any]:
        manifest = self.client.get_manifest(REPOSITORY, digest).content
        return descriptor(manifest, dataplane.OCI_IMAGE)

    def delete(self, check: bool = False, **options: t.Any) -> dict[str, t.Any]:
        shared = {"registry": REGISTRY, "repository": REPOSITORY, "state": "absent"}
        return self.run(self.account, "jcr_image", {**shared, **options}, check=check)

    def deleted(self, **options: t.Any) -> dict[str, t.Any]:
        """Predict, delete, and delete again: the first two agree, and the last has nothing to do."""
        before, start = self.images(), self.last_index()
        predicted = ok(self.delete(check=True, **options))
        assert not [entry for entry in self.emulator.requests(start) if entry["write"] or entry["plane"] == "data"]
        assert self.images() == before
        done = ok(self.delete(**options))
        assert predicted == done
        assert done["changed"] is bool(done["deleted"]) is (self.images() != before)
        start = self.last_index()
        again = ok(self.delete(**options))
        assert again["changed"] is False and again["deleted"] == []
        assert again.keys() == done.keys()
        assert not [entry for entry in self.emulator.requests(start) if entry["write"] or entry["token_issued"]]
        return done

    def images(self) -> dict[str, list[str]]:
        """{digest: tags} of what is there."""
        return {image["digest"]: image["tags"] for image in self.control.images(REGISTRY, REPOSITORY)}

    def tags(self) -> list[str]:
        return sorted(tag for tags in self.images().values() for tag in tags)

    def last_index(self) -> int:
        return max((entry["index"] for entry in self.emulator.requests()), default=0)

    def log(self, operation: str, since: int = 0) -> list[dict[str, t.Any]]:
        return [entry for entry in self.emulator.requests(since) if entry["operation"] == operation]

    def later(self, days: float) -> None:
        self.emulator.clock(advance_seconds=days * DAY)
        self.log_in()

    def log_in(self) -> None:
        self.client.password = self.control.issue(REGISTRY)
        self.client.session.auth = (self.client.user, self.client.password)


@pytest.fixture(params=sorted(WAYS))
def shop(request, emulator: RunningEmulator, tmp_path) -> Shop:
    control = dataplane.Account(emulator)
    client = control.declare(REGISTRY, REPOSITORY)
    return Shop(Account(emulator, tmp_path), control, client, WAYS[request.param])


def ok(result: dict[str, t.Any]) -> dict[str, t.Any]:
    assert not result.get("failed"), result["msg"]
    return result


def refused(shop: Shop, kind: str, **options: t.Any) -> dict[str, t.Any]:
    """A refusal, in check mode and not, that leaves everything as it was."""
    before = shop.images()
    predicted, result = shop.delete(check=True, **options), shop.delete(**options)
    for found in (predicted, result):
        assert found["failed"] and found["changed"] is False
        assert found["error"]["kind"] == kind, found["msg"]
        assert found["error"]["cure"]
    assert predicted["msg"] == result["msg"]
    assert shop.images() == before
    return result


def told(result: dict[str, t.Any], name: str = "deleted") -> dict[str, list[str]]:
    return {entry["digest"]: entry["tags"] for entry in result[name]}


# --- by name ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("service", SERVICES)
def test_by_tag(shop: Shop, service: str) -> None:
    shop.emulator.settings({"delete_by_tag": service})
    old, kept = shop.push("old"), shop.push("kept")
    start = shop.last_index()
    result = shop.deleted(tag="old")
    assert result["deleted"] == [{"digest": old, "tags": ["old"], "size": 5, "image_deleted": True}]
    assert result["image"]["tags"] == {"old": {"digest": None, "previous_digest": old, "changed": True}}
    assert result["diff"]["before"] == {"old": {"digest": old}, old: {"tags": ["old"]}}
    assert result["diff"]["after"] == {} and result["kept"] == []
    assert shop.images() == {kept: ["kept"]}
    assert not [entry for entry in shop.emulator.requests(start) if entry["plane"] == "data"]


@pytest.mark.parametrize("service", SERVICES)
def test_all_tags_of_an_image_and_one_that_is_not_there(shop: Shop, service: str) -> None:
    shop.emulator.settings({"delete_by_tag": service})
    digest = shop.push("a", "b")
    result = shop.deleted(tags=["a", "b", "none"])
    assert told(result) == {digest: ["a", "b"]}
    assert result["image"]["tags"]["none"] == {"digest": None, "previous_digest": None, "changed": False}
    assert shop.images() == {}


def test_by_digest_whatever_its_tags(shop: Shop) -> None:
    digest, kept = shop.push("a", "b"), shop.push("c")
    result = shop.deleted(digest=digest)
    assert told(result) == {digest: ["a", "b"]} and result["image"]["tags"] == {}
    assert shop.images() == {kept: ["c"]}


@pytest.mark.parametrize("missing", [{"registry": "nowhere"}, {"repository": "shop/none"}, {}])
@pytest.mark.parametrize("choice", [{"tag": "9.9"}, {"digest": f"sha256:{'0' * 64}"}, {"pattern": "9.*"}])
def test_nothing_is_there(shop: Shop, missing: dict, choice: dict) -> None:
    shop.push("1.0")
    result = shop.deleted(**missing, **choice)
    assert result["changed"] is False and result["deleted"] == result["kept"] == []


def test_what_does_not_exist_costs_no_listing(shop: Shop) -> None:
    shop.push("1.0")
    start = shop.last_index()
    ok(shop.delete(tags=["2.0", "3.0"]))
    assert [entry["operation"] for entry in shop.emulator.requests(start)] == ["describeRegistry"] + 2 * [
        "describeImages"
    ]


# --- protected tags --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wish", [{"tag": "v1"}, {"tags": ["v1", "nightly"]}, {"digest": True}])
def test_an_immutable_tag_is_not_deleted(shop: Shop, wish: dict) -> None:
    digest = shop.push("v1", "latest")
    shop.push("nightly")
    if "digest" in wish:
        wish = {"digest": digest}
    start = shop.last_index()
    result = refused(shop, "tag_protected", immutable_tags=["v*"], **wish)
    assert f"tag 'v1' points at {digest} and is one of the immutable_tags" in result["msg"]
    assert not [entry for entry in shop.emulator.requests(start) if entry["write"] or entry["plane"] == "data"]


def test_the_other_tags_of_an_immutable_one_can_go(shop: Shop) -> None:
    digest = shop.push("v1", "latest", "stable")
    shop.deleted(tags=["latest", "none"], immutable_tags=["v*", "none*"])
    assert shop.images() == {digest: ["stable", "v1"]}


@pytest.mark.parametrize("choice", [{"pattern": "*"}, {"older_than": "1d"}, {"tag_status": "tagged"}])
def test_a_selection_spares_immutable_tags(shop: Shop, choice: dict) -> None:
    released, kept = shop.push("v1", "latest"), shop.push("keep-me")
    signature = shop.sign(released)
    for number in range(3):
        shop.push(f"nightly-{number}")
    shop.later(days=2)
    shop.deleted(immutable_tags=["v*"], exclude=["keep-*"], **choice)
    assert shop.images() == {released: ["latest", "v1"], kept: ["keep-me"], signature: []}


def test_a_tag_is_deleted_only_where_it_stands_for_the_expected_image(shop: Shop) -> None:
    old, new = shop.push("old"), shop.push("stable", "new")
    signature = {"subject": shop.descriptor(new)}
    shop.put(image_manifest(b"{}", [b"old"], **signature), f"{new.replace(':', '-')}.sig")
    guard = {"overwrite": "if_digest", "expected_digest": old}
    result = refused(shop, "tag_protected", tag="stable", **guard)
    assert f"tag 'stable' points at {new} and not at the expected_digest {old}" in result["msg"]
    shop.deleted(tags=["old", "none"], **guard)
    shop.deleted(tags=["stable", "new"], overwrite="if_digest", expected_digest=new)
    assert shop.images() == {}


def test_never_to_overwrite_does_not_mean_never_to_delete(shop: Shop) -> None:
    shop.push("a")
    shop.deleted(tag="a", overwrite="never")


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"tag": "a", "expected_digest": f"sha256:{'0' * 64}"}, "configuration"),
        ({"tag": "a", "overwrite": "if_digest"}, "configuration"),
        ({"tag": "a", "overwrite": "if_digest", "expected_digest": "v1"}, "rule"),
        ({"tag": "a", "immutable_tags": [""]}, "rule"),
        ({"pattern": "*", "overwrite": "if_digest", "expected_digest": f"sha256:{'0' * 64}"}, "configuration"),
    ],
)
def test_guards_that_mean_nothing(shop: Shop, options: dict, kind: str) -> None:
    start = shop.last_index()
    assert shop.delete(**options)["error"]["kind"] == kind
    assert shop.emulator.requests(start) == []


# --- siblings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("challenge", ["bearer", "basic"])
@pytest.mark.parametrize("service", SERVICES)
def test_siblings_are_kept_whatever_the_service_does(shop: Shop, service: str, challenge: str) -> None:
    shop.emulator.settings({"delete_by_tag": service, "challenge": challenge})
    digest, other = shop.push("a", "b", "c", "d"), shop.push("other")
    result = shop.deleted(tags=["a", "c", "other"])
    assert shop.images() == {digest: ["b", "d"]}
    assert [entry["image_deleted"] for entry in result["deleted"]] == [True, False]
    assert told(result) == {other: ["other"], digest: ["a", "c"]}
    # The image is whole: config and layers can still be had.
    for blob in (b"{}", b"a"):
        assert shop.client.call("GET", f"{REPOSITORY}/blobs/{dataplane.digest_of(blob)}").content == blob


def test_siblings_cost_one_token_and_only_then(shop: Shop) -> None:
    shop.push("a", "b", "c")
    shop.push("other")
    start = shop.last_index()
    ok(shop.delete(tag="other"))
    assert shop.log("getAuthorizationToken", start) == []
    ok(shop.delete(tag="a"))
    ok(shop.delete(tag="b"))
    assert len(shop.log("getAuthorizationToken", start)) == 1


def test_siblings_of_a_service_that_is_trusted_and_right(shop: Shop) -> None:
    digest = shop.push("a", "b", "c")
    start = shop.last_index()
    shop.deleted(tags=["a", "c"], siblings="trust")
    assert shop.images() == {digest: ["b"]}
    assert not [entry for entry in shop.emulator.requests(start) if entry["token_issued"] or entry["plane"] == "data"]


def test_siblings_of_a_service_that_is_trusted_and_wrong(shop: Shop) -> None:
    shop.emulator.settings({"delete_by_tag": "delete_digest"})
    digest, other = shop.push("a", "b", "c"), shop.push("d", "e")
    result = shop.delete(tags=["a", "d"], siblings="trust")
    assert result["failed"] and result["changed"] is True
    assert "'b', 'c'" in result["msg"] and digest in result["msg"] and "siblings: keep" in result["msg"]
    assert told(result) == {digest: ["a"]} and told(result, "not_tried") == {other: ["d"]}
    assert shop.images() == {other: ["d", "e"]}


@pytest.mark.parametrize("service", SERVICES)
def test_siblings_refused(shop: Shop, service: str) -> None:
    shop.emulator.settings({"delete_by_tag": service})
    shop.push("a", "b")
    shop.push("alone")
    result = refused(shop, "image_in_use", tags=["a", "alone"], siblings="refuse")
    assert "'b'" in result["msg"]
    shop.deleted(tag="alone", siblings="refuse")
    assert shop.tags() == ["a", "b"]


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("step", ["putManifest", "deleteImage"])
def test_cut_while_a_tag_is_taken_off(shop: Shop, service: str, step: str) -> None:
    """Whatever step fails, no sibling is lost, and the next run finishes."""
    shop.emulator.settings({"delete_by_tag": service})
    digest = shop.push("a", "b")
    fault = {"status": {"http": 403, "status": "HTTP_FORBIDDEN", "message": "not now"}}
    shop.emulator.faults([{"match": {"operation": step}, "times": None, "action": fault}])
    result = shop.delete(tag="a")
    assert result["failed"] and result["msg"].startswith("Cannot delete a") and "'shop/web'" in result["msg"]
    assert result["changed"] is (step == "deleteImage")
    assert told(result, "failed_images") == {digest: ["a"]}
    assert shop.images()[digest] == (["a", "b"] if step == "putManifest" else ["b"])
    assert ("stands for an empty image" in result["msg"]) is (step == "deleteImage")
    shop.emulator.faults([])
    ok(shop.delete(tag="a"))
    assert shop.images() == {digest: ["b"]}


def test_what_a_cut_left_behind_goes_with_the_next_selection(shop: Shop) -> None:
    digest = shop.push("pr-1", "b")
    shop.later(30)
    fault = {"status": {"http": 403, "status": "HTTP_FORBIDDEN"}}
    shop.emulator.faults([{"match": {"operation": "deleteImage"}, "times": None, "action": fault}])
    assert shop.delete(pattern="pr-*", older_than="7d")["failed"]
    shop.emulator.faults([])
    assert shop.tags() == ["b", "pr-1"] and len(shop.images()) == 2
    shop.deleted(pattern="pr-*", older_than="7d")
    assert shop.images() == {digest: ["b"]}


def test_no_token_can_be_had(shop: Shop) -> None:
    """Told by a prediction as far as the ledger knows, and before anything is deleted in any case."""
    shop.push("a", "b")
    shop.push("alone")
    shop.emulator.settings({"tokens_per_hour": 1})
    before = shop.images()
    result = shop.delete(tags=["a", "alone"])
    assert result["error"]["kind"] == "token_budget" and result["changed"] is False
    assert told(result) == {} and len(result["not_tried"]) == 2
    assert shop.images() == before


# --- the graph -------------------------------------------------------------------------------------------------------


def test_untagged_images_without_children_of_indexes_that_stay(shop: Shop) -> None:
    index, *children = push_index(shop.client, REPOSITORY, "1.0")
    stray = shop.untagged("stray")
    signature = shop.sign(index)
    lost = shop.sign(stray)
    result = shop.deleted(tag_status="untagged")
    assert set(told(result)) == {stray, lost}
    assert {entry["digest"] for entry in result["kept"]} == {*children, signature}
    assert all("1.0" in entry["reason"] for entry in result["kept"])
    assert set(shop.images()) == {index, *children, signature}
    assert shop.client.get_manifest(REPOSITORY, children[0]).status_code == 200


def test_an_index_goes_with_its_children_and_before_them(shop: Shop) -> None:
    index, *children = push_index(shop.client, REPOSITORY, "1.0")
    signature = shop.sign(index)
    kept = shop.push("kept")
    start = shop.last_index()
    result = shop.deleted(tag="1.0")
    assert set(told(result)) == {index, *children, signature}
    assert shop.images() == {kept: ["kept"]}
    assert len(shop.log("deleteImage", start)) == 4
    assert result["deleted"][0]["digest"] == index


def test_children_wait_for_their_index(shop: Shop) -> None:
    """Where the index cannot be deleted, they stay; so its delete is sent first, and alone."""
    index, *children = push_index(shop.client, REPOSITORY, "1.0")
    refusal = {"status": {"http": 400, "status": "FAILED_PRECONDITION", "message": "it is protected"}}
    shop.emulator.faults([{"match": {"operation": "deleteImage", "nth": 1}, "times": 1, "action": refusal}])
    start = shop.last_index()
    result = shop.delete(tag="1.0")
    assert result["error"]["kind"] == "precondition" and result["changed"] is False
    assert set(told(result, "failed_images")) == {index} and set(told(result, "not_tried")) == set(children)
    assert len(shop.log("deleteImage", start)) == 1
    assert set(shop.images()) == {index, *children}


def test_an_index_without_its_children(shop: Shop) -> None:
    index, *children = push_index(shop.client, REPOSITORY, "1.0")
    assert set(told(shop.deleted(tag="1.0", with_children=False))) == {index}
    assert set(told(shop.deleted(tag_status="untagged"))) == set(children)


def test_children_of_two_indexes(shop: Shop) -> None:
    index, *children = push_index(shop.client, REPOSITORY, "1.0")
    entries = [shop.descriptor(child) for child in children[:1]]
    other = encode({"schemaVersion": 2, "mediaType": dataplane.OCI_INDEX, "manifests": entries})
    second = shop.put(other, "2.0", dataplane.OCI_INDEX)
    shop.deleted(tag="1.0")
    assert set(shop.images()) == {second, children[0]}
    shop.deleted(tag="2.0")
    assert shop.images() == {}


def test_a_child_by_its_digest(shop: Shop) -> None:
    index, *children = push_index(shop.client, REPOSITORY, "1.0")
    result = refused(shop, "image_in_use", digest=children[0])
    assert "1.0" in result["msg"] and index in result["msg"]


@pytest.mark.parametrize("service", SERVICES)
def test_the_only_tag_of_a_child(shop: Shop, service: str) -> None:
    """The tag goes, the image stays; a service that deletes an image with its last tag is not asked to."""
    shop.emulator.settings({"delete_by_tag": service})
    index, *children = push_index(shop.client, REPOSITORY, "1.0")
    shop.put(shop.client.get_manifest(REPOSITORY, children[0]).content, "1.0-amd64")
    refused(shop, "image_in_use", tag="1.0-amd64", siblings="trust")
    result = shop.deleted(tag="1.0-amd64")
    assert result["deleted"][0]["image_deleted"] is False
    assert shop.images() == {index: ["1.0"], children[0]: [], children[1]: []}


def test_a_signature_by_tag_goes_with_its_image(shop: Shop) -> None:
    digest, kept = shop.push("1.0"), shop.push("2.0")
    tags = {name: f"{name.replace(':', '-')}.sig" for name in (digest, kept)}
    signatures = {name: shop.push(tag) for name, tag in tags.items()}
    shop.later(30)
    fresh = shop.push("2.0", "latest", layer=b"2.0")
    assert fresh == kept
    shop.deleted(older_than="7d")
    assert shop.images() == {kept: ["2.0", "latest"], signatures[kept]: [tags[kept]]}
    shop.deleted(pattern="sha256-*.sig")
    assert shop.images() == {kept: ["2.0", "latest"]}


def test_excluded_parts_stay(shop: Shop) -> None:
    digest = shop.push("1.0")
    tag = f"{digest.replace(':', '-')}.att"
    shop.push(tag)
    shop.deleted(pattern="1.*", exclude="*.att")
    assert shop.tags() == [tag]


def test_a_manifest_that_cannot_be_read(shop: Shop) -> None:
    """Whether it is an index is not known, so nothing is deleted that it may need."""
    shop.push("1.0")
    secret = {"wrong_type": {"member": "result.imageDetails.0.imageManifest", "value": "cut off {"}}
    odd, stray = shop.push("odd"), shop.untagged("stray")
    shop.control.api.result("POST", f"registries/{REGISTRY}/repositories/shop%2Fweb:deleteImage", {"imageTag": "1.0"})
    shop.emulator.faults([{"match": {"operation": "describeImages"}, "times": None, "action": secret}])
    result = refused(shop, "image_in_use", tag_status="untagged")
    assert odd in result["msg"]
    shop.emulator.faults([])
    assert set(told(shop.deleted(tag_status="untagged"))) == {stray}


# --- selections ------------------------------------------------------------------------------------------------------


def nightlies(shop: Shop) -> None:
    """Ten builds, one a day; the first ones were pushed 20 days ago."""
    for number in range(10):
        shop.push(f"nightly-{number}")
        shop.later(1)
    shop.later(10)
    shop.push("1.0", "latest")


def test_by_pattern_and_age_but_the_last_stay(shop: Shop) -> None:
    nightlies(shop)
    result = shop.deleted(pattern="nightly-*", older_than="5d", keep_last=3)
    assert sorted(tag for tags in told(result).values() for tag in tags) == [f"nightly-{n}" for n in range(7)]
    assert shop.tags() == ["1.0", "latest", "nightly-7", "nightly-8", "nightly-9"]


def test_the_last_are_counted_whatever_their_age(shop: Shop) -> None:
    nightlies(shop)
    shop.push("nightly-10")
    shop.push("nightly-11")
    shop.deleted(pattern="nightly-*", older_than="5d", keep_last=3)
    assert shop.tags() == ["1.0", "latest", "nightly-10", "nightly-11", "nightly-9"]


def test_parts_do_not_count_as_the_last(shop: Shop) -> None:
    old = shop.push("old")
    shop.later(1)
    index, *children = push_index(shop.client, REPOSITORY, "1.0", children=4)
    shop.later(1)
    shop.push("new")
    shop.later(1)
    assert set(told(shop.deleted(older_than="0s", keep_last=2))) == {old}
    assert set(told(shop.deleted(older_than="0s", keep_last=1))) == {index, *children}


def test_the_newest_versions_stay(shop: Shop) -> None:
    for tag in ("1.10.0", "1.2.0", "1.9.0", "1.10.0-rc.1", "2.0.0", "stable"):
        shop.push(tag)
    shop.deleted(semver="^1.0", keep_newest=2)
    assert shop.tags() == ["1.10.0", "1.10.0-rc.1", "1.9.0", "2.0.0", "stable"]
    shop.deleted(tag_status="tagged", exclude="stable", keep_newest=1)
    assert shop.tags() == ["2.0.0", "stable"]


@pytest.mark.parametrize("service", SERVICES)
def test_a_selection_about_tags_takes_only_these(shop: Shop, service: str) -> None:
    shop.emulator.settings({"delete_by_tag": service})
    digest, build = shop.push("build-1", "1.0"), shop.push("build-2")
    result = shop.deleted(pattern="build-*")
    assert told(result) == {build: ["build-2"], digest: ["build-1"]}
    assert shop.images() == {digest: ["1.0"]}


def test_excluded_by_any_tag(shop: Shop) -> None:
    digest = shop.push("build-1", "stable")
    shop.push("build-2")
    shop.deleted(pattern="build-*", exclude="stable")
    assert shop.images() == {digest: ["build-1", "stable"]}


def test_by_pulls_and_size(shop: Shop) -> None:
    shop.push("idle")
    shop.push("busy")
    shop.push("large", layer=b"x" * 4096)
    shop.later(100)
    assert shop.client.get_manifest(REPOSITORY, "busy").status_code == 200
    shop.deleted(pulled_before="90d", smaller_than="1kB")
    assert shop.tags() == ["busy", "large"]
    shop.deleted(never_pulled=True, larger_than="1kB")
    assert shop.tags() == ["busy"]
    shop.deleted(regex="b.*", newer_than="200d")
    assert shop.tags() == []


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"exclude": "stable"},
        {"keep_last": 5},
        {"keep_newest": 5, "exclude": ["a"]},
        {"with_children": True},
        {"max_delete": 5},
        {"tag": "a", "pattern": "b"},
        {"digest": f"sha256:{'0' * 64}", "older_than": "1d"},
        {"tags": ["a"], "keep_last": 1},
        {"pattern": "*", "max_delete": -1},
        {"pattern": "*", "keep_last": 0},
        {"pattern": "*", "state": "pulled"},
        {"keep_newest": 1, "state": "present", "source": "x"},
    ],
)
def test_options_that_do_not_go_together(shop: Shop, options: dict) -> None:
    """An empty selection, above all, is not one of everything."""
    shop.push("1.0")
    start = shop.last_index()
    result = shop.delete(**options)
    assert result["error"]["kind"] == "configuration", result["msg"]
    assert shop.emulator.requests(start) == []


@pytest.mark.parametrize(
    "options",
    [{"older_than": ""}, {"pattern": [""]}, {"semver": "new"}, {"tag_status": "untagged", "keep_newest": 1}],
)
def test_options_that_cannot_be_understood(shop: Shop, options: dict) -> None:
    start = shop.last_index()
    assert shop.delete(**options)["error"]["kind"] == "rule"
    assert shop.emulator.requests(start) == []


def test_an_empty_list_chooses_nothing(shop: Shop) -> None:
    shop.push("1.0")
    assert shop.deleted(pattern=[])["changed"] is False


# --- the cap ---------------------------------------------------------------------------------------------------------


def test_the_cap(shop: Shop) -> None:
    nightlies(shop)
    for options, number in (({"max_delete": 9}, 10), ({"max_delete": 0}, 10)):
        result = refused(shop, "delete_cap", pattern="nightly-*", **options)
        assert f"{number} images would be deleted" in result["msg"] and f"max_delete to {number}" in result["msg"]
        assert "nightly-3" in result["msg"]
    assert len(shop.deleted(pattern="nightly-*", max_delete=10)["deleted"]) == 10


def test_the_cap_counts_children_and_tags(shop: Shop) -> None:
    push_index(shop.client, REPOSITORY, "old-1", children=3)
    shop.push("old-2", "kept")
    result = refused(shop, "delete_cap", pattern="old-*", max_delete=4)
    assert "4 images and 1 tag of images that stay" in result["msg"] and "3 of them are parts" in result["msg"]
    shop.deleted(pattern="old-*", max_delete=5)
    assert shop.tags() == ["kept"]


def test_the_cap_counts_an_image_once_and_each_tag_that_it_loses(shop: Shop) -> None:
    shop.push("old-1", "old-2", "old-3")
    shop.push("kept", "old-4", "old-5")
    result = refused(shop, "delete_cap", pattern="old-*", max_delete=2)
    assert "1 image and 2 tags of images that stay would be deleted, max_delete is 2" in result["msg"]
    assert len(shop.deleted(pattern="old-*", max_delete=3)["deleted"]) == 2, "an entry for each image"
    assert shop.tags() == ["kept"]


def test_the_cap_is_ten(shop: Shop) -> None:
    for number in range(11):
        shop.push(f"v{number}")
    refused(shop, "delete_cap", pattern="*")
    shop.deleted(tags=[f"v{number}" for number in range(11)])  # which were named one by one
    assert shop.images() == {}


def test_150_images_are_two_pages(shop: Shop) -> None:
    for blob in (b"{}", b"layer"):
        shop.client.push_blob(REPOSITORY, blob)
    for number in range(150):
        shop.put(image_manifest(b"{}", [b"layer"], annotations={"number": str(number)}), f"pr-{number}")
    result = ok(shop.delete(pattern="pr-*", max_delete=150))
    assert len(result["deleted"]) == 150 and shop.images() == {}


# --- others at work, and failures ------------------------------------------------------------------------------------


def test_a_listing_that_does_not_come_to_rest(shop: Shop) -> None:
    shop.push("1.0")
    wrong_total = {"wrong_type": {"member": "result.totalCount", "value": 9}}
    shop.emulator.faults([{"match": {"operation": "describeImages"}, "times": None, "action": wrong_total}])
    refused(shop, "protocol", tag_status="tagged")


@pytest.mark.parametrize("fault", ["lost_answer", {"status": {"http": 502, "html": True}}])
def test_an_answer_gets_lost(shop: Shop, fault: t.Any) -> None:
    for number in range(4):
        shop.push(f"v{number}")
    shop.emulator.faults([{"match": {"operation": "deleteImage", "nth": 2}, "times": 1, "action": fault}])
    result = ok(shop.delete(pattern="v*"))
    assert result["changed"] is True and len(result["deleted"]) == 4
    assert shop.images() == {}


def test_a_failure_half_way(shop: Shop) -> None:
    for number in range(3):
        shop.push(f"v{number}")
    refusal = {"status": {"http": 400, "status": "FAILED_PRECONDITION", "message": "it is protected"}}
    shop.emulator.faults([{"match": {"operation": "deleteImage", "nth": 2}, "times": None, "action": refusal}])
    result = shop.delete(pattern="v*")
    assert result["failed"] and result["changed"] is True
    assert [len(result[name]) for name in ("deleted", "failed_images", "not_tried")] == [1, 2, 0]
    assert "of 3 images 1 are done, 2 failed and 0 were not tried" in result["msg"]
    assert all("it is protected" in entry["error"] for entry in result["failed_images"])
    assert set(shop.images()) == {entry["digest"] for entry in result["failed_images"]}
    shop.emulator.faults([])
    assert len(shop.deleted(pattern="v*")["deleted"]) == 2


def test_operation_protection(shop: Shop) -> None:
    for number in range(40):
        shop.push(f"v{number}", layer=b"one")
    digests = [shop.push(f"w{number}") for number in range(10)]
    shop.emulator.settings({"mfa": True, "mfa_tokens": ["123456"]})
    result = shop.delete(pattern="w*")
    assert result["error"]["kind"] == "mfa_required" and result["changed"] is False
    assert "security_token" in result["msg"]
    assert len(result["failed_images"]) + len(result["not_tried"]) == 10 and result["deleted"] == []
    assert set(digests) < set(shop.images())
    assert "123456" not in json.dumps(result)
    assert len(ok(shop.delete(pattern="w*", security_token="123456"))["deleted"]) == 10


class _Meanwhile:
    """Somebody else's work between the first look and the first delete of a task in this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, work: t.Callable[[], None]) -> None:
        from ansible_collections.jdcloud.jcr.plugins.module_utils._deletedimages import DeletedImages

        fix = DeletedImages._fix

        def fix_and_work(resource: t.Any, images: t.Any) -> None:
            fix(resource, images)
            work()

        monkeypatch.setattr(DeletedImages, "_fix", fix_and_work)


@pytest.fixture
def here(shop: Shop) -> Shop:
    """The shop, with tasks that run in this process, in whose work a test can take part."""
    return dataclasses.replace(shop, run=WAYS["controller"])


def test_what_is_pushed_meanwhile_stays(here: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    here.push("v1")
    new: list[str] = []
    _Meanwhile(monkeypatch, lambda: new.append(here.push("v2")))
    assert len(ok(here.delete(pattern="v*"))["deleted"]) == 1
    assert here.images() == {new[0]: ["v2"]}


@pytest.mark.parametrize("siblings", ["keep", "trust"])
def test_a_tag_that_moves_meanwhile_stays(here: Shop, monkeypatch: pytest.MonkeyPatch, siblings: str) -> None:
    old = here.push("v1", "kept")
    new: list[str] = []
    _Meanwhile(monkeypatch, lambda: new.append(here.push("v1", layer=b"new")))
    assert ok(here.delete(tag="v1", siblings=siblings))["changed"] is False
    assert here.images() == {old: ["kept"], new[0]: ["v1"]}


def test_an_image_that_gets_another_tag_meanwhile_stays(here: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = here.push("v1")
    here.push("v2")
    _Meanwhile(monkeypatch, lambda: here.push("v1", "stable"))
    result = here.delete(pattern="v*")
    assert result["error"]["kind"] == "image_in_use" and "'stable'" in result["msg"]
    assert here.images() == {digest: ["stable", "v1"]}


def test_somebody_else_is_quicker(here: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    here.push("v1")
    path = f"registries/{REGISTRY}/repositories/shop%2Fweb:deleteImage"
    _Meanwhile(monkeypatch, lambda: here.control.api.result("POST", path, {"imageTag": "v1"}))
    result = ok(here.delete(tag="v1"))
    assert result["changed"] is False and result["deleted"] == []
