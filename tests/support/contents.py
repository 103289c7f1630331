# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Registries with something in them, filled without Docker."""

from __future__ import annotations

import io
import json
import tarfile
import typing as t

from tests.emulator_tests import registry as dataplane
from tests.support.emulator import RunningEmulator


def fill(emulator: RunningEmulator, name: str, contents: t.Mapping[str, t.Sequence[str]]) -> dataplane.RegistryClient:
    """Create a registry with these repositories, each with one image for each of its tags; the client can push more.

    Of a tag that stands there several times, the earlier images are without a tag in the end.
    """
    client = dataplane.Account(emulator).declare(name, *contents)
    for repository, tags in contents.items():
        for number, tag in enumerate(tags):
            again = f" {number}" if tag in tags[:number] else ""
            client.push_image(repository, tag, f"{repository}:{tag}{again}".encode())
    return client


ARCHITECTURES = ("amd64", "arm64")


def push_platforms(client: dataplane.RegistryClient, repository: str, tag: str) -> list[str]:
    """Push an index of images that engines can unpack, for each of ARCHITECTURES; as push_index()."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("empty"))
    client.push_blob(repository, layer.getvalue())
    manifests, platforms = [], [{"os": "linux", "architecture": name} for name in ARCHITECTURES]
    for platform in platforms:
        rootfs = {"type": "layers", "diff_ids": [dataplane.digest_of(layer.getvalue())]}
        config = json.dumps({**platform, "config": {}, "rootfs": rootfs}).encode()
        client.push_blob(repository, config)
        manifests.append(dataplane.image_manifest(config, [layer.getvalue()]))
    return _put_index(client, repository, tag, manifests, platforms)


def push_index(client: dataplane.RegistryClient, repository: str, tag: str, children: int = 2) -> list[str]:
    """Push an index of untagged images for several platforms; the digests of the index and of its children."""
    config = b"{}"
    client.push_blob(repository, config)
    manifests = []
    for number in range(children):
        layer = f"{repository}:{tag}/{number}".encode()
        client.push_blob(repository, layer)
        manifests.append(dataplane.image_manifest(config, [layer]))
    platforms = [{"os": "linux", "architecture": ARCHITECTURES[number % 2]} for number in range(children)]
    return _put_index(client, repository, tag, manifests, platforms)


def _put_index(
    client: dataplane.RegistryClient,
    repository: str,
    tag: str,
    manifests: t.Sequence[bytes],
    platforms: t.Sequence[t.Mapping[str, str]],
) -> list[str]:
    index = dataplane.index_manifest(manifests, platforms)
    for reference, content, media_type in (
        *((dataplane.digest_of(manifest), manifest, dataplane.OCI_IMAGE) for manifest in manifests),
        (tag, index, dataplane.OCI_INDEX),
    ):
        answer = client.put_manifest(repository, reference, content, media_type)
        assert answer.status_code == 201, answer.text
    return [dataplane.digest_of(content) for content in (index, *manifests)]
