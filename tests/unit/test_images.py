# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The images that tests and demo make: the same every time, and what they say they are."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import struct
import tarfile
import typing as t

import pytest

from tests.support.images import ImageArchive, layered, runnable

MESSAGE = "hello from JCR: 你好"


def opened(archive: ImageArchive) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive.data())) as tar:
        return {member.name: t.cast(t.IO[bytes], tar.extractfile(member)).read() for member in tar}


def layers_of(archive: ImageArchive) -> list[bytes]:
    files = opened(archive)
    return [files[name] for name in json.loads(files["manifest.json"])[0]["Layers"]]


@pytest.mark.parametrize("make", [lambda: runnable("a:1", MESSAGE), lambda: layered("a:1", 3, 1000, seed=7)])
def test_the_same_input_makes_the_same_bytes(make: t.Callable[[], ImageArchive]) -> None:
    assert make().id == make().id
    assert make().data() == make().data()


def test_other_input_makes_another_image() -> None:
    made = [
        runnable("a:1"),
        runnable("a:1", "x"),
        layered("a:1", 1, 9),
        layered("a:1", 1, 9, seed=1),
        layered("a:1", 2, 9),
    ]
    assert len({archive.id for archive in made}) == len(made)
    assert runnable("a:1").id == runnable("b:2").id, "the name is no part of the image"


@pytest.mark.parametrize("archive", [runnable("a:1"), layered("h:5000/a/b:1", 4, 70_000)], ids=["runnable", "layered"])
def test_digests_are_true(archive: ImageArchive) -> None:
    files = opened(archive)
    (entry,) = json.loads(files["manifest.json"])
    assert entry["RepoTags"] == [archive.reference]
    assert archive.id == "sha256:" + hashlib.sha256(files[entry["Config"]]).hexdigest()
    diff_ids = json.loads(files[entry["Config"]])["rootfs"]["diff_ids"]
    assert diff_ids == ["sha256:" + hashlib.sha256(layer).hexdigest() for layer in layers_of(archive)]


@pytest.mark.parametrize(("compressible", "low", "high"), [(False, 0.99, 1.01), (True, 0.3, 0.4)])
def test_sizes(compressible: bool, low: float, high: float) -> None:
    size = 1_500_000
    layers = layers_of(layered("a:1", 2, size, compressible=compressible))
    assert layers[0] != layers[1]
    for layer in layers:
        with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
            assert [member.size for member in tar] == [size]
        assert low < len(gzip.compress(layer)) / size < high


@pytest.mark.parametrize(("machine", "number"), [("x86_64", 62), ("AMD64", 62), ("aarch64", 183), ("arm64", 183)])
def test_the_program_is_one_for_the_processor(machine: str, number: int) -> None:
    (layer,) = layers_of(runnable("a:1", MESSAGE, machine))
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        (member,) = tar
        program = t.cast(t.IO[bytes], tar.extractfile(member)).read()
    assert member.mode & 0o111
    kind, found, _version, entry, headers = struct.unpack_from("<HHIQQ", program, 16)
    assert (program[:4], kind, found, headers) == (b"\x7fELF", 2, number, 64)
    _type, _flags, offset, address, _physical, in_file, in_memory, align = struct.unpack_from("<IIQQQQQQ", program, 64)
    assert (offset, in_file, in_memory) == (0, len(program), len(program))
    assert (entry - address, address % align) == (120, 0)
    assert program.endswith((MESSAGE + "\n").encode())


def test_other_processors_are_refused() -> None:
    with pytest.raises(RuntimeError, match="s390x"):
        runnable("a:1", machine="s390x")
