# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One image of a tar, a folder or a docker-archive: what is read out of it, and what is refused."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tarfile
import textwrap
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.jdcloud.jcr.plugins.module_utils import _archive, _tarball
from ansible_collections.jdcloud.jcr.plugins.module_utils._archive import open_archive
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    ArchiveInvalid,
    ConfigurationError,
    ContentMismatch,
    FileError,
    ImageInvalid,
    ImageNotFound,
    JcrError,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._imagewalk import walk
from tests.support.archives import (
    DOCKER_MANIFEST,
    OCI_MANIFEST,
    Store,
    digest_of,
    docker_files,
    encode,
    link,
    members,
    plain_tar,
    write_folder,
    write_tar,
)

ONE, TWO = plain_tar(("one", b"1" * 5000)), plain_tar(("two", b"2" * 50))
REF_NAME = "org.opencontainers.image.ref.name"


def everything(source) -> tuple[list[str], dict[str, bytes]]:
    """Manifests in upload order, and all blobs."""
    image = walk(source)
    read = {}
    for blob in image.blobs:
        with source.open(blob) as reader:
            read[blob.digest] = reader.read()
        assert (digest_of(read[blob.digest]), len(read[blob.digest])) == (blob.digest, blob.size)
    return [document.descriptor.digest for document in image.manifests], read


def contents(path, name=None):
    with contextlib.closing(open_archive(str(path), name)) as source:
        return everything(source)


# --- OCI layouts -----------------------------------------------------------------------------------------------------


def layouts(tmp_path: pathlib.Path, files: dict[str, bytes]) -> list[pathlib.Path]:
    """The same layout in every form."""
    packed = tmp_path / "image.tar.gz"
    packed.write_bytes(gzip.compress(write_tar(tmp_path / "image.tar", files).read_bytes()))
    dotted = write_tar(tmp_path / "dotted.tar", {f"./{name}": content for name, content in files.items()})
    return [write_folder(tmp_path / "folder", files), tmp_path / "image.tar", packed, dotted]


def test_a_layout_keeps_every_byte(tmp_path):
    store = Store()
    one, two = store.image("one"), store.image("two", "linux/arm64", compress=False)
    index = store.index(one, two)
    for path in layouts(tmp_path, store.layout(index)):
        manifests, blobs = contents(path)
        assert manifests == [one["digest"], two["digest"], index["digest"]]
        assert {**blobs, **{digest: store.blobs[digest] for digest in manifests}} == store.blobs


def test_a_layout_tells_the_config_of_a_single_image(tmp_path):
    store = Store()
    one = store.image("one", annotations={REF_NAME: "1.0"})
    with contextlib.closing(open_archive(str(write_folder(tmp_path, store.layout(one))))) as source:
        assert source.config_digest == walk(source).config_digest
        assert (source.root.digest, source.origin) == (one["digest"], None)
    both = write_tar(tmp_path / "index.tar", store.layout(store.index(one)))
    with contextlib.closing(open_archive(str(both))) as source:
        assert source.config_digest is None


NAMES = {REF_NAME: "1.0", "io.containerd.image.name": "docker.io/library/web:1.0"}


@pytest.mark.parametrize("name", ["1.0", "web:1.0", "docker.io/library/web:1.0", "library/web:1.0", "DIGEST"])
def test_an_image_of_a_layout_is_chosen(tmp_path, name):
    store = Store()
    one, two = store.image("one", annotations=NAMES), store.image("two", annotations={REF_NAME: "2.0"})
    path = write_tar(tmp_path / "image.tar", store.layout(one, two, {**one, "annotations": {REF_NAME: "again"}}))
    assert contents(path, one["digest"] if name == "DIGEST" else name)[0] == [one["digest"]]


