# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Images of every kind, out of a layout into a registry and on into another repository, with skopeo as the witness."""

from __future__ import annotations

import contextlib
import typing as t

import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils._archive import open_archive
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ServerError
from ansible_collections.jdcloud.jcr.plugins.module_utils._remotesource import RemoteSource
from ansible_collections.jdcloud.jcr.plugins.module_utils._upload import upload
from tests.conversations.test_upload import Place
from tests.emulator_tests import docker_registry
from tests.emulator_tests.registry import Account
from tests.support.archives import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_CONFIG,
    OCI_LAYER,
    OCI_MANIFEST,
    Json,
    Store,
    digest_of,
    write_folder,
)

MINE, OTHER = "team/web", "team/other"
FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
NONDISTRIBUTABLE = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"


def image(store: Store, *layers: Json, media_type: str = OCI_MANIFEST, **more: t.Any) -> Json:
    config = store.add(OCI_CONFIG, {"os": "linux", "architecture": "amd64"})
    document = {"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": list(layers), **more}
    return store.add(media_type, document)


def elsewhere(media_type: str) -> Json:
    """A layer that no registry keeps."""
    return {"mediaType": media_type, "digest": f"sha256:{'1' * 64}", "size": 10, "urls": ["https://example.com/layer"]}


def with_attestations(store: Store) -> Json:
    entries = [store.image("a", "linux/amd64"), store.image("b", "linux/arm64")]
    return store.index(*entries, *map(store.attestation, entries))


def untyped(store: Store) -> Json:
    config = store.add(OCI_CONFIG, b"{}")
    return store.add(OCI_MANIFEST, {"schemaVersion": 2, "config": config, "layers": []})


# How each is made, and how many of its blobs have to be there in the end.
KINDS: dict[str, tuple[t.Callable[[Store], Json], int]] = {
    "index in an index": (lambda store: store.index(store.index(store.image("a")), store.image("b", "linux/arm64")), 4),
    "index with attestations": (with_attestations, 8),
    "docker list of OCI images": (lambda store: store.index(store.image("a"), media_type=DOCKER_LIST), 2),
    "index of nothing": (lambda store: store.index(), 0),
    "sixty platforms": (lambda store: store.index(*(store.image(f"{n}", f"linux/a{n}") for n in range(60))), 120),
    "no layers": (image, 1),
    "empty layer": (lambda store: image(store, store.add(OCI_LAYER, b"")), 2),
    "the same layer three times": (lambda store: image(store, *[store.add(OCI_LAYER, b"x")] * 3), 2),
    "zstd layer": (lambda store: image(store, store.add(f"{OCI_LAYER}+zstd", b"\x28\xb5\x2f\xfd")), 2),
    "artifact": (lambda store: image(store, store.add("text/plain", b"x"), artifactType="text/plain"), 2),
    "signature": (lambda store: image(store, subject=store.image("a")), 1),
    "manifest without its type": (untyped, 1),
    "large config": (lambda store: image(store, store.add(OCI_CONFIG, b"{}" + b" " * (5 << 20))), 2),
}


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Place]:
    with docker_registry.serve(tmp_path_factory.mktemp("registry")) as url:
        yield Place(url.removeprefix("http://"), None, "docker-registry")


@pytest.fixture
def mine(emulator) -> Place:
    client = Account(emulator).declare("team", MINE, OTHER)
    return Place(client.host, client.password, "emulator")


@pytest.mark.parametrize("kind", KINDS)
def test_byte_for_byte(mine: Place, theirs: Place, tmp_path, kind: str) -> None:
    make, blobs = KINDS[kind]
    store = Store()
    root = make(store)
    path, tag = write_folder(tmp_path / "layout", store.layout(root)), digest_of(kind.encode())[7:]
    for place in (mine, theirs):
        with contextlib.closing(open_archive(str(path))) as source:
            upload(source, place.repository(MINE), [tag])
        copied = upload(RemoteSource(place.repository(MINE), tag), place.repository(OTHER), [tag]).result()
        assert (copied["layers_total"], copied["bytes_sent"]) == (blobs, 0)
        for name in (MINE, OTHER):
            assert digest_of(place.skopeo(tmp_path, "inspect", f"{name}:{tag}", "--raw")) == root["digest"]
    again = upload(RemoteSource(theirs.repository(OTHER), tag), mine.repository(OTHER), [f"{tag[:9]}-back"])
    assert again.root.digest == root["digest"] and again.result()["bytes_sent"] == 0


@pytest.mark.parametrize(("manifest", "layer"), [(DOCKER_MANIFEST, FOREIGN), (OCI_MANIFEST, NONDISTRIBUTABLE)])
def test_layers_that_are_kept_elsewhere(mine: Place, theirs: Place, tmp_path, manifest: str, layer: str) -> None:
    """They are not sent. CNCF distribution takes no such image unless it is told to, and does not say why."""
    store = Store()
    root = image(store, elsewhere(layer), media_type=manifest)
    with contextlib.closing(open_archive(str(write_folder(tmp_path / "layout", store.layout(root))))) as source:
        assert upload(source, mine.repository(), ["foreign"]).result()["layers_total"] == 1
        assert mine.repository().head_manifest("foreign").digest == root["digest"]
        with pytest.raises(ServerError) as caught:
            upload(source, theirs.repository(retries=0), ["foreign"])
    assert (
        "takes layers that are kept elsewhere, as 1 of these are" in caught.value.message
        and caught.value.changed is False
    )
    assert theirs.repository().head_manifest("foreign") is None
