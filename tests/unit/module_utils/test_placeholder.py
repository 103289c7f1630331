# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The image that a tag is moved to in order to be deleted."""

from __future__ import annotations

import gzip
import hashlib
import json

from ansible_collections.jdcloud.jcr.plugins.module_utils._imagewalk import walk
from ansible_collections.jdcloud.jcr.plugins.module_utils._placeholder import Placeholder, is_placeholder


def test_it_is_a_whole_image():
    source = Placeholder("1.0")
    image = walk(source, ["linux/amd64"])
    assert image.root == source.root and image.config_digest == source.config_digest
    config, layer = (source.open(blob).read() for blob in image.blobs)
    for blob, content in zip(image.blobs, (config, layer), strict=True):
        assert blob.digest == f"sha256:{hashlib.sha256(content).hexdigest()}" and blob.size == len(content)
    unpacked = gzip.decompress(layer)
    assert unpacked == bytes(1024)
    assert json.loads(config)["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(unpacked).hexdigest()}"]


def test_each_tag_has_its_own_and_always_the_same():
    first, second = (Placeholder(tag) for tag in ("1.0", "2.0"))
    assert not {blob.digest for blob in walk(first).blobs} & {blob.digest for blob in walk(second).blobs}
    digests = [Placeholder(tag).root.digest for tag in ("1.0", "2.0", "1.0")]
    assert digests[0] == digests[2] != digests[1]
    # A task finds what another one left, perhaps one of another version: these bytes never change.
    assert digests[0] == "sha256:34d5e0bbac5ecfefd01551ff5ef37fe9d43f292492d251272bbbaaba33001029"


def test_one_that_was_left_is_recognized():
    left = {"digest": Placeholder("1.0").root.digest, "tags": ["1.0"]}
    assert is_placeholder(left)
    assert not is_placeholder({**left, "tags": ["2.0"]})
    assert not is_placeholder({**left, "tags": ["1.0", "2.0"]})
    assert not is_placeholder({**left, "tags": []})
