# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which manifests and blobs an upload consists of: whole images, chosen platforms, and images that somebody tampered
with."""

from __future__ import annotations

import json

import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils import _imagesource, _manifestreader
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    ContentMismatch,
    ImageInvalid,
    ImageNotFound,
    RuleError,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._imagesource import MAX_DOCUMENT, Descriptor
from ansible_collections.jdcloud.jcr.plugins.module_utils._imagewalk import platforms_of, walk
from tests.support.archives import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, Store, encode

AMD, ARM, ARMV6, ARMV7 = "linux/amd64", "linux/arm64/v8", "linux/arm/v6", "linux/arm/v7"


@pytest.fixture
def store() -> Store:
    return Store()


def walked(store: Store, root: dict, *platforms: str):
    store.root = Descriptor.parse(root)
    return walk(store, platforms)


def digests(descriptors) -> list[str]:
    return [one.digest if isinstance(one, Descriptor) else one["digest"] for one in descriptors]


def uploaded(image) -> list[str]:
    return [document.descriptor.digest for document in image.manifests]


def parts(store: Store, manifest: dict) -> list[dict]:
    document = json.loads(store.blobs[manifest["digest"]])
    return [document["config"], *document["layers"]]


def test_a_single_image(store):
    one = store.image("one")
    image = walked(store, one)
    assert (image.root.digest, uploaded(image)) == (one["digest"], [one["digest"]])
    assert digests(image.blobs) == digests(parts(store, one))
    assert image.config_digest == parts(store, one)[0]["digest"]
    assert image.size == sum(part["size"] for part in parts(store, one))
    assert (image.platforms, image.elsewhere) == ((AMD,), ())
    assert store.asked == [one["digest"]], "nothing but the manifest is read, once"


@pytest.mark.parametrize(
    ("config", "platforms"),
    [
        ({"os": "linux", "architecture": "arm64", "variant": "v8"}, ["linux/arm64/v8"]),
        ({"os": "linux"}, []),
        (b"no JSON", []),
        (bytes(MAX_DOCUMENT + 1), []),
    ],
)
def test_where_nothing_names_the_platform_the_config_does(store, config, platforms):
    document = {"schemaVersion": 2, "config": store.add("application/octet-stream", config), "layers": []}
    image = walked(store, store.add(OCI_MANIFEST, document))
    assert image.platforms == ()
    assert platforms_of(image, store.open) == platforms


def test_where_an_index_names_the_platform_no_config_is_read(store):
    index = store.index(store.image("one", AMD), store.image("two", ARM))
    for platforms in ((ARM,), (AMD, ARM)):
        image = walked(store, index, *platforms)
        asked = len(store.asked)
        assert platforms_of(image, store.open) == list(platforms)
        assert len(store.asked) == asked


@pytest.mark.parametrize("media_type", [OCI_INDEX, DOCKER_LIST])
def test_children_come_before_their_index_and_shared_blobs_once(store, media_type):
    one, two = store.image("same", AMD), store.image("same", ARM)
    about = store.attestation(one)
    index = store.index(one, two, about, media_type=media_type)
    image = walked(store, index)
    assert uploaded(image) == digests([one, two, about, index])
    assert image.manifests[-1].content == store.blobs[index["digest"]]
    assert image.platforms == (AMD, ARM)
    assert image.config_digest is None
    assert len(digests(image.blobs)) == len(set(digests(image.blobs))) == 5, "the layer of one and two is the same"


def test_nested_indexes(store):
    one, two = store.image("one", AMD), store.image("two", ARM)
    inner = store.index(two)
    outer = store.index(one, inner)
    assert uploaded(walked(store, outer)) == digests([one, two, inner, outer])
    assert walked(store, outer).platforms == (AMD, ARM)
    assert uploaded(walked(store, outer, ARM)) == [two["digest"]]


@pytest.mark.parametrize("asked", [AMD, "linux/amd64/v1"])
def test_one_platform_is_its_own_manifest(store, asked):
    one, two = store.image("one", AMD), store.image("two", ARM)
    image = walked(store, store.index(one, two, store.attestation(one)), asked)
    assert (image.root.digest, uploaded(image)) == (one["digest"], [one["digest"]])
    assert image.manifests[0].content == store.blobs[one["digest"]]
    assert image.config_digest == parts(store, one)[0]["digest"]
    assert two["digest"] not in store.asked


def test_several_platforms_are_a_reduced_index_with_their_attestations(store):
    one, two, three = store.image("one", AMD), store.image("two", ARM), store.image("three", "linux/s390x")
    about = [store.attestation(image) for image in (one, two, three)]
    index = store.index(one, two, three, *about, annotations={"kept": "yes"})
    image = walked(store, index, ARM, AMD)
    assert uploaded(image)[:-1] == digests([one, two, about[0], about[1]])
    reduced = json.loads(image.manifests[-1].content)
    assert reduced["manifests"] == [one, two, about[0], about[1]]
    assert (reduced["mediaType"], reduced["annotations"]) == (OCI_INDEX, {"kept": "yes"})
    assert image.platforms == (AMD, ARM)
    assert walked(store, index, AMD, "linux/arm64", AMD).root == image.root, "order and repetition make no difference"


def test_a_reduced_index_keeps_texts_of_any_kind(store):
    one, two, three = store.image("one", AMD), store.image("two", ARM), store.image("three", ARMV7)
    image = walked(store, store.index(one, two, three, annotations={"note": "\ud800 and \u4e2d"}), AMD, ARM)
    assert json.loads(image.manifests[-1].content)["annotations"] == {"note": "\ud800 and \u4e2d"}


def test_all_platforms_chosen_is_the_index_itself(store):
    one, two = store.image("one", AMD), store.image("two", ARM)
    index = store.index(one, two, store.attestation(two))
    assert walked(store, index, AMD, ARM).root.digest == index["digest"]


def test_all_versions_of_windows_go_together(store):
    versions = [
        store.image(number, platform="windows/amd64", tell=False)
        | {"platform": {"os": "windows", "architecture": "amd64", "os.version": number}}
        for number in ("10.1", "10.2")
    ]
    other = store.image("other", AMD)
    image = walked(store, store.index(*versions, other), "windows/amd64")
    assert uploaded(image)[:-1] == digests(versions)


@pytest.mark.parametrize(
    ("asked", "cause"),
    [
        (["linux/ppc64le"], "no platform linux/ppc64le; there is: linux/amd64, linux/arm/v6, linux/arm/v7"),
        ([AMD, "linux/arm/v5"], "no platform linux/arm/v5; there is: "),
        (["linux/arm"], "latform linux/arm has several variants here: linux/arm/v6, linux/arm/v7"),
        (["unknown/unknown"], "no platform unknown/unknown"),
    ],
)
def test_a_platform_that_is_not_there(store, asked, cause):
    one, six, seven = store.image("one", AMD), store.image("six", ARMV6), store.image("seven", ARMV7)
    with pytest.raises((ImageNotFound, RuleError)) as caught:
        walked(store, store.index(one, six, seven, store.attestation(one)), *asked)
    assert cause in caught.value.message


@pytest.mark.parametrize("asked", ["", "amd64", "linux/", "Linux/AMD64", "linux/amd64/v1/x", "linux amd64", 5, None])
def test_what_is_no_platform(store, asked):
    with pytest.raises(RuleError) as caught:
        walked(store, store.image("one"), asked)
    assert "is not a platform" in caught.value.message
    assert store.asked == []


def test_the_config_tells_the_platform_where_nothing_else_does(store):
    one, two = store.image("one", AMD, tell=False), store.image("two", ARM, tell=False)
    assert walked(store, store.index(one, two), "linux/arm64").root.digest == two["digest"]
    assert walked(store, one, AMD).root.digest == one["digest"]
    with pytest.raises(ImageNotFound, match="no platform linux/arm64; there is: linux/amd64"):
        walked(store, one, "linux/arm64")


def test_a_child_that_is_missing_is_told_by_its_platform(store):
    one, two = store.image("one", AMD), store.image("two", ARM)
    index = store.index(one, two)
    del store.blobs[two["digest"]]
    read = store.manifest

    def manifest(digest):
        if digest not in store.blobs:
            raise ImageNotFound(f"{digest} is not in it")
        return read(digest)

    store.manifest = manifest
    with pytest.raises(ImageNotFound, match="its platform linux/arm64/v8 is not there") as caught:
        walked(store, index)
    assert "platforms" in caught.value.cure
    assert walked(store, index, AMD).root.digest == one["digest"]


def manifest_with(store: Store, **changes) -> dict:
    one = json.loads(store.blobs[store.image("one")["digest"]])
    document = {key: value for key, value in {**one, **changes}.items() if value is not None}
    return store.add(changes.get("mediaType") or OCI_MANIFEST, document)


def test_layers_that_no_registry_keeps(store):
    foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
    far = store.add(foreign, b"far", urls=["https://example.com/far"])
    near = store.add(foreign, b"near")  # without an address it can only be here
    image = walked(store, manifest_with(store, layers=[far, near]))
    assert digests(image.elsewhere) == [far["digest"]]
    assert near["digest"] in digests(image.blobs)
    assert far["digest"] not in digests(image.blobs)


LAYER = {"mediaType": "x", "digest": "sha256:" + "1" * 64, "size": 1}


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"schemaVersion": 1}, "old schema 1"),
        ({"schemaVersion": 3}, "not a document of type"),
        ({"mediaType": DOCKER_LIST}, "not a document of type"),
        ({"manifests": []}, "not a document of type"),
        ({"fsLayers": []}, "not a document of type"),
        ({"config": None}, "no config"),
        ({"config": 5}, "no media type"),
        ({"layers": None}, "no list of layers"),
        ({"layers": {}}, "no list of layers"),
        ({"layers": [5]}, "no media type"),
        ({"layers": [{**LAYER, "digest": "sha512:" + "1" * 128}]}, "not a sha256 digest"),
        ({"layers": [{**LAYER, "digest": "sha256:../../../etc/passwd"}]}, "not a sha256 digest"),
        ({"layers": [{**LAYER, "size": -1}]}, "no size"),
        ({"layers": [{**LAYER, "size": True}]}, "no size"),
        ({"layers": [LAYER, {**LAYER, "size": 2}]}, "two sizes"),
        ({"layers": [{**LAYER, "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip+encrypted"}]}, "encrypted"),
    ],
)
def test_manifests_that_are_none(store, changes, cause):
    with pytest.raises(ImageInvalid) as caught:
        walked(store, manifest_with(store, **changes))
    assert cause in caught.value.message


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"\xff", b'"x"', b"[" * 100_000])
def test_manifests_that_are_no_object(store, text):
    with pytest.raises(ImageInvalid, match="is not JSON|is not a JSON object"):
        walked(store, store.add(OCI_MANIFEST, text))


def test_a_manifest_is_what_its_descriptor_says(store):
    one = store.image("one")
    with pytest.raises(ImageInvalid, match="calls itself"):
        walked(store, {**one, "mediaType": DOCKER_MANIFEST})
    with pytest.raises(ImageInvalid, match="instead of 7"):
        walked(store, {**one, "size": 7})
    with pytest.raises(ImageInvalid, match="no manifest of an image"):
        walked(store, {**one, "mediaType": "application/octet-stream"})
    with pytest.raises(ImageInvalid, match="old schema 1"):
        walked(store, {**one, "mediaType": _imagesource.DOCKER_SCHEMA_1})
    store.blobs[one["digest"]] = store.blobs[one["digest"]].replace(b"linux", b"LINUX")[::-1]
    with pytest.raises(ContentMismatch, match="not what its digest says"):
        walked(store, one)


def test_limits(store, monkeypatch):
    deep = store.image("one")
    for _level in range(_manifestreader.MAX_DEPTH):
        deep = store.index(deep)
    assert walked(store, deep).platforms == (AMD,)
    for platforms in ((), (AMD,)):
        with pytest.raises(ImageInvalid, match="nested deeper"):
            walked(store, store.index(deep), *platforms)
    big = store.add(OCI_MANIFEST, encode({"x": "y" * _imagesource.MAX_DOCUMENT}))
    store.asked.clear()
    with pytest.raises(ImageInvalid, match="larger than"):
        walked(store, big)
    assert store.asked == [], "it is not even fetched"
    monkeypatch.setattr(_manifestreader, "MAX_MANIFESTS", 3)
    many = store.index(*(store.image(str(number), AMD) for number in range(4)))
    for platforms in ((), (AMD,)):
        with pytest.raises(ImageInvalid, match="more than 3"):
            walked(store, many, *platforms)


def test_an_index_of_the_same_index_many_times_costs_little(store):
    wide = store.image("one")
    for _level in range(3):
        wide = store.index(*([wide] * 900))
    with pytest.raises(ImageInvalid, match="more than 1000 manifests"):
        walked(store, wide)