def test_an_image_of_a_layout_that_cannot_be_chosen(tmp_path):
    store = Store()
    unnamed = store.image("two")
    path = write_tar(tmp_path / "image.tar", store.layout(store.image("one", annotations=NAMES), unnamed))
    listed = f"1.0, docker.io/library/web:1.0, {unnamed['digest']}"
    with pytest.raises(ConfigurationError) as caught:
        open_archive(str(path))
    assert caught.value.message == (
        f"Cannot read '{path}': there are 2 images in it: {listed}. "
        "Choose one with archive_image, by its name or digest."
    )
    with pytest.raises(ImageNotFound) as caught:
        open_archive(str(path), "web:2.0")
    assert f"there is no image 'web:2.0' in it; there is: {listed}" in caught.value.message


def test_several_readers_of_one_tar_do_not_move_each_other(tmp_path):
    store = Store()
    root = store.image("x" * 300_000, compress=False)
    path = write_tar(tmp_path / "image.tar", store.layout(root))
    with contextlib.closing(open_archive(str(path))) as source:
        layer = walk(source).blobs[1]
        found: list[str] = []

        def read() -> None:
            with source.open(layer) as reader:
                found.append(digest_of(b"".join(iter(lambda: reader.read(1000), b""))))

        threads = [threading.Thread(target=read) for _each in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [layer.digest] * 4


@pytest.mark.parametrize("form", ["tar", "folder"])
def test_a_blob_is_a_range_for_sendfile_and_can_be_read_again(tmp_path, form):
    store = Store()
    root = store.image("y" * 3000, compress=False)
    write = write_tar if form == "tar" else write_folder
    path = write(tmp_path / "image", store.layout(root))
    with contextlib.closing(open_archive(str(path))) as source:
        layer = walk(source).blobs[1]
        with source.open(layer) as reader:
            assert os.pread(reader.file.fileno(), reader.size, reader.offset) == store.blobs[layer.digest]
            reader.read(2000)
            assert reader.seek(500) == reader.tell() == 500
            assert reader.read() == store.blobs[layer.digest][500:]
            assert (reader.read(), reader.seek(-1, os.SEEK_END), len(reader.read(5))) == (b"", layer.size - 1, 1)


@pytest.mark.parametrize("form", ["tar", "folder"])
def test_a_blob_that_was_tampered_with_is_named_at_its_end(tmp_path, form):
    store = Store()
    root = store.image("z" * 3000, compress=False)
    layer = json.loads(store.blobs[root["digest"]])["layers"][0]["digest"]
    store.blobs[layer] = store.blobs[layer].replace(b"zz", b"zy", 1)
    write = write_tar if form == "tar" else write_folder
    with contextlib.closing(open_archive(str(write(tmp_path / "image", store.layout(root))))) as source:
        with source.open(walk(source).blobs[1]) as reader:
            reader.read(2000)
            reader.seek(100)
            with pytest.raises(ContentMismatch) as caught:
                reader.read()
    assert layer[7:] in caught.value.message
    assert "is not what its digest says" in caught.value.message


def test_a_file_that_shrinks_while_it_is_read(tmp_path):
    store = Store()
    path = write_tar(tmp_path / "image.tar", store.layout(store.image("w" * 3000, compress=False)))
    with contextlib.closing(open_archive(str(path))) as source:
        layer = walk(source).blobs[1]
        with source.open(layer) as reader:
            os.truncate(path, reader.offset + 10)
            with pytest.raises(ContentMismatch, match="ends after 10 of"):
                reader.read()


# --- docker-archives -------------------------------------------------------------------------------------------------


def test_a_docker_archive_gets_a_manifest_of_schema_2(tmp_path):
    path = write_tar(tmp_path / "image.tar", docker_files(ONE, TWO, ONE))
    with contextlib.closing(open_archive(str(path))) as source:
        image = walk(source)
        (root,) = image.manifests
        document = json.loads(root.content)
        assert document["mediaType"] == root.descriptor.media_type == DOCKER_MANIFEST
        assert source.config_digest == image.config_digest == document["config"]["digest"]
        assert digest_of(docker_files(ONE, TWO, ONE)[f"{source.config_digest[7:]}.json"]) == source.config_digest
        blobs = everything(source)[1]
        assert [gzip.decompress(blobs[layer["digest"]]) for layer in document["layers"]] == [ONE, TWO, ONE]
        assert len(image.blobs) == 3, "equal layers are one blob"
        with source.open(image.blobs[1]) as reader:
            packed = os.pread(reader.file.fileno(), reader.size, reader.offset)
        assert packed[4:8] == bytes(4), "no time is in it"
        assert (packed[3], gzip.decompress(packed)) == (0, ONE), "no name is in it"


def test_the_same_docker_archive_makes_the_same_digest(tmp_path):
    files = docker_files(ONE, TWO)
    first = write_tar(tmp_path / "first.tar", files)
    second = write_tar(tmp_path / "second.tar", dict(reversed(files.items())))
    assert contents(first) == contents(second) == contents(first)


def test_nothing_is_compressed_before_it_is_needed(tmp_path):
    lost = tmp_path / "no-room-here"
    path = write_tar(tmp_path / "image.tar", docker_files(ONE))
    with contextlib.closing(open_archive(str(path), tmp=str(lost))) as source:
        assert source.config_digest
        with pytest.raises(FileError) as caught:
            walk(source)
    assert "temporary files" in caught.value.cure


def test_temporary_files_are_gone_with_the_source(tmp_path):
    path = write_tar(tmp_path / "image.tar", docker_files(ONE, TWO))
    room = tmp_path / "room"
    room.mkdir()
    before = set(os.listdir("/proc/self/fd"))
    source = open_archive(str(path), tmp=str(room))
    everything(source)
    assert list(room.iterdir()) == [], "they have no names"
    source.close()
    assert set(os.listdir("/proc/self/fd")) <= before


def test_layers_may_be_links(tmp_path):
    """As docker save writes them for layers that several images have."""
    files = docker_files(ONE, TWO, ONE, TWO, names=["a/layer.tar", "b/layer.tar", "c/layer.tar", "d/e/layer.tar"])
    files = {name: content for name, content in files.items() if name[0] not in "cd" or "layer" not in name}
    links = [link("c/layer.tar", "../a/layer.tar"), link("d/e/layer.tar", "b/layer.tar", tarfile.LNKTYPE)]
    (tmp_path / "linked.tar").write_bytes(plain_tar(*links, *files.items()))
    plain = write_tar(tmp_path / "plain.tar", docker_files(ONE, TWO, ONE, TWO))
    assert contents(tmp_path / "linked.tar") == contents(plain)


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT], ids=["gnu", "pax"])
def test_long_names(tmp_path, form):
    files = docker_files(ONE, names=["long" * 60 + "/layer.tar"])
    (tmp_path / "long.tar").write_bytes(plain_tar(*files.items(), form=form))
    assert contents(tmp_path / "long.tar") == contents(write_tar(tmp_path / "short.tar", docker_files(ONE)))


