# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Registries with something in them, filled without Docker."""

from __future__ import annotations

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
    index = dataplane.index_manifest(manifests, platforms)
    for reference, content, media_type in (
        *((dataplane.digest_of(manifest), manifest, dataplane.OCI_IMAGE) for manifest in manifests),
        (tag, index, dataplane.OCI_INDEX),
    ):
        answer = client.put_manifest(repository, reference, content, media_type)
        assert answer.status_code == 201, answer.text
    return [dataplane.digest_of(content) for content in (index, *manifests)]
