# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Manifests: real ones, bare ones, and what somebody may have pushed instead."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.jdcloud.jcr.plugins.module_utils._manifest import Manifest

CONFIG = "sha256:" + "c" * 64
LAYER = "sha256:" + "1" * 64
DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
OCI = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"

IMAGE = {
    "schemaVersion": 2,
    "mediaType": DOCKER,
    "config": {"mediaType": "application/vnd.docker.container.image.v1+json", "size": 1000, "digest": CONFIG},
    "layers": [{"size": 20, "digest": LAYER}, {"size": 3, "digest": LAYER}],
}


def image(**changes):
    return {key: value for key, value in {**IMAGE, **changes}.items() if value is not None}


def index(*platforms):
    return {
        "schemaVersion": 2,
        "manifests": [{"digest": LAYER, "size": 1, "platform": platform} for platform in platforms],
    }


def parsed(document) -> Manifest:
    return Manifest.parse(json.dumps(document))


def facts(manifest: Manifest):
    return manifest.media_type, manifest.config_digest, manifest.size, manifest.platforms


@pytest.mark.parametrize(
    ("document", "references"),
    [
        (image(), []),
        (index({}, {}), [LAYER, LAYER]),
        (image(subject={"digest": CONFIG, "size": 7}), [CONFIG]),
        ({**index({}), "subject": {"digest": CONFIG, "size": 7}}, [LAYER, CONFIG]),
        (image(subject=CONFIG, manifests=[CONFIG, None, {"digest": "sha256:1", "size": 1}]), []),
    ],
)
def test_tells_what_a_manifest_points_at(document, references):
    assert parsed(document).references == references


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (image(), (DOCKER, CONFIG, 1023, [])),
        (image(mediaType=None), (OCI, CONFIG, 1023, [])),
        (image(layers=None), (DOCKER, CONFIG, None, [])),
        (image(layers=[{"size": "20", "digest": LAYER}]), (DOCKER, CONFIG, None, [])),
        (image(layers=[{"size": True, "digest": LAYER}]), (DOCKER, CONFIG, None, [])),
        (image(layers=[{"size": -1, "digest": LAYER}]), (DOCKER, CONFIG, None, [])),
        (image(layers=[5]), (DOCKER, CONFIG, None, [])),
        (image(layers={}), (DOCKER, CONFIG, None, [])),
        (image(config={"size": 1, "digest": "sha256:short"}), (DOCKER, None, None, [])),
        (image(config={"size": 1, "digest": CONFIG + "\n"}), (DOCKER, None, None, [])),
        (image(config="x"), (DOCKER, None, None, [])),
        (image(config=None, mediaType=None), (None, None, None, [])),
        (image(mediaType=7), (OCI, CONFIG, 1023, [])),
        (
            {"schemaVersion": 1, "fsLayers": []},
            ("application/vnd.docker.distribution.manifest.v1+prettyjws", None, None, []),
        ),
        (
            index({"os": "linux", "architecture": "amd64"}, {"os": "linux", "architecture": "arm64", "variant": "v8"}),
            (OCI_INDEX, None, None, ["linux/amd64", "linux/arm64/v8"]),
        ),
        (index({"os": "unknown", "architecture": "unknown"}, None, 5, {"os": "linux"}), (OCI_INDEX, None, None, [])),
        ({"manifests": ["x", 1, None]}, (OCI_INDEX, None, None, [])),
        ({"manifests": {}}, (None, None, None, [])),
        ({}, (None, None, None, [])),
    ],
)
def test_tells_what_a_manifest_says(document, told):
    manifest = parsed(document)
    assert facts(manifest) == told
    assert manifest.document == document


NO_MANIFESTS = [
    None,
    "",
    "null",
    "[]",
    "5",
    '"x"',
    "{",
    "<html>",
    "[" * 100_000,
    '{"size": ' + "9" * 5000 + "}",
    b"\xff",
]


@pytest.mark.parametrize("text", NO_MANIFESTS, ids=range(len(NO_MANIFESTS)))
def test_what_is_no_json_object_is_no_manifest(text):
    manifest = Manifest.parse(text)
    assert manifest.document is None
    assert facts(manifest) == (None, None, None, [])


keys = st.sampled_from(
    ["mediaType", "schemaVersion", "config", "layers", "manifests", "subject", "platform", "os", "digest", "size"]
)
leaves = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just(CONFIG)
documents = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=5))


@settings(derandomize=True, database=None, max_examples=300, deadline=None)
@given(documents)
def test_no_document_makes_it_stumble(document):
    media_type, config_digest, size, platforms = facts(parsed(document))
    assert media_type is None or isinstance(media_type, str)
    assert config_digest in (None, CONFIG)
    assert size is None or size >= 0
    assert all(isinstance(platform, str) for platform in platforms)
    assert all(reference == CONFIG for reference in parsed(document).references)
    for child in parsed(document).children:
        assert child["digest"] == CONFIG and child["size"] >= 0
        assert all(child[key] is None or isinstance(child[key], str) for key in ("media_type", "platform"))


def test_the_children_of_an_index():
    document = index(
        {"os": "linux", "architecture": "arm64", "variant": "v8"}, {"os": "unknown", "architecture": "x"}, 7
    )
    document["manifests"][0]["mediaType"] = DOCKER
    document["manifests"] += ["odd", {"digest": "odd", "size": 1}, {"digest": CONFIG, "size": -1}]
    nameless = {"digest": LAYER, "media_type": None, "size": 1, "platform": None}
    assert parsed(document).children == [
        {**nameless, "media_type": DOCKER, "platform": "linux/arm64/v8"},
        nameless,
        nameless,
    ]
    assert parsed(image()).children == []