def test_compressed_layers_stay_as_they_are(tmp_path):
    files = docker_files(ONE, TWO)
    packed = [gzip.compress(ONE, mtime=5), gzip.compress(TWO[:700]) + gzip.compress(TWO[700:])]
    files.update(zip(json.loads(files["manifest.json"])[0]["Layers"], packed, strict=True))
    manifests, blobs = contents(write_tar(tmp_path / "image.tar", files))
    assert {digest_of(layer) for layer in packed} < set(blobs)


def several(tmp_path: pathlib.Path) -> tuple[pathlib.Path, list[str]]:
    one = docker_files(ONE, tags=["shop/web:1.0", "shop/web:latest"])
    two = docker_files(TWO, tags=["127.0.0.1:5000/shop/api:1.0"])
    listing = [json.loads(files["manifest.json"])[0] for files in (one, two)]
    path = write_tar(tmp_path / "several.tar", {**one, **two, "manifest.json": encode(listing)})
    return path, [f"sha256:{entry['Config'][:64]}" for entry in listing]


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("shop/web:1.0", 0),
        ("shop/web", 0),
        ("docker.io/shop/web:latest", 0),
        ("127.0.0.1:5000/shop/api:1.0", 1),
        ("ID", 1),
    ],
)
def test_an_image_of_a_docker_archive_is_chosen(tmp_path, name, number):
    path, ids = several(tmp_path)
    with contextlib.closing(open_archive(str(path), ids[1] if name == "ID" else name)) as source:
        assert source.config_digest == ids[number]


