# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The emulator as a process: what survives its death, and how much memory large blobs cost it."""

from __future__ import annotations

import hashlib
import os
import typing as t
from pathlib import Path

import pytest
import requests

from tests.emulator_tests.registry import Account, RegistryClient, digest_of
from tests.support.emulator import start

REGISTRY = "dataplane"
REPOSITORY = "team-a/web"
MEGABYTE = 1 << 20


def test_kill_and_restart(tmp_path: Path) -> None:
    layer = os.urandom(3_000_000)
    half = os.urandom(1_500_000)
    state = tmp_path / "state"
    first = start(tmp_path, state=state)
    try:
        registry = Account(first).declare(REGISTRY, REPOSITORY)
        digest = registry.push_image(REPOSITORY, "v1", layer)
        registry.get_manifest(REPOSITORY, "v1")
        before = Account(first).images(REGISTRY, REPOSITORY)
        location = registry.start_upload(REPOSITORY)
        assert registry.call("PATCH", location, data=half).status_code == 202
    finally:
        first.kill()

    with start(tmp_path, state=state) as second:
        assert Account(second).images(REGISTRY, REPOSITORY) == before
        again = RegistryClient(registry.base, registry.password)
        assert again.get_manifest(REPOSITORY, "v1").headers["Docker-Content-Digest"] == digest
        assert again.call("GET", f"{REPOSITORY}/blobs/{digest_of(layer)}").content == layer
        assert again.call("GET", location).headers["Range"] == f"0-{len(half) - 1}"
        other_half = {"Content-Range": f"{len(half)}-{len(half) + len(layer) - 1}"}
        assert again.call("PATCH", location, data=layer, headers=other_half).status_code == 202
        assert again.finish_upload(location, digest_of(half + layer)).status_code == 201


def test_killed_while_it_receives(tmp_path: Path) -> None:
    """Whatever reached the disk is the beginning of what was sent, and the upload can be completed."""
    content = os.urandom(8_000_000)
    state = tmp_path / "state"
    first = start(tmp_path, state=state)

    def body() -> t.Iterator[bytes]:
        yield content[:6_000_000]
        first.kill()

    registry = Account(first).declare(REGISTRY, REPOSITORY)
    location = registry.start_upload(REPOSITORY)
    with pytest.raises(requests.ConnectionError):
        registry.call("PATCH", location, data=body())
    with start(tmp_path, state=state):
        again = RegistryClient(registry.base, registry.password)
        reached = int(again.call("GET", location).headers["Range"].partition("-")[2])
        received = reached + 1 if reached else 0
        assert received <= 6_000_000
        assert again.finish_upload(location, digest_of(content), content[received:]).status_code == 201


class OfKnownLength:
    """A body that tells how long it is; without that, it is sent in chunks."""

    def __init__(self, pieces: t.Iterator[bytes], length: int) -> None:
        self._pieces = pieces
        self._length = length

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> t.Iterator[bytes]:
        return self._pieces


@pytest.mark.parametrize("length", ["known", "unknown"])
def test_memory_does_not_grow_with_the_blob(tmp_path: Path, length: str) -> None:
    piece = os.urandom(4 * MEGABYTE)
    number = 50
    with start(tmp_path) as emulator:
        registry = Account(emulator).declare(REGISTRY, REPOSITORY)
        registry.push_blob(REPOSITORY, piece)
        before = peak_memory(emulator.pid)
        sent = hashlib.sha256()

        def body() -> t.Iterator[bytes]:
            for _turn in range(number):
                sent.update(piece)
                yield piece

        location = registry.start_upload(REPOSITORY)
        content = OfKnownLength(body(), number * len(piece)) if length == "known" else body()
        assert registry.call("PATCH", location, data=content).status_code == 202
        digest = f"sha256:{sent.hexdigest()}"
        assert registry.finish_upload(location, digest).status_code == 201
        with registry.call("GET", f"{REPOSITORY}/blobs/{digest}", stream=True) as answer:
            received = sum(len(part) for part in answer.iter_content(MEGABYTE))
        assert received == number * len(piece)
        assert peak_memory(emulator.pid) - before < 32 * MEGABYTE


def peak_memory(pid: int) -> int:
    """The most memory that a process has had so far, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024