def test_an_image_of_a_docker_archive_that_cannot_be_chosen(tmp_path):
    path, _ids = several(tmp_path)
    listed = "shop/web:1.0, shop/web:latest, 127.0.0.1:5000/shop/api:1.0"
    with pytest.raises(ConfigurationError, match=f"2 images in it: {listed}"):
        open_archive(str(path))
    with pytest.raises(ImageNotFound, match=f"no image 'api:1.0' in it; there is: {listed}"):
        open_archive(str(path), "api:1.0")


# --- both in one, as Docker Engine 25 and newer write it --------------------------------------------------------------


def both_forms(store: Store, root: dict) -> dict[str, bytes]:
    manifest = json.loads(store.blobs[root["digest"]])
    path = "blobs/sha256/{}".format
    entry = {
        "Config": path(manifest["config"]["digest"][7:]),
        "RepoTags": ["web:1.0"],
        "Layers": [path(layer["digest"][7:]) for layer in manifest["layers"]],
    }
    return {**store.layout({**root, "annotations": NAMES}), "manifest.json": encode([entry])}


@pytest.mark.parametrize("name", [None, "web:1.0"])
def test_plain_layers_in_both_forms_are_a_docker_archive(tmp_path, name):
    store = Store()
    root = store.image("one", compress=False)
    with contextlib.closing(open_archive(str(write_tar(tmp_path / "x", both_forms(store, root))), name)) as source:
        assert source.root.media_type == DOCKER_MANIFEST
        assert source.config_digest == json.loads(store.blobs[root["digest"]])["config"]["digest"]
        everything(source)


@pytest.mark.parametrize("name", [None, "web:1.0"])
def test_compressed_layers_in_both_forms_keep_the_digest(tmp_path, name):
    store = Store()
    root = store.image("one")
    path = write_tar(tmp_path / "x", both_forms(store, root))
    assert contents(path, name)[0] == [root["digest"]]


# --- planted ---------------------------------------------------------------------------------------------------------

GOOD = docker_files(ONE)
GOOD_LAYER = json.loads(GOOD["manifest.json"])[0]["Layers"][0]
GOOD_CONFIG = json.loads(GOOD["manifest.json"])[0]["Config"]
STORE = Store()
ROOT = STORE.image("one")
LAYOUT = STORE.layout(ROOT)


def docker(**changes) -> bytes:
    return plain_tar(*docker_files(ONE, **changes).items())


def changed(files: dict[str, bytes], **changes: bytes | None) -> bytes:
    """A tar of the files with some others; '__' stands for a dot and None for a file that is left out."""
    files = {**files, **{name.replace("__", "."): content for name, content in changes.items()}}
    return plain_tar(*((name, content) for name, content in files.items() if content is not None))


def with_layer(layer: bytes | tarfile.TarInfo) -> bytes:
    others = [(name, content) for name, content in GOOD.items() if name != GOOD_LAYER]
    return plain_tar(*others, layer if isinstance(layer, tarfile.TarInfo) else (GOOD_LAYER, layer))


def with_header(member: bytes, **changes: bytes) -> bytes:
    """A header block with other bytes at an offset (aOFFSET), and the right check sum."""
    block = bytearray(member[:512])
    for place, value in changes.items():
        block[int(place[1:]) : int(place[1:]) + len(value)] = value
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + member[512:]


def with_config(**document) -> bytes:
    config = encode(document)
    name = f"{hashlib.sha256(config).hexdigest()}.json"
    entry = {"Config": name, "RepoTags": None, "Layers": [GOOD_LAYER]}
    return plain_tar((name, config), (GOOD_LAYER, ONE), ("manifest.json", encode([entry])))


def pax(text: bytes) -> bytes:
    header = tarfile.TarInfo("pax")
    header.type, header.size = tarfile.XHDTYPE, len(text)
    return header.tobuf(tarfile.USTAR_FORMAT) + text + bytes(-len(text) % 512)


PLANTED = {
    "empty file": (b"", ArchiveInvalid, "it is empty"),
    "zeros": (bytes(2048), ArchiveInvalid, "it is empty"),
    "no tar": (b"Rar!" * 500, ArchiveInvalid, "it is not a tar"),
    "a short text": (b"hello", ArchiveInvalid, "it is not a tar"),
    "other files": (plain_tar(("readme", b"x")), ArchiveInvalid, "no archive of images"),
    "docker export": (plain_tar((".dockerenv", b"")), ArchiveInvalid, "Use docker save, not docker export"),
    "docker 1.9": (plain_tar(("repositories", b"{}")), ArchiveInvalid, "Docker 1.9"),
    "zstd": (b"\x28\xb5\x2f\xfd" + bytes(600), ArchiveInvalid, "Unpack it first: zstd -d"),
    "xz": (b"\xfd7zXZ\x00" + bytes(600), ArchiveInvalid, "Unpack it first: xz -d"),
    "bzip2": (b"BZh9" + bytes(600), ArchiveInvalid, "Unpack it first: bzip2 -d"),
    "cut gzip": (gzip.compress(docker())[:-20], ArchiveInvalid, "damaged or cut off"),
    "gzip of no tar": (gzip.compress(b"hello"), ArchiveInvalid, "it is not a tar"),
    "cut in a member": (docker()[:2000], ArchiveInvalid, "it is cut off: 2000 bytes are there"),
    "cut in a header": (docker()[: 512 + 10240 + 100], ArchiveInvalid, "damaged or cut off at byte 10752"),
    "cut between members": (docker()[: 512 + 10240], ArchiveInvalid, "no archive of images"),
    "damaged header": (docker().replace(b"manifest.json", b"manifest.jsom"), ArchiveInvalid, "damaged or cut off"),
    "negative size": (with_header(docker(), a124=b"\xff" * 12), ArchiveInvalid, "gives no size"),
    "huge size": (with_header(docker(), a124=b"\x80" + b"\x7f" * 11), ArchiveInvalid, "gives no size"),
    "long header": (with_header(pax(b"x" * 512), a124=b"77777777777\0"), ArchiveInvalid, "a header of more than"),
    "attributes without length": (pax(b"path=x\n") + docker(), ArchiveInvalid, "cannot be read"),
    "attributes of length 0": (pax(b"0 path=x\n") + docker(), ArchiveInvalid, "cannot be read"),
    "attributes too long": (pax(b"99 path=x\n") + docker(), ArchiveInvalid, "cannot be read"),
    "attributes with a bad size": (pax(b"11 size=-5\n") + docker(), ArchiveInvalid, "gives no size"),
    "a name twice": (members(GOOD) + docker(), ArchiveInvalid, "stands there twice"),
    "sparse": (with_header(plain_tar(("manifest.json", b"[]")), a156=b"S"), ArchiveInvalid, "is a sparse file"),
    "sparse attributes": (
        pax(b"22 GNU.sparse.major=1\n") + plain_tar(("manifest.json", b"[]")),
        ArchiveInvalid,
        "is a sparse file",
    ),
    "listing is a pipe": (with_header(plain_tar(("manifest.json", b"")), a156=b"6"), ArchiveInvalid, "no archive of"),
    "listing is no JSON": (changed(GOOD, manifest__json=b"{"), ArchiveInvalid, "manifest.json is not JSON"),
    "listing is no list": (changed(GOOD, manifest__json=b"{}"), ArchiveInvalid, "is not a list of images"),
    "listing of nothing": (changed(GOOD, manifest__json=b"[]"), ImageNotFound, "no image in it; there is: none"),
    "listing of texts": (changed(GOOD, manifest__json=b'["x"]'), ArchiveInvalid, "is not a list of images"),
    "listing is huge": (changed(GOOD, manifest__json=bytes(5 << 20)), ArchiveInvalid, "is larger than 4194304"),
    "layers are no texts": (docker(Layers=[5]), ArchiveInvalid, "does not tell config, names and layers"),
    "config is missing": (changed({**GOOD, GOOD_CONFIG: None}), ArchiveInvalid, f"there is no '{GOOD_CONFIG}' in it"),
    "config outside": (docker(Config="../../etc/passwd"), ArchiveInvalid, "there is no '../../etc/passwd' in it"),
    "config absolute": (docker(Config="/etc/passwd"), ArchiveInvalid, "there is no '/etc/passwd' in it"),
    "config tampered with": (changed({**GOOD, GOOD_CONFIG: b"{}"}), ContentMismatch, "is not what its name says"),
    "config without layers": (with_config(os="linux"), ImageInvalid, "does not tell the digests of its layers"),
    "config with other layers": (
        with_config(rootfs={"diff_ids": [digest_of(ONE)] * 2}),
        ArchiveInvalid,
        "the config tells of 2 layers, manifest.json of 1",
    ),
    "config with bad digests": (with_config(rootfs={"diff_ids": ["sha256:x"]}), ImageInvalid, "does not tell"),
    "layer is missing": (changed({**GOOD, GOOD_LAYER: None}), ArchiveInvalid, f"there is no '{GOOD_LAYER}'"),
    "layer tampered with": (
        with_layer(ONE[:-1] + b"x"),
        ContentMismatch,
        f"layer {GOOD_LAYER!r} is not what the config",
    ),
    "layer is zstd": (with_layer(b"\x28\xb5\x2f\xfd" + ONE), ArchiveInvalid, "is compressed by zstd"),
    "layer is cut gzip": (with_layer(gzip.compress(ONE)[:-9]), ArchiveInvalid, "cannot be unpacked"),
    "layer links outside": (with_layer(link(GOOD_LAYER, "../../../etc/passwd")), ArchiveInvalid, "leads nowhere"),
    "layer links to the root": (with_layer(link(GOOD_LAYER, "/etc/passwd")), ArchiveInvalid, "leads nowhere"),
    "layer links hard outside": (
        with_layer(link(GOOD_LAYER, "/etc/passwd", tarfile.LNKTYPE)),
        ArchiveInvalid,
        "leads nowhere",
    ),
    "layer links to itself": (with_layer(link(GOOD_LAYER, "layer.tar")), ArchiveInvalid, "link without end"),
    "layout of another version": (changed({**LAYOUT, "oci-layout": b"{}"}), ArchiveInvalid, "only 1.0.0 is known"),
    "layout marker is no JSON": (changed({**LAYOUT, "oci-layout": b"x"}), ImageInvalid, "oci-layout is not JSON"),
    "index without a list": (changed({**LAYOUT, "index.json": b"{}"}), ArchiveInvalid, "has no list of"),
    "index of nothing": (plain_tar(*STORE.layout().items()), ImageNotFound, "there is: none"),
    "index with a bad digest": (
        plain_tar(*STORE.layout({**ROOT, "digest": "sha256:../../../etc/passwd"}).items()),
        ImageInvalid,
        "not a sha256 digest",
    ),
    "manifest is missing": (
        plain_tar(*Store().layout(ROOT).items()),
        ImageNotFound,
        f"{ROOT['digest']} is not in it",
    ),
    "manifest tampered with": (
        plain_tar(*{**LAYOUT, f"blobs/sha256/{ROOT['digest'][7:]}": STORE.blobs[ROOT["digest"]][::-1]}.items()),
        ContentMismatch,
        "is not what its digest says",
    ),
    "manifest is huge": (
        plain_tar(*{**LAYOUT, f"blobs/sha256/{ROOT['digest'][7:]}": bytes(5 << 20)}.items()),
        ArchiveInvalid,
        "is larger than 4194304",
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_archive_is_refused(tmp_path, name):
    data, kind, told = PLANTED[name]
    path = tmp_path / "planted.tar"
    path.write_bytes(data)
    before = set(os.listdir("/proc/self/fd"))
    with pytest.raises(JcrError) as caught:
        contents(path)
    assert caught.value.kind == kind.kind, caught.value.message
    assert told in caught.value.message
    assert f"'{path}'" in caught.value.message or kind is ImageInvalid
    assert caught.value.cure
    del caught
    assert set(os.listdir("/proc/self/fd")) <= before, "a file stays open"


def test_the_archives_that_faults_are_planted_into_are_good(tmp_path):
    for number, files in enumerate((GOOD, LAYOUT)):
        assert contents(write_tar(tmp_path / str(number), files))[1]


@settings(max_examples=300, deadline=None)
@given(
    good=st.sampled_from([plain_tar(*GOOD.items())[:20480], plain_tar(*LAYOUT.items())[:20480]]),
    changes=st.lists(st.tuples(st.integers(0, 20479), st.binary(min_size=1, max_size=4)), min_size=1, max_size=5),
)
def test_whatever_is_changed_the_image_is_right_or_refused(tmp_path_factory, good, changes):
    data = bytearray(good)
    for place, other in changes:
        data[place : place + len(other)] = other
    path = tmp_path_factory.getbasetemp() / "changed.tar"
    path.write_bytes(data)
    try:
        contents(path)  # compares every digest
    except JcrError as error:
        assert json.dumps(error.failure()).encode("ascii")
        assert error.message.encode("utf-8"), "it can be printed"


def test_names_that_cannot_be_printed(tmp_path):
    bad = "\ud800\n\x1b[31m"
    path = write_tar(tmp_path / "x", docker_files(ONE, tags=[f"a{bad}"]))
    with pytest.raises(ImageNotFound) as caught:
        open_archive(str(path), f"b{bad}")
    assert caught.value.message.isprintable()
    path = write_tar(tmp_path / "y", docker_files(ONE, Layers=[f"layer{bad}"]))
    with pytest.raises(ArchiveInvalid) as caught:
        contents(path)
    assert caught.value.message.isprintable()


def test_missing_and_wrong_blobs_are_told_by_their_digest(tmp_path):
    layer = json.loads(STORE.blobs[ROOT["digest"]])["layers"][0]["digest"]
    name = f"blobs/sha256/{layer[7:]}"
    missing = write_tar(tmp_path / "missing", {key: value for key, value in LAYOUT.items() if key != name})
    with pytest.raises(ImageNotFound, match=f"{layer} is not in it"):
        contents(missing)
    longer = write_folder(tmp_path / "longer", {**LAYOUT, name: LAYOUT[name] + b"x"})
    with pytest.raises(ContentMismatch, match=f"{layer[7:]}.* has {len(LAYOUT[name]) + 1} bytes instead of"):
        contents(longer)


def test_too_many_members(tmp_path, monkeypatch):
    monkeypatch.setattr(_tarball, "MAX_MEMBERS", 2)
    with pytest.raises(ArchiveInvalid, match="more than 2 members"):
        open_archive(str(write_tar(tmp_path / "x", GOOD)))


def test_a_gzip_bomb(tmp_path, monkeypatch):
    monkeypatch.setattr(_archive, "_UNPACKED_BYTES", 0)
    path = tmp_path / "bomb.tar.gz"
    path.write_bytes(gzip.compress(bytes(20_000_000)))
    with pytest.raises(ArchiveInvalid, match="more than a hundred times"):
        open_archive(str(path))


# --- folders and odd paths -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("linked", ["index.json", "blobs", "blobs/sha256", f"blobs/sha256/{ROOT['digest'][7:]}"])
def test_no_link_in_a_folder_is_followed(tmp_path, linked):
    folder = write_folder(tmp_path / "layout", LAYOUT)
    (folder / linked).rename(tmp_path / "elsewhere")
    (folder / linked).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ArchiveInvalid) as caught:
        contents(folder)
    assert "cp -rL" in caught.value.message


def test_the_path_itself_may_be_a_link(tmp_path):
    for target in (write_folder(tmp_path / "layout", LAYOUT), write_tar(tmp_path / "tar", LAYOUT)):
        alias = tmp_path / f"{target.name}-alias"
        alias.symlink_to(target)
        assert contents(alias)[0] == [ROOT["digest"]]


def test_a_pipe_does_not_hang(tmp_path):
    folder = write_folder(tmp_path / "layout", LAYOUT)
    (folder / "oci-layout").unlink()
    for pipe, told in ((tmp_path / "pipe", "neither a directory nor"), (folder / "oci-layout", "not a regular file")):
        os.mkfifo(pipe)
        with pytest.raises(ArchiveInvalid, match=told):
            open_archive(str(pipe if pipe.parent == tmp_path else folder))


def test_paths_that_lead_to_nothing(tmp_path):
    with pytest.raises(FileError, match="No such file"):
        open_archive(str(tmp_path / "absent.tar"))
    with pytest.raises(ArchiveInvalid, match="no OCI image layout"):
        open_archive(str(tmp_path))
    with pytest.raises(ArchiveInvalid, match="no OCI image layout"):
        open_archive(str(write_folder(tmp_path / "unpacked", GOOD)))


# --- size ------------------------------------------------------------------------------------------------------------

_MEASURED = """
    import json, re, sys
    from ansible_collections.jdcloud.jcr.plugins.module_utils._archive import open_archive
    from ansible_collections.jdcloud.jcr.plugins.module_utils._imagewalk import walk

    def peak():
        return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])

    before, read = peak(), 0
    source = open_archive(sys.argv[1])
    for blob in walk(source).blobs:
        with source.open(blob) as reader:
            for piece in iter(lambda: reader.read(1 << 20), b""):
                read += len(piece)
    source.close()
    print(json.dumps([read, peak() - before]))
"""
_LARGE = 300_000_000


@pytest.mark.parametrize("form", ["docker-archive", "oci"])
def test_a_large_layer_costs_no_memory(tmp_path, form):
    """300 MB are read with less than 40 MB; the file has holes, so that it costs no room either."""
    digest, length = hashlib.sha256(), _LARGE
    while length:
        digest.update(bytes(min(length, 1 << 20)))
        length -= min(length, 1 << 20)
    layer = f"sha256:{digest.hexdigest()}"
    config = encode({"rootfs": {"diff_ids": [layer]}})
    if form == "oci":
        store = Store()
        layers = [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": layer, "size": _LARGE}]
        parts = {"schemaVersion": 2, "config": store.add("x", config), "layers": layers}
        files = store.layout(store.add(OCI_MANIFEST, parts))
        name = f"blobs/sha256/{layer[7:]}"
    else:
        name = "layer.tar"
        entry = {"Config": "c.json", "RepoTags": [], "Layers": [name]}
        files = {"c.json": config, "manifest.json": encode([entry])}
    info = tarfile.TarInfo(name)
    info.size = _LARGE
    path = tmp_path / "large.tar"
    with path.open("wb") as target:
        target.write(members(files))
        target.write(info.tobuf(tarfile.USTAR_FORMAT))
        target.truncate(target.tell() + -(-_LARGE // 512) * 512 + 1024)
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(_MEASURED), str(path)], capture_output=True, text=True, check=True
    )
    read, kilobytes = json.loads(done.stdout)
    assert read > (_LARGE if form == "oci" else 100_000)
    assert kilobytes < 40_000
